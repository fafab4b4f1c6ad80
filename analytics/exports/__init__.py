"""Exports as files: asked for, made by a worker in parts, kept for a while, downloaded."""
