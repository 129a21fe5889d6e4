"""A list of runs without loading any: remembered standings straight from the journal's file, newest run first.

Made for a glance among ten thousand runs: it imports next to nothing and changes nothing. What it does not know for
certain it says, and whoever asks then loads those runs.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,200}")
_LISTED = (
    "select h.run, h.seq, s.seq, s.line from gonogo_head h left join gonogo_standing s on s.run = h.run"
    " where h.run <> '@site' order by h.rowid desc limit ?"
)
# Counting all rows takes the index alone; a condition on each of ten thousand takes thirty times as long.
_COUNTED = "select (select count(*) from gonogo_head) - (select count(*) from gonogo_head where run = '@site')"
WHERE = 5
"""The column of `/proc/locks` that names device and inode."""


class Glance:
    """A run in a list. `known` is false where something happened since it was looked at, and no engine drives it.

    Written out: what makes classes of values costs more to import than the whole list costs to read.
    """

    __slots__ = ("following", "known", "opened_at", "release", "run", "status")

    def __init__(self, run: str, release: str, status: str, opened_at: str, following: str, *, known: bool) -> None:
        self.run = run
        self.release = release
        self.status = status
        self.opened_at = opened_at
        self.following = following
        self.known = known


def glanced(state: Path, most: int, now: datetime) -> tuple[tuple[Glance, ...], int] | None:
    """The newest `most` runs of the folder `state`, and how many there are; None where this cannot be read so."""
    path = state / "journal.db"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)) as opened:
            if opened.execute("pragma user_version").fetchone()[0] < 2:
                return None
            rows = opened.execute(_LISTED, (most,)).fetchall()
            count = opened.execute(_COUNTED).fetchone()[0]
    except sqlite3.Error:
        # Whoever opens the journal in earnest says what is wrong with it.
        return None
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    locked = _locked_inodes()
    return tuple(_glance(state, row, moment, locked) for row in rows), int(count)


def _glance(state: Path, row: tuple[str, int, int | None, str | None], now: str, locked: frozenset[str]) -> Glance:
    run, head, seen, line = row
    said = json.loads(line) if line is not None else {}
    release, opened_at = str(said.get("release", "")), str(said.get("opened_at", ""))
    if _is_driven(state, run, locked):
        status = str(said.get("status", "")) if seen == head else ""
        waits = status.startswith("waiting")
        return Glance(run, release, status if waits else "running", opened_at, "", known=said != {})
    if seen != head:
        return Glance(run, release, "", opened_at, "", known=False)
    due = said.get("due")
    if isinstance(due, str) and due <= now:
        return Glance(run, release, f"{said['status']}; due since {due}", opened_at, f"gonogo resume {run}", known=True)
    return Glance(run, release, str(said["status"]), opened_at, str(said["following"]), known=True)


def _is_driven(state: Path, run: str, locked: frozenset[str]) -> bool:
    if not locked or not _PLAIN.fullmatch(run):
        return False
    try:
        return str((state / "runs" / run / "engine.lock").stat().st_ino) in locked
    except OSError:
        return False


def _locked_inodes() -> frozenset[str]:
    return frozenset(_flocked())


def _flocked() -> Iterator[str]:
    try:
        listed = Path("/proc/locks").read_text("ascii", errors="replace")
    except OSError:
        return
    for line in listed.splitlines():
        fields = line.split()
        if len(fields) > WHERE and fields[1] == "FLOCK":
            yield fields[WHERE].rpartition(":")[2]
