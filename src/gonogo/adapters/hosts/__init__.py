"""Hosts by SSH: connections, commands and what was left on them."""
