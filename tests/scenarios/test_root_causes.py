"""What a run knows of itself, and what its blockers came from: computed statements, and records that a gate closes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.control.awareness import OPINION, awareness
from gonogo.plan.model import all_stages
from gonogo.reports.root_causes import TRIPLES, CauseClass, gates_that_show, reasoning_of, triple_of
from gonogo.run.events import recorded
from gonogo.run.state import fold
from gonogo.terms import RunId
from tests.projects import Project, add_release, small_project
from tests.worlds_http import place

PRE = "pre-deployment"
REHEARSE = "deployment-rehearsal-and-verification/rehearse-the-deployment"


@contextmanager
def project_at(root: Path) -> Iterator[Project]:
    with place(root / "world" / "staging") as staging, place(root / "world" / "production") as production:
        yield small_project(root / "project", staging, production)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project_at(tmp_path_factory.mktemp("causes")) as found:
        yield found


@pytest.fixture(scope="module")
def halted(project: Project) -> RunId:
    return halted_run(project)


def halted_run(project: Project) -> RunId:
    """A run whose rehearsal failed: a folder stands where the deploy script writes."""
    project.record.mkdir()
    run = project.begin(PRE)
    project.go_on(run)
    assert project.state(run).halted is not None
    return run


@pytest.mark.req("RSN-03")
def test_each_of_eight_steps_has_causes_of_the_named_classes_a_solution_and_a_validation(project: Project, halted: RunId) -> None:
    plan = project.door().load(halted).plan
    owning = [stage for stage in plan.stages if triple_of(stage) is not None]
    assert len(owning) == len(TRIPLES) == 8
    for stage in owning:
        triple = triple_of(stage)
        assert triple is not None
        assert {kind for kind, _ in triple.causes} <= set(CauseClass)
        assert triple.causes and triple.solution and triple.validation
        assert gates_that_show(plan, stage), "a gate shows that it worked"


@pytest.mark.req("RSN-03", "RSN-14")
def test_explain_offers_the_triple_of_the_failed_step_and_the_reasoning_of_its_phase(project: Project, halted: RunId) -> None:
    said = gonogo("explain", halted, "-C", project.root)
    assert "can be    instructions-ambiguous: a script is wrong" in said.out
    assert "repair    repair the script" in said.out
    step = gonogo("explain", halted, REHEARSE, "-C", project.root)
    assert step.code == 0
    assert "pattern   rehearse as production will do it" in step.out
    assert "shown by  deployment-rehearsal-gate" in step.out
    body = gonogo("explain", halted, REHEARSE, "--json", "-C", project.root).json()
    assert body["step"] == REHEARSE


@pytest.mark.req("RSN-14")
def test_reasoning_is_help_and_no_condition_of_anything(project: Project, halted: RunId) -> None:
    plan = project.door().load(halted).plan
    stage = next(item for item in plan.stages if item.id == REHEARSE)
    reasoning = reasoning_of(plan, stage)
    assert reasoning is not None
    texts = {clause.text for rule in plan.gates.values() for clause in rule.clauses}
    assert not {reasoning.pattern, reasoning.example, reasoning.reason} & texts


@pytest.mark.req("RSN-08")
def test_the_figures_of_the_statement_are_those_of_the_state(project: Project, halted: RunId) -> None:
    door = project.door()
    opened = door.load(halted)
    found = awareness(door.world, opened)
    assert found.phase == 2
    assert found.state == REHEARSE
    assert found.on_file == tuple(opened.state.evidence)
    owed = {name for stage in all_stages(opened.plan) for name in stage.evidence}
    assert set(found.missing) == owed - set(opened.state.evidence)
    assert found.blockers == ((f"task_failed at {REHEARSE}", "CRITICAL"),)
    assert any("signed resume" in text for text in found.needed)
    said = gonogo("status", halted, "--statement", "--json", "-C", project.root).json()
    assert said["confidence"] == OPINION
    assert said["artifacts"] == {"on_file": list(found.on_file), "missing": list(found.missing)}
    assert "confidence" in gonogo("status", halted, "--statement", "-C", project.root).out


@pytest.mark.req("RSN-09")
def test_before_the_intake_a_run_answers_four_questions_about_itself(project: Project) -> None:
    door = project.door()
    add_release(project.root, "v3")
    run = project.begin(PRE, "v3")
    opened = door.load(run)
    early = opened.entries[:4]
    begun = replace(opened, state=fold(opened.plan, (recorded(entry) for entry in early)), entries=early)
    checks = dict(awareness(door.world, begun).checks)
    assert set(checks) == {"awareness", "limits", "capacity", "correction"}
    assert "#shop" in checks["correction"]
    assert "2 bound source(s)" in checks["limits"]


@pytest.mark.req("RSN-04", "RSN-05")
def test_a_record_needs_its_words_stands_in_the_log_and_is_closed_by_a_gate_that_passes_again(tmp_path: Path) -> None:
    with project_at(tmp_path) as project:
        recorded_and_closed(project, halted_run(project))


def recorded_and_closed(project: Project, halted: RunId) -> None:
    root = project.root
    words = ("--class", "environment-failed", "--cause", "a folder stood in the way", "--as", "dev1", "-C", root)
    assert gonogo("rootcause", halted, *words).code == 2
    assert gonogo("rootcause", halted, "--cause", "x", "-C", root).code == 64
    full = (*words, "--resolution", "it is taken away", "--prevention", "the probe looks for them")
    assert gonogo("rootcause", halted, *full).code == 3
    shown = gonogo("rootcause", halted, "-C", root)
    for field in ("**Blocker:** task_failed at", "**Root Cause:** environment-failed: a folder", "**Resolution:** it is", "**Prevention:** the probe"):
        assert field in shown.out
    assert "deployment-rehearsal-gate: it has to pass again" in shown.out
    body = gonogo("rootcause", halted, "--json", "-C", root).json()["records"]
    assert isinstance(body, list)
    assert body[0]["revalidated_by"] is None

    project.record.rmdir()
    project.lift(halted)
    project.go_on(halted)
    assert project.state(halted).outcome == "ready", project.view(halted).halt
    after = gonogo("rootcause", halted, "--json", "-C", root)
    records = after.json()["records"]
    assert isinstance(records, list)
    assert records[0]["revalidated_by"] == "deployment-rehearsal-gate"
    assert after.code == 0
    (log,) = root.glob(".artifacts/protocol-*/execution.log")
    assert "**Prevention:** the probe looks for them" in log.read_text()


@pytest.mark.req("RSN-01")
def test_explain_shows_the_branches_of_a_step_and_which_of_them_was_taken(project: Project, halted: RunId) -> None:
    said = gonogo("explain", halted, REHEARSE, "-C", project.root)
    assert "else if   a rehearsed deployment command failed → Investigate the failure and repeat the rehearsal   taken in attempt 1" in said.out
    branches = gonogo("explain", halted, REHEARSE, "-C", project.root, "--json").json()["branches"]
    assert [(each["keyword"], each["way"], each["taken_in"]) for each in branches] == [("if", "proceed", 0), ("else if", "again", 1), ("then", "proceed", 0)]
    (taken,) = [entry.data for entry in project.door().load(halted).entries if entry.type == "branch.taken" and entry.data["way"] != "proceed"]
    assert (taken["stage"], taken["facts"]["outcome"]) == (REHEARSE, "failed")
    assert taken["facts"]["detail"] == project.state(halted).halted.detail
