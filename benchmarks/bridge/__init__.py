"""What the controller bridge withstands and carries, measured."""
