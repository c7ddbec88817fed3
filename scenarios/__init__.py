"""Scenarios: a network, its demand and a time window, by name or by path."""
