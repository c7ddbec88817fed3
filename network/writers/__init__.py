"""What is known of a street, written as files other tools read."""
