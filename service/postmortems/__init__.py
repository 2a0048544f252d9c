"""Postmortem documents: from Markdown to facts and findings. Pure but for `commands`: no clock, no I/O, no settings."""
