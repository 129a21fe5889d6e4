"""Where each artifact of a run came from, what it is for, who takes it, what was measured in it (EVS-01 to EVS-15).

What the document says in its evidence tables is taken from the document as it was stored when the run was opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gonogo.document.evidence_summary import SummaryRow, evidence_summary
from gonogo.engine.bench import Bench
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.artifacts import ArtifactNote, Exchanged, Lineage, Transformation
from gonogo.evidence.canonical import Tree, read_object
from gonogo.plan.model import Stage
from gonogo.run.state import Evidence
from gonogo.terms import Digest

MANIFEST = "release-manifest.json"
MOST = 64 << 20


def lineage(bench: Bench) -> Lineage:
    """What each artifact of a run is for, where it came from and who takes it (EVS-12)."""
    plan = bench.plan
    required = {name for stage in plan.stages for name in stage.evidence if _reached(bench, stage)}
    gates = {name: rule.id for rule in plan.gates.values() for name in rule.evidence}
    told = summary(bench)
    consumers = _consumers(bench, told)
    measured = _measured(bench)
    notes = {
        name: ArtifactNote(
            required=name in required,
            gate=gates.get(name),
            consumers=consumers.get(name, ()),
            purpose=told[name].purpose if name in told else "",
            metrics=measured.get(name, {}),
        )
        for name in {*bench.state.evidence, *required}
    }
    upstream = tuple(
        Exchanged(source, name, digest)
        for name, source, _ in plan.artifacts
        if (digest := _upstream_digest(bench, name)) is not None
    )
    downstream = tuple(Exchanged(protocol, name) for name, protocol in plan.outputs)
    return Lineage(notes, upstream, downstream, tuple(_transformations(bench)))


def summary(bench: Bench) -> Mapping[str, SummaryRow]:
    """The rows of the document's evidence tables, by artifact."""
    document = bench.world.vault.read(bench.plan.sources["document"])
    return {row.name: row for row in evidence_summary(document)}


def _consumers(bench: Bench, told: Mapping[str, SummaryRow]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, protocol in bench.plan.outputs:
        found.setdefault(name, []).append(protocol)
    for name, row in told.items():
        found.setdefault(name, []).extend(row.consumers)
    return {name: tuple(dict.fromkeys(who)) for name, who in found.items()}


def _measured(bench: Bench) -> dict[str, dict[str, Tree]]:
    """What the newest judgement of each gate measured in a file, by the name of the metric."""
    found: dict[str, dict[str, Tree]] = {}
    for item in bench.state.evidence.values():
        if not item.name.startswith("gate-"):
            continue
        clauses = _body(bench, item).get("clauses")
        for row in clauses if isinstance(clauses, list) else ():
            if isinstance(row, Mapping):
                found.setdefault(str(row.get("file")), {})[str(row.get("text"))] = row.get("measured")
    return found


def _transformations(bench: Bench) -> Iterator[Transformation]:
    """Each step with what its outputs say that they were made from, and those outputs (EVS-11, EVS-15)."""
    for stage in bench.plan.stages:
        made = [item for item in bench.state.evidence.values() if item.stage == stage.id]
        inputs = {name: digest for item in made for name, digest in _inputs(bench, item)}
        if made:
            yield Transformation(stage.id, inputs, {item.name: item.digest for item in made})


def _inputs(bench: Bench, item: Evidence) -> Iterator[tuple[str, Digest]]:
    rows = _body(bench, item).get("inputs")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping):
            yield str(row.get("name")), Digest(str(row.get("sha256")))


def _body(bench: Bench, item: Evidence) -> Mapping[str, Tree]:
    """The JSON of an artifact; nothing where it is none, or is gone by a clean-up."""
    if not item.name.endswith(".json"):
        return {}
    try:
        return read_object(bench.world.vault.read(item.digest), name=item.name, limit=MOST)
    except (BadInput, GonogoError):
        return {}


def _reached(bench: Bench, stage: Stage) -> bool:
    """Whether the run has come to this step: what later steps will write is not lacking yet."""
    return any(task.id in bench.state.tasks for task in stage.tasks)


def _upstream_digest(bench: Bench, name: str) -> Digest | None:
    if name.endswith(MANIFEST):
        return bench.plan.sources["manifest"]
    binding = bench.plan.project.artifacts.get(name)
    return bench.world.files.see(binding.path).digest if binding else None
