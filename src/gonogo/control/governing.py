"""The limits that gates judge with, for whoever governs them: each with the document's own, and who set it (CFG-02)."""

from __future__ import annotations

from dataclasses import replace

from gonogo.control.compiled import sources_for
from gonogo.control.policy_files import history
from gonogo.control.soundness import require_sound
from gonogo.control.sources import protocol_sources
from gonogo.control.workspaces import Workspace
from gonogo.errors import BadInput
from gonogo.evidence.canonical import write_json
from gonogo.plan.compiling import compile_plan
from gonogo.plan.gate_limits import WEAKER_BY_POLICY
from gonogo.plan.model import Plan
from gonogo.plan.release import UNKNOWN_RELEASE
from gonogo.plan.sources import Source, Sources
from gonogo.terms import Json, digest_of
from gonogo.values import dataclass

SCHEMA = "gonogo/limits/1"


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit of one gate. `weaker` is true only where a signed policy permits it (C72)."""

    gate: str
    name: str
    metric: str
    operator: str
    limit: str
    document_limit: str
    unit: str
    set_by: str
    weaker: bool


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """All limits of a protocol in this project, with the files that set them."""

    plan: Plan
    sources: Sources
    rows: tuple[LimitRow, ...]


def limits_in_force(workspace: Workspace, protocol: str) -> LimitsInForce:
    """Compile a protocol and read its limits; BadInput where it cannot be compiled."""
    manifest = Source("release-manifest.json", UNKNOWN_RELEASE)
    sources = sources_for(workspace, protocol_sources(workspace, protocol), manifest)
    plan = _plan(sources, protocol)
    own = _plan(replace(sources, gate_limits=None), protocol)
    rows = [
        LimitRow(
            rule.id,
            rule.name,
            clause.metric,
            clause.op.value,
            str(clause.limit.value),
            str(before.limit.value),
            clause.unit,
            clause.limit_from.removesuffix(WEAKER_BY_POLICY),
            clause.limit_from.endswith(WEAKER_BY_POLICY),
        )
        for name, rule in plan.gates.items()
        for clause, before in zip(rule.clauses, own.gates[name].clauses, strict=True)
    ]
    return LimitsInForce(plan, sources, tuple(rows))


def _plan(sources: Sources, protocol: str) -> Plan:
    found = compile_plan(sources)
    require_sound(found.findings)
    if found.plan is None:
        raise BadInput(f"`{protocol}` cannot be compiled", next_step="`gonogo check` says why")
    return found.plan


def exported(workspace: Workspace, found: LimitsInForce) -> bytes:
    """The limits as a file for a registry or a dashboard; the same bytes for the same inputs."""
    return write_json(limits_json(workspace, found))


def limits_json(workspace: Workspace, found: LimitsInForce) -> dict[str, Json]:
    """What the exported file holds."""
    known = history(workspace.root)
    governed, policy = found.sources.gate_limits, found.sources.policy
    return {
        "schema": SCHEMA,
        "project": found.plan.project.name,
        "site": found.plan.ring.site,
        "protocol": {"slug": found.plan.slug, "sha256": found.plan.sources["document"]},
        "limits_file": {"path": governed.name, "sha256": digest_of(governed.data)} if governed else None,
        "policy": {
            "version": max(known, default=0) or None,
            "sha256": digest_of(known[max(known)].data) if known else None,
            "signed": policy is not None,
        },
        "limits": [
            {
                "gate": row.gate,
                "name": row.name,
                "metric": row.metric,
                "operator": row.operator,
                "limit": row.limit,
                "document_limit": row.document_limit,
                "unit": row.unit,
                "set_by": row.set_by,
                "weaker_than_document": row.weaker,
            }
            for row in found.rows
        ],
    }
