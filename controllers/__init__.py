"""Plans onto signal controllers, and back off again."""
