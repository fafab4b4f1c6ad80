"""Measurements on real processes: `python -m benchmarks` prints one table of ratios, `python -m benchmarks.soak` kills
servers while events flow. Nothing in the application imports this package.
"""
