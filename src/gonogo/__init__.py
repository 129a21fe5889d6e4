"""gonogo: a release go/no-go engine.

A protocol is a Markdown document; gonogo compiles it and enforces it. Version: 0.1.0
"""
