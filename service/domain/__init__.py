"""What an incident is and how it is measured. Pure: no clock, no I/O, no logging, no settings lookup."""
