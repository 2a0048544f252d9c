"""Tests from the outside: real servers, real sockets, real signals, and only the public contract of the exporter."""
