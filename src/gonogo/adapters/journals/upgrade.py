"""Bringing the tables of an older journal to those of now: tried on a copy first, and never without a backup.

Events are never touched: a step only adds to what is there, so every chain is the same before and after. Nothing of the
journal changes where anything goes wrong; the backup is a file of its own beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gonogo.adapters.durable import sync_folder
from gonogo.adapters.journals import schema
from gonogo.adapters.journals.schema import SCHEMA, STEPS
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence.ledger import check_chain
from gonogo.ports import CrashPoint
from gonogo.values import dataclass

FIRST: Final = 1
_LINES: Final = "select cast(line as blob) from gonogo_event where run = ? order by seq"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What was found and done. `backup` is None in a trial and where there was nothing to do."""

    path: Path
    found: int
    wanted: int
    statements: tuple[str, ...]
    ledgers: int
    events: int
    backup: Path | None


def tried(path: Path, wait: float) -> Upgrade:
    """Upgrade a copy, and read every ledger of it afterwards. Raises Broken, Refused, BadInput; the file stays."""
    with TemporaryDirectory(prefix="gonogo-upgrade-") as folder:
        copy = Path(folder) / path.name
        with _raw(path, wait) as opened:
            found = _version(opened, path)
            _copied(opened, copy)
        with _raw(copy, wait) as opened:
            ledgers, events = _upgraded(opened, copy, found, lambda _point: None)
    return Upgrade(path, found, SCHEMA, _statements(found), ledgers, events, None)


def upgraded(path: Path, wait: float, crash: CrashPoint) -> Upgrade:
    """Upgrade the journal; a copy of it as it was lies beside it. Raises Broken, Refused, BadInput.

    It can be killed at any time and done again: the tables change in one transaction, after the backup is whole.
    """
    trial = tried(path, wait)
    if trial.found == SCHEMA:
        return trial
    backup = path.with_name(f"{path.stem}-tables-{trial.found}.db")
    with schema.alone(path.parent), _raw(path, wait) as opened:
        if not backup.exists():
            part = backup.with_name(f".{backup.name}.new")
            part.unlink(missing_ok=True)
            _copied(opened, part)
            part.rename(backup)
            sync_folder(path.parent)
        crash("CP-19 backup written, tables not changed")
        ledgers, events = _upgraded(opened, path, trial.found, crash)
    return Upgrade(path, trial.found, SCHEMA, trial.statements, ledgers, events, backup)


def _statements(found: int) -> tuple[str, ...]:
    return tuple(statement for step in STEPS[found:] for statement in step)


@contextmanager
def _raw(path: Path, wait: float) -> Iterator[sqlite3.Connection]:
    """A connection that does not mind how old the tables are."""
    if not path.exists():
        raise BadInput("there is no journal here", where=str(path), next_step="the first run makes one")
    try:
        with closing(sqlite3.connect(path, timeout=wait, isolation_level=None)) as opened:
            opened.execute("pragma synchronous = full")
            yield opened
    except sqlite3.Error as error:
        raise schema.explained(error, path) from error


def _version(opened: sqlite3.Connection, path: Path) -> int:
    version = int(opened.execute("pragma user_version").fetchone()[0])
    application = opened.execute("pragma application_id").fetchone()[0]
    if application != schema.APPLICATION or version < FIRST:
        raise Broken("this is no journal of gonogo", where=str(path), next_step="name another file as journal")
    if version > SCHEMA:
        raise Refused(
            f"a newer gonogo wrote this journal (tables {version}, this one knows {SCHEMA})",
            where=str(path),
            next_step="install the newer gonogo; there is no way back but the backup that it made",
        )
    return version


def _copied(opened: sqlite3.Connection, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(sqlite3.connect(target)) as copy:
        opened.backup(copy)
        state = copy.execute("pragma integrity_check").fetchone()[0]
    if state != "ok":
        raise Broken(
            f"the copy is not sound: {state}", where=str(target), next_step="look at the disk; nothing changed"
        )


def _upgraded(opened: sqlite3.Connection, path: Path, found: int, crash: CrashPoint) -> tuple[int, int]:
    """Take the steps that are missing, in one transaction that is committed only if every chain still holds."""
    with schema.immediate(opened):
        if _version(opened, path) == found < SCHEMA:
            schema.take_steps(opened, found)
        counted = _checked(opened, path)
        crash("CP-22 tables changed, not committed")
    return counted


def _checked(opened: sqlite3.Connection, path: Path) -> tuple[int, int]:
    ledgers, events = 0, 0
    for run, seq in opened.execute("select run, seq from gonogo_head").fetchall():
        rows = opened.execute(_LINES, (run,)).fetchall()
        wrong = check_chain(row[0] for row in rows)
        if wrong or len(rows) != seq + 1:
            what = wrong[0] if wrong else f"{seq + 1} events should be there, {len(rows)} are"
            raise Broken(f"the ledger of {run} is not whole: {what}", where=str(path), next_step="restore it first")
        ledgers, events = ledgers + 1, events + len(rows)
    return ledgers, events
