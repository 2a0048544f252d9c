"""The doors to other systems: one each, which says of a failure whether it can pass. What to send is decided above."""
