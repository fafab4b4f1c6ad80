"""Active users, stickiness, retention, and the daily metrics of closed days."""
