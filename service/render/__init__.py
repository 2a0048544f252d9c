"""From what is recorded to text for people. Pure: no clock, no I/O, no logging, no settings lookup."""
