"""What people learn from runs: due retrospectives, prefilled agenda, lessons, improvements, knowledge, and their handoff."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from command_line import Said, gonogo

from gonogo.control.scripted.workplace import Asked
from gonogo.control.scripted.evidence import manifest_of
from gonogo.control.scripted.door import script_named
from gonogo.evidence.ledger import Entry, time_of
from gonogo.plan.script_defaults import script_defaults
from gonogo.reports.handoff import Handing, Learned, improvement_list
from gonogo.run.events import recorded
from gonogo.terms import Person, RunId
from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.worlds_http import Place


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    return one_check(small_project(tmp_path / "project", *places), "tests")


def say(project: Project, *arguments: str) -> Said:
    said = gonogo(*arguments, "-C", project.root)
    assert said.code == 0, said.err
    return said


def opened(project: Project, run: RunId) -> list[Entry]:
    return [entry for entry in project.door().load(run).entries if entry.type == "retrospective.opened"]


def halted_then_ready(project: Project) -> RunId:
    """A run that failed its tests once and passed in the second attempt, after a signature with a reason."""
    good = (project.root / "scripts/tests.sh").read_text()
    project.write("scripts/tests.sh", 'if [ "$GONOGO_ATTEMPT" = 1 ]; then exit 1; fi\n' + good)
    seen = look(project)
    assert not seen.passed
    project.lift(seen.run)
    project.go_on(seen.run)
    assert project.state(seen.run).outcome == "ready", project.view(seen.run).halt
    return seen.run


@pytest.mark.req("LRN-01")
def test_a_retrospective_is_due_a_day_or_two_after_a_halt_and_again_after_the_end_with_everybody_invited(project: Project) -> None:
    run = halted_then_ready(project)
    first, last = opened(project, run)
    assert [entry.data["outcome"] for entry in (first, last)] == ["halted", "ready"]
    for entry in (first, last):
        assert abs(time_of(entry.data["due_from"]) - entry.ts - timedelta(hours=24)) < timedelta(seconds=1)
        assert abs(time_of(entry.data["due_to"]) - entry.ts - timedelta(hours=48)) < timedelta(seconds=1)
        assert entry.data["invited"] == ["dev1", "Book Keeping", "stakeholders"]


@pytest.mark.req("LRN-02")
def test_the_agenda_has_three_parts_and_nine_questions_prefilled_from_the_run(project: Project) -> None:
    run = halted_then_ready(project)
    found = say(project, "retro", run, "--json").json()
    assert [len([item for item in found["agenda"] if item["part"] == part]) for part in dict.fromkeys(item["part"] for item in found["agenda"])] == [3, 3, 3]
    facts = {item["text"]: item["facts"] for item in found["agenda"]}
    assert facts["Which steps had blockers or delays?"] == ["looking/look-once: task_failed", "looking/look-once: attempt 2"]
    assert "Prerequisites" in facts["Which steps ran smoothly?"]
    assert facts["Which gates had limits that fit?"] == ["Check Gate"]
    assert facts["Which artifacts needed rework or explanation?"] == ["junit-smoke.xml: attempt 2", "staging-test-results.json: attempt 2"]
    assert "due 20" in say(project, "retro", run).out


@pytest.mark.req("LRN-03")
def test_the_report_of_a_retrospective_is_among_the_artifacts_and_in_the_manifest_of_its_run(project: Project) -> None:
    run = halted_then_ready(project)
    assert gonogo("retro", run, "--well", "the tests", "-C", project.root).code == 64
    say(project, "retro", run, "--with", "ada", "--with", "grace", "--well", "the tests", "--action", "ada: fix the flaky suite")
    stored = project.root / ".artifacts/one-check/retrospective-report.json"
    assert b"fix the flaky suite" in stored.read_bytes()
    door = project.door()
    asked = Asked(script_named("aggregate_evidence_14"), {}, script_defaults({}, {}), door, Person("dev1"), print, "one-check")
    rows = {row["name"]: row for row in manifest_of(asked, door.load(run))["artifacts"]}
    assert rows["retrospective-report.json"]["sha256"] == sha256(stored.read_bytes()).hexdigest()
    assert rows["retrospective-report.json"]["producer"] == "person"
    assert rows["staging-test-results.json"]["required"]


@pytest.mark.req("LRN-10")
def test_lessons_are_on_file_with_context_insight_action_outcome_and_applicability_and_are_found(project: Project) -> None:
    run = look(project).run
    say(project, "lessons", run, "--context", "first run", "--insight", "suites are flaky", "--action", "pinned them",
        "--outcome", "no flake since", "--applies-to", "every service")  # fmt: skip
    incomplete = gonogo("lessons", run, "--insight", "only this", "-C", project.root)
    assert incomplete.code == 2
    assert "context" in incomplete.err
    (row,) = say(project, "lessons", "--search", "FLAKY", "--json").json()["records"]
    assert (row["insight"], row["applies_to"], row["run"]) == ("suites are flaky", "every service", run)
    assert say(project, "lessons", "--search", "walrus", "--json").json()["records"] == []


@pytest.mark.req("LRN-11", "LRN-12")
def test_a_blocker_is_found_by_its_cause_with_the_resolution_that_held(project: Project) -> None:
    run = halted_then_ready(project)
    (row,) = say(project, "knowledge", "--cause", "task_failed", "--json").json()["patterns"]
    assert (row["stage"], row["times"], row["proven"]) == ("looking/look-once", 1, 1)
    assert row["resolutions"] == [{"run": run, "resolution": "the cause is repaired", "proven": True}]
    assert row["symptoms"][0].startswith("tests did not pass")
    assert say(project, "knowledge", "--gate", "check-gate", "--json").json()["patterns"] == []
    assert "held: the cause is repaired" in say(project, "knowledge", "--search", "DID NOT PASS").out


@pytest.mark.req("LRN-12")
def test_a_resolution_after_which_the_same_step_stopped_again_did_not_hold(project: Project) -> None:
    project.write("scripts/tests.sh", "exit 1\n")
    run = look(project).run
    project.lift(run)
    project.go_on(run)
    (row,) = say(project, "knowledge", "--json").json()["patterns"]
    assert (row["times"], row["proven"]) == (2, 0)


@pytest.mark.req("HND-02")
def test_each_of_the_six_items_of_improvement_is_open_where_nobody_did_it(project: Project) -> None:
    found = project.door().load(look(project).run)
    whole = Learned(feedback=1, lessons=1, improvements=1, updates=1, metrics=True)
    given = Handing(found.plan, found.state, tuple(map(recorded, found.entries)), (), True, True, whole)
    assert [item.held for item in improvement_list(given)] == [True] * 6
    broken = {
        "execution feedback logged": replace(given, learned=replace(whole, feedback=0)),
        "lessons documented": replace(given, learned=replace(whole, lessons=0)),
        "quality metrics captured": replace(given, learned=replace(whole, metrics=False)),
        "knowledge base updated": replace(given, learned=replace(whole, updates=0)),
        "adaptation opportunities logged": replace(given, learned=replace(whole, improvements=0)),
        "retrospective scheduled": replace(given, state=replace(given.state, retrospective=None)),
    }
    for name, other in broken.items():
        assert [item.name for item in improvement_list(other) if not item.held] == [name]
        assert all(item.why for item in improvement_list(other) if not item.held)


@pytest.mark.req("LRN-04", "LRN-05")
def test_trends_are_counted_from_runs_and_from_what_people_said(project: Project) -> None:
    run = halted_then_ready(project)
    say(project, "feedback", run, "--text", "had to ask twice", "--kind", "rework", "--rating", "2")
    rows = {row["figure"]: row["quarters"][0] for row in say(project, "metrics", "trends", "--json").json()["trends"]}
    assert {figure: (row["mean"], row["values"]) for figure, row in rows.items() if "minutes" not in figure} == {
        "gate pass rate": ("1", 1),
        "halts per run": ("1", 1),
        "rework requests per run": ("1", 1),
        "downstream satisfaction (1 to 5)": ("2", 1),
        "statements by hand per run": ("0", 1),
    }
    assert "work per run in minutes" in rows
