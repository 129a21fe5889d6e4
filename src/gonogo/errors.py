"""Exceptions, as a tree with one sentence each.

    GonogoError                 exit 1   something failed
    ├── BadInput                exit 2   a document, configuration or evidence file is not usable
    ├── Refused                 exit 2   a definite NO: a rule forbids what was asked
    ├── Waiting                 exit 3   people or time have to act first
    ├── OutcomeUnknown          exit 3   an act may have happened; a person has to say
    ├── Busy                    exit 1   another engine drives this run or holds this environment
    │   └── EnvironmentTaken    exit 1   the environment is another run's, or another run's turn
    ├── Broken                  exit 1   disk, database or target do not work
    │   └── NotStored           exit 1   the disk or the database takes nothing more
    ├── Tampered                exit 2   stored evidence or the ledger is not what it was
    └── WrongUsage              exit 64  the command line cannot be understood

Each says what happened, where, and what to do next. `gonogo.cli.main` holds the only `except` for them.
"""

from __future__ import annotations


class GonogoError(Exception):
    """Something failed; `what` says what, `where` says where, `next_step` says what to do now."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  next: {self.next_step}" if self.next_step else ""
        return f"{place}{self.what}{advice}"


class BadInput(GonogoError):
    """A document, configuration or evidence file is missing, unreadable or wrong."""

    exit_code = 2


class Refused(GonogoError):
    """A rule forbids what was asked; the answer is definite."""

    exit_code = 2


class Waiting(GonogoError):
    """Nothing is wrong; people or time have to act first."""

    exit_code = 3


class OutcomeUnknown(GonogoError):
    """An act was begun and nobody knows whether it took effect; it is never repeated on a guess."""

    exit_code = 3


class Busy(GonogoError):
    """Another engine drives this run, or another run holds this environment."""


class EnvironmentTaken(Busy):
    """The environment that an act needs is another run's, or another run's turn; nothing was recorded."""

    def __init__(self, what: str, *, environment: str, next_step: str) -> None:
        super().__init__(what, next_step=next_step)
        self.environment = environment


class Broken(GonogoError):
    """Disk, database, target or tool do not work."""


class NotStored(Broken):
    """The disk or the database takes nothing more: what was done cannot be recorded, so nothing more may be begun."""


class Tampered(GonogoError):
    """Stored evidence, a view of it, or the ledger is not what gonogo wrote."""

    exit_code = 2


class WrongUsage(GonogoError):
    """The command line cannot be understood."""

    exit_code = 64
