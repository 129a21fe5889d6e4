"""Telling people by the calendar: what each run owes, and the summary over all runs (COM-25).

What is owed is said, which takes no time, under the lock of the run, and then carried, which may take long, under that
of its channel: `gonogo tell` and `gonogo serve` may do it side by side, and no engine waits for either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from gonogo.adapters.run_lock import RunLocks
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.engine.announcing import dashboard
from gonogo.engine.driver import LAST_WAIT, Driver
from gonogo.errors import Busy, GonogoError
from gonogo.evidence.ledger import Entry
from gonogo.plan.announcing import DEFAULT_BRAND
from gonogo.ports import Draft, Notice
from gonogo.reports.cadence import SUMMARY, RunInBrief, is_by_calendar, summary_due, summary_text
from gonogo.run.events import Announced, GateJudged, recorded
from gonogo.run.site import CLOSED, OPENED
from gonogo.terms import Actor, Engine, Occasion, RunId
from gonogo.values import dataclass

Load: TypeAlias = Callable[[RunId], Opened]
"""Gives a run as it stands; raises what it cannot be read for."""
TOLD: Final = "summary.told"
"""The site's log says that a summary was told, so that the next one knows from when on to tell."""
OVER_ALL: Final = RunId("@site")
"""What a summary is about, in place of a run."""
PATIENCE: Final = 10.0
"""So many seconds the channels of a summary are waited for."""
LOOK: Final = 0.2
"""Seconds for which what is on its way is waited for at a time."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message that was said now; `run` is empty for the summary. `failed` names channels that it did not reach."""

    run: str
    prefix: str
    text: str
    failed: tuple[str, ...] = ()


def tell_due(door: Door, actor: Actor) -> tuple[Told, ...]:
    """Say everything that is due now, each once; a run that an engine drives tells by itself and is left alone."""
    teller = Teller.of(door, door.load)
    found = [told for run in door.runs() for told in teller.tell(run)]
    summary = tell_summary(door, actor, door.world.journal.site(), door.load)
    clock = door.world.clock
    until = clock.monotonic() + LAST_WAIT
    while teller.carry(LOOK) and clock.monotonic() < until:
        clock.sleep(LOOK / 10)
    return (*found, summary) if summary else tuple(found)


@dataclass(slots=True)
class Teller:
    """Tells what runs owe, again and again: what it read of a run it does not read anew. For one thread."""

    door: Door
    load: Load
    locks: RunLocks
    _known: dict[RunId, Driver] = field(default_factory=dict)
    _under_way: set[RunId] = field(default_factory=set)

    @classmethod
    def of(cls, door: Door, load: Load) -> Teller:
        """One for the runs of a project; `load` gives a run as it stands."""
        return cls(door, load, RunLocks(door.workspace.root / STATE_FOLDER / "runs", door.world.clock))

    def tell(self, run: RunId) -> tuple[Told, ...]:
        """Say what a run owes now and begin to carry it; what was said. An engine at work tells by itself."""
        try:
            driver = self._driver(run)
            if not driver.has_to_tell():
                return ()
            seen = driver.known.seq
            if not self.locks.is_driven(run):
                with self.locks.driving(run, briefly=True):
                    driver.tell()
                self._carry(run, driver)
            return tuple(self._said(run, driver, seen))
        except Busy:
            return ()
        except GonogoError as error:
            # A run that cannot be read must not keep the others from being told about.
            self.door.report(f"{run}: {error.what}")
            self._let_go(run)
            return ()

    def carry(self, wait: float = 0.0) -> bool:
        """Go on carrying what was said, and wait for each run so long (seconds); whether any is still on its way."""
        for run in tuple(self._under_way):
            try:
                self._carry(run, self._driver(run), wait)
            except GonogoError as error:
                self.door.report(f"{run}: {error.what}")
                self._let_go(run)
        return bool(self._under_way)

    def is_quiet(self, run: RunId) -> bool:
        """Whether nothing of a run is owed or on its way, as far as is known."""
        known = self._known.get(run)
        return known is not None and not known.outbox.failed and run not in self._under_way

    def knows(self, run: RunId) -> bool:
        """Whether a run was read already."""
        return run in self._known

    def forget(self, run: RunId) -> None:
        """Keep nothing more of a run in mind."""
        if run not in self._under_way:
            self._known.pop(run, None)

    def _let_go(self, run: RunId) -> None:
        """Leave a run to others, from the beginning of its ledger: what happened here to it is not known for sure."""
        self._under_way.discard(run)
        known = self._known.pop(run, None)
        if known is not None:
            known.outbox.let_go()

    def _driver(self, run: RunId) -> Driver:
        if run not in self._known:
            plan = self.load(run).plan
            self._known[run] = Driver(self.door.world, plan, run, Engine("local"), False, lambda _state, _entry: None)
        return self._known[run]

    def _carry(self, run: RunId, driver: Driver, wait: float = 0.0) -> None:
        (self._under_way.add if driver.carry(wait) else self._under_way.discard)(run)

    def _said(self, run: RunId, driver: Driver, seen: int) -> Iterator[Told]:
        for entry in self.door.world.journal.entries(run, seen):
            event = recorded(entry).event
            if isinstance(event, Announced) and is_by_calendar(driver.plan, event.prefix):
                yield Told(run, event.prefix, self.door.world.vault.read(event.text_sha256).decode("utf-8", "replace"))


def tell_summary(door: Door, actor: Actor, site: Sequence[Entry], load: Load) -> Told | None:
    """Say the summary over all runs if it is due; `site` is the log of the site as it was a moment ago."""
    if not _is_summary_due(door, site):
        return None
    locks = RunLocks(door.workspace.root / STATE_FOLDER / "telling", door.world.clock)
    ends = locks.carrying(OVER_ALL, SUMMARY)
    if ends is None:
        return None
    try:
        site = door.world.journal.site()
        return _summary(door, actor, site, load) if _is_summary_due(door, site) else None
    finally:
        ends()


def _is_summary_due(door: Door, site: Sequence[Entry]) -> bool:
    return summary_due(_last(site), _first(site), door.workspace.project.cadence.summary, door.world.clock.now())


def _first(site: Sequence[Entry]) -> datetime | None:
    return next((entry.ts for entry in site if entry.type == OPENED), None)


def _last(site: Sequence[Entry]) -> datetime | None:
    return next((entry.ts for entry in reversed(site) if entry.type == TOLD), None)


def _summary(door: Door, actor: Actor, site: Sequence[Entry], load: Load) -> Told:
    cadence, now = door.workspace.project.cadence, door.world.clock.now()
    # What nobody was told for half a year is no news: the first summary reaches back two of its lengths at most.
    first = max(_first(site) or now, now - 2 * timedelta(seconds=float(cadence.summary)))
    since = _last(site) or first
    text = summary_text(_briefs(door, site, since, load), since, now)
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
        run=OVER_ALL,
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
        link=_page(door),
    )


def _page(door: Door) -> str:
    """The list of releases, for people elsewhere; empty where nobody said where that is."""
    with suppress(GonogoError):
        site = dashboard(door.world.ring().web.origins)
        return f"{site}/" if site else ""
    return ""


def _carried(door: Door, notice: Notice) -> tuple[str, ...]:
    """Carry a notice over its channels; the names of those on which it did not arrive in time."""
    post = door.world.post
    waiting = set(post.channels(notice.to, notice.occasion))
    for channel in waiting:
        post.hand(channel, notice)
    until, failed = door.world.clock.monotonic() + PATIENCE, set[str]()
    while waiting and (left := until - door.world.clock.monotonic()) > 0:
        for item in post.finished(OVER_ALL, left):
            # Another summary may have arrived after nobody waited for it any more.
            if item.number == notice.number:
                waiting.discard(item.channel)
                failed |= {item.channel} if item.reason else set()
    return tuple(sorted(failed | waiting))


def _briefs(door: Door, site: Sequence[Entry], since: datetime, load: Load) -> tuple[RunInBrief, ...]:
    """The runs that were open at some time since then."""
    before = {str(entry.data.get("run")) for entry in site if entry.type == CLOSED and entry.ts < since}
    return tuple(brief for run in door.runs() if run not in before for brief in _loaded(load, run))


def _loaded(load: Load, run: RunId) -> Iterator[RunInBrief]:
    try:
        opened = load(run)
    except GonogoError:
        # `gonogo status` names a run that cannot be read; a summary counts the others.
        return
    if opened.state.opened_at is not None:
        yield _brief(opened, opened.state.opened_at)


def _brief(opened: Opened, begun: datetime) -> RunInBrief:
    state = opened.state
    judged = (recorded(entry).event for entry in opened.entries)
    failed = sum(1 for event in judged if isinstance(event, GateJudged) and event.verdict not in {"pass", "waived"})
    halted = state.halted.cause if state.halted else ""
    return RunInBrief(opened.run, begun, state.closed_at, state.outcome or "", halted, failed)
