"""What the server did and refused, in the log of the site: who, what kind, where; never free text (R2, A6).

Strangers cannot fill the log: what nobody signed in did is written a few times a minute and then only counted.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.ports import Draft
from gonogo.terms import Actor, Engine, Json, Person
from gonogo.web.sessions import Rate

REFUSED: Final = "web.refused"
SIGNED_IN: Final = "web.signed_in"
SIGNED_OUT: Final = "web.signed_out"
ENROLLED: Final = "web.key_enrolled"
HOOK: Final = "web.hook"
SERVER: Final = Engine("web")
A_MINUTE: Final = 30


class Trail:
    """Writes entries; a log that cannot be written never lets anybody in and never keeps a page from being shown."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rate = Rate(A_MINUTE, 60.0)
        self._silent: dict[str, int] = {}
        self._guard = threading.Lock()

    def refused(self, why: str, person: str, **place: str) -> None:
        """An act or a request that was not let through: its kind, and whose it was (empty: nobody's)."""
        name = f"{person}:{why}"
        if not self._rate.allows(name, self._world.clock.monotonic()):
            with self._guard:
                self._silent[name] = self._silent.get(name, 0) + 1
            return
        with self._guard:
            unsaid = self._silent.pop(name, 0)
        fields: dict[str, Json] = {"why": why, **place}
        self.note(REFUSED, Person(person) if person else SERVER, fields | ({"unsaid": unsaid} if unsaid else {}))

    def note(self, kind: str, actor: Actor, fields: Mapping[str, Json]) -> None:
        """One entry."""
        try:
            self._world.journal.note([Draft(kind, fields)], actor=actor, now=self._world.clock.now())
        except GonogoError:
            # A full disk must not turn a refusal into an answer of another kind.
            return
