"""Counts of the street: files and feeds, detectors, their health, and the demand."""
