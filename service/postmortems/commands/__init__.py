"""The commands of this companion: `mttx postmortem`."""
