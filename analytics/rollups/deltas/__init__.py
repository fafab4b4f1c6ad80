"""What one chunk adds to the rollups: counting, encoding, writing, claiming for a merge."""
