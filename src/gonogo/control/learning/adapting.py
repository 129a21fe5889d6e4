"""Gathers what runs and this machine show, for proposals; reads, and changes nothing at all (LRN-18)."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from gonogo.control.compiled import gate_limits_source
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.sources import protocol_sources
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.measure.stored_fields import Fields
from gonogo.plan.gate_limits import FOLDER
from gonogo.plan.model import BoundClause, Decide, Plan, Roll, Watch
from gonogo.plan.reading import duration_of
from gonogo.reports.proposals import Measured, Past, Proposal, Worked, proposals
from gonogo.run.state import attempt_of
from gonogo.run.turns import Judgement
from gonogo.terms import RunId

TOOLS: Final[Mapping[str, str]] = {
    "bandit": "faults in Python code",
    "checkov": "faults in infrastructure as code",
    "detect-secrets": "secrets",
    "gitleaks": "secrets in the history",
    "grype": "vulnerable packages",
    "osv-scanner": "vulnerable packages",
    "pip-audit": "vulnerable Python packages",
    "semgrep": "faults by local rules",
    "trivy": "vulnerable packages and images",
    "zizmor": "faults in CI workflows",
}
"""Scanners whose reports gonogo reads, and what each finds."""

NEWEST: Final = 50
MOST_BYTES: Final = 1 << 24
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def proposals_of(door: Door) -> tuple[Proposal, ...]:
    """What the newest runs of a project suggest; nothing is written, and no plan of any run changes."""
    opened = [found for run in door.runs()[-NEWEST:] if (found := _opened(door, run)) is not None]
    newest = {item.plan.name: item.plan for item in opened}
    past = Past(
        runs=len(opened),
        rolled_back=sum(item.state.outcome == "rolled_back" for item in opened),
        measured=tuple(each for item in opened for each in _measured(door, item)),
        worked=tuple(each for item in opened for each in _worked(item)),
        by_hand=_by_hand(opened),
        present=tuple(_present(door)),
    )
    return proposals(past, tuple(newest.values()))


def _opened(door: Door, run: RunId) -> Opened | None:
    try:
        return door.load(run)
    except GonogoError:
        # A run that cannot be read suggests nothing; `gonogo audit` names it.
        return None


def _measured(door: Door, opened: Opened) -> Iterator[Measured]:
    file = _limits_file(door, opened.plan)
    for name, judged in opened.state.judgements.items():
        rule = opened.plan.gates.get(name)
        clauses = {clause.text: clause for clause in rule.clauses} if rule is not None else {}
        for row in _rows(door, judged):
            clause = clauses.get(row.text("text"))
            value = _value(clause, row.text("measured")) if clause is not None else None
            if clause is None or value is None or not isinstance(clause.limit.value, Decimal):
                continue
            yield Measured(
                opened.plan.name,
                name,
                clause.metric,
                clause.op,
                clause.limit.value,
                value,
                clause.unit,
                file,
                passed=row.text("result") == "pass",
                waived=judged.verdict == "waived",
            )


def _rows(door: Door, judged: Judgement) -> Sequence[Fields]:
    try:
        body = read_object(door.world.vault.read(judged.digest), name="judgement", limit=MOST_BYTES)
    except GonogoError:
        # What was erased after its time shows nothing more.
        return ()
    return Fields(body).rows("clauses")


def _value(clause: BoundClause, measured: str) -> Decimal | None:
    if clause.unit == "duration":
        return duration_of(measured)
    return Decimal(measured) if _NUMBER.fullmatch(measured) else None


def _limits_file(door: Door, plan: Plan) -> str:
    """The file in which the project bounds the gates of a protocol; where it has none, the one that it would be."""
    try:
        found = gate_limits_source(door.workspace, *protocol_sources(door.workspace, plan.name))
    except GonogoError:
        found = None
    return found.name if found is not None else f"{FOLDER}/{plan.number.zfill(2) or plan.name}.yaml"


def _worked(opened: Opened) -> Iterator[Worked]:
    """The time of each step that was work: waits for people and for traffic are not."""
    for stage in opened.plan.stages:
        if any(isinstance(task.act, Decide | Roll | Watch) for task in stage.tasks):
            continue
        known = [opened.state.tasks[task.id] for task in stage.tasks if task.id in opened.state.tasks]
        ended = [task.ended - task.began for task in known if task.ended is not None]
        if ended:
            yield Worked(opened.plan.name, stage.id, sum(ended, timedelta(0)), attempt_of(opened.state, stage))


def _by_hand(opened: Sequence[Opened]) -> dict[str, int]:
    rounds = (asked for item in opened for asked in item.state.rounds.values() if asked.kind == "attestation")
    return dict(Counter(asked.point for asked in rounds for _ in asked.answers))


def _present(door: Door) -> Iterator[tuple[str, str]]:
    """Scanners that are installed here and that no bound scan uses."""
    project = door.workspace.project
    bound = {scan.form for scan in project.scans} | {
        part for scan in project.scans for part in _argv(door, scan.command)
    }
    for tool, what in TOOLS.items():
        if tool not in bound and shutil.which(tool, path=door.world.environ.get("PATH")):
            yield tool, what


def _argv(door: Door, command: str) -> tuple[str, ...]:
    found = door.workspace.project.commands.get(command)
    return tuple(found.run) if found is not None else ()
