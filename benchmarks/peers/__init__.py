"""Other people's methods, run as their authors mean them to be run."""
