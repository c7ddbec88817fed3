"""Lawful signal timings that cost traffic the least."""
