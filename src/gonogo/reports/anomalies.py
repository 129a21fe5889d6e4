"""What is unusual in the log of a run: order, durations, sizes, repeated attempts, clocks, silence (RSN-11, RSN-13).

An anomaly is told and decides nothing: gates judge evidence, and people judge what they are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from gonogo.evidence.ledger import CLOCK_ANOMALY, Entry
from gonogo.plan.model import Plan
from gonogo.reports.run_times import EXPECTED
from gonogo.run.events import EvidenceSealed, Recorded, TaskFinished, TaskIntended
from gonogo.run.machine import AwaitPeople, Over, Parked, WaitUntil, decide
from gonogo.run.state import RunState, advance
from gonogo.run.worktime import LIMIT, WorkTime, after
from gonogo.values import dataclass

MANY: Final = 3
"""So many starts of one act, or attempts of one step, are told."""
SLOWER: Final = 3.0
"""A task that takes so many times its usual time, and at least `SLOWER_BY` longer, is told."""
SLOWER_BY: Final = timedelta(seconds=10)
BIGGER: Final = 10.0
"""A file that is so many times as big or as small as usual is told."""
SILENCE: Final = timedelta(minutes=15)
"""After so long without an event, though there is something to do, a run is stalled."""
FEWEST: Final = 3
"""From so many earlier values on something is usual."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What earlier runs of the same protocol took and wrote: seconds by task, bytes by file."""

    seconds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    sizes: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something unusual: of which kind (order, duration, size, attempts, clock, delay, stalled), where, in words."""

    kind: str
    where: str
    words: str


def anomalies(plan: Plan, entries: Sequence[Recorded], usual: Usual, now: datetime) -> tuple[Anomaly, ...]:
    """Everything unusual in a log, in the order of the log; what hangs on `now` comes last."""
    state, times = RunState(), WorkTime()
    found: list[Anomaly] = []
    for entry in entries:
        before = state
        state = advance(plan, state, entry)
        times = after(plan, times, state, entry)
        found += _of_entry(plan, before, entry, usual)
    found += _of_attempts(state)
    found += _late(times, now)
    found += _stalled(plan, state, now)
    return tuple(found)


def clock_anomalies(entries: Sequence[Entry]) -> tuple[Anomaly, ...]:
    """Entries that say that the clock jumped, or whose time lies before that of the entry before them."""
    found = []
    for number, entry in enumerate(entries):
        back = number > 0 and entry.ts < entries[number - 1].ts
        if back or entry.type == CLOCK_ANOMALY:
            found.append(Anomaly("clock", f"event {entry.seq}", "the clock went back"))
    return tuple(found)


def _of_entry(plan: Plan, before: RunState, entry: Recorded, usual: Usual) -> Iterator[Anomaly]:
    match entry.event:
        case TaskIntended(task=task):
            yield from _out_of_order(plan, before, task)
        case TaskFinished(task=task):
            yield from _out_of_order(plan, before, task)
            known = before.tasks.get(task)
            if known is not None and known.open:
                yield from _slow(task, (entry.at - known.began).total_seconds(), usual.seconds.get(task, ()))
        case EvidenceSealed(name=name, size=size):
            yield from _odd_size(name, size, usual.sizes.get(name, ()))
        case _:
            return


def _out_of_order(plan: Plan, state: RunState, task: str) -> Iterator[Anomaly]:
    stages = [stage for stage in plan.stages if stage.tasks]
    own = next((number for number, stage in enumerate(stages) if any(one.id == task for one in stage.tasks)), None)
    if own is None:
        # The way back and the end of a run may come at any time.
        return
    for stage in stages[:own]:
        undone = next((one for one in stage.tasks if _outcome(state, one.id) != "ok"), None)
        if undone is not None:
            yield Anomaly("order", task, f"it was begun before `{undone.id}` was done")
            return


def _outcome(state: RunState, task: str) -> str:
    known = state.tasks.get(task)
    return known.outcome if known is not None else ""


def _slow(task: str, seconds: float, before: Sequence[float]) -> Iterator[Anomaly]:
    if len(before) < FEWEST:
        return
    normal = median(before)
    if seconds > SLOWER * normal and seconds - normal > SLOWER_BY.total_seconds():
        yield Anomaly("duration", task, f"it took {seconds:.0f} s, in earlier runs {normal:.0f} s")


def _odd_size(name: str, size: int, before: Sequence[int]) -> Iterator[Anomaly]:
    if size == 0:
        yield Anomaly("size", name, "it is empty")
    elif len(before) >= FEWEST:
        normal = max(median(before), 1)
        if size > BIGGER * normal or size * BIGGER < normal:
            yield Anomaly("size", name, f"it has {size} bytes, in earlier runs {normal:.0f}")


def _of_attempts(state: RunState) -> Iterator[Anomaly]:
    for name, count in state.attempts.items():
        if count >= MANY:
            yield Anomaly("attempts", name, f"this is attempt {count} of the step")
    for name, known in state.tasks.items():
        if known.tries >= MANY:
            yield Anomaly("attempts", name, f"it was started {known.tries} times in one attempt")


def _late(times: WorkTime, now: datetime) -> Iterator[Anomaly]:
    going = times.until(now) - times.worked
    for part, expected in EXPECTED.items():
        limit = timedelta(minutes=expected[2])
        worked = times.parts.get(part, timedelta(0)) + (going if part == times.part else timedelta(0))
        if worked > limit:
            yield Anomaly("delay", part, f"{_minutes(worked)} of work, {_minutes(limit)} were expected at most")
    if times.until(now) > LIMIT:
        yield Anomaly("delay", "in all", f"{_minutes(times.until(now))} of work, {_minutes(LIMIT)} are the limit")


def _minutes(length: timedelta) -> str:
    return f"{length / timedelta(minutes=1):.0f} minutes"


def _stalled(plan: Plan, state: RunState, now: datetime) -> Iterator[Anomaly]:
    act = decide(plan, state, now)
    if isinstance(act, Over | Parked | AwaitPeople) or (isinstance(act, WaitUntil) and act.moment > now):
        return
    if state.at is not None and now - state.at > SILENCE:
        words = f"nothing for {_minutes(now - state.at)}, though there is something to do"
        yield Anomaly("stalled", f"event {state.seq}", words)
