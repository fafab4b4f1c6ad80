"""Clicks of short links."""
