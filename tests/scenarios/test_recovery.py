"""An environment that does not answer: ordered steps of recovery with results, proposals without effect, a person's choice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.control.learning.proposals import proposal_of
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry
from gonogo.run.machine import AwaitPeople
from gonogo.terms import Person, RunId
from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.worlds_http import place

SMALL = "deployment-automation"
STEPS = ["report", "check the VPN connection", "check the service credentials", "retry or abort"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


def cut_off(project: Project) -> RunId:
    """A run that halted because staging does not answer."""
    (project.staging.root / "slots/blue").rename(project.staging.root / "unplugged")
    run = project.begin(SMALL)
    project.go_on(run)
    assert project.state(run).halted is not None
    return run


def plug_in(project: Project) -> None:
    (project.staging.root / "unplugged").rename(project.staging.root / "slots/blue")


def proposal(project: Project, run: RunId) -> dict[str, Tree]:
    door = project.door()
    return dict(proposal_of(door.world, door.load(run)))


def recovery(project: Project, run: RunId) -> list[tuple[str, str]]:
    rows = proposal(project, run)["recovery"]
    return [(row["step"], row["result"]) for row in rows]


def entries(project: Project, run: RunId, *kinds: str) -> list[Entry]:
    return [entry for entry in project.door().load(run).entries if entry.type in kinds]


@pytest.mark.req("ERR-01", "COM-22")
def test_an_environment_that_does_not_answer_is_reported_and_recovery_goes_step_by_step_with_results(project: Project) -> None:
    project.edit("gonogo.yaml", "commands:\n", "recovery: {vpn: try-vpn, credentials: try-login}\ncommands:\n"
                 "  try-vpn: {run: [bash, scripts/vpn.sh], timeout: 60s}\n  try-login: {run: [bash, scripts/login.sh], timeout: 60s}\n")  # fmt: skip
    project.write("scripts/vpn.sh", "echo connected\n")
    project.write("scripts/login.sh", "echo 'token hunter2 was refused'\nexit 4\n")
    run = cut_off(project)
    assert recovery(project, run) == list(zip(STEPS, ["done", "holds", "fails", "a person chooses"], strict=True))
    assert proposal(project, run)["diagnosis"] == "environment_unreachable"
    assert "hunter2" not in json.dumps(proposal(project, run))
    said = [entry for entry in entries(project, run, "message.announced") if entry.data["prefix"] == "[ERROR]"]
    text = project.door().world.vault.read(said[0].data["text_sha256"]).decode()
    assert text == "Unable to connect to staging. Check network/credentials."
    assert said[0].data["severity"] == "CRITICAL"
    shown = gonogo("explain", run, "-C", project.root)
    at = [shown.out.index(f"recovery {number}. {step}") for number, step in enumerate(STEPS, start=1)]
    assert at == sorted(at)


@pytest.mark.req("ERR-01")
def test_what_nobody_bound_is_not_checked_and_a_person_chooses_between_another_try_and_the_end(project: Project) -> None:
    run = cut_off(project)
    assert [result for _, result in recovery(project, run)] == ["done", "not checked", "not checked", "a person chooses"]
    project.lift(run)
    project.go_on(run)
    assert project.state(run).halted is not None, "the second try meets the same silence"
    assert len(entries(project, run, "repair.proposed")) == 2
    plug_in(project)
    project.lift(run)
    assert isinstance(project.door().drive(run, patient=False, listener=lambda state, entry: None), AwaitPeople)
    assert project.state(run).tasks["prerequisites#check"].outcome == "ok"


@pytest.mark.req("ERR-01")
def test_whoever_chooses_the_end_ends_the_run_without_anything_being_touched(project: Project) -> None:
    run = cut_off(project)
    project.door().abort(run, "staging is gone for good", Person("dev1"))
    project.go_on(run)
    assert project.state(run).outcome == "aborted"
    assert project.executions() == []


@pytest.mark.req("ERR-12")
def test_a_proposal_changes_nothing_until_a_person_accepts_it(project: Project) -> None:
    one_check(project, "tests")
    project.write("scripts/tests.sh", "exit 0\n")
    seen = look(project)
    assert not seen.passed
    (told,) = entries(project, seen.run, "repair.proposed")
    body = proposal(project, seen.run)
    assert body["repairs"]
    assert body["accepted_by"] is None
    before = project.state(seen.run)
    for _ in range(2):
        project.door().drive(seen.run, patient=False, listener=lambda state, entry: None)
    after = project.state(seen.run)
    assert (after.seq, after.tasks, after.halted) == (before.seq, before.tasks, before.halted)
    assert told.seq > before.halted.seq
    shown = gonogo("explain", seen.run, "-C", project.root)
    assert "nothing of this was done; to accept: gonogo resume" in shown.out
    assert gonogo("explain", seen.run, "-C", project.root, "--json").json()["proposal"]["stage"] == before.halted.stage
    project.lift(seen.run)
    assert project.state(seen.run).halted is None
