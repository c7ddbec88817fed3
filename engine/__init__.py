"""Forecast flows, measure plans, optimize them and prove them in simulation."""
