"""Measurements on real processes: `python -m benchmarks` prints tables of ratios, `python -m benchmarks.soak` kills
servers under load. The application does not import this package.
"""
