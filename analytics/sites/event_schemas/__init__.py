"""JSON Schemas of a site's event types: what they may be, the compiled check, rows, routes, commands, stored events."""
