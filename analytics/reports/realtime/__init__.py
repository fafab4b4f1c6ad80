"""Who is active now, and the live stream of stored events."""
