"""How long a run holds an environment: known from runs of the same protocol that had it before (44, "expected end").

Nothing ends by it: a lease is given back by an event, never by time. It says when to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from gonogo.evidence.ledger import Entry


def held_for(entries: Iterable[Entry], environment: str) -> timedelta | None:
    """From the first act of a run on an environment to the run's end; None where it never acted there, or goes on."""
    began: datetime | None = None
    for entry in entries:
        if entry.type == "task.intended" and entry.data.get("environment") == environment:
            began = began or entry.ts
        elif entry.type == "run.closed" and began is not None:
            return entry.ts - began
    return None


def expected_end(since: datetime | None, before: Iterable[timedelta | None]) -> datetime | None:
    """When a run that holds an environment `since` then would give it back, were it as slow as the slowest `before`.

    None where no earlier run is known.
    """
    known = [length for length in before if length is not None]
    return None if since is None or not known else since + max(known)
