"""Secret and publishable keys, and share links: opaque credentials of which PostgreSQL holds the hashes."""
