"""What is wrong, or will be, with the state of a project: clock, database, plans, leases, orphans, stalled runs.

Only looks. Each finding has a remedy; nothing here is repaired unasked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gonogo.adapters.commands import folder_name
from gonogo.control.door import Door
from gonogo.control.examining import Examined
from gonogo.control.opening import Opened
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_text
from gonogo.reports.anomalies import SILENCE
from gonogo.run.machine import AwaitPeople, Over, Parked, WaitUntil, decide
from gonogo.run.site import stops_on_record
from gonogo.terms import RunId

AHEAD: Final = timedelta(seconds=5)
"""So far the clock may stand behind the last entry of a log."""
NEWEST: Final = 200
"""So many runs are looked at one by one."""


def state_examined(door: Door) -> tuple[Examined, ...]:
    """Everything about the state, in a fixed order; nothing where there is no journal yet.

    Of a shared database the same is said, but for its files: those are the business of its server.
    """
    state = door.workspace.root / STATE_FOLDER
    shared = door.store.shared if door.store is not None else None
    if shared is None and not (state / "journal.db").exists():
        return ()
    runs = door.runs()
    loaded, refused = _loaded(door, runs[-NEWEST:])
    return (
        _clock(door, loaded),
        *(() if shared is not None else (_database(state / "journal.db"),)),
        _plans(refused),
        *_leases(door, workers=bool(shared and shared.alive())),
        _orphans(state / "effects", runs),
        *_stalled(door, loaded),
    )


def _loaded(door: Door, runs: tuple[RunId, ...]) -> tuple[list[Opened], list[tuple[RunId, GonogoError]]]:
    loaded, refused = [], []
    for run in runs:
        try:
            loaded.append(door.load(run))
        except GonogoError as error:
            refused.append((run, error))
    return loaded, refused


def _clock(door: Door, loaded: list[Opened]) -> Examined:
    now = door.world.clock.now()
    newest: datetime = max((opened.entries[-1].ts for opened in loaded), default=now)
    ok = newest - now <= AHEAD
    words = f"{time_text(now)}" if ok else f"{time_text(now)}, but the newest entry of a log is of {time_text(newest)}"
    remedy = "" if ok else "set the clock (chrony, systemd-timesyncd): nothing is recorded before it has caught up"
    return Examined("clock", ok, needed=True, detail=words, remedy=remedy)


def _database(path: Path) -> Examined:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5.0)) as opened:
            said = str(opened.execute("pragma quick_check(1)").fetchone()[0])
            mode = str(opened.execute("pragma journal_mode").fetchone()[0])
    except sqlite3.Error as error:
        said, mode = str(error), "?"
    ok = said == "ok" and mode == "wal"
    remedy = "" if ok else "copy the folder .gonogo away first; then restore the journal from a backup"
    return Examined("database", ok, needed=True, detail=f"{said}, journal mode {mode}", remedy=remedy)


def _plans(refused: list[tuple[RunId, GonogoError]]) -> Examined:
    if not refused:
        return Examined("plans", ok=True, needed=False, detail="every run can be followed by this version")
    run, error = refused[0]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return Examined("plans", ok=False, needed=False, detail=f"{run}: {error.what}{more}", remedy=error.next_step)


def _leases(door: Door, *, workers: bool) -> Iterator[Examined]:
    stops = stops_on_record(door.world.journal.site())
    for lease in door.world.journal.leases():
        stop = stops.get(lease.environment)
        if (None if stop is None else stop.data.get("reason")) != lease.hold:
            detail = f"{lease.environment}: the log of the site and the table of leases differ on whether it is stopped"
            remedy = (
                f"somebody changed the journal by hand; nothing begins there before you say what holds: "
                f"gonogo lock hold {lease.environment} --reason TEXT, or gonogo lock lift {lease.environment}"
            )
            yield Examined("stop", ok=False, needed=True, detail=detail, remedy=remedy)
        elif lease.hold is not None:
            detail = f"{lease.environment} is stopped for everybody: {lease.hold}"
            remedy = f"when its reason is gone: gonogo lock lift {lease.environment}"
            yield Examined("stop", ok=False, needed=False, detail=detail, remedy=remedy)
        if lease.run is not None and not workers and not door.is_driven(lease.run):
            detail = f"{lease.run} holds {lease.environment}, and no engine drives it"
            remedy = f"gonogo status {lease.run}; then gonogo resume {lease.run}, or gonogo abort {lease.run}"
            yield Examined("lease", ok=False, needed=False, detail=detail, remedy=remedy)


def _orphans(effects: Path, runs: tuple[RunId, ...]) -> Examined:
    known = {folder_name(run) for run in runs}
    folders = [path.name for path in effects.iterdir() if path.is_dir()] if effects.is_dir() else []
    found = sorted(name for name in folders if name not in known)
    if not found:
        return Examined("orphans", ok=True, needed=False, detail="every folder of commands belongs to a run")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    detail = f"{effects / found[0]} belongs to no run of this journal{more}"
    remedy = "was the journal restored from an older backup, or the folder copied? Look before you delete it"
    return Examined("orphans", ok=False, needed=False, detail=detail, remedy=remedy)


def _stalled(door: Door, loaded: list[Opened]) -> Iterator[Examined]:
    now = door.world.clock.now()
    for opened in loaded:
        act = decide(opened.plan, opened.state, now)
        waits = isinstance(act, Over | Parked | AwaitPeople) or (isinstance(act, WaitUntil) and act.moment > now)
        if waits or now - opened.entries[-1].ts <= SILENCE or door.is_driven(opened.run):
            continue
        detail = f"{opened.run} has something to do, and nothing has happened since {time_text(opened.entries[-1].ts)}"
        yield Examined("stalled", ok=False, needed=False, detail=detail, remedy=f"gonogo resume {opened.run}")
