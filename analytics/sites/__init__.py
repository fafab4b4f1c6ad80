"""Sites and their settings: rows, routes and commands."""
