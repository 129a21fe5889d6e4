"""Who is signed in: short sessions in memory, known by hash only, ended by time, by hand and by the approvers file.

A restart of the server signs everybody out. The cookie holds 256 random bits and nothing else; a new sign-in always
gets a new one, so that a cookie which somebody planted before is worth nothing (session fixation).
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import replace
from typing import Final

from gonogo.values import dataclass

COOKIE: Final = "gonogo_session"
IDLE_S: Final = 30 * 60.0
LONGEST_S: Final = 8 * 3600.0
FRESH_S: Final = 5 * 60.0
"""So long after proving a key a person may change what keys they have."""
LINK_FRESH_S: Final = 30 * 60.0
"""So long after a link: whoever comes by it first has the approvers file to edit, and the link works only once."""
MOST: Final = 5000
LINK: Final = "link"


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in. `how` is passkey, ssh, oidc or link; `fingerprint` the key that was proved."""

    id: str
    person: str
    how: str
    fingerprint: str
    csrf: str
    began: float
    seen: float

    def is_over(self, now: float) -> bool:
        """Whether it has been idle or alive for too long."""
        return now - self.seen > IDLE_S or now - self.began > LONGEST_S

    def is_fresh(self, now: float) -> bool:
        """Whether a key (or the first link) was proved a moment ago."""
        lasts = {"passkey": FRESH_S, "ssh": FRESH_S, LINK: LINK_FRESH_S}
        return now - self.began <= lasts.get(self.how, 0.0)


class Sessions:
    """All sessions; usable from several threads. Times are seconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._known: dict[str, Session] = {}
        self._guard = threading.Lock()

    def begin(self, person: str, how: str, fingerprint: str, now: float) -> tuple[str, Session]:
        """A new session, and the value of its cookie, which is kept nowhere."""
        value = secrets.token_urlsafe(32)
        session = Session(_hashed(value), person, how, fingerprint, secrets.token_urlsafe(24), now, now)
        with self._guard:
            self._known = {key: item for key, item in self._known.items() if not item.is_over(now)}
            while len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[session.id] = session
        return value, session

    def find(self, value: str, now: float) -> Session | None:
        """The session of a cookie, marked as seen now; None where there is none or it is over."""
        key = _hashed(value)
        with self._guard:
            found = self._known.get(key)
            if found is None or found.is_over(now):
                self._known.pop(key, None)
                return None
            found = replace(found, seen=now)
            self._known[key] = found
            return found

    def is_alive(self, session: Session, now: float) -> bool:
        """Whether a session that a stream was opened with still counts; looking does not keep it alive."""
        with self._guard:
            found = self._known.get(session.id)
        return found is not None and not found.is_over(now)

    def end(self, session: Session) -> None:
        """Sign out."""
        with self._guard:
            self._known.pop(session.id, None)

    def of(self, person: str) -> tuple[Session, ...]:
        """The open sessions of a person, oldest first."""
        with self._guard:
            return tuple(item for item in self._known.values() if item.person == person)


def _hashed(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


class Once:
    """Secrets that are used once within a time: challenges, first links, prepared statements."""

    def __init__(self, lasts_s: float, most: int = 2000) -> None:
        self._lasts, self._most = lasts_s, most
        self._known: dict[str, tuple[float, object]] = {}
        self._guard = threading.Lock()

    def put(self, about: object, now: float) -> str:
        """Keep something; gives the secret under which it is taken."""
        value = secrets.token_urlsafe(24)
        with self._guard:
            self._known = {key: item for key, item in self._known.items() if now - item[0] <= self._lasts}
            while len(self._known) >= self._most:
                self._known.pop(next(iter(self._known)))
            self._known[_hashed(value)] = (now, about)
        return value

    def look(self, value: str, now: float) -> object | None:
        """What is kept under a secret, which stays usable."""
        with self._guard:
            found = self._known.get(_hashed(value))
        return found[1] if found is not None and now - found[0] <= self._lasts else None

    def take(self, value: str, now: float) -> object | None:
        """What is kept under a secret, for the last time."""
        with self._guard:
            found = self._known.pop(_hashed(value), None)
        return found[1] if found is not None and now - found[0] <= self._lasts else None


class Rate:
    """So many attempts in so many seconds for each name; a name that is not seen for long is forgotten."""

    def __init__(self, most: int, within_s: float) -> None:
        self._most, self._within = most, within_s
        self._seen: dict[str, list[float]] = {}
        self._guard = threading.Lock()

    def is_full(self, name: str, now: float) -> bool:
        """Whether one more would be too many; counts nothing."""
        with self._guard:
            return sum(now - at < self._within for at in self._seen.get(name, ())) >= self._most

    def allows(self, name: str, now: float) -> bool:
        """Count an attempt; False where it is one too many."""
        with self._guard:
            recent = [at for at in self._seen.get(name, ()) if now - at < self._within]
            if len(self._seen) > MOST:
                self._seen = {key: times for key, times in self._seen.items() if now - times[-1] < self._within}
            if len(recent) >= self._most:
                self._seen[name] = recent
                return False
            self._seen[name] = [*recent, now]
            return True
