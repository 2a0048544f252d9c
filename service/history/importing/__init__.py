"""Incidents of the past, out of files that other tools wrote, into events. Nothing here reads a file or a clock."""
