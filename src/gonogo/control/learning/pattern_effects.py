"""Gathers what patterns of work achieve from ledgers and from feedback (RSN-07)."""

from __future__ import annotations

from collections.abc import Iterator

from gonogo.control.door import Door
from gonogo.control.learning.feedback import entries_of
from gonogo.control.opening import Opened
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_of
from gonogo.plan.model import Plan
from gonogo.protocol.model import BranchWay
from gonogo.reports.patterns import Effect, Seen, effects
from gonogo.reports.root_causes import reasoning_of
from gonogo.reports.trends import quarter_of
from gonogo.run.events import GateJudged, recorded
from gonogo.run.events_of_branches import BranchTaken
from gonogo.terms import RunId


def pattern_effects(door: Door) -> tuple[Effect, ...]:
    """The effect of every pattern over every run that can be read, by quarter."""
    return effects(each for run in door.runs() for each in _of_run(door, run))


def _of_run(door: Door, run: RunId) -> Iterator[Seen]:
    try:
        opened = door.load(run)
    except GonogoError:
        # A run that cannot be read shows nothing; `gonogo audit` names it.
        return
    plan = opened.plan
    patterns = {stage.id: found.pattern for stage in plan.stages if (found := reasoning_of(plan, stage)) is not None}
    for entry in opened.entries:
        event, quarter = recorded(entry).event, quarter_of(entry.ts)
        match event:
            case GateJudged(gate=gate, verdict=verdict) if f"gate/{gate}" in patterns:
                yield Seen(plan.name, patterns[f"gate/{gate}"], quarter, judged=1, passed=int(verdict == "pass"))
            case BranchTaken(stage=stage, way=way) if stage in patterns:
                on = way == BranchWay.PROCEED.value
                yield Seen(plan.name, patterns[stage], quarter, onward=int(on), back=int(not on))
    yield from _said(door, opened, patterns)


def _said(door: Door, opened: Opened, patterns: dict[str, str]) -> Iterator[Seen]:
    """Feedback belongs to the pattern whose phase made what it is about; what names nothing, to none of them."""
    owners = _owners(opened.plan)
    for row in entries_of(door, opened):
        stage = owners.get(str(row.get("about")), "")
        if stage in patterns:
            rating, quarter = row.get("rating"), quarter_of(time_of(str(row["at"])))
            rated = (rating,) if isinstance(rating, int) else ()
            rework = int(row.get("kind") == "rework")
            yield Seen(opened.plan.name, patterns[stage], quarter, ratings=rated, rework=rework)


def _owners(plan: Plan) -> dict[str, str]:
    """Stages by what feedback may name: their id, their title, and each file that they owe."""
    found: dict[str, str] = {}
    for stage in plan.stages:
        for name in (stage.id, stage.title, *stage.evidence):
            found.setdefault(name, stage.id)
    return found
