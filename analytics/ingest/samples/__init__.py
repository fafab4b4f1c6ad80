"""Numeric samples: their decoder, routes and shapes. They are stored by `drain/`, as events are."""
