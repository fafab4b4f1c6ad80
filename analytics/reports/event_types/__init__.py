"""The event types of a site: how often each came and when, and the properties of their payloads."""
