"""Nouns of the road: networks, signals, timings, counts, and the rules a plan must meet."""
