"""People in browsers: their sessions, and the accounts by which they sign in without a token."""
