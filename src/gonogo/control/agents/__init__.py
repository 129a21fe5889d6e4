"""What an agent, and a server that acts for one, meets of a project: the same one door, with the limits of an agent."""
