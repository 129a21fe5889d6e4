"""Verbs of the command line as calls of a server: what a caller may say, and a process of its own for each call.

A call is carried out by the command itself, in a process that is forked for it (`adapters.operations`): what a command
answers with `--json` is what the call answers, word for word, and whatever a command does to its process is over with
it. The name of the command stands in a table, never in the call; what a caller says comes behind `--option=` or behind
`--`, so that no value can be taken for an option.

    <project>/.gonogo/calls/<call>/log       the JSON document
    <project>/.gonogo/calls/<call>/words     what was said besides
    <project>/.gonogo/calls/<call>/code      the exit code, written last: absent, the process died
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from gonogo.adapters.operations import Operations
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.errors import BadInput, Broken, Busy
from gonogo.ports import Clock
from gonogo.run.agents import Scope
from gonogo.terms import Actor, Json
from gonogo.values import dataclass

FOLDER: Final = f"{STATE_FOLDER}/calls"
MODULE: Final = "gonogo.cli.called"
SECRET_VARIABLES: Final = ("GONOGO_AGENT_TOKEN", "GONOGO_OIDC_SECRET", "GONOGO_HOOK_")
"""Variables of the server that a command has no business with."""
AT_ONCE: Final = 8
KEPT_S: Final = 24 * 3600.0
MOST_ANSWER: Final = 1 << 26
LOOK_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Taken:
    """One thing that a caller may say: `option` is how the command line says it, empty for a positional one."""

    name: str
    about: str
    option: str = ""
    needed: bool = False
    number: bool = False
    flag: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verb:
    """A command (and its action) as one call: where it stands, what it takes, who may ask.

    `whole`: it is about the whole project, so a token has to reach all of it. `people`: no token may ask at all.
    `fixed` options are always said; `positions` names what is positional, in order, `=` before what is always the same.
    """

    name: str
    method: str
    path: str
    about: str
    taken: tuple[Taken, ...]
    positions: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    scope: Scope = Scope.READ
    whole: bool = False
    people: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        """What the path names."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    def argv(self, said: Mapping[str, tuple[str, ...]]) -> list[str]:
        """The command line for what a caller said, by name; only what the table knows gets there."""
        found = [self.name.split()[0], *self.fixed]
        for one in self.taken:
            for value in said.get(one.name, ()) if one.option else ():
                if not one.flag:
                    found.append(f"{one.option}={value}")
                elif value == "true":
                    found.append(one.option)
        behind: list[str] = []
        for place in self.positions:
            behind += [place[1:]] if place.startswith("=") else said.get(place, ())
        return [*found, "--json", *(["--", *behind] if behind else [])]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered: its exit code, and its JSON document."""

    code: int
    document: Json

    @property
    def error(self) -> Mapping[str, Json] | None:
        """The error that it answered with, if it did."""
        found = self.document
        return found if isinstance(found, dict) and {"error", "exit_code", "next"} <= found.keys() else None


@dataclass(slots=True)
class Calls:
    """The calls of one server. For several threads; an id is known to whoever started it, and to nobody else."""

    root: Path
    operations: Operations
    clock: Clock
    _alive: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, root: Path, environ: Mapping[str, str], clock: Clock) -> Calls:
        """The calls of a project."""
        plain = {name: value for name, value in environ.items() if not name.startswith(SECRET_VARIABLES)}
        return cls(root, Operations(root / FOLDER, MODULE, plain), clock)

    def close(self) -> None:
        """Let the host of the processes end; what is under way goes on."""
        self.operations.close()

    def start(self, verb: Verb, said: Mapping[str, tuple[str, ...]], actor: Actor, seen: str = "") -> str:
        """Begin a call as `actor`; gives its id. Busy where too many are under way.

        `seen` is the run as the caller saw it, as `control.seen` says it to a process.
        """
        name = f"w_{secrets.token_hex(12)}_{_owner(actor)}"
        with self._guard:
            self._alive = {known for known in self._alive if self.operations.lives(known)}
            if len(self._alive) >= AT_ONCE:
                raise Busy(f"{AT_ONCE} calls are under way already", next_step="ask again in a moment")
            self._sweep()
            self.operations.start(name, [str(self.root), name, str(actor), seen, *verb.argv(said)])
            self._alive.add(name)
        return name

    def wait(self, name: str, actor: Actor, seconds: float) -> Said | None:
        """What a call answered, at most `seconds` from now; None while it is at work."""
        self._demand_known(name, actor)
        until = self.clock.monotonic() + seconds
        pause = LOOK_S
        while self.operations.lives(name):
            if self.clock.monotonic() >= until:
                return None
            self.clock.sleep(pause)
            pause = min(pause * 1.5, 0.2)
        return self._said(name)

    def forget(self, name: str) -> None:
        """Remove what an answered call left behind."""
        shutil.rmtree(self.root / FOLDER / name, ignore_errors=True)

    def _demand_known(self, name: str, actor: Actor) -> None:
        kind, _, rest = name.partition("_")
        number, _, owner = rest.partition("_")
        sound = kind == "w" and owner == _owner(actor) and len(number) == 24 and number.isalnum() and number.isascii()
        if not sound or not (self.root / FOLDER / name).is_dir():
            raise BadInput("there is no operation of this name of yours", next_step="ask for it anew")

    def _said(self, name: str) -> Said:
        folder = self.root / FOLDER / name
        try:
            code = int((folder / "code").read_text())
            data = self.operations.printed(name, MOST_ANSWER)
            return Said(code, json.loads(data) if data.strip() else None)
        except (OSError, ValueError) as error:
            raise Broken(
                "the process of this call ended without an answer",
                next_step="look at the run before asking again: nobody knows what was done",
            ) from error

    def _sweep(self) -> None:
        """Remove what nobody came back for in a day."""
        oldest = self.clock.now().timestamp() - KEPT_S
        folder = self.root / FOLDER
        for path in folder.glob("w_*") if folder.is_dir() else ():
            if path.stat().st_mtime < oldest and not self.operations.lives(path.name):
                self.forget(path.name)


def _owner(actor: Actor) -> str:
    return hashlib.sha256(str(actor).encode()).hexdigest()[:12]
