"""How much gets past the two safety checkers: generated plans, and mutants of the checkers."""
