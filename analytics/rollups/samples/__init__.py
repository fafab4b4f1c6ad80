"""Samples by hour: exact sums, and sketches for percentiles."""
