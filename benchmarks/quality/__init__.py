"""The quality table: runs kept in rows, ratios with intervals, a picture."""
