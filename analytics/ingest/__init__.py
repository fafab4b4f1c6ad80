"""Accept: reads and validates batches, and appends them to the Redis stream. `drain/` stores them."""
