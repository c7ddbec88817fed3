"""Control second by second: what a controller sees of a signal, wants of it, and may get."""
