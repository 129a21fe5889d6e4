"""Which credential of a browser belongs to which listed passkey. Not trusted: the key in the approvers file decides."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, write_file
from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object, write_json
from gonogo.values import dataclass

MOST: Final = 1 << 20
FIELDS: Final = ("id", "fingerprint", "person")


@dataclass(frozen=True, slots=True)
class Credential:
    """A passkey as the browser names it (base64url), and the fingerprint of its public key."""

    id: str
    fingerprint: str
    person: str


class Credentials:
    """The file `.gonogo/web/credentials.json`; lost, people enrol anew or sign in with a discoverable passkey."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()

    def all(self) -> tuple[Credential, ...]:
        """Every credential; none where the file is absent or cannot be read."""
        try:
            rows = read_object(self._path.read_bytes(), name=self._path.name, limit=MOST).get("credentials")
        except (OSError, BadInput):
            return ()
        given = rows if isinstance(rows, list | tuple) else ()
        return tuple(
            Credential(str(row["id"]), str(row["fingerprint"]), str(row["person"]))
            for row in given
            if isinstance(row, Mapping) and all(isinstance(row.get(name), str) for name in FIELDS)
        )

    def of(self, fingerprint: str) -> tuple[str, ...]:
        """The names of the credentials of a key."""
        return tuple(item.id for item in self.all() if item.fingerprint == fingerprint)

    def add(self, new: Credential) -> None:
        """Keep one more."""
        with self._guard:
            rows = [item for item in self.all() if item.id != new.id]
            body = [{"id": item.id, "fingerprint": item.fingerprint, "person": item.person} for item in (*rows, new)]
            make_folder(self._path.parent, 0o700)
            write_file(self._path, write_json({"credentials": [*body]}), 0o600)
