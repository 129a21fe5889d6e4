"""Where a project lies and keeps its truth."""
