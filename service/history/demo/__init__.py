"""A quarter of incidents that never happened: for trying things out, for pictures, and for tests. Knows no clock."""
