"""Leases of environments, the line before each, and remembered standings, on a connection to the journal (EXE-05).

Each function is one or two statements inside whatever transaction its caller has begun.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, Protocol

from gonogo.evidence.ledger import read_entry, time_of, time_text
from gonogo.ports import Lease
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import RunId
from gonogo.values import dataclass


class Answered(Protocol):
    """What a statement gives back."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchone(self) -> Any:  # noqa: ANN401 - a row as the driver gives it
        """The next row."""

    def fetchall(self) -> Sequence[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """The rows, one by one."""


class Rows(Protocol):
    """A connection inside a transaction: of `sqlite3`, or one of PostgreSQL that is spoken to in the same way."""

    def execute(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = (), /) -> Answered:
        """Run one statement, with `?` or `:name` for values."""


_NEW: Final = "insert into gonogo_lease (env, fence, run, hold) values (?, 0, null, null) on conflict do nothing"
_COLUMNS: Final = (
    "select l.env, l.fence, l.run, l.hold, l.owner, l.reason, l.since, e.line from gonogo_lease l"
    " left join gonogo_head h on h.run = l.run left join gonogo_event e on e.run = h.run and e.seq = h.seq"
)
_TAKE: Final = (
    "update gonogo_lease set fence = fence + 1, owner = :owner, reason = :reason,"
    " since = case when run = :run then since else :now end, run = :run"
    " where env = :env and (hold is null or :past_hold) and (run is null or run = :run)"
)
_HOLD: Final = "select hold from gonogo_lease where env = ?"
_IN_LINE: Final = "select env, run, priority, since from gonogo_wait where env = ? order by priority desc, since, run"

_FIRST_OF: Final = (
    "select env, run, priority, since from gonogo_wait where env = any(?) order by priority desc, since, run limit ?"
)


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes a lease: the run, the actor that acts for it, what for, when, and whether a hold does not count."""

    run: RunId
    owner: str
    reason: str
    now: str
    past_hold: bool


def lease_of(opened: Rows, environment: str) -> Lease:
    """The lease of an environment; fence 0 where nobody ever held it."""
    row = opened.execute(f"{_COLUMNS} where l.env = ?", (environment,)).fetchone()
    return Lease(environment, 0, None, None) if row is None else _lease(row)


def all_leases(opened: Rows) -> tuple[Lease, ...]:
    """All leases, by environment."""
    return tuple(_lease(row) for row in opened.execute(f"{_COLUMNS} order by l.env"))


def _lease(row: tuple[str, int, str | None, str | None, str, str, str | None, bytes | None]) -> Lease:
    environment, fence, run, hold, owner, reason, since, line = row
    if run is None:
        return Lease(environment, int(fence), None, hold)
    began = None if since is None else time_of(since)
    beat = None if line is None else read_entry(bytes(line)).ts
    return Lease(environment, int(fence), RunId(run), hold, owner, reason, began, beat)


def take(opened: Rows, environment: str, taker: Taker) -> bool:
    """Take or keep a lease with a higher fence, and leave its line; whether that could be."""
    opened.execute(_NEW, (environment,))
    taken = opened.execute(_TAKE, {**asdict(taker), "env": environment})
    if taken.rowcount:
        opened.execute("delete from gonogo_wait where env = ? and run = ?", (environment, taker.run))
    return bool(taken.rowcount)


def free(opened: Rows, environment: str, run: RunId) -> RunId | None:
    """Give a lease back; who is first in line then. None where another run holds it."""
    opened.execute("delete from gonogo_wait where env = ? and run = ?", (environment, run))
    freed = opened.execute(
        "update gonogo_lease set run = null, owner = '', reason = '', since = null where env = ? and run = ?",
        (environment, run),
    )
    row = opened.execute(_IN_LINE, (environment,)).fetchone() if freed.rowcount else None
    return None if row is None else RunId(row[1])


def hold(opened: Rows, environment: str, reason: str | None) -> None:
    """Put an environment on hold, or lift that."""
    opened.execute(_NEW, (environment,))
    opened.execute("update gonogo_lease set hold = ? where env = ?", (reason, environment))


def held_by_table(opened: Rows, environment: str, locking: str) -> str | None:
    """Why an environment is on hold by its row, which nobody else changes before this transaction has ended."""
    opened.execute(_NEW, (environment,))
    row = opened.execute(_HOLD + locking, (environment,)).fetchone()
    return None if row[0] is None else str(row[0])


def wait(opened: Rows, waiter: Waiter) -> None:
    """Stand in line; a place that is there is kept, with the new priority."""
    opened.execute(
        "insert into gonogo_wait (env, run, priority, since) values (?, ?, ?, ?)"
        " on conflict (env, run) do update set priority = excluded.priority",
        (waiter.environment, waiter.run, waiter.priority, time_text(waiter.since)),
    )


def stands_in_line(opened: Rows, run: RunId) -> bool:
    """Whether a run stands in any line."""
    return opened.execute("select 1 from gonogo_wait where run = ?", (run,)).fetchone() is not None


def leave(opened: Rows, run: RunId, environment: str) -> None:
    """Leave the line for an environment; every line where none is named."""
    opened.execute("delete from gonogo_wait where run = ? and (env = ? or ? = '')", (run, environment, environment))


def waiting(opened: Rows, environment: str) -> tuple[Waiter, ...]:
    """Who stands in line, first first."""
    rows = opened.execute(_IN_LINE, (environment,))
    return tuple(Waiter(env, RunId(run), int(priority), time_of(since)) for env, run, priority, since in rows)


def first_of(opened: Rows, names: Sequence[str], most: int | None) -> tuple[Waiter, ...]:
    """The first `most` (None: all) of several lines together, as if they were one; PostgreSQL only."""
    rows = opened.execute(_FIRST_OF, (list(names), most))
    return tuple(Waiter(env, RunId(run), int(priority), time_of(since)) for env, run, priority, since in rows)


def leave_lines(opened: Rows, run: RunId, beginning: str) -> None:
    """Leave every line whose name begins so; PostgreSQL only."""
    opened.execute("delete from gonogo_wait where run = ? and starts_with(env, ?)", (run, beginning))


def keep_standing(opened: Rows, standing: Standing) -> None:
    """Remember where a run stands, unless something newer is known."""
    fields = asdict(standing)
    fields["opened_at"] = time_text(standing.opened_at)
    fields["due"] = None if standing.due is None else time_text(standing.due)
    opened.execute(
        "insert into gonogo_standing (run, seq, line) values (?, ?, ?) on conflict (run) do update"
        " set seq = excluded.seq, line = excluded.line where excluded.seq >= gonogo_standing.seq",
        (standing.run, standing.seq, json.dumps(fields)),
    )


def standings(opened: Rows) -> tuple[Standing, ...]:
    """What is remembered and holds still: no event has come since."""
    query = (
        "select s.line from gonogo_standing s join gonogo_head h on h.run = s.run and h.seq = s.seq order by h.rowid"
    )
    return tuple(_standing(row[0]) for row in opened.execute(query))


def _standing(line: str) -> Standing:
    fields = json.loads(line)
    due: str | None = fields.pop("due")
    opened_at: datetime = time_of(fields.pop("opened_at"))
    return Standing(**fields, opened_at=opened_at, due=None if due is None else time_of(due))
