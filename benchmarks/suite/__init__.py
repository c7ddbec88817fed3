"""The benchmark suites: which scenarios, which controllers, which seeds, and what came of it."""
