"""What to say about a run, and how to write it."""
