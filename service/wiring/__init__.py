"""From the settings to running objects: the one place that knows all rooms. It builds, and decides nothing."""
