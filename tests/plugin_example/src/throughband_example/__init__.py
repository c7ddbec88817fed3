"""One plug-in for each seam of Throughband; copy the one you need."""
