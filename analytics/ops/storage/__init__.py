"""What the data takes, what retention deletes next, and how much is in column files."""
