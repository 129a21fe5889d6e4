"""The vault that all hosts share: stored bytes in the database, with a folder on this host as their cache.

Every object is in the folder before it is in the database, and in the database before `put` returns: whoever reads its
digest in a ledger, on any host, gets its bytes. What comes from the database is checked against its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gonogo.adapters.postgres import Postgres
from gonogo.adapters.vault import FolderVault
from gonogo.errors import Tampered
from gonogo.ports import Sealed
from gonogo.terms import Digest, Secret

MOST: Final = 10 << 30
PART: Final = 4 << 20
"""Bytes of one row: what a server keeps in memory several times while it stores it."""

_NONE: Final[Mapping[str, Secret]] = MappingProxyType({})


class PostgresVault:
    """The `Vault` port on a database, with `cache` as the objects that this host has already."""

    def __init__(self, database: Postgres, cache: FolderVault) -> None:
        self._database = database
        self._cache = cache

    def put(self, data: bytes) -> Digest:
        """Store bytes durably here and in the database. Raises Broken, Refused."""
        digest = self._cache.put(data)
        self.share(digest)
        return digest

    def seal(self, folder: Path, secrets: Mapping[str, Secret] = _NONE) -> tuple[Sealed, ...]:
        """Store every file below `folder`, as `FolderVault.seal` does, and share each."""
        sealed = self._cache.seal(folder, secrets)
        for digest in dict.fromkeys(file.digest for file in sealed):
            self.share(digest)
        return sealed

    def read(self, digest: Digest, *, limit: int = 1 << 26) -> bytes:
        """The bytes of `digest`. Raises Tampered where they hash to another, BadInput where absent or above `limit`."""
        self.path(digest)
        return self._cache.read(digest, limit=limit)

    def path(self, digest: Digest) -> Path:
        """Where the object lies on this host, fetched first where it has to be; it may be absent everywhere."""
        path = self._cache.path(digest)
        if not path.exists():
            self._fetch(digest)
        return path

    def delete(self, digest: Digest) -> bool:
        """Take an object out for good, here and in the database; other hosts may keep it in their folders."""
        with self._database.writing() as opened:
            gone = opened.execute("delete from gonogo_blob where digest = ?", (digest,)).rowcount
        return self._cache.delete(digest) or bool(gone)

    def share(self, digest: Digest) -> None:
        """Let others have an object of this host's folder, where they have it not yet."""
        path = self._cache.path(digest)
        parts = max(1, -(-path.stat().st_size // PART))
        kept = "insert into gonogo_blob (digest, part, parts, data) values (?, ?, ?, ?) on conflict do nothing"
        # One transaction: of two hosts that store the same at once one is kept whole; encrypted, their bytes differ.
        with path.open("rb") as file, self._database.writing() as opened:
            for number in range(parts):
                if not opened.execute(kept, (digest, number, parts, file.read(PART))).rowcount:
                    return

    def _fetch(self, digest: Digest) -> None:
        with self._database.reading() as opened:
            if opened is None:
                return
            query = "select parts, data from gonogo_blob where digest = ? order by part"
            rows = list(opened.execute(query, (digest,)))
        if not rows or len(rows) != rows[0][0]:
            return
        self._cache.adopt(digest, b"".join(row[1] for row in rows))
        try:
            self._cache.read(digest, limit=MOST)
        except Tampered:
            self._cache.delete(digest)
            raise
