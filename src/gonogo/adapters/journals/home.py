"""What a project's folder remembers of where its journal is (docs/decisions/0024): a place, and the journal's number.

The number is drawn by chance when a project first writes into a database, stands there beside the tables, and goes
with the journal wherever it is moved. So another database is not taken for this one, whatever the settings say; one
that was moved to another host, or restored from its dump, is known again. Neither is a secret.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, read_small, write_file
from gonogo.values import dataclass

MOVED_AWAY: Final = "journal.moved"
"""The file in the state folder: named so since `gonogo migrate` was the only one that wrote it."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a journal is: `place` for people (empty: on this machine), and its number (empty: nobody wrote it down)."""

    place: str
    number: str = ""


class JournalHome:
    """The note about a project's journal in its state folder; none where it never was in a database."""

    def __init__(self, state: Path) -> None:
        self._path: Final = state / MOVED_AWAY

    def known(self) -> Home | None:
        """What is remembered. Raises Broken where it cannot be read."""
        data = read_small(self._path)
        if data is None:
            return None
        place, number, *_ = [*data.decode("utf-8", "replace").split("\n"), ""]
        return Home(place.strip(), number.strip())

    def remember(self, home: Home) -> None:
        """Remember it durably. Raises Broken."""
        make_folder(self._path.parent)
        write_file(self._path, f"{home.place}\n{home.number}\n".encode())


def tell_nobody(_home: Home) -> None:
    """Nothing is remembered."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """Whose a database has to be: of `project` (empty: of any), and with the journal that its folder knows.

    `remember` is called before anything is first written by this process, where the folder knows another place or none.
    """

    project: str = ""
    known: Home | None = None
    remember: Callable[[Home], None] = tell_nobody

    def number(self) -> str:
        """The number that a journal gets which has none: the one that it had on this machine, or a new one."""
        return self.known.number if self.known and self.known.number and not self.known.place else secrets.token_hex(16)


ANYBODY: Final = Belonging()
