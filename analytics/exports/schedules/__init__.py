"""Exports on a schedule: each file holds what was received since the previous one."""
