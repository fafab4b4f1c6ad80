"""Who the caller is and what it may do: credentials, scopes, browser origins, limits."""
