"""How reports answer: cached, compared by ETags, and as JSON, CSV or figures."""
