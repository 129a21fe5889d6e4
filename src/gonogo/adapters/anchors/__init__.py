"""Where digests of the ledger are kept elsewhere: Git, time stamps, witnesses."""
