"""The demonstration: a real service, a real proxy, real traffic."""
