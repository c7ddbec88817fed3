"""The web console: what an engineer sees, decides and takes back."""
