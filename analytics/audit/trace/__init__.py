"""The trace of one event: its row, its batch, the rollups that count it."""
