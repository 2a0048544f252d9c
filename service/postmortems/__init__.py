"""Postmortem documents: from Markdown to facts and findings. Pure: no clock, no I/O, no logging, no settings lookup."""
