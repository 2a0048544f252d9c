"""The commands of this companion: `mttx history` and `mttx demo`."""
