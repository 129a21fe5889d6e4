"""The state machine of a run: events in, state and next effect out. Pure."""
