"""Scripts over stored evidence: checked against the ledger, listed with checksums, and what follows from it.

CMD-10, CMD-43, CMD-47, CMD-70; C3, C23, C24. Evidence itself is never made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.control.assembling import VIEWS_FOLDER
from gonogo.control.learning.notes import files_about
from gonogo.control.opening import Opened
from gonogo.control.scripted.workplace import Asked, Ended, after_success, bench_of, file_away, needed_run, newest_run
from gonogo.control.viewing import expected_views
from gonogo.engine.lineage import lineage
from gonogo.engine.writing import view_paths
from gonogo.errors import BadInput
from gonogo.evidence.artifacts import Head, evidence_manifest, traceability
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.filing import filed
from gonogo.terms import Digest, digest_of

MANIFEST: Final = "evidence-manifest.json"
UPPER: Final = "EVIDENCE-MANIFEST.json"


def aggregate(asked: Asked) -> Ended:
    """Check every stored artifact against the ledger and write the manifest; missing or altered ones are no success."""
    opened = newest_run(asked)
    if opened is None or not opened.state.evidence:
        if asked.script.subject == "long":
            return Ended(1, "aggregation failed", (f"there is no evidence of {asked.about} yet",))
        raise BadInput(f"there is no evidence of {asked.about} yet", next_step=f"gonogo run {asked.about} --release V")
    after_success(asked, opened.run, "run_protocol")
    folder = _folder(asked)
    faults = tuple(_faults(asked, opened))
    body = manifest_of(asked, opened, md5=asked.given.get("checksum") == "md5")
    missing = [str(name) for name in _list(body, "missing")]
    faults = (*faults, *(f"{name} is required and missing" for name in missing))
    written: tuple[str, ...] = ()
    if asked.script.subject == "short" or "output-manifest" in asked.given:
        data = write_json(body)
        names = (MANIFEST, UPPER) if asked.script.subject == "long" else (MANIFEST,)
        written = tuple(file_away(asked, data, f"{folder}{name}") for name in names)
    count = len(_list(body, "artifacts"))
    word = f"{count} artifacts verified by SHA-256"
    lines = (*faults, *(() if written else ("no manifest was written; the handoff needs one",)))
    return Ended(1 if faults else 0, word if not faults else f"{len(faults)} of {count} not as stored", lines, written)


def _folder(asked: Asked) -> str:
    given = asked.given.get("output") or asked.defaults.artifacts
    folder = given.rstrip("/").removeprefix("./")
    known = {f"{VIEWS_FOLDER}/{path.rpartition('/')[0]}" for path in view_paths(asked.about, "x")}
    if folder not in known:
        raise BadInput(f"`{given}` holds no evidence of {asked.about}", next_step=f"use {max(known)}/")
    return f"{folder}/"


def _list(body: Mapping[str, Tree], name: str) -> tuple[Tree, ...]:
    found = body.get(name)
    return tuple(found) if isinstance(found, list | tuple) else ()


def _faults(asked: Asked, opened: Opened) -> Iterator[str]:
    """Views that are gone or edited. What a script measured anew is in the store, and the sealed file comes back."""
    world, expected = asked.door.world, expected_views(opened)
    for item in world.views.differences(expected):
        seen = world.views.read_bytes(item.path)
        if item.kind == "changed" and seen is not None and world.vault.path(digest_of(seen)).exists():
            world.views.write({item.path: expected[item.path]})
        else:
            yield f"{VIEWS_FOLDER}/{item}"


def manifest_of(asked: Asked, opened: Opened, *, md5: bool = False) -> dict[str, Tree]:
    """The evidence manifest of a run as it is now (F29), with every place of each artifact; MD5 only beside SHA-256."""
    bench = bench_of(asked, opened)
    last = opened.entries[-1]
    data = evidence_manifest(filed(opened.entries), lineage(bench), Head(last.seq, last.digest))
    body = dict(read_object(data, name=MANIFEST, limit=1 << 26))
    rows = (*(row for row in _list(body, "artifacts") if isinstance(row, Mapping)), *_made_after(asked, opened))
    body["artifacts"] = [_row(asked, row, md5=md5) for row in rows]
    return body


def _made_after(asked: Asked, opened: Opened) -> Iterator[dict[str, Tree]]:
    """What people put on file about the run after its end: retrospective, lessons, improvements (LRN-03)."""
    for name, digest in files_about(asked.door, opened).items():
        size = len(asked.door.world.vault.read(digest))
        held: dict[str, Tree] = {"sha256": digest, "size": size, "state": "present", "required": False}
        yield {"name": name, "producer": "person", **held}


def _row(asked: Asked, row: Mapping[str, Tree], *, md5: bool) -> dict[str, Tree]:
    found = dict(row) | {"paths": [f"{VIEWS_FOLDER}/{path}" for path in view_paths(asked.about, str(row["name"]))]}
    if md5:
        stored = asked.door.world.vault.read(Digest(str(row["sha256"])), limit=1 << 30)
        # An additional field that a document asks for; SHA-256 is what is verified.
        found["md5"] = hashlib.md5(stored, usedforsecurity=False).hexdigest()
    return found


def derive(asked: Asked) -> Ended:
    """Write what follows from recorded evidence: the matrix of traceability; without evidence nothing (CMD-47)."""
    opened = needed_run(asked)
    if not opened.state.evidence:
        raise BadInput(f"{opened.run} holds no evidence yet", next_step="nothing was written")
    matrix = traceability(filed(opened.entries), lineage(bench_of(asked, opened)))
    folder = f"{VIEWS_FOLDER}/{view_paths(asked.about, 'x')[-1].rpartition('/')[0]}"
    body = manifest_of(asked, opened)
    written = (
        file_away(asked, matrix, f"{folder}/traceability.json"),
        file_away(asked, _listing(opened, body).encode(), f"{folder}/evidence-summary.md"),
    )
    return Ended(0, "derived artifacts written", (), written)


def _listing(opened: Opened, body: Mapping[str, Tree]) -> str:
    lines = [f"# Evidence of {opened.run}", "", "| artifact | SHA-256 | state | required |", "|---|---|---|---|"]
    for row in _list(body, "artifacts"):
        if isinstance(row, Mapping):
            needed = "yes" if row.get("required") else "no"
            lines.append(f"| `{row.get('name')}` | `{row.get('sha256')}` | {row.get('state')} | {needed} |")
    return "\n".join(lines) + "\n"
