"""A virtual signal controller cabinet that speaks NTCIP 1202."""
