"""Read networks and counts from the formats the field uses."""
