"""From the stream to the tables: reads chunks, enriches their events, stores them in one transaction."""
