"""What reports read of columns: their opening, and conditions, selections and buckets as SQL of DuckDB."""
