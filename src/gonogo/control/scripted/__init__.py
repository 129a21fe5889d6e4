"""The documented scripts by their names, each carried out through the one door."""
