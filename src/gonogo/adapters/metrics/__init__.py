"""Where figures come from: one file for each source."""
