"""Daily operation on a simulated street, day by day, on a fast clock."""
