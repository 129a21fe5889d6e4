"""Where a project keeps its truth: one file on this machine, or a database that workers on many hosts share.

`database:` in `gonogo.yaml` names the database without a password; `GONOGO_DATABASE` in the environment names it
instead, with or without one. The password is in `GONOGO_DATABASE_PASSWORD`, in the file that
`GONOGO_DATABASE_PASSWORD_FILE` names, or wherever PostgreSQL's own library finds it (`~/.pgpass`). None of them ever
reaches a command or a message.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from gonogo.adapters.durable import read_small
from gonogo.adapters.journals.home import Belonging, JournalHome
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.adapters.vault import Cipher, FolderVault
from gonogo.control.stores.project_root import JOURNAL
from gonogo.errors import BadInput, Broken, Refused
from gonogo.ports import SITE_LOG, CrashPoint, Journal, Vault
from gonogo.terms import Digest, RunId, Secret
from gonogo.values import dataclass

ADDRESS: Final = "GONOGO_DATABASE"
PASSWORD: Final = "GONOGO_DATABASE_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE: Final = "GONOGO_DATABASE_PASSWORD_FILE"  # noqa: S105 - the name of a variable
FORM: Final = "it looks like postgresql://USER@HOST:5432/DATABASE"
MODULE: Final = "gonogo.control.stores.shared"
WORKING: Final = "gonogo.control.workers.working"
MIGRATING: Final = "gonogo.control.migrating"


class Elsewhere(Refused):
    """The journal of this project is not where the settings say: a second one would hand out the same fences again."""


class KeptVault(Vault, Protocol):
    """A vault from which things can be taken out for good."""

    def delete(self, digest: Digest) -> bool:
        """Take an object out for good, durably; False where it was not there."""


class Shared(Protocol):
    """What only a shared database has: workers, and a queue by which they are told."""

    def nudge(self, run: RunId) -> None:
        """Let a worker look at a run now."""

    def alive(self) -> Sequence[str]:
        """The names of the workers that are alive."""

    def is_driven(self, run: RunId) -> bool:
        """Whether a worker drives a run now."""

    def adopt(self) -> str:
        """From now on the journal of this database is the project's, whichever its folder knew before; where it is."""


@dataclass(frozen=True, slots=True)
class Store:
    """Journal and vault of a project, encrypted or not; `shared` is None where both are on this machine alone."""

    journal: Journal
    vault_for: Callable[[Cipher | None], KeptVault]
    shared: Shared | None = None


def address_of(declared: str, environ: Mapping[str, str]) -> Secret | None:
    """The database of a project, with its password; None where there is none. Raises BadInput, Broken."""
    named = environ.get(ADDRESS) or declared
    if not named:
        return None
    try:
        parts = urlsplit(named)
        known = parts.password
    except ValueError as error:
        raise BadInput("this is no address of a database", where=ADDRESS, next_step=FORM) from error
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise BadInput("this is no address of a database", where=ADDRESS, next_step=FORM)
    password = _password(environ)
    netloc = parts.netloc
    if password and known is None:
        user, at, host = netloc.rpartition("@")
        netloc = f"{user}:{quote(password, safe='')}{at}{host}" if at else netloc
    return Secret(urlunsplit(parts._replace(scheme="postgresql", netloc=netloc)))


def _password(environ: Mapping[str, str]) -> str:
    path = environ.get(PASSWORD_FILE, "")
    if not path:
        return environ.get(PASSWORD, "")
    data = read_small(Path(path))
    if data is None:
        raise BadInput("there is no such file", where=f"{PASSWORD_FILE}={path}", next_step="write the password there")
    return data.decode("utf-8", "replace").strip("\r\n")


def open_store(
    state: Path, address: Secret | None, crash: CrashPoint, *, project: str, by_worker: bool = False
) -> Store:
    """The store of a project whose state folder is `state`. Raises Elsewhere where its journal is in another place.

    A database that has the journal of another project than `project`, or another journal than this folder knows, is
    refused at the first look into it; whoever first writes there lets the folder know it (docs/decisions/0024).
    """

    def cache(cipher: Cipher | None) -> FolderVault:
        return FolderVault(state / "vault", cipher=cipher)

    demand_one_place(state, address)
    if address is None:
        return Store(SqliteJournal(state / JOURNAL, crash=crash), cache)
    home = JournalHome(state)
    belonging = Belonging(project, home.known(), home.remember)
    opened: Store = needed(MODULE).open_shared(address, cache, crash, belonging=belonging, by_worker=by_worker)
    return opened


def demand_one_place(state: Path, address: Secret | None) -> None:
    """Raises Elsewhere where the journal of a project is not in the place that `address` says (None: this machine).

    Raises Broken where a journal lies here beside a named database and cannot be read.
    """
    known = JournalHome(state).known()
    away = known.place if known else ""
    if address is not None and not away:
        _demand_none_here(state / JOURNAL)
    if address is None and away:
        raise Elsewhere(
            f"the journal of this project is in {away} now",
            where=str(state),
            next_step="set `database` in gonogo.yaml, or GONOGO_DATABASE; back again with: gonogo migrate --back",
        )


def _demand_none_here(path: Path) -> None:
    """Refused where a journal with entries is on this machine and was never moved into the database.

    Also where the database holds one: a project with two journals lets two runs hold one environment, each with a
    fence that the other one has given out, too (EXE-05). Only the heads are read, and nothing where there is no file.
    """
    with SqliteJournal(path) as journal:
        heads = journal.heads()
    if heads:
        number = len(heads.keys() - {SITE_LOG})
        runs = "1 run" if number == 1 else f"{number} runs"
        raise Elsewhere(
            f"a database is named, but this project's journal is on this machine ({runs})",
            where=str(path),
            next_step="`gonogo migrate` moves it; or unset GONOGO_DATABASE (`database` in gonogo.yaml) and go on here",
        )


def needed(module: str) -> ModuleType:
    """A module that needs the extra `postgres`. Raises Broken where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Broken(
            f"a shared database needs packages that are not installed ({error.name})",
            next_step="pip install 'gonogo[postgres]'",
        ) from error
