"""Act 5: version 3 fails 15 % of the customers, gets through staging, and is taken back by itself."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gonogo.demo.processes import wait_until
from gonogo.demo.story_command import ROLLED_BACK
from gonogo.demo.story_people import REQUESTER
from gonogo.demo.story_signing import Scene
from gonogo.demo.story_stage import Stage
from gonogo.demo.tally import OK, Tally
from gonogo.demo.telling import Telling

BAD = "v3"
SETTLED_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Damage:
    """What the bad build cost, as its clients saw it."""

    requests: int
    answered_bad: int
    failed_bad: int
    seconds: float


def roll_out_bad_build(stage: Stage, telling: Telling) -> Damage:
    """Version 3 into the canary; it must end rolled back (exit 4), never released."""
    begun = time.monotonic()
    line = ("run", "production-deployment", "--release", BAD, "--as", REQUESTER, "--wait")
    ended = Scene(stage, telling, short=True).play(*line)
    telling.claims(
        ended.code == ROLLED_BACK,
        f"{BAD} was rolled back automatically (exit {ROLLED_BACK}) and never released",
        f"exit {ended.code}: {ended.out} {ended.words}",
    )
    wait_until(lambda: _covers(stage.tally(), time.monotonic() - SETTLED_SECONDS), 3.0)
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
