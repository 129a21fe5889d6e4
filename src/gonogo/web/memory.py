"""What pages show, kept in memory and moved on by new ledger entries only: no page folds all journals anew.

Truth stays in the journal: this is a projection of it, built again at each start. Finished runs are listed from the log
of the site, which says all that the list shows; open runs are folded once and then entry by entry.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar, cast

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.viewing import StageView, halt_text, stages_of, status_of
from gonogo.engine.bench import World
from gonogo.engine.people import as_now
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.evidence.ledger import Entry
from gonogo.evidence.signers import PRODUCTION
from gonogo.plan.model import Plan
from gonogo.ports import SITE_LOG
from gonogo.reports.history import History, history_of
from gonogo.run.asking import able_people, standing
from gonogo.run.events import recorded
from gonogo.run.machine import decide
from gonogo.run.site import CLOSED, OPENED
from gonogo.run.state import Round
from gonogo.run.tracing import Traced, Weighed, traced
from gonogo.terms import RunId
from gonogo.values import dataclass
from gonogo.web.at_hand import held, work
from gonogo.web.proofs import ROLLBACK_REPORT, Proof, proof_of

T = TypeVar("T")
FRESH_S: Final = 0.25
"""A look at the journal is not repeated within this time, however many people look."""
LATE_S: Final = 1.0
"""So old may be what is shown while somebody looks."""
MOST_FINISHED: Final = 256
"""So many finished runs stay folded; the list of them needs none."""
BREATH_S: Final = 0.01
"""Between two runs that are folded beforehand, readers come first."""
TOLD_S: Final = 5.0
"""States that only time changes (a window that opens, a request that expires) are told this late at most."""
MOST_PROOFS: Final = 40
MOST_SAID: Final = 240


@dataclass(frozen=True, slots=True)
class Row:
    """A run in the list. `moved_at` is its last entry; `steps` is the strip of its stages, in order."""

    run: RunId
    protocol: str
    release: str
    environment: str
    requested_by: str
    opened_at: datetime
    status: str
    outcome: str = ""
    closed_at: datetime | None = None
    moved_at: datetime | None = None
    title: str = ""
    steps: tuple[StageView, ...] = ()
    waits: tuple[str, ...] = ()
    halt: str = ""
    """Why it halted, in a line."""
    next_step: str = ""
    able: frozenset[str] = frozenset()
    """Who could sign now what the run waits for, by handle."""

    @property
    def is_over(self) -> bool:
        """Whether it has an outcome."""
        return bool(self.outcome)


@dataclass(frozen=True, slots=True)
class Known:
    """A run that was folded, with the judge's evidence over time."""

    opened: Opened
    weighed: Mapping[str, tuple[Weighed, ...]]

    @property
    def seq(self) -> int:
        """The number of its last entry."""
        return self.opened.state.seq


class Memory:
    """The projection; usable from several threads. `listed` gives another mark where other people are listed."""

    def __init__(self, door: Door, listed: Callable[[], object]) -> None:
        self._door, self._listed = door, listed
        self._people: object = None
        self._guard = threading.RLock()
        self._looked = 0.0
        self._asked, self._answered = 1, 0
        self._counting = threading.Lock()
        self._looking = False
        self._heads: dict[RunId, int] = {}
        self._written = -1
        self._site: list[Entry] = []
        self._rows: dict[RunId, Row] = {}
        self._open: dict[RunId, Known] = {}
        self._finished: OrderedDict[RunId, Known] = OrderedDict()
        self._proofs: dict[RunId, Proof | None] = {}
        self._kinds: dict[str, int] = {}
        self._history: tuple[object, History] | None = None
        self._of_run: dict[tuple[RunId, str], tuple[object, object]] = {}
        self._derived: dict[str, tuple[tuple[Row, ...], object]] = {}
        self._told_at: tuple[int, float] = (-1, 0.0)
        self._teller, self._telling = threading.Lock(), False
        self._told_rows: tuple[Row, ...] = ()
        self._over: tuple[int, tuple[Row, ...]] = (-1, ())
        self._moved: set[RunId] = set()
        self.version = 0
        self.looks = 0
        self.folds = 0
        """How often all heads were read, and how many runs were folded from their first entry: what costs."""

    def refresh(self) -> None:
        """Look at the journal, if nobody did a moment ago, and take in what moved."""
        if not self._is_old():
            return
        work()
        with self._guard:
            if self._is_old():
                asked, self._looking = self._asked, True
                try:
                    self._take_in()
                finally:
                    self._looking = False
                # Asked for again while it looked, it looks again: what was asked for may have come too late for this.
                self._looked, self._answered = self._door.world.clock.monotonic(), asked

    def _is_old(self) -> bool:
        if self._asked != self._answered:
            return True
        # Who comes while somebody looks because it is time to, need not wait for that.
        lasts = LATE_S if self._looking else FRESH_S
        return self._door.world.clock.monotonic() - self._looked >= lasts

    def look_again(self) -> None:
        """Let the next page look at the journal, however young the last look is: somebody acted here just now."""
        with self._counting:
            self._asked += 1

    def rows(self) -> tuple[Row, ...]:
        """Every run, newest first."""
        self.refresh()
        with self._guard:
            return tuple(reversed(self._rows.values()))

    def over_open(self, name: str, make: Callable[[tuple[Row, ...]], T]) -> T:
        """What is worked out from the open runs, once for all who look until one of them moves."""
        rows = self.open_rows()
        known = self._derived.get(name)
        if known is None or known[0] is not rows:
            work()
            known = (rows, make(rows))
            self._derived[name] = known
        return cast("T", known[1])

    def finished(self) -> tuple[Row, ...]:
        """The runs that are over, newest first."""
        self.refresh()
        with held(self._guard):
            count = self._kinds.get(CLOSED, 0)
            if self._over[0] != count:
                work()
                self._over = (count, tuple(row for row in reversed(self._rows.values()) if row.is_over))
            return self._over[1]

    def open_rows(self) -> tuple[Row, ...]:
        """The runs that are not over, newest first, as they were told at most `TOLD_S` ago or at their last entry."""
        self.refresh()
        if not self._is_told():
            work()
            with self._teller:
                if not self._is_told():
                    self._tell()
        return self._told_rows

    def _is_told(self) -> bool:
        version, at = self._told_at
        # Who comes while they are told because it is time to, need not wait for that.
        lasts = TOLD_S + LATE_S if self._telling else TOLD_S
        return version == self.version and self._door.world.clock.monotonic() - at <= lasts

    def _tell(self) -> None:
        now = self._door.world.clock.monotonic()
        with self._guard:
            (before, at), version = self._told_at, self.version
            late = now - at > TOLD_S
            moved, self._moved = self._moved, set()
            rows = [row for row in self._rows.values() if not row.is_over]
        self._telling = before == version
        try:
            told = [self._told(row) if late or row.run in moved or not row.title else row for row in rows]
        finally:
            self._telling = False
        fresh = tuple(row for row in reversed(told) if not row.is_over)
        # What is worked out from the rows hangs on this very tuple: it stays where nothing is another.
        self._told_rows = self._told_rows if fresh == self._told_rows else fresh
        self._told_at = (version, now if late else at)

    def waiting_for(self, handle: str) -> int:
        """How many signatures of a person are waited for."""
        return self.over_open("waiting", lambda rows: Counter(able for row in rows for able in row.able))[handle]

    def of_run(self, run: RunId, name: str, make: Callable[[Known], T]) -> T:
        """What is worked out from one run and the people who are listed now; raises what `known` and `make` raise.

        Once for each of its entries, as long as the list of people is the same.
        """
        known = self.known(run)
        mark = (known.seq, self._people)
        found = self._of_run.get((run, name))
        if found is None or found[0] != mark:
            work()
            found = (mark, make(known))
            self._of_run[run, name] = found
        return cast("T", found[1])

    def site(self) -> Sequence[Entry]:
        """The log of the site, oldest first; a list that only grows and that nobody else changes."""
        self.refresh()
        return self._site

    def kinds(self) -> tuple[str, ...]:
        """The types of entries in the log of the site."""
        self.refresh()
        with held(self._guard):
            return tuple(sorted(self._kinds))

    def history(self) -> History:
        """The history that the log of the site tells, worked out again when a run began or ended."""
        now = self._door.world.clock.now()
        site = self.site()
        with held(self._guard):
            count = sum(self._kinds.get(kind, 0) for kind in (OPENED, CLOSED))
            mark = (count, now.date())
            if self._history is None or self._history[0] != mark:
                work()
                self._history = (mark, history_of(site, now))
            return self._history[1]

    def proofs(self) -> tuple[Proof, ...]:
        """The newest rollback rehearsals among the runs of pre-deployment that are under way or ended lately."""
        return self.over_open("proofs", lambda _rows: self._proved())

    def _proved(self) -> tuple[Proof, ...]:
        with self._guard:
            newest = [row for row in reversed(self._rows.values()) if row.environment != PRODUCTION][:MOST_PROOFS]
        return tuple(proof for row in newest if (proof := self._proof(row)) is not None)

    def _proof(self, row: Row) -> Proof | None:
        if row.is_over and row.run in self._proofs:
            return self._proofs[row.run]
        try:
            found = self.of_run(row.run, "proof", lambda known: self._sealed_proof(row, known))
        except GonogoError:
            # A run that cannot be read proves nothing; the list of releases names it.
            return None
        if row.is_over:
            self._proofs[row.run] = found
        return found

    def _sealed_proof(self, row: Row, known: Known) -> Proof | None:
        sealed = known.opened.state.evidence.get(ROLLBACK_REPORT)
        if sealed is None:
            return None
        body = read_object(self._door.world.vault.read(sealed.digest), name=ROLLBACK_REPORT)
        return proof_of(row.run, row.release, body, sealed.digest)

    def warm(self, going_on: Callable[[], bool]) -> None:
        """Fold what is looked at most, before anybody asks: all open runs, then the finished ones that ended last."""
        with suppress(GonogoError):
            self.open_rows()
            for row in self.finished()[:MOST_FINISHED]:
                if not going_on():
                    return
                with suppress(GonogoError):
                    # A run that cannot be read says so to whoever opens it.
                    self.known(row.run)
                time.sleep(BREATH_S)

    def head(self, run: RunId) -> int:
        """The number of the last entry of a run, as of the last look; -1 where there is no such run."""
        self.refresh()
        return self._heads.get(run, -1)

    def heads(self) -> Mapping[RunId, int]:
        """The number of the last entry of every log, as of the last look."""
        self.refresh()
        return self._heads

    def known(self, run: RunId) -> Known:
        """A run, folded up to its present end; BadInput where there is none."""
        self.refresh()
        found = self._open.get(run) or self._finished.get(run)
        if found is not None and found.seq >= self._heads.get(run, -1):
            with suppress(KeyError):
                self._finished.move_to_end(run)
            return found
        work()
        found = self._fold(run, found)
        with self._guard:
            self._keep(run, found)
        return found

    def _take_in(self) -> None:
        self._take_in_people()
        journal = self._door.world.journal
        written = journal.written()
        if written == self._written:
            return
        heads = dict(journal.heads())
        self.looks += 1
        if heads.get(SITE_LOG, -1) != self._heads.get(SITE_LOG, -1):
            self._read_site()
        for run, seq in heads.items():
            if run == SITE_LOG or seq == self._heads.get(run):
                continue
            self._moved.add(run)
            if run not in self._rows:
                self._rows[run] = self._from_its_own_log(run)
        self._heads = heads
        # Counted before the heads were read: an entry that came in between makes the next look read them again.
        self._written = written
        self.version += 1

    def _take_in_people(self) -> None:
        """Who was taken out of the approvers file is named by no list from now on: all open runs are told anew."""
        listed = self._listed()
        if listed != self._people:
            self._people = listed
            self._moved.update(run for run, row in self._rows.items() if not row.is_over)
            self.version += 1

    def _read_site(self) -> None:
        journal = self._door.world.journal
        fresh = journal.entries(SITE_LOG, self._site[-1].seq) if self._site else journal.site()
        self._site += fresh
        for entry in fresh:
            self._kinds[entry.type] = self._kinds.get(entry.type, 0) + 1
            run = RunId(str(entry.data.get("run", "")))
            if entry.type == OPENED:
                self._rows[run] = _opened_row(run, entry)
            elif entry.type == CLOSED and run in self._rows:
                outcome = str(entry.data.get("outcome", ""))
                self._rows[run] = replace(
                    self._rows[run],
                    status=outcome,
                    outcome=outcome,
                    closed_at=entry.ts,
                    moved_at=entry.ts,
                    waits=(),
                    halt="",
                    next_step="",
                )
                self._end(run)

    def _end(self, run: RunId) -> None:
        """A run is over: its fold, as far as it is, goes on from there when somebody looks."""
        self._of_run = {key: found for key, found in self._of_run.items() if key[0] != run}
        known = self._open.pop(run, None)
        if known is not None:
            self._keep_finished(run, known)

    def _from_its_own_log(self, run: RunId) -> Row:
        """A run that the log of the site does not name; `gonogo audit` says so, too."""
        try:
            first = self._door.world.journal.entries(run)[0]
        except (GonogoError, IndexError):
            return Row(run, "", "", "", "", self._door.world.clock.now(), "unusable")
        return _opened_row(run, first)

    def _told(self, row: Row) -> Row:
        """The row of an open run with its state now: read from its fold, which goes on where entries came in."""
        try:
            opened = self.known(row.run).opened
            found = row_of(self._door.world, opened, row)
        except GonogoError as error:
            # A run that cannot be read must not hide the others.
            return replace(row, status=f"unusable: {error.what}", next_step=error.next_step or "")
        with self._guard:
            # It may have ended since: what the log of the site said of that stays.
            if self._rows.get(row.run) is row:
                self._rows[row.run] = found
            return self._rows.get(row.run, found)

    def _fold(self, run: RunId, before: Known | None) -> Known:
        if before is None:
            self.folds += 1
            entries = self._door.world.journal.entries(run)
            plan = self._door.plan_of(run, entries)
            trace = traced(plan, (recorded(entry) for entry in entries))
            return Known(Opened(run, plan, trace.state, entries), trace.weighed)
        fresh = self._door.world.journal.entries(run, before.seq)
        trace = Traced(before.opened.state, before.weighed)
        found = traced(before.opened.plan, (recorded(entry) for entry in fresh), trace)
        opened = replace(before.opened, state=found.state, entries=(*before.opened.entries, *fresh))
        return Known(opened, found.weighed)

    def _keep(self, run: RunId, found: Known) -> None:
        if not found.opened.state.outcome:
            self._open[run] = found
            return
        self._open.pop(run, None)
        self._keep_finished(run, found)

    def _keep_finished(self, run: RunId, found: Known) -> None:
        self._finished[run] = found
        self._finished.move_to_end(run)
        while len(self._finished) > MOST_FINISHED:
            self._finished.popitem(last=False)


def _opened_row(run: RunId, entry: Entry) -> Row:
    said = {name: str(value) for name, value in entry.data.items()}
    return Row(
        run=run,
        protocol=said.get("protocol", ""),
        release=said.get("version", ""),
        environment=said.get("environment", ""),
        requested_by=said.get("requested_by", ""),
        opened_at=entry.ts,
        status="open",
        moved_at=entry.ts,
    )


def row_of(world: World, opened: Opened, row: Row) -> Row:
    """The row of a run as it is now."""
    plan, state = opened.plan, opened.state
    status, following = status_of(opened.run, decide(plan, state, world.clock.now()))
    rounds = tuple(as_now(world, plan, asked) for asked in waiting_rounds(opened))
    waits = tuple(_missing(*each) for each in rounds)
    able = frozenset(handle for each in rounds for handle in able_people(*each))
    return replace(
        row,
        title=plan.title,
        status=status,
        outcome=state.outcome,
        moved_at=state.at,
        steps=stages_of(opened),
        waits=waits,
        halt=" ".join(halt_text(world, opened).split())[:MOST_SAID],
        next_step=following,
        able=able,
    )


def waiting_rounds(opened: Opened) -> Iterator[Round]:
    """The open rounds that lack a signature without which the run does not go on."""
    for asked in opened.state.rounds.values():
        own = asked.point in {"resume", "dissent"} or asked.kind == "signoff"
        if asked.status == "open" and not own and not standing(opened.plan, asked).met:
            yield asked


def _missing(plan: Plan, asked: Round) -> str:
    missing = ", ".join(standing(plan, asked).missing)
    return f"{asked.point.replace('_', ' ')}: {missing}" if missing else asked.point.replace("_", " ")
