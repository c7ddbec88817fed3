"""Figures as data: what a page draws, as frozen values that go into JSON."""
