"""Retention, archives, masked IPs and pseudonyms: which personal data is stored, and for how long."""
