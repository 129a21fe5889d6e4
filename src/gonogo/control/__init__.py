"""The only door: opening, driving, deciding, stopping and looking at runs, for every surface alike."""
