"""What we ask by ourselves, outside every request: when it began, whether somebody saw it, whether it still goes on."""
