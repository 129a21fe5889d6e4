"""The tables of the journal, and how its SQLite file is opened so that nothing committed is ever lost (WFS-10)."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gonogo.adapters.durable import disk_error, make_folder, sync_folder
from gonogo.adapters.mounts import refuse_remote
from gonogo.errors import Broken, Busy, GonogoError, NotStored, Refused

SCHEMA: Final = 2
"""Version of the tables below; a file with a higher one was written by a newer gonogo, one with a lower is upgraded."""

APPLICATION: Final = 0x676F6E6F
"""`gono`: marks the file, so that a foreign database is never written to."""

STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "create table gonogo_head (run text primary key, seq integer not null, hash text not null)",
        "create table gonogo_event (run text not null, seq integer not null, line blob not null,"
        " primary key (run, seq))",
        "create table gonogo_lease (env text primary key, fence integer not null, run text, hold text)",
        "create trigger gonogo_event_kept before delete on gonogo_event begin select raise(abort, 'events stay'); end",
        "create trigger gonogo_event_fixed before update on gonogo_event begin select raise(abort, 'events stay'); end",
    ),
    (
        "alter table gonogo_lease add column owner text not null default ''",
        "alter table gonogo_lease add column reason text not null default ''",
        "alter table gonogo_lease add column since text",
        "create table gonogo_wait (env text not null, run text not null, priority integer not null,"
        " since text not null, primary key (env, run))",
        "create table gonogo_standing (run text primary key, seq integer not null, line text not null)",
    ),
)
"""What each version of the tables adds to the one before: a new journal takes all steps, an older one what it lacks."""

_REASONS: Final[tuple[tuple[str, type[GonogoError], str, str], ...]] = (
    ("SQLITE_FULL", NotStored, "the disk is full; nothing of this change was recorded", "free space, then try again"),
    ("SQLITE_BUSY", Busy, "another process has been writing to the journal for too long", "wait, then try again"),
    (
        "SQLITE_READONLY",
        NotStored,
        "the journal cannot be written",
        "give gonogo's user write access to file and folder",
    ),
    ("SQLITE_CANTOPEN", Broken, "the journal cannot be opened", "give gonogo's user access to file and folder"),
    ("SQLITE_NOTADB", Broken, "this is not a journal of gonogo", "restore it from a backup; do not delete it"),
    ("SQLITE_CORRUPT", Broken, "the journal is damaged", "restore it from a backup; compare with an exported log"),
    ("SQLITE_IOERR_SHM", NotStored, "the journal needs room: the disk is full or read-only", "free space, try again"),
    ("SQLITE_IOERR", NotStored, "the disk reports an error", "check the disk before anything else; delete nothing"),
)


class Outdated(Broken):
    """The tables of the journal are those of an older gonogo; nothing is lost, and nobody changes them unasked."""


def explained(error: sqlite3.Error, path: Path) -> GonogoError:
    """What an error of SQLite means for people, with the place and the remedy."""
    name = str(getattr(error, "sqlite_errorname", ""))
    for prefix, kind, what, advice in _REASONS:
        if name.startswith(prefix):
            return kind(what, where=str(path), next_step=advice)
    return Broken(f"the journal does not work: {error}", where=str(path), next_step="look at the file and its folder")


def connect(path: Path, wait: float) -> sqlite3.Connection:
    """A connection to the existing file `path`, write-ahead log checked; `wait` is the busy timeout in seconds.

    Raises sqlite3.Error, Broken for a foreign or newer file, Refused for one that others may write.
    """
    _check_file(path)
    address = f"file:{quote(str(path))}?mode=rw"
    opened = sqlite3.connect(address, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)
    try:
        _check_schema(opened, path)
        for pragma in ("synchronous = full", "fullfsync = on", "checkpoint_fullfsync = on"):
            opened.execute(f"pragma {pragma}")
        mode = str(_one(opened, "pragma journal_mode"))
        if mode != "wal" and not is_empty(opened):
            mode = str(_one(opened, "pragma journal_mode = wal"))
            _demand_wal(mode, path)
    except (sqlite3.Error, GonogoError):
        opened.close()
        raise
    return opened


def is_empty(opened: sqlite3.Connection) -> bool:
    """Whether the file has no tables yet: its making was interrupted, and nothing was ever recorded in it."""
    return _one(opened, "pragma user_version") == 0


def create(path: Path, wait: float, before_commit: Callable[[], None]) -> None:
    """Make the file with its tables where they are missing, whole or not at all; safe beside others that do the same.

    Raises Broken, Refused for a network file system, sqlite3.Error.
    """
    make_folder(path.parent)
    refuse_remote(path.parent)
    with alone(path.parent):
        if not path.exists():
            _make_file(path)
        opened = connect(path, wait)
        try:
            if is_empty(opened):
                _demand_wal(str(_one(opened, "pragma journal_mode = wal")), path)
                _make_tables(opened, before_commit)
        finally:
            opened.close()


def take_steps(opened: sqlite3.Connection, version: int) -> None:
    """Bring tables of `version` (0: none) to those of now, inside a transaction that the caller commits."""
    for statement in (each for step in STEPS[version:] for each in step):
        opened.execute(statement)
    opened.execute(f"pragma application_id = {APPLICATION}")
    opened.execute(f"pragma user_version = {SCHEMA}")


def _make_tables(opened: sqlite3.Connection, before_commit: Callable[[], None]) -> None:
    with immediate(opened):
        take_steps(opened, 0)
        before_commit()


@contextmanager
def immediate(opened: sqlite3.Connection) -> Iterator[None]:
    """A transaction that has the write lock from its beginning; rolled back by any exception."""
    # A transaction that reads first is none until it writes: the write lock is taken before anything is looked at.
    opened.execute("begin immediate")
    try:
        yield
        opened.execute("commit")
    except BaseException:
        if opened.in_transaction:
            opened.execute("rollback")
        raise


def _make_file(path: Path) -> None:
    try:
        folder = path.parent.stat()
        if folder.st_uid == os.geteuid() and folder.st_mode & 0o077:
            path.parent.chmod(0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(error, "cannot make the journal", path) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While the block lasts, nobody else makes or changes the tables of a journal in `folder`."""
    # Switching to the write-ahead log answers "locked" at once, without waiting, when two processes do it together.
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise disk_error(error, "cannot open the folder of the journal", folder) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_file(path: Path) -> None:
    try:
        seen = path.stat(follow_symlinks=False)
    except OSError as error:
        raise disk_error(error, "cannot read the journal", path) from error
    if not stat.S_ISREG(seen.st_mode):
        raise Refused("the journal is not a regular file", where=str(path), next_step="put the real file there")
    if seen.st_mode & 0o022:
        raise Refused(
            f"others may write to the journal (mode {stat.S_IMODE(seen.st_mode):04o})",
            where=str(path),
            next_step=f"look who changed it, then: chmod 600 {path}",
        )


def _check_schema(opened: sqlite3.Connection, path: Path) -> None:
    version, application = _one(opened, "pragma user_version"), _one(opened, "pragma application_id")
    tables = _one(opened, "select count(*) from sqlite_master")
    if (version, application, tables) == (0, 0, 0):
        return
    if application != APPLICATION or not isinstance(version, int) or version < 1:
        raise Broken("this is a database of another program", where=str(path), next_step="name another file as journal")
    if version > SCHEMA:
        raise Broken(
            f"a newer gonogo wrote this journal (tables {version}, this one knows {SCHEMA})",
            where=str(path),
            next_step="install the newer gonogo; an older one cannot go on with it",
        )
    if version < SCHEMA:
        raise Outdated(
            f"an older gonogo wrote this journal (tables {version}, this one works with {SCHEMA})",
            where=str(path),
            next_step="gonogo upgrade --dry-run tries it on a copy; gonogo upgrade does it and keeps a backup",
        )


def _demand_wal(mode: str, path: Path) -> None:
    if mode != "wal":
        raise Broken(
            f"SQLite keeps the journal in mode {mode!r} instead of a write-ahead log",
            where=str(path),
            next_step="keep it on a local file system with shared memory (no network share)",
        )


def _one(opened: sqlite3.Connection, query: str) -> object:
    row = opened.execute(query).fetchone()
    return row[0] if row else None
