"""Plans: what is asked of them, made for an hour or a day, explained, and tuned by hand."""
