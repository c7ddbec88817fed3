"""Other tools' networks, counts and plans: imported into a folder, and exported from one."""
