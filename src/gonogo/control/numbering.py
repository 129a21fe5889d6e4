"""Protocol numbers: display text that means a protocol only by what is installed here (C1, C9, IOP-08).

A number that two installed protocols claim is refused, never guessed.
"""

from __future__ import annotations

import importlib
import re
from pathlib import PurePosixPath

from gonogo.control.sources import BUILTIN_PROTOCOLS, protocol_sources
from gonogo.control.workspaces import Workspace
from gonogo.errors import BadInput
from gonogo.plan.sidecar import read_sidecar
from gonogo.protocol.model import Protocol

_NUMBERED = re.compile(r"(\d{1,3}[a-z]?)-([a-z0-9][a-z0-9-]*)\.md")


def installed(workspace: Workspace) -> tuple[str, ...]:
    """Names of the protocols that can be run here: declared, in the protocols directory, built in."""
    folder = workspace.root / workspace.project.directories.protocols
    there = sorted(path.name for path in folder.glob("*.md")) if folder.is_dir() else []
    named = (found[2] for name in there if (found := _NUMBERED.fullmatch(name)))
    return tuple(dict.fromkeys((*workspace.project.protocols, *BUILTIN_PROTOCOLS, *named)))


def numbers_of(workspace: Workspace, name: str) -> frozenset[str]:
    """Every number that a protocol goes by: that of its document, that of its file, its aliases, without zeros."""
    document, sidecar = protocol_sources(workspace, name)
    # Most commands that know about numbers meet none, and reading documents costs a fifth of the engine.
    reading = importlib.import_module("gonogo.document.reading")
    read: Protocol | None = reading.read_document(document.data, document.name).protocol
    bound = read_sidecar(sidecar.data, sidecar.name).sidecar
    found = _NUMBERED.fullmatch(PurePosixPath(document.name).name)
    numbers = {*bound.aliases, *([read.number] if read else []), *([found[1]] if found else [])}
    return frozenset(number.lstrip("0") for number in numbers if number)


def protocol_of(workspace: Workspace, written: str) -> str:
    """The protocol that a number or a name means here; BadInput where none does, or several do."""
    known = installed(workspace)
    if written in known:
        return written
    found = [name for name in known if written.lstrip("0") in _numbers(workspace, name)]
    if not found:
        raise BadInput(f"no protocol here has the number {written}", next_step=f"installed are {', '.join(known)}")
    if len(found) > 1:
        raise BadInput(
            f"protocol number {written} is claimed by {' and '.join(found)}",
            next_step="say it by name, or take the number out of one of the two",
        )
    return found[0]


def claimed_twice(workspace: Workspace) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every number that several installed protocols go by, with their names: nothing but a name says which is meant."""
    claims: dict[str, list[str]] = {}
    for name in installed(workspace):
        for number in _numbers(workspace, name):
            claims.setdefault(number, []).append(name)
    return tuple((number, tuple(names)) for number, names in sorted(claims.items()) if len(names) > 1)


def _numbers(workspace: Workspace, name: str) -> frozenset[str]:
    try:
        return numbers_of(workspace, name)
    except BadInput:
        # A document beside which no bindings lie cannot be run, and claims no number.
        return frozenset()


def protocol_at(workspace: Workspace, path: str) -> str:
    """The protocol that a path such as `.cursor/ai-driven-workflow/15-production-deployment.md` names (C52).

    The file itself where it is there; else the installed protocol of that name and number.
    """
    found = _NUMBERED.fullmatch(PurePosixPath(path).name)
    if found is None:
        raise BadInput(f"`{path}` is no protocol document", next_step="name a file such as 15-production-deployment.md")
    number, name = found[1], found[2]
    if name in installed(workspace) and number.lstrip("0") in _numbers(workspace, name):
        return name
    raise BadInput(
        f"`{path}` leads to no document: the handoff is unresolved",
        next_step=f"put {name}.md and its bindings into {workspace.project.directories.protocols}/",
    )
