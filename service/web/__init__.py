"""HTTP at the edge: parse, call one function, map to a status."""
