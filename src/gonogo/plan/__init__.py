"""A protocol bound to one project, one release, one environment and named people."""
