"""Copying a whole journal from one database to another, bytes and digests unchanged, and comparing two of them.

Ledgers, fences, stops and lines are copied; what is remembered for lists is made anew by whoever looks.
"""

from __future__ import annotations

import hashlib
from typing import Final

from gonogo.adapters.journals.leases import Rows
from gonogo.values import dataclass

_TABLES: Final = (
    ("gonogo_head", "run, seq, hash", "rowid"),
    ("gonogo_event", "run, seq, line", "run, seq"),
    ("gonogo_lease", "env, fence, run, hold, owner, reason, since", "env"),
    ("gonogo_wait", "env, run, priority, since", "env, run"),
)
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Holding:
    """What a journal holds: so many runs (the log of the site is one more) and events, and one digest over all heads.

    A head is the digest of a chain's last line, so that two journals of one digest hold the same lines in every ledger.
    """

    runs: int
    events: int
    digest: str
    held: tuple[tuple[str, str], ...]
    """Environments that runs hold, each with its run."""


def holding_of(rows: Rows) -> Holding:
    """What a journal holds."""
    heads = rows.execute("select run, seq, hash from gonogo_head order by run").fetchall()
    told = "".join(f"{run} {seq} {digest}\n" for run, seq, digest in sorted(tuple(row) for row in heads))
    held = rows.execute("select env, run from gonogo_lease where run is not null order by env").fetchall()
    return Holding(
        sum(1 for row in heads if row[0] != "@site"),
        sum(int(row[1]) + 1 for row in heads),
        hashlib.sha256(told.encode()).hexdigest(),
        tuple((str(row[0]), str(row[1])) for row in held),
    )


def copy(source: Rows, target: Rows) -> None:
    """Copy everything into empty tables, inside transactions that the caller begins and ends."""
    for table, columns, order in _TABLES:
        places = ", ".join("?" for _ in columns.split(","))
        offset = 0
        while True:
            query = f"select {columns} from {table} order by {order} limit {_PAGE} offset {offset}"  # noqa: S608 - constants
            page = source.execute(query).fetchall()
            for row in page:
                target.execute(f"insert into {table} ({columns}) values ({places})", tuple(row))  # noqa: S608 - constants
            if len(page) < _PAGE:
                break
            offset += _PAGE
