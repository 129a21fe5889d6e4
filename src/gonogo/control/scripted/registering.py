"""The script registry beside what is really there: files, digests, last runs, names in documents (REG-01 to REG-07).

Status is computed, never taken from a text: a script that a document calls existing is missing when it is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from gonogo.control.door import Door
from gonogo.control.numbering import installed
from gonogo.control.scripted.workplace import FINISHED
from gonogo.control.sources import protocol_sources
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.ledger import time_text
from gonogo.plan.documented_scripts import SCRIPTS, Script
from gonogo.plan.script_inputs import reads_of
from gonogo.reports.front_ends import REGISTRY, front_ends
from gonogo.terms import digest_of
from gonogo.values import dataclass

COMPLIANCE: Final = "script-compliance.json"
SCHEMA: Final = "gonogo/script-registry/1"
OWN: Final = ("deploy_*.sh", "rollback_*.sh")
_NAMED: Final = re.compile(r"(?:[\w./-]*/)?scripts/([\w.-]+\.(?:py|sh))")
_BAD: Final = frozenset({"fail", "failed", "non_compliant", "not_met", "false"})


_Known: TypeAlias = tuple[Mapping[str, str], Mapping[str, tuple[str, str]]]
"""Digests that this version would write, by path; last runs with their results, by name."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A script with its computed status: `ok`, `missing`, `altered`, `outdated`, or `not registered`."""

    name: str
    path: str
    purpose: str
    owner: str
    status: str
    flags: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    needs: tuple[str, ...]
    last_run: str
    last_result: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Every script, and each drift between registry, files and documents as a sentence."""

    scripts: tuple[Registered, ...]
    drift: tuple[str, ...]


def registry_rows(door: Door) -> dict[str, Mapping[str, Tree]]:
    """The rows of the registry by path; BadInput where the file is not usable, none where there is none."""
    if door.world.files.see(REGISTRY).digest is None:
        return {}
    body = read_object(door.world.files.read(REGISTRY), name=REGISTRY, limit=1 << 22)
    rows = body.get("scripts")
    if body.get("schema") != SCHEMA or not isinstance(rows, list | tuple):
        raise BadInput(f"is no {SCHEMA}", where=REGISTRY, next_step="gonogo init --force writes it anew")
    return {str(row["path"]): row for row in rows if isinstance(row, Mapping) and "path" in row}


def require_registered(door: Door, script: Script) -> None:
    """Refused for a script that the registry does not list, or whose file is not the registered one (REG-06)."""
    rows = registry_rows(door)
    if not rows:
        return
    row = rows.get(script.path)
    if row is None:
        raise Refused(f"{script.path} is not registered", where=REGISTRY, next_step="gonogo scripts shows the registry")
    seen = door.world.files.see(script.path)
    if seen.digest is not None and row.get("sha256") != seen.digest:
        raise Refused(
            f"{script.path} is not the registered one: its digest is {seen.digest[:12]}…",
            where=REGISTRY,
            next_step="gonogo init --upgrade shows what was changed; take it back, or register the new one",
        )


def registry_of(door: Door) -> Registry:
    """Everything about the scripts of a project, from files, registry, documents and log."""
    rows = registry_rows(door)
    last = _last_runs(door)
    expected = {path: digest_of(data) for path, data in front_ends().items()}
    own = {str(path.relative_to(door.workspace.root)) for each in OWN for path in _scripts_like(door, each)}
    paths = [*dict.fromkeys((*rows, *(script.path for script in SCRIPTS.values()), *sorted(own)))]
    scripts = tuple(_registered(door, path, rows.get(path), (expected, last)) for path in paths)
    faults = [f"{each.path} is {each.status}" for each in scripts if each.status != "ok"]
    faults += [] if rows else [f"{REGISTRY} is missing"]
    return Registry(scripts, (*faults, *_unresolved(door), *_compliance(door)))


def _scripts_like(door: Door, pattern: str) -> Iterator[Path]:
    yield from (door.workspace.root / "scripts").glob(pattern)


def _registered(door: Door, path: str, row: Mapping[str, Tree] | None, known: _Known) -> Registered:
    expected, last = known
    name = path.rpartition("/")[2].rpartition(".")[0]
    script = SCRIPTS.get(name)
    seen = door.world.files.see(path).digest
    fields: Mapping[str, Tree] = row or {}
    ran = last.get(name, ("never", ""))
    return Registered(
        name=name,
        path=path,
        purpose=str(fields.get("purpose") or (script.purpose if script else "")),
        owner=str(fields.get("owner") or "nobody"),
        status=_status(seen, row, expected.get(path)),
        flags=tuple(f"--{flag.name}" for flag in script.flags) if script else _flags(fields),
        reads=_texts(fields, "reads") or (reads_of(script) if script else ()),
        writes=script.writes if script else (),
        needs=_texts(fields, "dependencies"),
        last_run=ran[0],
        last_result=ran[1],
    )


def _status(seen: str | None, row: Mapping[str, Tree] | None, expected: str | None) -> str:
    if seen is None:
        return "missing"
    if row is None:
        return "not registered"
    if row.get("sha256") not in {None, seen}:
        return "altered"
    return "outdated" if expected not in {None, seen} else "ok"


def _texts(fields: Mapping[str, Tree], name: str) -> tuple[str, ...]:
    rows = fields.get(name)
    return tuple(str(row) for row in rows) if isinstance(rows, list | tuple) else ()


def _flags(fields: Mapping[str, Tree]) -> tuple[str, ...]:
    flags = fields.get("flags")
    rows = flags if isinstance(flags, list | tuple) else ()
    return tuple(str(row.get("name")) for row in rows if isinstance(row, Mapping))


def _last_runs(door: Door) -> dict[str, tuple[str, str]]:
    """When each script ended last, and with what, from the site's log (REG-05)."""
    return {
        str(entry.data.get("script")): (time_text(entry.ts), str(entry.data.get("result")))
        for entry in door.world.journal.site()
        if entry.type == FINISHED
    }


def _unresolved(door: Door) -> Iterator[str]:
    """Scripts that a document names and that are not there, with the line (REG-02, C27)."""
    told: set[tuple[str, str]] = set()
    for name in installed(door.workspace):
        try:
            document, _ = protocol_sources(door.workspace, name)
        except GonogoError:
            # A document without bindings cannot be run; `gonogo check` reports it.
            continue
        for number, line in enumerate(document.data.decode("utf-8", "replace").splitlines(), 1):
            for found in _NAMED.finditer(line):
                path = found[0]
                if (document.name, path) not in told and door.world.files.see(path).digest is None:
                    told.add((document.name, path))
                    yield f"{document.name}:{number} names {path}, which is missing"


def _compliance(door: Door) -> Iterator[str]:
    """What the compliance report of another protocol says against a script, where one is given (REG-07)."""
    binding = door.workspace.project.artifacts.get(COMPLIANCE)
    if binding is None or door.world.files.see(binding.path).digest is None:
        return
    body = read_object(door.world.files.read(binding.path), name=binding.path, limit=1 << 22)
    rows = body.get("scripts")
    for row in rows if isinstance(rows, list | tuple) else ():
        if isinstance(row, Mapping) and str(row.get("status", "")).lower() in _BAD:
            yield f"{binding.path} says that {row.get('path') or row.get('id')} is {row.get('status')}"
