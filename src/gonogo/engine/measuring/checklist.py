"""The deployment checklist, from what the rehearsal taught, with what that changed (CHK-01 to CHK-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.runs_seen import sealed_before
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry
from gonogo.measure.checklist import (
    ChecklistItem,
    ChecklistSeen,
    PlannedMessage,
    checklist_body,
    checklist_markdown,
    items_by_hand,
    items_from_rehearsal,
    items_from_warnings,
)
from gonogo.measure.figures import Body
from gonogo.plan.model import Execute
from gonogo.run.events import RunOpened, recorded

CHECKLIST: Final = "deployment-checklist.json"
REHEARSED: Final = "rehearsal-report.json"
MANUAL_LOG: Final = "manual-validation-log.json"


def checklist(bench: Bench) -> Looked:
    """The production checklist, from what the rehearsal taught (CHK-01..CHK-03)."""
    body = _checklist_body(bench)
    found = body["deployment_checklist"]
    ok = isinstance(found, Mapping) and found.get("status") == "complete"
    files = (
        bench.json(CHECKLIST, body),
        bench.text("deployment-checklist.md", checklist_markdown(body)),
    )
    return Looked(ok=ok, files=files, detail="" if ok else "the deployment checklist has open items")


def coverage_so_far(bench: Bench) -> Decimal | None:
    """How much of the checklist the run proves already, before it is written; None before anything was rehearsed (F7).

    What the list is made of is sealed by the rehearsal: the package can say it, though the list comes after it.
    """
    if not bench.has(REHEARSED):
        return None
    found = _checklist_body(bench)["deployment_checklist"]
    coverage = found.get("coverage") if isinstance(found, Mapping) else None
    return Decimal(coverage) if isinstance(coverage, int | Decimal) else None


def _checklist_body(bench: Bench) -> Body:
    earlier = _checklist_before(bench)
    seen = ChecklistSeen(
        _lessons(bench),
        (
            PlannedMessage("start of the rollout", "stakeholders", "announcements"),
            PlannedMessage("half of the traffic moved", "stakeholders", "announcements"),
            PlannedMessage("completion or rollback", "stakeholders", "announcements"),
        ),
        bench.raw("staging-deployment-run.log")[0],
        *(earlier or ()),
    )
    return checklist_body(seen)


def _lessons(bench: Bench) -> tuple[ChecklistItem, ...]:
    """Durations and failures by the rehearsal report, complaints of its commands, and what was done by hand."""
    owner, proof = bench.plan.role, bench.raw(REHEARSED)[0]
    items = list(items_from_rehearsal(bench.body(REHEARSED), owner, proof))
    runs = [run for purpose in ("deploy", "rollback", "redeploy") for run in bench.commands_run(purpose)]
    complaints = {}
    for task, known in runs:
        size = known.facts.get("stderr_size")
        if isinstance(size, int) and size > 0 and known.outcome == "ok" and isinstance(task.act, Execute):
            complaints[task.act.command] = size
    items += items_from_warnings(tuple(complaints.items()), owner, bench.raw("staging-deployment-run.log")[0])
    if bench.has(MANUAL_LOG):
        items += items_by_hand(bench.body(MANUAL_LOG), owner, bench.raw(MANUAL_LOG)[0])
    return tuple(items)


def _checklist_before(bench: Bench) -> tuple[Mapping[str, Tree], str] | None:
    """The checklist of the newest earlier run of this protocol that has one, and the name of that run."""
    found = sealed_before(bench, CHECKLIST, _of_this_protocol)
    # A clean-up may have deleted it: then everything is shown as new.
    return (found.body or {"items": []}, found.run) if found else None


def _of_this_protocol(bench: Bench, entries: Sequence[Entry]) -> bool:
    opened = recorded(entries[0]).event
    return isinstance(opened, RunOpened) and opened.protocol == bench.plan.name
