"""JWTs: whose are accepted, what they grant, which are revoked."""
