"""The way of spooled events to the server: when, in which batches, and what each response means."""
