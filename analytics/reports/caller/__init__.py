"""GET /api/analytics/me: who the caller is, and its sites."""
