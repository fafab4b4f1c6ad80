"""Notes, which are texts on days of a site: definitions, routes and commands."""
