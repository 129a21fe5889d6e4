"""The imperative shell: the only part that loops."""
