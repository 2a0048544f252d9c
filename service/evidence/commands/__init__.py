"""The commands of this companion: `mttx evidence`."""
