"""The commands and their options, a module for each family; each only calls who does it."""
