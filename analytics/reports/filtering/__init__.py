"""Which events a report counts: the language of filters, payload properties, patterns of paths, and rows that match."""
