"""Visits: page views joined to visits, their rows, and their daily sums."""
