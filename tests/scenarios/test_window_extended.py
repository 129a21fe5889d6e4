"""A health window that breaks its limit in a real release: extended to its limit and failed, then extended and passed."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from gonogo.run.events import GateJudged, MetricsSampled, Recorded
from gonogo.run.events_of_traffic import WindowExtended
from gonogo.run.state import RunState
from gonogo.terms import RunId
from tests.prepared import Rehearsed
from tests.projects import MOST_ROUNDS, Project

GATE = "stabilization-reporting-gate"


class Watching:
    """Lets half of all requests fail as soon as the window is sampled, and in attempt `mends` no more once it is extended."""

    def __init__(self, project: Project) -> None:
        self.faults = project.production.root / "faults.json"
        self.mends = 0
        self.seen: list[WindowExtended] = []
        self.gates: list[str] = []

    def __call__(self, state: RunState, entry: Recorded) -> None:
        match entry.event:
            case MetricsSampled(index=0) if len(state.rollings) == 2:
                self.faults.write_text(json.dumps({"v2": 0.5}))
            case WindowExtended() as event:
                self.seen.append(event)
                if event.attempt == self.mends:
                    self.faults.write_text("{}")
            case GateJudged(gate=gate, verdict=verdict) if gate == GATE:
                self.gates.append(verdict)
            case _:
                pass


def driven(project: Project, run: RunId, watching: Watching) -> RunState:
    for _ in range(MOST_ROUNDS):
        project.door().drive(run, patient=False, listener=watching)
        if not project.sign_all(run):
            break
    return project.state(run)


@pytest.mark.req("SOK-04", "SOK-02", "DG4-04")
def test_a_window_is_extended_to_its_limit_and_fails_and_watched_again_is_extended_and_passes(
    rehearsal: Rehearsed, tmp_path: Path
) -> None:
    project = rehearsal.copy(tmp_path / "project")
    project.edit("gonogo.yaml", "health_window:\n  length: 1s\n", "health_window:\n  extensions: 2\n  extend_by: 2s\n  length: 2s\n")
    run, watching = project.begin("production-deployment"), Watching(project)
    failed = driven(project, run, watching)
    assert failed.halted is not None
    assert (failed.halted.cause, watching.gates) == ("gate_failed", ["fail"])
    assert [(event.number, event.clause, event.limit) for event in watching.seen] == [(1, "error_rate", "0.05"), (2, "error_rate", "0.05")]
    assert all(float(event.measured) > 0.05 for event in watching.seen)
    assert all(one.ends_at < two.ends_at for one, two in pairwise(watching.seen))
    log = project.evidence(run, "deployment-health-log.json")["health"]
    assert isinstance(log, dict)
    assert (log["extended"], log["status"]) == (2, "fail")
    # Evidence leaves zeros at the end of a fraction out, the journal does not: it is the instant that is the same.
    assert datetime.fromisoformat(str(log["window_end"])) == datetime.fromisoformat(watching.seen[-1].ends_at)
    said = [line for line in (project.root / ".artifacts/deployment/deployment-health-log.md").read_text("utf-8").splitlines() if "extension" in line]
    assert len(said) == 2

    watching.mends = watching.seen[-1].attempt + 1
    watching.seen.clear()
    project.lift(run)
    passed = driven(project, run, watching)
    assert (passed.outcome, watching.gates[-1]) == ("released", "pass")
    assert [event.number for event in watching.seen] == list(range(1, len(watching.seen) + 1))
    assert 1 <= len(watching.seen) <= 2, "on a machine that stood still for a second the second one is needed"
    log = project.evidence(run, "deployment-health-log.json")["health"]
    assert isinstance(log, dict)
    assert (log["extended"], log["status"], log["breaches"], log["samples_missing"]) == (len(watching.seen), "pass", 0, 0)
    report = (project.root / ".artifacts/deployment/DEPLOYMENT-REPORT.md").read_text("utf-8")
    assert "| extended at | clause | measured | limit | until |" in report
    entries = project.door().world.journal.entries(run)
    extended = [entry.seq for entry in entries if entry.type == "window.extended"]
    told = [entry.seq for entry in entries if entry.data.get("prefix") == "[ESCALATION]"]
    assert len(told) == len(extended) == 2 + len(watching.seen)
