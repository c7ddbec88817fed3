"""Movement flows of the next intervals from dirty live counts."""
