"""PostgreSQL's COPY: rows in and out as streams, in text and in binary."""
