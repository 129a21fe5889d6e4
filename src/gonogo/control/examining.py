"""What this machine lacks for running the protocols of a project: programs, rights, room, journal (CFG-09, CFG-10).

Only looks: nothing is started, nothing is written. What is wrong names the path or the program and what to do.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.control.assembling import cipher_of, store_at
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.stores.storing import address_of, demand_one_place
from gonogo.control.workspaces import Workspace
from gonogo.engine.rights import Need, needs, withheld
from gonogo.errors import GonogoError
from gonogo.values import dataclass

LEAST_PYTHON: Final = (3, 11)
LEAST_ROOM: Final = 200 << 20
PROGRAMS: Final = {
    "bash": "scripts of a project are started with it",
    "sh": "hooks and the offline verifier need it",
    "ssh-keygen": "people sign with it",
    "git": "branches are locked and revisions compared with it",
}
TEXT_TOOLS: Final = re.compile(r"\b(grep|sed|awk)\b")


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at. `needed` things that are not there forbid a run."""

    what: str
    ok: bool
    needed: bool
    detail: str
    remedy: str = ""


def denied(root: Path, wanted: tuple[Need, ...]) -> Iterator[Examined]:
    """Each right that is missing, with its path. A folder that is not there yet is made in the nearest one that is."""
    for need in wanted:
        for path in withheld(root, need):
            shown = path.relative_to(root) if path != root else Path()
            remedy = f"give the user that runs gonogo the right to {need.right} it"
            yield Examined(str(shown), ok=False, needed=True, detail=f"no right to {need.right} it", remedy=remedy)


def examine(root: Path, workspace: Workspace | None, environ: Mapping[str, str]) -> tuple[Examined, ...]:
    """Everything that was looked at, in a fixed order; `workspace` is None outside a project."""
    numbers = ("14", "11")
    protocols = workspace.project.directories.protocols if workspace else ""
    rights = [each for number in numbers for each in denied(root, needs(number, protocols))] if workspace else []
    return (
        _python(),
        *_programs(workspace, environ),
        _room(root),
        *dict.fromkeys(rights),
        *(_journal(workspace, environ) if workspace else ()),
        *(_encryption(workspace, environ) if workspace else ()),
    )


def _encryption(workspace: Workspace, environ: Mapping[str, str]) -> Iterator[Examined]:
    """Whether what the policy asks for can be done here: library, recipients, and a key to read with (SEC-09)."""
    cipher = cipher_of(workspace.project, environ)
    if cipher is None:
        return
    try:
        cipher.sealed(b"")
    except GonogoError as error:
        yield Examined("encryption", ok=False, needed=True, detail=error.what, remedy=error.next_step)
    else:
        yield Examined("encryption", ok=True, needed=True, detail="what is stored is encrypted, and can be read here")


def _python() -> Examined:
    found = ".".join(str(part) for part in sys.version_info[:3])
    least = ".".join(str(part) for part in LEAST_PYTHON)
    ok = sys.version_info[:2] >= LEAST_PYTHON
    return Examined("Python", ok, needed=True, detail=found, remedy="" if ok else f"install Python {least} or newer")


def _programs(workspace: Workspace | None, environ: Mapping[str, str]) -> Iterator[Examined]:
    wanted = dict(PROGRAMS)
    for name in sorted(_text_tools(workspace)):
        wanted[name] = "a script that a bound command starts uses it"
    for name, why in wanted.items():
        found = shutil.which(name, path=environ.get("PATH"))
        yield Examined(name, found is not None, needed=name != "git", detail=found or f"not installed; {why}")


def _text_tools(workspace: Workspace | None) -> set[str]:
    """`grep`, `sed` and `awk`, where a bound command or its script names them."""
    found: set[str] = set()
    for command in workspace.project.commands.values() if workspace else ():
        for argument in command.run:
            found.update(TEXT_TOOLS.findall(argument))
            if workspace and argument.endswith((".sh", ".bash")) and workspace.files.see(argument).digest:
                found.update(TEXT_TOOLS.findall(workspace.files.read(argument).decode("utf-8", "replace")))
    return found


def _database(workspace: Workspace, environ: Mapping[str, str]) -> Examined:
    """Whether the shared database answers, and whether anybody drives the runs in it."""
    try:
        store = store_at(workspace, environ)
        runs, alive = len(store.journal.runs()), len(store.shared.alive()) if store.shared else 0
    except GonogoError as error:
        return Examined(
            "database", ok=False, needed=True, detail=f"{error.where}: {error.what}", remedy=error.next_step
        )
    remedy = "" if alive else "start a worker on a host that reaches the environments: gonogo worker"
    return Examined("database", bool(alive), needed=True, detail=f"{runs} runs, {alive} workers alive", remedy=remedy)


def _room(root: Path) -> Examined:
    free = shutil.disk_usage(root).free
    ok = free >= LEAST_ROOM
    remedy = "" if ok else f"free at least {LEAST_ROOM >> 20} MiB; evidence that cannot be stored stops a run"
    return Examined("disk", ok, needed=True, detail=f"{free >> 20} MiB free", remedy=remedy)


def _journal(workspace: Workspace, environ: Mapping[str, str]) -> Iterator[Examined]:
    state, address = workspace.root / STATE_FOLDER, address_of(workspace.database, environ)
    try:
        demand_one_place(state, address)
    except GonogoError as error:
        yield Examined("journal", ok=False, needed=True, detail=f"{error.where}: {error.what}", remedy=error.next_step)
        return
    if address is not None:
        yield _database(workspace, environ)
        return
    path = state / "journal.db"
    if not path.exists():
        yield Examined("journal", ok=True, needed=True, detail="none yet; the first run makes it")
        return
    try:
        with SqliteJournal(path) as journal:
            runs = len(journal.runs())
    except GonogoError as error:
        yield Examined("journal", ok=False, needed=True, detail=error.what, remedy=error.next_step)
    else:
        yield Examined("journal", ok=True, needed=True, detail=f"{runs} runs")
