"""The people of the approvers file as it is now, read again only when the file changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gonogo.errors import GonogoError
from gonogo.evidence.signers import RELEASE_MANAGER, ListedPerson, Ring
from gonogo.evidence.sshkeys import PublicKey


class People:
    """Whoever is listed may look; what they may decide, the rules of each decision say."""

    def __init__(self, path: Path, read: Callable[[], Ring]) -> None:
        self._path, self._read = path, read
        self._known: tuple[tuple[int, int, int], Ring] | None = None
        self._guard = threading.Lock()

    def ring(self) -> Ring:
        """Everybody with keys and rules; raises what the reader raises where the file cannot be used."""
        mark = self._seen()
        with self._guard:
            if self._known is None or self._known[0] != mark:
                self._known = (mark, self._read())
            return self._known[1]

    def mark(self) -> object:
        """Another one whenever the file is another; None while there is none."""
        try:
            return self._seen()
        except OSError:
            return None

    def _seen(self) -> tuple[int, int, int]:
        seen = self._path.stat()
        return seen.st_mtime_ns, seen.st_size, seen.st_ino

    def person(self, handle: str) -> ListedPerson | None:
        """A listed person; None also where the file cannot be read: then nobody is let in."""
        try:
            return self.ring().person(handle)
        except (GonogoError, OSError):
            return None

    def is_admin(self, handle: str) -> bool:
        """Whether somebody looks after people here: an admin of the file, or a release manager where it names none."""
        ring = self.ring()
        if ring.admins:
            return handle in ring.admins
        person = ring.person(handle)
        return person is not None and RELEASE_MANAGER in person.roles

    def first(self) -> tuple[ListedPerson, ...]:
        """Who the first administrator can be: the admins, else the release managers, else everybody."""
        ring = self.ring()
        able = tuple(person for person in ring.people if self.is_admin(person.handle))
        return able or ring.people

    def owner(self, key: PublicKey, now: datetime) -> ListedPerson | None:
        """Whose key it is, if it counts at this moment."""
        ring = self.ring()
        person = ring.owner_of(key)
        if person is None:
            return None
        withdrawn = ring.revocation(key)
        if withdrawn is not None and withdrawn.effective_from <= now:
            return None
        listed = next(item for item in person.keys if item.key.blob == key.blob)
        return person if listed.valid_at(now) else None

    def still_counts(self, handle: str, fingerprint: str, now: datetime) -> bool:
        """Whether a session of this person, opened with this key, may go on."""
        person = self.person(handle)
        if person is None:
            return False
        if not fingerprint:
            return True
        key = next((item.key for item in person.keys if item.key.fingerprint == fingerprint), None)
        return key is not None and self.owner(key, now) is not None
