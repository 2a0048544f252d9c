"""Clients of other systems, one module each; an error tells whether a retry can help. What to send is decided above."""
