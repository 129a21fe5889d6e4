"""Tamper-evident records: canonical bytes, signatures, ledger, manifests, packages."""
