"""Acts that are asked for twice are done once: the log of the site keeps what each key stands for, also after a crash.

Before an act its key is written down as begun; after it, as answered, with the digest of the answer, which lies in the
vault. A key that was begun and never answered is not tried again: nobody knows what was done (the same rule as for acts
of the engine). One that was refused may be used again: nothing was done.
"""

from __future__ import annotations

import re
import threading
from typing import Final

from gonogo.engine.bench import World
from gonogo.errors import BadInput, OutcomeUnknown, Refused
from gonogo.evidence.ledger import Entry, actor_text
from gonogo.ports import SITE_LOG, Draft
from gonogo.terms import Actor, Digest, Json, digest_of
from gonogo.values import dataclass

CALLED: Final = "web.called"
BEGUN: Final = "begun"
ANSWERED: Final = "answered"
REFUSED: Final = "refused"
MOST_BODY: Final = 1 << 22
_KEY: Final = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for which act under which key, and the digest of everything that was said with it."""

    actor: Actor
    call: str
    key: str
    asked: Digest


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given before."""

    status: int
    body: bytes


class Repeats:
    """Every key that was used at this site. For several threads."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[str, Digest], Entry] = {}
        self._seen = -1
        self._guard = threading.Lock()

    def begin(self, asking: Asking) -> Kept | None:
        """Write down that an act begins; the answer where it was answered already.

        Refused where the key stands for something else, OutcomeUnknown where it was begun and is not answered.
        """
        if not _KEY.fullmatch(asking.key):
            raise BadInput("Idempotency-Key is not usable", next_step="give 1 to 200 letters, digits or signs")
        with self._guard:
            self._follow()
            known = self._known.get(_name(asking))
            if known is not None and known.data["phase"] != REFUSED:
                return self._kept(known, asking)
            self._note(asking, {"phase": BEGUN})
        return None

    def end(self, asking: Asking, status: int, body: bytes) -> None:
        """Write down what was answered."""
        digest = self._world.vault.put(body)
        with self._guard:
            self._note(asking, {"phase": ANSWERED, "status": status, "answer_sha256": digest})

    def let_go(self, asking: Asking) -> None:
        """Write down that nothing was done."""
        with self._guard:
            self._note(asking, {"phase": REFUSED})

    def _kept(self, known: Entry, asking: Asking) -> Kept:
        if (known.data["call"], known.data["asked_sha256"]) != (asking.call, asking.asked):
            raise Refused("this key stands for another call already", next_step="use a new key for each act")
        if known.data["phase"] == BEGUN:
            raise OutcomeUnknown(
                "this act was begun and is not answered: it is under way, or a crash came in between",
                next_step="look at the run; where nothing was done, ask with a new key",
            )
        data = self._world.vault.read(Digest(str(known.data["answer_sha256"])), limit=MOST_BODY)
        return Kept(int(str(known.data["status"])), data)

    def _note(self, asking: Asking, phase: dict[str, Json]) -> None:
        fields: dict[str, Json] = {
            "call": asking.call,
            "key_sha256": _name(asking)[1],
            "asked_sha256": asking.asked,
            **phase,
        }
        world = self._world
        world.journal.note([Draft(CALLED, fields)], actor=asking.actor, now=world.clock.now())
        self._follow()

    def _follow(self) -> None:
        journal = self._world.journal
        fresh = journal.entries(SITE_LOG, self._seen) if self._seen >= 0 else journal.site()
        for entry in fresh:
            if entry.type == CALLED:
                self._known[actor_text(entry.actor), Digest(str(entry.data["key_sha256"]))] = entry
            self._seen = entry.seq


def _name(asking: Asking) -> tuple[str, Digest]:
    return actor_text(asking.actor), digest_of(asking.key.encode())
