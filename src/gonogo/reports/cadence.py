"""What is said by the calendar: the status of each open run, a summary for leadership, the retrospective (COM-25).

Pure: what is due follows from the recorded state, from when the same was said last, and from `now`. A status that was
not asked for in time is said once, not once for each day that was missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from gonogo.evidence.ledger import time_of, time_text
from gonogo.plan.model import Plan
from gonogo.reports.trouble import WARNING, Message
from gonogo.run.asking import who_is_missing
from gonogo.run.awaiting import ASIDE, words_of
from gonogo.run.state import Round, RunState
from gonogo.terms import Occasion, RunId
from gonogo.values import dataclass

STATUS: Final = "DAILY STATUS"
SUMMARY: Final = "WEEKLY SUMMARY"
RETROSPECTIVE: Final = "RETROSPECTIVE"
FORGOTTEN: Final = timedelta(days=14)
"""So long after it was due nobody is asked to a retrospective any more: old runs stay quiet."""
NOT_TOLD: Final = frozenset({"resume", "dissent", *ASIDE})
"""Requests that nobody is asked to answer: whoever wants to say it says it."""
_LEAST: Final = timedelta(minutes=15)


def due_message(plan: Plan, state: RunState, last: datetime | None, now: datetime) -> Message | None:
    """The status or retrospective that a run owes now; `last` is when one was said, None for never."""
    if state.opened_at is None:
        return None
    cadence = plan.project.cadence
    if state.closed_at is not None:
        told = last is not None and last >= state.closed_at
        due = state.closed_at + _length(cadence.retrospective)
        if told or not due <= now < due + FORGOTTEN:
            return None
        return Message(plan.voice.course(RETROSPECTIVE), _retrospective(plan, state), 0, occasion=Occasion.CALENDAR)
    if now - (last or state.opened_at) < _length(cadence.status):
        return None
    return Message(plan.voice.course(STATUS), _status(plan, state, now), 0, occasion=Occasion.CALENDAR)


def expiring(plan: Plan, state: RunState, now: datetime) -> tuple[Message, ...]:
    """A warning for each request whose time is nearly over, unused: the same words however often one looks (I27)."""
    return tuple(
        _expiring(plan, item)
        for item in state.rounds.values()
        if item.status == "open" and state.closed_at is None and _nearly_over(item, now)
    )


def _nearly_over(item: Round, now: datetime) -> bool:
    ends = time_of(item.expires_at)
    return ends - max((ends - item.at) / 4, _LEAST) <= now < ends


def _expiring(plan: Plan, item: Round) -> Message:
    missing = who_is_missing(plan, item)
    lacks = f"still to sign: {', '.join(missing)}" if missing else "signed, and not used yet"
    text = f"{plan.project.name} {plan.release.version}: `{item.point}` expires at {item.expires_at}; {lacks}"
    rule = plan.decisions.get(item.point)
    to = tuple(sorted(rule.roles)) if rule else ()
    return Message("[APPROVAL EXPIRING]", text, 0, to, WARNING, Occasion.EXPIRING)


def is_by_calendar(plan: Plan, prefix: str) -> bool:
    """Whether a message with this prefix is one of these."""
    return prefix in {plan.voice.course(word) for word in (STATUS, RETROSPECTIVE)}


def _length(seconds: Decimal) -> timedelta:
    return timedelta(seconds=float(seconds))


def _status(plan: Plan, state: RunState, now: datetime) -> str:
    tasks = [task for stage in plan.stages for task in stage.tasks]
    done = sum(1 for task in tasks if (known := state.tasks.get(task.id)) and known.outcome == "ok")
    opened = words_of(now - state.opened_at) if state.opened_at else "?"
    said = [f"{plan.project.name} {plan.release.version}: {done} of {len(tasks)} acts done, open for {opened}"]
    if state.halted is not None:
        since = words_of(now - state.halted.at)
        said.append(f"halted for {since} at {state.halted.stage} ({state.halted.cause})")
    asked = [item for item in state.rounds.values() if item.status == "open" and item.point not in NOT_TOLD]
    waiting = [item for item in asked if who_is_missing(plan, item)]
    said += [f"`{item.point}` waits for {', '.join(who_is_missing(plan, item))}" for item in waiting]
    failed = sorted(name for name, found in state.judgements.items() if found.verdict not in {"pass", "waived"})
    said += [f"gates not passed: {', '.join(plan.gates[name].name for name in failed)}"] if failed else []
    return "; ".join(said)


def _retrospective(plan: Plan, state: RunState) -> str:
    ended = time_text(state.closed_at) if state.closed_at else "?"
    what = f"{plan.project.name} {plan.release.version} ended {state.outcome} at {ended}"
    return f"{what}: meet, say what went well and what did not, and put what follows from it on file: gonogo feedback"


@dataclass(frozen=True, slots=True)
class RunInBrief:
    """What a summary says of one run; `halted` is the cause of its halt, empty without one."""

    run: RunId
    opened: datetime
    closed: datetime | None
    outcome: str
    halted: str
    failed_gates: int


def summary_due(last: datetime | None, first: datetime | None, every: Decimal, now: datetime) -> bool:
    """Whether a summary is due: so long after the last one, or after the first run; never where nothing ever ran."""
    begun = last or first
    return begun is not None and now - begun >= _length(every)


def summary_text(runs: Iterable[RunInBrief], since: datetime, now: datetime) -> str:
    """What happened between `since` and `now`; runs that ended before add nothing to it."""
    known = tuple(runs)
    opened = [run for run in known if since <= run.opened < now]
    ended = Counter(run.outcome for run in known if run.closed is not None and since <= run.closed < now)
    still = [run for run in known if run.closed is None]
    said = [f"since {time_text(since)}: {len(opened)} opened"]
    said += [f"{count} {outcome}" for outcome, count in sorted(ended.items())]
    said.append(f"{len(still)} open")
    halted = [f"{run.run} ({run.halted})" for run in still if run.halted]
    said += [f"halted: {', '.join(halted)}"] if halted else []
    failed = sum(run.failed_gates for run in known if run.closed is None or run.closed >= since)
    said.append(f"{failed} judgements that did not pass")
    return "; ".join(said)
