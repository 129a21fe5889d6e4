"""A PostgreSQL database: the only file that knows SQLAlchemy (extra `postgres`; docs/decisions/0012).

One pool serves journal, vault and queue together (EN-17). Statements are written once for SQLite and PostgreSQL, with
`?` and `:name` for values; here they become what the driver takes. Errors become sentences that never hold a password.
"""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import sqlalchemy as sa

from gonogo.adapters.journals.home import ANYBODY, Belonging, Home
from gonogo.errors import Broken, Busy, GonogoError, Refused
from gonogo.ports import Moved
from gonogo.terms import Secret

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]

POOL: Final = 8
OVERFLOW: Final = 2
WAIT: Final = 30
"""Seconds that a call waits for a connection of the pool, or for a row that another transaction has locked."""

SCHEMA: Final = 1
"""Version of the tables below; a database with a higher one was written by a newer gonogo."""

_SETTINGS: Final = {
    "lock_timeout": f"{WAIT}s",
    # A worker that was stopped in the middle of a transaction keeps its rows locked for so long and no longer.
    "idle_in_transaction_session_timeout": f"{WAIT}s",
    "timezone": "UTC",
}
_LINE: Final = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_VALUE: Final = re.compile(r"\?|:([a-z_]+)")
_ABOUT: Final = (
    "select moved, to_jsonb(known) ->> 'project', to_jsonb(known) ->> 'journal',"
    " exists (select 1 from gonogo_head) from gonogo_schema known"
)
"""Whose journal it is and which, also where an earlier version made the tables and wrote neither down."""
_MAKING: Final = 0x676F6E6F
"""The advisory lock under which tables are made; `gono`, as the mark in a SQLite journal."""

TABLES: Final = (
    "create table gonogo_schema (version integer not null, queue text not null default '', moved text, project text,"
    " journal text)",
    "create table gonogo_head (run text primary key, seq bigint not null, hash text not null,"
    " rowid bigint generated always as identity)",
    "create table gonogo_event (run text not null, seq bigint not null, line bytea not null, primary key (run, seq))",
    "create table gonogo_lease (env text primary key, fence bigint not null, run text, hold text,"
    " owner text not null default '', reason text not null default '', since text)",
    "create table gonogo_wait (env text not null, run text not null, priority integer not null, since text not null,"
    " primary key (env, run))",
    "create table gonogo_standing (run text primary key, seq bigint not null, line text not null)",
    "create sequence gonogo_worker_number as integer",
    "create table gonogo_worker (number integer primary key, name text not null unique, line text not null)",
    "create table gonogo_blob (digest text not null, part integer not null, parts integer not null,"
    " data bytea not null, primary key (digest, part))",
    "create function gonogo_events_stay() returns trigger language plpgsql as"
    " 'begin raise exception ''events stay''; end'",
    "create trigger gonogo_event_kept before update or delete on gonogo_event for each row"
    " execute function gonogo_events_stay()",
    "create trigger gonogo_event_whole before truncate on gonogo_event execute function gonogo_events_stay()",
)

_REASONS: Final[tuple[tuple[str, type[GonogoError], str, str], ...]] = (
    ("28", Broken, "the database refuses the login", "give the right user and password; see docs/distributed.md"),
    ("3D", Broken, "there is no such database", "make it: createdb NAME; then start the command again"),
    ("42501", Broken, "the database user may not do this", "make it the owner of gonogo's tables"),
    ("53300", Busy, "the database has no connection left", "raise max_connections, or run fewer workers"),
    ("53100", Broken, "the disk of the database is full; nothing of this was recorded", "free space, then try again"),
    ("40", Moved, "two writers met in the database; nothing of this was recorded", "load the run and decide again"),
    ("55P03", Busy, "another process has been writing to the journal for too long", "wait, then try again"),
    ("25006", Broken, "the database is read-only", "name the primary server, not a standby"),
    ("08", Broken, "the database cannot be reached", "look whether it runs and answers; nothing is lost"),
    ("57P", Broken, "the database is being stopped, or has hung up", "start it again; nothing is lost"),
    ("", Broken, "the database cannot be reached", "look whether it runs and answers; nothing is lost"),
)


@lru_cache(maxsize=256)
def statement_of(written: str) -> str:
    """A statement with `?` and `:name` as the driver takes it; it may hold no other colon and no percent sign."""
    return _VALUE.sub(lambda found: f"%({found[1]})s" if found[1] else "%s", written)


class Opened:
    """A connection inside a transaction, spoken to as to one of SQLite."""

    def __init__(self, raw: sa.Connection) -> None:
        self.raw: Final = raw

    def execute(self, statement: str, values: Values = (), /) -> sa.CursorResult[*tuple[Any, ...]]:
        """Run one statement."""
        told = dict(values) if isinstance(values, Mapping) else tuple(values)
        return self.raw.exec_driver_sql(statement_of(statement), told)


class Line:
    """A connection that is kept open, for several threads; every statement is committed by itself.

    Raises Broken and Busy.
    """

    def __init__(self, engine: sa.Engine, place: str) -> None:
        self._engine = engine
        self._place = place
        self._guard = Lock()
        try:
            self._raw = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        except sa.exc.SQLAlchemyError as error:
            raise explained(error, place) from error

    def ask(self, statement: str, values: Values = ()) -> Sequence[Sequence[Any]]:
        """The rows that a statement gives back."""
        try:
            with self._guard:
                return Opened(self._raw).execute(statement, values).fetchall()
        except sa.exc.SQLAlchemyError as error:
            raise explained(error, self._place) from error

    def close(self) -> None:
        """Hang up; the locks are gone with it."""
        self._raw.invalidate()
        self._raw.close()
        self._engine.dispose()


class Postgres:
    """One database with its pool of connections; usable from several threads. `address` may hold a password.

    The first project that writes into it has it for itself, with a journal of its own number: whoever belongs to
    another project, or knows another journal, is refused.
    """

    def __init__(self, address: Secret, belonging: Belonging = ANYBODY) -> None:
        self.place: Final = place_of(address.reveal())
        self._settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        self.pool: Final = self._engine(address, {})
        self._address = address
        self._belonging = belonging
        self._known = False
        self._owned = not belonging.project
        self._number = ""
        self._may_have_moved_to = ""
        # Whoever forgets to close leaves no connection open behind an object that is gone.
        weakref.finalize(self, self.pool.dispose)

    def close(self) -> None:
        """Close the connections that are kept; the database can be used again afterwards."""
        self.pool.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Opened]:
        """One transaction: committed at the end of the block, rolled back by any exception."""
        try:
            with self.pool.begin() as raw:
                yield Opened(raw)
        except sa.exc.SQLAlchemyError as error:
            raise explained(error, self.place) from error

    @contextmanager
    def reading(self) -> Iterator[Opened | None]:
        """A transaction for reading; None where the tables were never made. Raises Broken, Refused."""
        with self.transaction() as opened:
            yield opened if self._has_tables(opened) else None

    @contextmanager
    def writing(self, before_commit: Callable[[], None] = lambda: None) -> Iterator[Opened]:
        """A transaction for writing; makes the tables where they are missing. `before_commit` is the point CP-15."""
        self.prepare(before_commit)
        with self.transaction() as opened:
            yield opened

    def prepare(self, before_commit: Callable[[], None] = lambda: None) -> None:
        """Make the tables where they are missing, all or none; safe beside others that do the same."""
        if self._known and self._owned:
            self._remember()
            return
        with self.transaction() as opened:
            opened.execute("select pg_advisory_xact_lock(?)", (_MAKING,))
            if not self._has_tables(opened):
                for statement in TABLES:
                    opened.execute(statement)
                opened.execute("insert into gonogo_schema (version) values (?)", (SCHEMA,))
                before_commit()
            if not self._owned:
                self._own(opened)
        self._known = self._owned = True
        self._remember()

    def home(self) -> Home:
        """Where this journal is, with its number; the tables are made where they are missing."""
        self.prepare()
        return Home(self.place, self._number)

    def adopt(self) -> None:
        """From now on the journal of this database is the right one, whichever the project's folder knew before."""
        self._belonging = Belonging(self._belonging.project, None, self._belonging.remember)

    def read_although_moved(self, place: str) -> None:
        """A journal that was moved to `place` may be read here all the same: that move goes on where it was killed."""
        self._may_have_moved_to = place

    def prepare_beside(self, version: str, prepare: Callable[[], None]) -> None:
        """Let `prepare` make the tables of another package once for each `version` of it, one process at a time.

        Such a package makes them in several steps: whoever looked between two of them would find half of them.
        """
        with self.transaction() as opened:
            if opened.execute("select queue from gonogo_schema").scalar() == version:
                return
        line = self.line()
        try:
            # Asked again and again: a statement that waits for the lock is a transaction, for which an index that is
            # built beside others waits in its turn, for ever.
            while line.ask("select pg_try_advisory_lock(?)", (_MAKING + 1,))[0][0] is not True:
                time.sleep(0.2)
            if line.ask("select queue from gonogo_schema")[0][0] != version:
                prepare()
                line.ask("update gonogo_schema set queue = ? returning queue", (version,))
        finally:
            line.close()

    def line(self) -> Line:
        """A connection of its own, outside the pool and transactions, for locks that live as long as it does."""
        quick = {"tcp_keepalives_idle": 2, "tcp_keepalives_interval": 1, "tcp_keepalives_count": 3}
        return Line(self._engine(self._address, quick), self.place)

    def _engine(self, address: Secret, more: Mapping[str, object]) -> sa.Engine:
        told = " ".join((self._settings, *(f"-c {name}={value}" for name, value in more.items())))
        try:
            url = sa.make_url(address.reveal()).set(drivername="postgresql+psycopg")
            return sa.create_engine(
                url,
                pool_size=1 if more else POOL,
                max_overflow=0 if more else OVERFLOW,
                pool_timeout=WAIT,
                pool_pre_ping=not more,
                connect_args={**_LINE, "options": told, "application_name": "gonogo", "tcp_user_timeout": 10_000},
                hide_parameters=True,
            )
        except (sa.exc.ArgumentError, ValueError) as error:
            raise Refused("this is no address of a database", where=self.place, next_step=_FORM) from error

    def _has_tables(self, opened: Opened) -> bool:
        if self._known:
            return True
        if opened.execute("select to_regclass('gonogo_schema')").scalar() is None:
            self._demand_known(None)
            return False
        found = int(str(opened.execute("select max(version) from gonogo_schema").scalar()))
        if found > SCHEMA:
            raise Broken(
                f"a newer gonogo wrote this database (tables {found}, this one knows {SCHEMA})",
                where=self.place,
                next_step="install the newer gonogo; an older one cannot go on with it",
            )
        self._owned = self._is_ours(opened) or self._owned
        self._demand_safe(opened)
        self._known = True
        return True

    def _is_ours(self, opened: Opened) -> bool:
        """Whether project and journal are written down already; Refused where either is another one."""
        moved, project, number, filled = opened.execute(_ABOUT).one()
        if self._belonging.project and project not in {None, self._belonging.project}:
            raise Refused(
                f"this database holds the journal of the project `{project}`, and this one is"
                f" `{self._belonging.project}`",
                where=self.place,
                next_step="name a database of this project's own; docs/distributed.md says what to do after a new name",
            )
        if moved is not None and moved != self._may_have_moved_to:
            raise Refused(
                f"this journal was moved to {moved}",
                where=self.place,
                next_step="take `database` out of gonogo.yaml there; to come back, name an empty database",
            )
        self._demand_known(number or ("" if filled else None))
        self._number = number or ""
        return project == self._belonging.project and bool(number)

    def _demand_known(self, number: str | None) -> None:
        """Refused where the folder knows another journal. `number` is None in an empty database, else what it says."""
        known = self._belonging.known
        if known is None or not known.place or (number is not None and known.number in {"", number}):
            return
        holds = "holds no journal" if number is None else "holds another journal"
        raise Refused(
            f"this database {holds}, and this project's is in {known.place}",
            where=self.place,
            next_step="name that database; where this one is the right one from now on: gonogo lock adopt",
        )

    def _own(self, opened: Opened) -> None:
        """Write down project and journal, once; others are refused from then on."""
        if not self._is_ours(opened):
            opened.execute("alter table gonogo_schema add column if not exists project text")
            opened.execute("alter table gonogo_schema add column if not exists journal text")
            opened.execute(
                "update gonogo_schema set project = ?, journal = coalesce(journal, ?)",
                (self._belonging.project, self._belonging.number()),
            )
            self._number = str(opened.execute("select journal from gonogo_schema").scalar())

    def _remember(self) -> None:
        home = Home(self.place, self._number)
        if self._belonging.project and self._belonging.known != home:
            self._belonging.remember(home)
            self._belonging = Belonging(self._belonging.project, home, self._belonging.remember)

    def _demand_safe(self, opened: Opened) -> None:
        """What is committed has to survive a power cut (WFS-10)."""
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            if opened.execute("select current_setting(?)", (name,)).scalar() == "off":
                raise Refused(
                    f"this server runs with {name} = off: what it confirms can be lost",
                    where=self.place,
                    next_step=f"set {name} = on in postgresql.conf and reload; gonogo records nothing before",
                )


_SETUP: Final = "give the right database, user and password; docs/distributed.md says where"
_FORM: Final = "it looks like postgresql://USER@HOST:5432/DATABASE"


def place_of(address: str) -> str:
    """Where a database is, for people: the address without user and password."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the address of the database"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


def explained(error: sa.exc.SQLAlchemyError, place: str) -> GonogoError:
    """What an error of the database means for people, with the place and the remedy; never with the address itself."""
    if isinstance(error, sa.exc.TimeoutError):
        return Busy("all connections to the database are in use", where=place, next_step="wait, then try again")
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    state = str(getattr(cause, "sqlstate", None) or "")
    refused = str(cause).partition("FATAL:")[2].partition("\n")[0].strip()
    if refused and not state:
        return Broken(f"the database refuses: {refused}", where=place, next_step=_SETUP)
    known = state[:2] in {"08", "57", ""} or any(state.startswith(prefix) for prefix, *_ in _REASONS if prefix)
    if not known or (isinstance(error, sa.exc.ProgrammingError) and not state):
        first = str(cause or type(error).__name__).partition("\n")[0]
        return Broken(f"the database refuses: {first}", where=place, next_step="look at the server's log")
    _, kind, what, advice = next(row for row in _REASONS if state.startswith(row[0]))
    return kind(what, where=place, next_step=advice)
