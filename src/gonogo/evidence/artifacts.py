"""`evidence-manifest.json` and `traceability.json`: what each artifact is for, what came from what (F29, EVS-10 to 15).

Required items are counted apart; optional ones can never excuse a required one that is missing (C80).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import ROUND_DOWN, Decimal
from typing import Final

from gonogo.evidence.canonical import Tree, write_json
from gonogo.evidence.closed import moment_text
from gonogo.evidence.filing import Filed
from gonogo.terms import Digest
from gonogo.values import dataclass

MEDIA: Final[Mapping[str, str]] = {
    "json": "application/json",
    "log": "text/plain",
    "md": "text/markdown",
    "txt": "text/plain",
    "xml": "application/xml",
    "zip": "application/zip",
    "sarif": "application/sarif+json",
    "yaml": "application/yaml",
}


@dataclass(frozen=True, slots=True)
class ArtifactNote:
    """What the protocol and the project say about an artifact."""

    required: bool = False
    producer: str = "gonogo"
    validator: str = "gonogo"
    gate: str | None = None
    consumers: tuple[str, ...] = ()
    purpose: str = ""
    metrics: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """An artifact taken from, or given to, another protocol. Outputs have no digest of their own here."""

    protocol: str
    artifact: str
    sha256: Digest | None = None


@dataclass(frozen=True, slots=True)
class Transformation:
    """A step that made outputs from inputs, both named by digest."""

    step: str
    inputs: Mapping[str, Digest]
    outputs: Mapping[str, Digest]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where evidence comes from and where it goes; `required` names what has to be there."""

    notes: Mapping[str, ArtifactNote]
    upstream: tuple[Exchanged, ...] = ()
    downstream: tuple[Exchanged, ...] = ()
    transformations: tuple[Transformation, ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the required artifacts, sorted."""
        return tuple(sorted(name for name, note in self.notes.items() if note.required))


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the log that the manifest speaks of."""

    sequence: int
    hash: Digest


def evidence_manifest(files: Sequence[Filed], lineage: Lineage, head: Head) -> bytes:
    """The bytes of `evidence-manifest.json` over every sealed file that is no claim."""
    present = {item.name for item in files if item.counts}
    required = lineage.required
    found = sum(name in present for name in required)
    return write_json(
        {
            "schema": "gonogo/evidence-manifest/1",
            "artifacts": [_artifact(item, lineage) for item in files if item.status != "claimed"],
            "dependencies": _dependencies(lineage),
            "transformations": _transformations(lineage),
            "coverage": {"required": len(required), "present": found, "rate": ratio(found, len(required))},
            "missing": [name for name in required if name not in present],
            "audit_head": {"sequence": head.sequence, "hash": head.hash},
        }
    )


def traceability(files: Sequence[Filed], lineage: Lineage) -> bytes:
    """The bytes of `traceability.json`: inputs, steps, outputs, each artifact with who reads it (EVS-13 to EVS-15)."""
    digests = {item.name: item.digest for item in files if item.counts}
    rows: list[Tree] = [
        {
            "artifact": item.artifact,
            "protocol": item.protocol,
            "sha256": item.sha256 or digests.get(item.artifact),
        }
        for item in lineage.downstream
    ]
    matrix: list[Tree] = [_traced(item, lineage) for item in files if item.counts]
    return write_json(
        {
            "schema": "gonogo/traceability/1",
            "rows": matrix,
            "inputs": _dependencies(lineage)["upstream"],
            "outputs": rows,
            "transformations": _transformations(lineage),
        }
    )


def _traced(item: Filed, lineage: Lineage) -> dict[str, Tree]:
    """One row of the matrix (F49): from what, by which step, for which gate, to whom."""
    note = lineage.notes.get(item.name, ArtifactNote())
    made = next((step for step in lineage.transformations if item.name in step.outputs), None)
    sources = {exchange.artifact: exchange.protocol for exchange in lineage.upstream}
    inputs = made.inputs if made is not None else {}
    return {
        "artifact": item.name,
        "sha256": item.digest,
        "from": [{"protocol": sources.get(name), "artifact": name, "sha256": inputs[name]} for name in sorted(inputs)],
        "step": item.state,
        "gate": note.gate,
        "to": list(note.consumers),
    }


def ratio(part: int, whole: int) -> Decimal | None:
    """`part / whole`, rounded down to four digits so that it is 1 only when nothing is missing; None of nothing."""
    if whole == 0:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), rounding=ROUND_DOWN)


def _artifact(item: Filed, lineage: Lineage) -> dict[str, Tree]:
    note = lineage.notes.get(item.name, ArtifactNote())
    fields: dict[str, Tree] = {
        "name": item.name,
        "paths": [item.path],
        "sha256": item.digest,
        "size": item.size,
        "media_type": MEDIA.get(item.name.rpartition(".")[2].lower(), "application/octet-stream"),
        "created_at": moment_text(item.entry.ts),
        "producer": note.producer,
        "validator": note.validator,
        "gate": note.gate,
        "consumers": list(note.consumers),
        "purpose": note.purpose,
        "metrics": dict(note.metrics),
        "required": note.required,
        "evidence_id": f"{item.entry.seq}",
        "state": item.state,
        "attempt": item.attempt,
        "status": item.status,
        "sealed_at": moment_text(item.entry.ts),
        "sealed_seq": item.entry.seq,
    }
    if item.superseded is not None:
        fields["superseded_by"] = item.superseded
    return fields


def _dependencies(lineage: Lineage) -> dict[str, Tree]:
    return {
        "upstream": [
            {"protocol": item.protocol, "artifact": item.artifact, "sha256": item.sha256} for item in lineage.upstream
        ],
        "downstream": [{"protocol": item.protocol, "artifact": item.artifact} for item in lineage.downstream],
    }


def _transformations(lineage: Lineage) -> list[Tree]:
    return [
        {
            "step": item.step,
            "inputs": [{"name": name, "sha256": item.inputs[name]} for name in sorted(item.inputs)],
            "outputs": [{"name": name, "sha256": item.outputs[name]} for name in sorted(item.outputs)],
        }
        for item in lineage.transformations
    ]
