"""Telling people by the calendar: what each run owes, and the summary over all runs (COM-25)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from gonogo.adapters.run_lock import RunLocks
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.engine.driver import Driver
from gonogo.errors import Busy, GonogoError
from gonogo.plan.announcing import DEFAULT_BRAND
from gonogo.ports import Draft, Notice
from gonogo.reports.cadence import SUMMARY, RunInBrief, is_by_calendar, summary_due, summary_text
from gonogo.run.events import Announced, GateJudged, recorded
from gonogo.terms import Actor, Engine, Occasion, RunId
from gonogo.values import dataclass

TOLD: Final = "summary.told"
"""The site's log says that a summary was told, so that the next one knows from when on to tell."""
PATIENCE: Final = 10.0
"""So many seconds the channels of a summary are waited for."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message that was said now; `run` is empty for the summary. `failed` names channels that it did not reach."""

    run: str
    prefix: str
    text: str
    failed: tuple[str, ...] = ()


def tell_due(door: Door, actor: Actor) -> tuple[Told, ...]:
    """Say everything that is due now, each once; a run that an engine drives tells by itself and is left alone."""
    found = [told for run in door.runs() for told in _of_run(door, run)]
    summary = _summary(door, actor)
    return (*found, summary) if summary else tuple(found)


def _of_run(door: Door, run: RunId) -> Iterator[Told]:
    try:
        opened = door.load(run)
        with RunLocks(door.workspace.root / STATE_FOLDER / "runs", door.world.clock).driving(run):
            Driver(door.world, opened.plan, run, Engine("local"), False, lambda _state, _entry: None).tell()
    except Busy:
        return
    except GonogoError as error:
        # A run that cannot be read must not keep the others from being told about.
        door.report(f"{run}: {error.what}")
        return
    for entry in door.world.journal.entries(run, opened.state.seq):
        event = recorded(entry).event
        if isinstance(event, Announced) and is_by_calendar(opened.plan, event.prefix):
            yield Told(run, event.prefix, door.world.vault.read(event.text_sha256).decode("utf-8", "replace"))


def _summary(door: Door, actor: Actor) -> Told | None:
    cadence, now = door.workspace.project.cadence, door.world.clock.now()
    last = next((entry.ts for entry in reversed(door.world.journal.site()) if entry.type == TOLD), None)
    runs = tuple(_briefs(door))
    if not summary_due(last, runs, cadence.summary, now):
        return None
    since = last or min(run.opened for run in runs)
    text = summary_text(runs, since, now)
    brand = door.workspace.project.announce.brand or DEFAULT_BRAND
    to = cadence.leadership or door.workspace.project.notify or ("stakeholders",)
    notice = _notice(door, actor, now, (f"[{brand} | {SUMMARY}]", text, to))
    door.world.announcer.say(notice)
    failed = _carried(door, notice)
    digest = door.world.vault.put(text.encode())
    # Noted after it was said: told twice is better than never.
    data = {"text_sha256": digest, "to": list(to), "failed": list(failed)}
    door.world.journal.note([Draft(TOLD, data)], actor=actor, now=now)
    return Told("", notice.prefix, text, failed)


def _notice(door: Door, actor: Actor, now: datetime, said: tuple[str, str, tuple[str, ...]]) -> Notice:
    prefix, text, to = said
    return Notice(
        run=RunId("@site"),
        number=len(door.world.journal.site()),
        at=now,
        sender=str(actor),
        project=door.workspace.project.name,
        release="",
        phase=0,
        severity="",
        to=to,
        prefix=prefix,
        text=text,
        occasion=Occasion.CALENDAR,
    )


def _carried(door: Door, notice: Notice) -> tuple[str, ...]:
    """Carry a notice over its channels; the names of those on which it did not arrive in time."""
    post = door.world.post
    waiting = set(post.channels(notice.to, notice.occasion))
    for channel in waiting:
        post.hand(channel, notice)
    until, failed = door.world.clock.monotonic() + PATIENCE, set[str]()
    while waiting and (left := until - door.world.clock.monotonic()) > 0:
        for item in post.finished(left):
            waiting.discard(item.channel)
            if item.reason:
                failed.add(item.channel)
    return tuple(sorted(failed | waiting))


def _briefs(door: Door) -> Iterator[RunInBrief]:
    for run in door.runs():
        try:
            opened = door.load(run)
        except GonogoError:
            # `gonogo status` names a run that cannot be read; a summary counts the others.
            continue
        if opened.state.opened_at is not None:
            yield _brief(opened, opened.state.opened_at)


def _brief(opened: Opened, begun: datetime) -> RunInBrief:
    state = opened.state
    judged = (recorded(entry).event for entry in opened.entries)
    failed = sum(1 for event in judged if isinstance(event, GateJudged) and event.verdict not in {"pass", "waived"})
    halted = state.halted.cause if state.halted else ""
    return RunInBrief(opened.run, begun, state.closed_at, state.outcome or "", halted, failed)
