"""What an export contains: the rows of events, samples or one user, or the figures of a report."""
