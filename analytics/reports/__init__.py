"""Reports on events, computed from rollups where these are sufficient, and else from raw events."""
