"""The lock of a compiled protocol: what was read, with what, into which graph, and what was proved (DOC-27).

Canonical JSON: sorted keys, no floats, no times; the same inputs give the same bytes on any machine. A run is bound to
a lock; a changed document, sidecar or script is another lock, and the old one is refused (GN0701). The bytes of the
document are part of it, so that whoever meets a stale lock sees what became weaker.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from gonogo.document.reading import read_document
from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_json, write_json
from gonogo.findings import Finding, Level, Origin
from gonogo.plan.digest import as_json
from gonogo.plan.graph import Graph, State
from gonogo.plan.proof import Certificate
from gonogo.protocol.change import Change, Direction
from gonogo.protocol.comparing import compare
from gonogo.terms import Digest, Json, digest_of
from gonogo.values import dataclass

LOCK_FORMAT = "gonogo/lock/1"
GRAMMAR = "1"
MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class WaivedFinding:
    """A finding that a person took on, with the reference of the signed statement."""

    code: str
    place: str
    signer: str
    signature: Digest


@dataclass(frozen=True, slots=True)
class LockFacts:
    """Everything a lock says. `encoding` names a repaired code page; `coverage` counts lines by class.

    `bindings` are the digests of what else decides: the project file, and the gate limits where there are any.
    """

    slug: str
    number: str
    compiler: str
    encoding: str
    source: Digest
    sidecar: Digest
    graph: Graph
    certificate: Certificate
    coverage: Mapping[str, int]
    findings: tuple[Finding, ...]
    waived: tuple[WaivedFinding, ...]
    scripts: Mapping[str, Digest]
    bindings: Mapping[str, Digest] = field(default_factory=dict)
    document: bytes = b""


def lock_path(document: str) -> str:
    """Where the lock of a document lies: beside it, as `NAME.gonogo.lock.json`."""
    return f"{document.removesuffix('.md')}.gonogo.lock.json"


def lock_bytes(facts: LockFacts) -> bytes:
    """The lock as canonical JSON."""
    levels = [finding.level for finding in facts.findings]
    graph = graph_json(facts.graph)
    return write_json(
        {
            "format": LOCK_FORMAT,
            "grammar": GRAMMAR,
            "compiler": facts.compiler,
            "slug": facts.slug,
            "number": facts.number,
            "encoding": facts.encoding,
            "source_sha256": facts.source,
            "source": base64.b64encode(facts.document).decode("ascii"),
            "sidecar_sha256": facts.sidecar,
            "bindings": dict(facts.bindings),
            "graph_sha256": graph_digest(facts.graph),
            "graph": graph,
            "proof": {
                "sha256": facts.certificate.digest,
                "cuts": [[cut.effect, cut.guard] for cut in facts.certificate.cuts],
            },
            "coverage": dict(facts.coverage),
            "finding_counts": {level.name.lower(): levels.count(level) for level in Level},
            "waived": [as_json(waived) for waived in facts.waived],
            "scripts": dict(facts.scripts),
        }
    )


def graph_digest(graph: Graph) -> Digest:
    """Digest of a graph's meaning: states and ways, without the lines that they were read from."""
    return digest_of(write_json(graph_json(graph)))


def graph_json(graph: Graph) -> Json:
    """A graph as JSON. Places are left out, so that a renumbered or re-indented document has the same graph."""
    return {
        "start": graph.start,
        "end": graph.end,
        "states": [_state_json(state) for state in graph.states],
        "edges": sorted([edge.source, edge.kind.value, edge.target] for edge in graph.edges),
    }


def _state_json(state: State) -> Json:
    return {
        "id": state.id,
        "title": state.title,
        "kind": state.kind.value,
        "effect": state.effect.value,
        "must": state.must,
    }


def stale(lock: bytes, file: str, facts: LockFacts, changes: Sequence[Change] = ()) -> tuple[Finding, ...]:
    """GN0701 for everything in which `lock` is not the lock of `facts`; BadInput where it is no lock at all.

    `changes` is the difference from the locked document to this one; without it the lock's own copy is compared.
    """
    old = _read(lock, file)
    new = _read(lock_bytes(facts), "new lock")
    different = [name for name in _WORDS if old.get(name) != new.get(name)]
    if not different:
        return ()
    what = ", ".join(_WORDS[name] for name in different)
    changes = changes or _since(old, facts)
    weaker = sum(change.direction is Direction.WEAKER for change in changes)
    how = f", {weaker} {'rule' if weaker == 1 else 'rules'} weaker" if weaker else ""
    notes = (*_lines(changes), "compile again; a weaker lock needs a signature before it can run")
    return (Finding("GN0701", Level.ERROR, f"lock is stale: {what} changed{how}", Origin(file, 1), notes=notes),)


_WORDS = {
    "format": "lock format",
    "grammar": "grammar",
    "slug": "protocol",
    "source_sha256": "document",
    "sidecar_sha256": "sidecar",
    "bindings": "project or gate limits",
    "graph_sha256": "graph",
    "graph": "stored graph",
    "proof": "proof",
    "scripts": "scripts",
    "waived": "waived findings",
}


def _since(old: Mapping[str, Tree], facts: LockFacts) -> tuple[Change, ...]:
    """What changed since the locked document; nothing where the lock does not hold it, or holds another one."""
    document = locked_document(old)
    if document is None or not facts.document:
        return ()
    before, after = (read_document(data, "document").protocol for data in (document, facts.document))
    return compare(before, after) if before is not None and after is not None else ()


def locked_document(lock: Mapping[str, Tree]) -> bytes | None:
    """The document that a lock was made from; None where its bytes are not those that the digest names."""
    try:
        data = base64.b64decode(str(lock.get("source", "")), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if data and digest_of(data) == lock.get("source_sha256") else None


def _lines(changes: Iterable[Change]) -> tuple[str, ...]:
    return tuple(str(change) for change in changes if change.direction is not Direction.OTHER)


def _read(lock: bytes, file: str) -> Mapping[str, Tree]:
    value = read_json(lock, name=file, limit=MOST_BYTES)
    if not isinstance(value, Mapping) or value.get("format") != LOCK_FORMAT:
        raise BadInput(f"not a lock of format {LOCK_FORMAT}", where=file, next_step="compile the protocol again")
    return value
