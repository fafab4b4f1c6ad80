"""Imports of past events from access logs, CSV and NDJSON, through the same pipeline as requests."""
