"""The named points at which a crash is tried (engine section 12; WFS-10, ROL-06).

Each is a durable boundary: between two of them nothing outside and nothing on disk changes that a restart could
mistake. In real runs reaching one does nothing. `POINTS` says for every point where it lies and what is true there,
which is what the next engine has to find out by itself. The journal has points of its own, inside its transactions.
"""

from __future__ import annotations

from typing import Final

from gonogo.values import dataclass

BEFORE_INTENT: Final = "CP-01 before the intent"
LEASE_TAKEN: Final = "CP-02 lease taken, intent not committed"
INTENT_COMMITTED: Final = "CP-03 intent committed"
MOVE_INTENDED: Final = "CP-04 move intended"
MEASURED: Final = "CP-04 measured, not recorded"
JUDGED: Final = "CP-05 judged, not recorded"
COMMAND_RUNNING: Final = "CP-06 command running"
MOVED: Final = "CP-07 moved, not recorded"
RESULT_THERE: Final = "CP-08 result there, not recorded"
RESULT_OPEN: Final = "CP-09 result not committed"
RESULT_RECORDED: Final = "CP-10 result recorded"
RECORDED: Final = "CP-11 recorded"
NOT_SHOWN: Final = "CP-11 views not written"
LEASES_FREED: Final = "CP-12 leases freed, end not committed"
PACKAGE_BUILT: Final = "CP-12 package built, not recorded"
COPIED: Final = "CP-19 copied, nothing moved"
TAKEN_OVER: Final = "CP-13 taken over, still on the list"
FOUND_BY_SWEEP: Final = "CP-14 found by the sweep, nobody told"
REQUEST_WRITTEN: Final = "CP-16 request written, not recorded"
STATEMENT_VERIFIED: Final = "CP-16 verified, not recorded"
STATEMENT_RECORDED: Final = "CP-16 recorded, not answered"
PROBED: Final = "CP-17 probed, not recorded"
SAID: Final = "CP-18 said, not recorded"


@dataclass(frozen=True, slots=True)
class NamedPoint:
    """A point: its name as the code says it, the file that reaches it, and what is true there."""

    name: str
    where: str
    holds: str


POINTS: Final[tuple[NamedPoint, ...]] = (
    NamedPoint(BEFORE_INTENT, "engine/performing.py", "nothing is written about the act, and nothing of it was done"),
    NamedPoint(LEASE_TAKEN, "engine/performing.py", "lease, approval, intent stand in a transaction that is open"),
    NamedPoint("CP-02", "adapters/journals/transaction.py", "the row of the lease is written, its transaction is open"),
    NamedPoint(INTENT_COMMITTED, "engine/performing.py", "the intent is committed; no supervisor, no file of it"),
    NamedPoint(MOVE_INTENDED, "engine/performing.py", "the intent is committed; the proxy was not told yet"),
    NamedPoint(MEASURED, "engine/looking.py", "a measurement was taken; its outcome is not in the ledger"),
    NamedPoint(JUDGED, "engine/gating.py", "a gate was judged and its judgement stored; the ledger does not know"),
    NamedPoint(COMMAND_RUNNING, "engine/performing.py", "the supervisor has taken over; the command runs or has ended"),
    NamedPoint(MOVED, "engine/performing.py", "the proxy was told and read back; the ledger knows the intent only"),
    NamedPoint(RESULT_THERE, "engine/performing.py", "the result lies on disk; the ledger knows the intent only"),
    NamedPoint(RESULT_OPEN, "engine/performing.py", "the outcome stands in a transaction that is open"),
    NamedPoint(
        "CP-09", "adapters/journals/transaction.py", "a line and the new head are written, their transaction is open"
    ),
    NamedPoint(RESULT_RECORDED, "engine/performing.py", "the outcome of a command is committed; nothing follows yet"),
    NamedPoint(RECORDED, "engine/driver.py", "an event that follows from events is committed; nothing follows yet"),
    NamedPoint(NOT_SHOWN, "engine/writing.py", "evidence is recorded; the copies that people read are not written"),
    NamedPoint(LEASES_FREED, "engine/writing.py", "the end of the run and free leases stand in an open transaction"),
    NamedPoint(PACKAGE_BUILT, "engine/sealing.py", "a package was built and signed; nothing of it is recorded"),
    NamedPoint("CP-15", "adapters/journals/sqlite.py", "the tables of the journal are made, their transaction is open"),
    NamedPoint(
        "CP-19 backup written, tables not changed",
        "adapters/journals/upgrade.py",
        "the journal as it was lies beside it; the journal itself is the old one",
    ),
    NamedPoint(
        "CP-22 tables changed, not committed",
        "adapters/journals/upgrade.py",
        "the new tables stand in a transaction that is open; every chain was read",
    ),
    NamedPoint(
        "CP-15 in the database", "adapters/journals/postgres.py", "the tables are made, their transaction is open"
    ),
    NamedPoint(COPIED, "control/migrating.py", "the journal is in the database, too; it still counts where it was"),
    NamedPoint(TAKEN_OVER, "control/workers/working.py", "a dead worker's runs are told to others; it is still listed"),
    NamedPoint(FOUND_BY_SWEEP, "control/workers/working.py", "a run nobody looks at was found; nobody was told yet"),
    NamedPoint(REQUEST_WRITTEN, "engine/asking.py", "a request and what it names are stored; nobody was asked yet"),
    NamedPoint(STATEMENT_VERIFIED, "engine/accepting.py", "a signed statement was verified and stored, not recorded"),
    NamedPoint(STATEMENT_RECORDED, "engine/accepting.py", "a statement is recorded; the person was not told so"),
    NamedPoint(PROBED, "engine/settling.py", "the world was asked what became of an act; the answer is not recorded"),
    NamedPoint(SAID, "engine/announcing.py", "a message was handed out; it is not recorded"),
)
