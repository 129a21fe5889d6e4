"""Turns in the course of a run: a gate that was judged, a run that was ended, production that was brought back."""

from __future__ import annotations

from datetime import datetime

from gonogo.evidence.independence import OWN_WISH, Asker
from gonogo.run.events import DecisionRequested, RunOpened
from gonogo.terms import Actor, Digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """The last judgement of a gate."""

    gate: str
    verdict: str
    digest: Digest
    attempt: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Abort:
    """Somebody ended the run: who, and the digest of the reason."""

    by: str
    reason: Digest | None


@dataclass(frozen=True, slots=True)
class Rollback:
    """Production is being, or was, brought back."""

    trigger: str
    cause: str
    began: datetime
    finished: datetime | None
    verified: bool
    recovery_ms: int
    detail: Digest | None


def asker_of(asked: DecisionRequested, actor: Actor, opened: RunOpened | None) -> Asker:
    """Who asked people, as far as the log says: whoever opened the run, and who wished it where somebody did."""
    wished = {str(actor)} if asked.kind in {kind.value for kind in OWN_WISH} else set()
    return Asker(frozenset({*wished, *((opened.requested_by,) if opened else ())}))
