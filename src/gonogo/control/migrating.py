"""Moving a project's journal from this machine to a shared database, and back (WFS-10).

The order is what makes it safe to be killed at any line: the copy is one transaction, it is compared before anything
says that the journal has moved, and the journal it came from is kept as it was. Given again, the command goes on.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.durable import sync_folder
from gonogo.adapters.journals import schema
from gonogo.adapters.journals.copy import Holding, copy, holding_of
from gonogo.adapters.journals.home import Belonging, Home, JournalHome
from gonogo.adapters.journals.leases import Rows
from gonogo.adapters.postgres import Postgres
from gonogo.adapters.run_lock import RunLocks
from gonogo.adapters.vault import FolderVault
from gonogo.adapters.vault_postgres import PostgresVault
from gonogo.adapters.workers_postgres import PostgresWorkers
from gonogo.control.assembling import CRASH_VARIABLE, crash_point
from gonogo.control.sources import open_workspace
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.stores.storing import address_of
from gonogo.engine.crash_points import COPIED
from gonogo.errors import BadInput, Broken, Busy, Refused
from gonogo.terms import Digest, RunId
from gonogo.values import dataclass

WAIT: Final = 30.0
KEPT: Final = "journal.db.moved"
"""The journal as it was before it moved: the backup."""

_CLOSED: Final = tuple(
    f"create trigger if not exists gonogo_moved_{act} before {act} on gonogo_head"
    " begin select raise(abort, 'this journal has moved to a database'); end"
    for act in ("insert", "update")
)


@dataclass(frozen=True, slots=True)
class Migration:
    """What was moved, or would be: what the journal holds, how many stored files, where to, and the backup."""

    holding: Holding
    files: int
    place: str
    backup: str
    done: bool


def migrate(root: Path, environ: Mapping[str, str], *, dry_run: bool) -> Migration:
    """Move the journal below `root` into the database that the project names. Raises Refused, Busy, Broken."""
    state, database = root / STATE_FOLDER, _database(root, environ)
    path, crash = state / "journal.db", crash_point(environ.get(CRASH_VARIABLE, ""))
    if not path.exists():
        known = JournalHome(state).known()
        moved = f"; it is in {known.place}" if known and known.place else ""
        raise BadInput(f"there is no journal on this machine{moved}", where=str(path), next_step="gonogo status")
    _refuse_driven(state)
    with closing(database), _file(path) as source:
        holding = holding_of(source)
        _refuse_held(holding)
        files = _objects(state)
        done = Migration(holding, len(files), database.place, str(state / KEPT), done=not dry_run)
        with database.reading() as rows:
            there = None if rows is None else holding_of(rows)
        if there is not None and there.events and there.digest != holding.digest:
            raise Refused(
                f"the database holds another journal ({there.runs} runs)",
                where=database.place,
                next_step=f"name an empty database; or, where that journal is the one that counts, move {path} aside",
            )
        if dry_run:
            return done
        if there is None or not there.events:
            with database.writing() as target:
                copy(source, target)
        _share(state, database, files)
        crash(COPIED)
        with database.transaction() as rows:
            _demand_same(holding, holding_of(rows), database.place)
        # Whoever waits for the file now would write into it after it was moved: from here on it takes no line any more.
        for statement in _CLOSED:
            source.execute(statement)
        home = database.home()
    JournalHome(state).remember(home)
    path.rename(state / KEPT)
    for beside in ("journal.db-wal", "journal.db-shm"):
        (state / beside).unlink(missing_ok=True)
    sync_folder(state)
    return done


def migrate_back(root: Path, environ: Mapping[str, str], *, dry_run: bool) -> Migration:
    """Move the journal from the shared database to this machine. Raises Refused, Busy, Broken, BadInput.

    Given again after it was killed between the last two steps it makes the last one: the database is closed already.
    """
    state, database = root / STATE_FOLDER, _database(root, environ)
    path = state / "journal.db"
    if path.exists():
        raise Refused("there is a journal on this machine", where=str(path), next_step="move it aside first")
    with closing(database):
        _finish_moved(database, path)
        alive = [seen.worker.name for seen in PostgresWorkers(database).seen() if seen.alive]
        if alive:
            raise Busy(f"worker {alive[0]} is alive", where=database.place, next_step="stop all workers first")
        with database.reading() as rows:
            if rows is None:
                raise BadInput("there is no journal in the database", where=database.place, next_step="gonogo status")
            holding = holding_of(rows)
            _refuse_held(holding)
            digests = [Digest(row[0]) for row in rows.execute("select distinct digest from gonogo_blob").fetchall()]
            done = Migration(holding, len(digests), str(path), database.place, done=not dry_run)
            if dry_run:
                return done
            _into_file(path, rows, holding)
        vault = PostgresVault(database, FolderVault(state / "vault"))
        for digest in digests:
            vault.path(digest)
        number = database.home().number
        with database.transaction() as rows:
            rows.execute("update gonogo_schema set moved = ?", (_named(path),))
    path.with_name("journal.db.new").rename(path)
    # Moved once more it is the same journal, for every host that knows it: its number stays here meanwhile.
    JournalHome(state).remember(Home("", number))
    sync_folder(state)
    return done


def _finish_moved(database: Postgres, path: Path) -> None:
    """Let a database that has moved to `path` be read once more, where the new file has not got its name yet."""
    if path.with_name("journal.db.new").is_file():
        database.read_although_moved(_named(path))


def _named(path: Path) -> str:
    """A journal's file for people of other hosts."""
    return f"{path} of {platform.node()}"


def _into_file(path: Path, source: Rows, holding: Holding) -> None:
    """Write the journal beside its later name, whole, and compare it: what a killed try has left is made anew."""
    fresh = path.with_name("journal.db.new")
    for ending in ("", "-wal", "-shm"):
        fresh.with_name(fresh.name + ending).unlink(missing_ok=True)
    schema.create(fresh, WAIT, lambda: None)
    with _file(fresh) as target:
        copy(source, target)
    with _file(fresh) as rows:
        _demand_same(holding, holding_of(rows), str(fresh))


@contextmanager
def _file(path: Path) -> Iterator[Rows]:
    """A journal's file in one transaction that nobody else writes in."""
    with closing(schema.connect(path, WAIT)) as opened:
        with schema.immediate(opened):
            yield opened
        opened.execute("pragma wal_checkpoint(truncate)")


def _database(root: Path, environ: Mapping[str, str]) -> Postgres:
    workspace = open_workspace(root)
    address = address_of(workspace.database, environ)
    if address is None:
        raise BadInput(
            "no database is named",
            where=str(root / "gonogo.yaml"),
            next_step="set `database` in gonogo.yaml, or GONOGO_DATABASE; docs/distributed.md says how",
        )
    return Postgres(address, Belonging(workspace.project.name, JournalHome(root / STATE_FOLDER).known()))


def _refuse_driven(state: Path) -> None:
    locks = RunLocks(state / "runs", SystemClock())
    folders = sorted((state / "runs").iterdir()) if (state / "runs").is_dir() else []
    driven = [folder.name for folder in folders if locks.is_driven(RunId(folder.name))]
    if driven:
        raise Busy(f"an engine drives {driven[0]} now", where=str(state), next_step="let it end; then move the journal")


def _refuse_held(holding: Holding) -> None:
    if holding.held:
        environment, run = holding.held[0]
        raise Refused(
            f"the run {run} holds {environment}: only where it was driven can be seen what became of its acts",
            next_step=f"let it end first (gonogo resume {run}), or end it (gonogo abort {run})",
        )


def _demand_same(one: Holding, other: Holding, place: str) -> None:
    if (one.digest, one.events) != (other.digest, other.events):
        raise Broken(
            "the copy is not what the journal holds; nothing has moved",
            where=place,
            next_step="empty the copy and try again; the journal is where it was",
        )


def _objects(state: Path) -> list[Digest]:
    return sorted(Digest(path.name) for path in (state / "vault" / "objects" / "sha256").glob("??/*"))


def _share(state: Path, database: Postgres, files: list[Digest]) -> None:
    vault = PostgresVault(database, FolderVault(state / "vault"))
    for digest in files:
        vault.share(digest)
