"""The file formats of exports, and the writers that turn rows into files."""
