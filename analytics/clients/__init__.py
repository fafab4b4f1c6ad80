"""The browser clients as this service hands them out: their built files, and the lines that put them into a page."""
