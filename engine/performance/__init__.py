"""How signals work on the street, told from the high-resolution logs of their controllers."""
