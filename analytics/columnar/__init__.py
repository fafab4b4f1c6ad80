"""Events in columns: files of a site's UTC days that answer what rollups cannot (docs/decisions/0037)."""
