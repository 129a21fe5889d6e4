"""Where releases run: one file for each kind of target, and how its versions are asked."""
