"""Scripts over documents and prerequisites (CMD-09, CMD-25, CMD-41, CMD-46, CMD-51, CMD-68; F38, C21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.control.examining import denied
from gonogo.control.scripted.workplace import Asked, Ended, bench_for, file_away
from gonogo.control.sources import protocol_sources
from gonogo.document.reading import read_document
from gonogo.engine.bench import Bench
from gonogo.engine.measuring.measurements import MEASUREMENTS
from gonogo.engine.rights import Need, needs
from gonogo.errors import BadInput, WrongUsage
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.findings import Level
from gonogo.plan.linting import document_findings, sidecar_of
from gonogo.plan.script_defaults import DEFAULTS

REPORT: Final = "prerequisites-validation.json"


def prerequisites(asked: Asked) -> Ended:
    """Check artifacts, states, variables and rights at once; 0 all there, 1 something is wrong, 2 something is missing.

    A lenient check lists everything, too; required items keep their exit status, and its report authorises nothing.
    """
    lenient = asked.given.get("strict") == "false"
    bench = bench_for(asked, "prerequisites")
    body = _body(asked, bench, lenient=lenient)
    wanting = _shortfalls(body)
    refused = [f"{need.what}: {need.detail}; {need.remedy}" for need in denied(asked.root, _rights(asked))]
    missing = [line for line, state in wanting if state == "missing"]
    wrong = [line for line, state in wanting if state not in {"missing", "warning"}]
    code = 2 if missing or refused else 1 if wrong else 0
    body["status"] = {0: "success", 1: "failed", 2: "missing"}[code]
    folder = ".artifacts/protocol-11" if asked.script.number == "11" else ".artifacts/protocol-14"
    path = f"{folder}/{REPORT}"
    written = (file_away(asked, write_json(body), path),)
    lines = [*(line for line, _ in wanting), *refused]
    if code and asked.script.number == "14":
        lines += [f"the whole list: {path}", *_guidance(asked)]
    return Ended(code, {0: "success", 1: "validation failed", 2: "prerequisites missing"}[code], tuple(lines), written)


def _guidance(asked: Asked) -> tuple[str, ...]:
    """What ERR-04 asks for with a failure: unset variables, the lenient run, whom to tell."""
    unset = ", ".join(asked.defaults.unset) or "none"
    return (
        f"variables that are not set: {unset}",
        f"to see every shortfall at once: python3 {asked.script.path} --protocol 14 --workspace . --strict=false",
        "a lenient report authorises nothing; tell the owner of the protocol",
    )


def _body(asked: Asked, bench: Bench, *, lenient: bool) -> dict[str, Tree]:
    looked = MEASUREMENTS["prerequisites"](bench)
    found = next(file for file in looked.files if file.name == REPORT)
    body = dict(read_object(found.data, name=REPORT, limit=1 << 24))
    return body | {
        "strict": not lenient,
        "mode": "lenient" if lenient else "normal",
        "authorises_production": False,
        "environment": [{"variable": name, "set": name not in asked.defaults.unset} for name in DEFAULTS],
        "permissions": [
            {"path": need.pattern, "need": need.right, "ok": not tuple(denied(asked.root, (need,)))}
            for need in _rights(asked)
        ],
    }


def _rights(asked: Asked) -> tuple[Need, ...]:
    return needs(asked.script.number, asked.door.workspace.project.directories.protocols)


def _shortfalls(body: Mapping[str, Tree]) -> list[tuple[str, str]]:
    """Each item that is not in order, with `missing`, `warning` (optional) or what is wrong with it."""
    found = []
    for row in _rows(body, "artifacts"):
        state = str(row.get("state"))
        if state != "ok":
            kind = "warning" if not row.get("required") else "missing" if state == "missing" else "failed"
            found.append((f"{row.get('name')}: {state}; {row.get('detail')}", kind))
    states = _rows(body, "system_states")
    return [*found, *((f"{row.get('name')}: does not hold", "failed") for row in states if row.get("state") == "fail")]


def _rows(body: Mapping[str, Tree], name: str) -> list[Mapping[str, Tree]]:
    rows = body.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []


def lint(asked: Asked) -> Ended:
    """Check a protocol document with its bindings; 0 without errors, 1 with, 2 where it cannot be read or found."""
    try:
        document, sidecar = protocol_sources(asked.door.workspace, asked.about)
    except WrongUsage as error:
        raise BadInput(error.what, next_step=error.next_step) from error
    reading = read_document(document.data, document.name)
    found = document_findings(reading, sidecar_of(sidecar.data, sidecar.name))
    if reading.protocol is None:
        lines = tuple(f"{each.primary}: {each.code} {each.message}" for each in found)
        return Ended(1, f"{document.name} holds no protocol", lines)
    errors = [each for each in found if each.level is Level.ERROR]
    lines = tuple(f"{each.primary}: {each.code} {each.message}" for each in found)
    word = f"{document.name}: {len(errors)} errors, {len(found) - len(errors)} other findings"
    return Ended(1 if errors else 0, word, lines)
