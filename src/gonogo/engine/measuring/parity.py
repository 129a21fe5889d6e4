"""Staging against production in a run: report, pause while drift has no plan, requests, marks (PAR-01..PAR-13)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.commanding import question_spec
from gonogo.engine.parity_sides import SidesAsked, sides_seen
from gonogo.evidence.canonical import Tree, read_object
from gonogo.measure.header import RawFile
from gonogo.measure.intake import PARITY_REPORT
from gonogo.measure.parity import AskedBefore, parity_body, unplanned
from gonogo.measure.stored_fields import Fields
from gonogo.plan.project import CommandBinding, Environment
from gonogo.ports import CommandSpec
from gonogo.reports.parity_text import parity_lines
from gonogo.run.events import EvidenceSealed, recorded
from gonogo.terms import Json, Secret

MOST_BYTES = 16 << 20
MOST_NAMED = 20
"""Paths of drift that a message names."""


def parity(bench: Bench) -> Looked:
    """Staging and production, setting by setting; secrets as fingerprints under a salt that nobody keeps (PAR-02).

    The step pauses while drift has no plan or nobody can say what differs; whether the drift is bearable is the gate's
    question, so a plan lets the run go on and the gate fail (PAR-05).
    """
    asked = SidesAsked(
        bench.world,
        bench.plan.project,
        RawFile("gonogo.yaml", bench.plan.sources["project"]),
        lambda: bench.plan.ring,
        lambda binding, environment: _spec(bench, binding, environment),
    )
    seen = sides_seen(asked, Secret(secrets.token_hex(32)), bench.now, _earlier(bench))
    body = parity_body(seen, bench.now)
    severity = Fields(body).part("staging_parity").maybe_text("drift_severity")
    paused = unplanned(body)
    ok = severity is not None and not paused
    return Looked(
        ok=ok,
        files=(bench.json(PARITY_REPORT, body),),
        facts=_facts(body, severity),
        detail="" if ok else "\n".join(parity_lines(body)),
    )


def _spec(bench: Bench, binding: CommandBinding, environment: Environment) -> CommandSpec:
    return question_spec(replace(bench, now=bench.world.clock.now()), binding, environment)


def _facts(body: Mapping[str, Tree], severity: str | None) -> dict[str, Json]:
    """What the announcement of drift says; paths only, never a value (PAR-11)."""
    rows = [row for row in Fields(body).rows("remediation_requests") if row.text("state") != "answered"]
    named: list[Json] = [f"{row.text('path')} ({row.text('severity')})" for row in rows[:MOST_NAMED]]
    if not rows:
        return {}
    due = min(row.text("due") for row in rows)
    return {"drift": len(rows), "drift_severity": severity, "drift_paths": named, "drift_due": due}


def _earlier(bench: Bench) -> Mapping[str, AskedBefore]:
    """What the report of the attempt before asked for: a request keeps its age over attempts (PAR-07, PAR-13)."""
    if bench.run not in bench.world.journal.runs():
        return {}  # Somebody measures outside of a run.
    entries = reversed(bench.world.journal.entries(bench.run))
    sealed = (event for entry in entries if isinstance(event := recorded(entry).event, EvidenceSealed))
    last = next((event for event in sealed if event.name == PARITY_REPORT), None)
    if last is None:
        return {}
    fields = Fields(read_object(bench.world.vault.read(last.sha256), name=PARITY_REPORT, limit=MOST_BYTES))
    rows = fields.rows("remediation_requests") if fields.has("remediation_requests") else ()
    return {
        row.text("path"): AskedBefore(row.moment("first_seen"), row.moment("sent_at"), row.moment("due"))
        for row in rows
    }
