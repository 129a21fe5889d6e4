"""One file for each thing outside: disk, database, processes, proxies, metric sources, keys."""
