"""Overviews: all parts of a site's dashboard in one response, and the main figures of many sites."""
