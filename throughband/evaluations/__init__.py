"""How signals work on the street, and what a change brought, from what was measured there."""
