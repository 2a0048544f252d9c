"""From incidents to text for people. Pure: no clock, no I/O, no logging, no settings lookup."""
