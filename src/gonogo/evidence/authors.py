"""Who made the changes of a release: commit addresses become people (REV-08; rule A16).

Addresses never leave this function: a listed person stands for theirs, and every other address is written as a digest
that is salted with the release, so that nobody can look it up in a table.
"""

from __future__ import annotations

from collections.abc import Iterable

from gonogo.evidence.signers import Ring
from gonogo.terms import Digest, digest_of

UNMAPPED = "unmapped:"
MOST_MARK = 16


def change_authors(addresses: Iterable[str], ring: Ring, release: Digest) -> tuple[str, ...]:
    """Handles of the listed people among the authors, and `unmapped:<mark>` for everybody else; sorted, each once."""
    owners = {digest: person.handle for person in ring.people for digest in person.identities}
    found = set()
    for address in addresses:
        plain = address.strip().lower()
        owner = owners.get(digest_of(plain.encode()))
        found.add(owner or UNMAPPED + digest_of(f"{release}\n{plain}".encode())[:MOST_MARK])
    return tuple(sorted(found))
