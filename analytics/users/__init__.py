"""The users behind a number of a report, and the events of one user."""
