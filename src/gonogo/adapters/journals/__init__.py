"""The ledger on disk and in PostgreSQL, its tables, copies and upgrades."""
