"""What is kept of people, how long, and under which name."""
