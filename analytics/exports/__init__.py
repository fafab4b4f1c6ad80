"""Exports as files: requested, written by a worker in parts, stored for a while, downloaded."""
