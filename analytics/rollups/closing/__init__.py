"""Closed periods: when days are closed, their metrics, and the unions of closed weeks and months."""
