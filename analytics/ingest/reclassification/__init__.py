"""Stored events are classified again by today's rules: `flask sources reclassify`."""
