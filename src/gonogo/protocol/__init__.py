"""What a protocol says, freed from Markdown: values only."""
