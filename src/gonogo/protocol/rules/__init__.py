"""Lint rules on the model of a protocol: one function a rule, findings as values."""
