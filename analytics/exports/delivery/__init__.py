"""Where finished files are stored, and how callers get them: storage, signed links, downloads, webhooks."""
