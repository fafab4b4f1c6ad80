"""Deletes what a site holds: its events in development, all of it with the site."""
