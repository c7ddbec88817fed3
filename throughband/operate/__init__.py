"""Daily operation: counts in, plans asked for or pushed within limits, warnings out, day by day."""
