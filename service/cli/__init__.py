"""The `mttx` command."""
