"""The commands of this companion: `mttx postmortem`. The only part with a clock, files, git and the network."""
