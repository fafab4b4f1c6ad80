"""Counts and sets of users by site, dimension, value and day: counted by drains, merged, closed, rebuilt, read."""
