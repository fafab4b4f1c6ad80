"""Statistics of numeric samples."""
