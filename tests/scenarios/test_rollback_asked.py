"""Asked before a rollback: people may say no by signature, and silence rolls back (ARB-04)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.evidence.ledger import time_of
from gonogo.run.machine import Parked
from gonogo.terms import Person, RunId
from tests.projects import Project, small_project
from tests.worlds_http import place

SMALL = "deployment-automation"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A bad release, and a policy that asks before production is rolled back."""
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        found = small_project(tmp_path / "project", staging, production)
        found.edit("gonogo.yaml", "patience: 10s}", "patience: 10s, rollback: ask, rollback_deadline: 10m}")
        found.edit("config/release-approvers.yaml", "  resume:", "  rollback: {any_of: [sre_lead]}\n  resume:")
        (production.root / "faults.json").write_text(json.dumps({"v2": 0.5}))
        yield found


def driven(project: Project, decision: str) -> RunId:
    """Drive a run; whoever is asked about the rollback answers at once by `decision`, or says nothing."""
    run, door = project.begin(SMALL), project.door()

    def answer(state: object, entry: object) -> None:
        event = entry.event
        if type(event).__name__ == "DecisionRequested" and event.point == "rollback":
            assert project.production.weights()["green"] > 0, "production is as it was while people are asked"
            if decision:
                asked, _, _ = project.door().request(run, event.round)
                project.sign(run, asked, "sre1", decision=decision, reason="the errors are those of a test")

    for _ in range(8):
        door.drive(run, patient=False, listener=answer)
        if not project.sign_all(run):
            return run
    raise AssertionError(f"{run} asks again and again")


@pytest.mark.req("ARB-04", "COM-16")
def test_who_is_asked_and_says_nothing_by_the_deadline_has_production_rolled_back(project: Project) -> None:
    project.edit("gonogo.yaml", "rollback_deadline: 10m", "rollback_deadline: 2s")
    run = driven(project, "")
    state = project.state(run)
    assert (state.outcome, state.rollback.trigger, state.rollback.verified) == ("rolled_back", "judge", True)
    (asked,) = [known for known in state.rounds.values() if known.point == "rollback"]
    assert state.rollback.began >= time_of(asked.expires_at)
    assert asked.answers == ()
    messages = [json.loads(line) for line in (project.root / ".gonogo/announcements.jsonl").read_text().splitlines()]
    (told,) = [one for one in messages if one["prefix"] == "[ROLLBACK DECISION]"]
    assert told["text"].startswith("Deployment failed: ")
    assert "Execute automatic rollback? (yes/no)" in told["text"]


@pytest.mark.slow
@pytest.mark.req("ARB-04")
def test_a_signed_yes_rolls_back_before_the_deadline(project: Project) -> None:
    run = driven(project, "go")
    assert project.state(run).outcome == "rolled_back", project.view(run).halt
    assert project.production.version(project.production.front()) == "v1"


@pytest.mark.req("ARB-04")
def test_a_signed_no_leaves_production_as_it_is_until_somebody_aborts(project: Project) -> None:
    run = driven(project, "no_go")
    state = project.state(run)
    assert (state.halted.cause, state.rollback) == ("rollback_refused", None)
    assert "sre1 (sre_lead) signed that production stays as it is" in project.view(run).halt
    assert isinstance(project.go_on(run), Parked)
    assert project.production.weights()["green"] > 0
    project.door().abort(run, "it was no test", Person("rm1"))
    project.go_on(run)
    assert project.state(run).outcome == "rolled_back"
    assert project.production.weights() == {"blue": 100, "green": 0}


def test_without_an_entry_of_its_own_a_release_manager_is_asked(project: Project) -> None:
    project.edit("config/release-approvers.yaml", "  rollback: {any_of: [sre_lead]}\n", "")
    found = compile_for(open_workspace(project.root), SMALL, "v2")
    assert found.plan is not None
    assert found.plan.decisions["rollback"].roles == {"release_manager"}
