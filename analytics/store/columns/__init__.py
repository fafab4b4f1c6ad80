"""Which events and visits column files hold, and the facts that claims, invalidation and readers rely on."""
