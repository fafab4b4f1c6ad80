"""What reports read: rollups plus unmerged deltas at one instant."""
