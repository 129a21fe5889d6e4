"""Keys, people and anchors of a project, put in place and looked through."""
