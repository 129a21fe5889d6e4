"""The built-in protocols, forms and templates: documents, no logic."""
