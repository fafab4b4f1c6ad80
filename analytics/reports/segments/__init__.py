"""Segments, which are filters with a name: definitions, routes, commands, and how a filter that names one is read."""
