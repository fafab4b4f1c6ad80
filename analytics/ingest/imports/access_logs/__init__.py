"""Formats of access logs: one line of a web server, proxy or CDN → one event. imports/formats.py calls it. Pure."""
