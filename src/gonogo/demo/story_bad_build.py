"""Act 5: version 3 fails 15 % of the customers, gets through staging, and is taken back by itself.

Its way to the production decision goes on beside version 2, as it would: two runs, two engines, one store. It gets no
further than version 2 lets it, because nobody signs before.
"""

from __future__ import annotations

import threading
import time
from dataclasses import field

from gonogo.demo.processes import wait_until
from gonogo.demo.story_command import ROLLED_BACK, Answer
from gonogo.demo.story_people import REQUESTER
from gonogo.demo.story_rehearsal import rehearse
from gonogo.demo.story_signing import Scene
from gonogo.demo.story_stage import Stage
from gonogo.demo.story_verification import READINESS, keep
from gonogo.demo.tally import OK, Tally
from gonogo.demo.telling import NotHeld, Telling
from gonogo.values import dataclass

BAD = "v3"
SETTLED_SECONDS = 0.4
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Damage:
    """What the bad build cost, as its clients saw it."""

    requests: int
    answered_bad: int
    failed_bad: int
    seconds: float


@dataclass(slots=True)
class Turn:
    """Something that version 3 has to wait for; it is called off where the story ends before."""

    _came: threading.Event = field(default_factory=threading.Event)
    _called_off: bool = False

    def come(self) -> None:
        """It is so."""
        self._came.set()

    def call_off(self) -> None:
        """It will never be so."""
        self._called_off = not self._came.is_set()
        self._came.set()

    def wait(self) -> None:
        """Wait for it; NotHeld where it will not come."""
        if not self._came.wait(PATIENCE_SECONDS) or self._called_off:
            raise NotHeld(f"{BAD} waited for a turn that did not come")


@dataclass(frozen=True, slots=True)
class Turns:
    """All of production is on version 2; version 2 is released."""

    carried: Turn = field(default_factory=Turn)
    released: Turn = field(default_factory=Turn)

    def call_off(self) -> None:
        """The story ends."""
        self.carried.call_off()
        self.released.call_off()


def bring_bad_build(stage: Stage, telling: Telling, turns: Turns) -> Answer:
    """Version 3 through staging and, when it is its turn, into production; how its run ended."""
    rehearse(stage, telling, BAD)
    keep(stage, BAD, READINESS)
    # Until then production answers as two versions, and `.artifacts` has to show what people sign for v2.
    turns.carried.wait()
    scene = Scene(stage, telling, short=True)

    def before(point: str) -> None:
        if point == "production":
            telling.says("people look at v2 first: nobody signs for v3 before v2 is released")
            turns.released.wait()

    scene.before = before
    return scene.play("run", "production-deployment", "--release", BAD, "--as", REQUESTER, "--wait")


def judge_bad_build(stage: Stage, telling: Telling, ended: Answer, begun: float) -> Damage:
    """It must have ended rolled back (exit 4), never released; `begun` is when it got its turn (monotonic)."""
    telling.claims(
        ended.code == ROLLED_BACK,
        f"{BAD} was rolled back automatically (exit {ROLLED_BACK}) and never released",
        f"exit {ended.code}: {ended.out} {ended.words}",
    )
    now = time.monotonic()
    wait_until(lambda: _covers(stage.tally(), now - SETTLED_SECONDS), 30.0)
    found = damage(stage.tally().since(begun))
    telling.claims(
        found.failed_bad > 0,
        f"{found.answered_bad} of {found.requests} requests met {BAD}; {found.failed_bad} of these failed",
        str(found),
    )
    telling.says(f"{found.seconds:.1f} s from the first failed request to restored traffic, by nobody's hand")
    telling.claims(
        stage.executions().count(("deploy", "production", BAD)) == 1, f"the deploy script ran once for {BAD}"
    )
    return found


def damage(tally: Tally) -> Damage:
    """The bad build's share in a tally."""
    of_bad = tally.by_version().get(BAD, {})
    answered = sum(of_bad.values())
    return Damage(tally.ok + tally.failed, answered, answered - of_bad.get(OK, 0), tally.breach_seconds() or 0.0)


def _covers(tally: Tally, moment: float) -> bool:
    return bool(tally.intervals) and tally.intervals[-1].ended >= moment
