"""Adaptive control on the street: decisions of the engine, carried out by NTCIP controllers."""
