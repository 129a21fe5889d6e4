"""The agent door over the Model Context Protocol: translation only; what a call may do is decided in `control`."""
