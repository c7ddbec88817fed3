"""How fast the engine is, and what its speed buys."""
