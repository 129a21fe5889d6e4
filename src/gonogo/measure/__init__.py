"""What raw observations mean: pure functions that turn them into the evidence files which gates judge."""
