"""Messages to people and systems, from the outbox to each kind of receiver."""
