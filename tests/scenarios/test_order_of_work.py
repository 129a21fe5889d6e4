"""Readiness to execute is decided before anything else, and work goes in sequence, checked at each checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gonogo.evidence.ledger import Entry
from gonogo.terms import RunId
from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.worlds_http import Place

MANIFEST = "releases/v2/release-manifest.json"


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    return one_check(small_project(tmp_path / "project", *places), "tests")


def entries(project: Project, run: RunId, *kinds: str) -> list[Entry]:
    return [entry for entry in project.door().load(run).entries if entry.type in kinds]


def ready_text(project: Project, run: RunId) -> dict[str, object]:
    body = project.evidence(run, "prerequisites-validation.json")
    return dict(json.loads(json.dumps(body, default=str)))


@pytest.mark.req("RSN-02")
def test_readiness_to_execute_is_decided_from_artifacts_approvals_and_states_and_logged_when_it_lets_the_run_go_on(project: Project) -> None:
    seen = look(project)
    assert seen.passed
    first = entries(project, seen.run, "task.finished")[0]
    assert (first.data["task"], first.data["outcome"]) == ("prerequisites#check", "ok")
    facts = ready_text(project, seen.run)
    assert facts["status"] == "success"
    assert [row["name"] for row in facts["artifacts"] if row["present"]] == ["release-manifest.json"]
    assert {row["state"] for row in facts["system_states"]} == {"ok"}


@pytest.mark.req("RSN-02")
def test_readiness_that_is_not_there_halts_with_what_is_missing_before_any_work(project: Project) -> None:
    run = project.begin("one-check")
    project.edit("scripts/tests.sh", "set -euo pipefail", "set -eu")
    project.go_on(run)
    state = project.state(run)
    assert (state.halted.stage, state.halted.cause) == ("prerequisites", "task_failed")
    (first,) = entries(project, run, "task.finished")
    assert (first.data["task"], first.data["outcome"]) == ("prerequisites#check", "failed")
    assert "scripts/tests.sh changed since the run was opened" in project.view(run).halt
    assert not entries(project, run, "task.intended"), "nothing was begun"


@pytest.mark.req("RSN-06")
def test_steps_go_in_sequence_each_checked_before_the_next_and_artifacts_are_complete_before_the_handoff(project: Project) -> None:
    run = look(project).run
    plan = project.door().load(run).plan
    order = [task.id for stage in (*plan.stages, plan.closing) for task in stage.tasks]
    done = [str(entry.data["task"]) for entry in entries(project, run, "task.finished") if entry.data["outcome"] == "ok"]
    assert done == order, "in the order of the plan, none left out, none twice"
    seqs = {str(entry.data["task"]): entry.seq for entry in entries(project, run, "task.finished")}
    judged = entries(project, run, "gate.judged")[0].seq
    sealed = {str(entry.data["name"]): entry.seq for entry in entries(project, run, "evidence.sealed")}
    step = next(stage for stage in plan.stages if stage.id == "looking/look-once")
    assert all(sealed[name] < judged for name in step.evidence), "a gate is judged after the evidence of its steps is sealed"
    package = entries(project, run, "package.sealed")[0].seq
    assert all(seq < package for name, seq in sealed.items() if name in {*step.evidence, "prerequisites-validation.json"})
    assert seqs["gate/check-gate#judge"] < package < entries(project, run, "run.closed")[0].seq
