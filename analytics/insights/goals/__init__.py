"""Goals: definitions, routes, conversions and their reports."""
