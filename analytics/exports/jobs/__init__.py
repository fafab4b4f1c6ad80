"""Export jobs: their rows and states, their creation, and the worker that writes the file."""
