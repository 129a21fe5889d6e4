"""Markdown and YAML, in and out: bytes to a typed protocol with findings."""
