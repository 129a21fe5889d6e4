"""What an auditor asks of a project: verify, export, search."""
