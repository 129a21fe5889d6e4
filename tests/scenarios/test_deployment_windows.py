"""Deployment windows on a real release: what begins outside one waits, and what one catches is taken back (WIN-02)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gonogo.errors import BadInput, Refused
from gonogo.evidence.verifying import VERIFIED, verify_package
from gonogo.plan.windows import Period, Windows
from gonogo.reports.live import Look, live_words
from gonogo.run.events import DecisionRequested, Recorded, TaskFinished, TrafficMoved
from gonogo.run.machine import AwaitPeople, Over, Perform, Record, WaitUntil, decide, outside_its_window
from gonogo.run.state import RunState
from gonogo.terms import Person, RunId
from tests.command_line import gonogo
from tests.prepared import Rehearsed
from tests.projects import REQUESTER, Project

HOUR = timedelta(hours=1)


class Enough(Exception):
    """Thrown by a listener, so that a drive ends in the middle of a rollout as if its engine had died."""


@pytest.fixture
def project(rehearsal: Rehearsed, tmp_path: Path) -> Project:
    return rehearsal.copy(tmp_path / "project")


def plan_windows(project: Project, text: str) -> None:
    project.edit("gonogo.yaml", "health_window:\n", f"window: {text}\nhealth_window:\n")


def until_it_waits(project: Project) -> tuple[RunId, WaitUntil]:
    run = project.begin("production-deployment")
    for _ in range(12):
        stopped = project.door().drive(run, patient=False, listener=lambda state, entry: None)
        if isinstance(stopped, WaitUntil):
            return run, stopped
        assert isinstance(stopped, AwaitPeople), project.view(run).halt
        project.sign_all(run)
    raise AssertionError("it never waits for a window")


@pytest.mark.req("WIN-01", "WIN-02", "ROL-05")
def test_production_waits_outside_its_window_and_goes_on_when_one_opens(project: Project) -> None:
    opens = datetime.now(UTC).replace(microsecond=0) + HOUR
    plan_windows(project, f"{{start: {opens.isoformat()}, end: {(opens + HOUR).isoformat()}, channel: '#war-room'}}")
    run, waiting = until_it_waits(project)
    assert (waiting.moment, waiting.far) == (opens, True)
    assert "no deployment window is open" in waiting.why
    assert project.executions("deploy", "rollback")[-1].split()[1] == "staging", "production was not touched"

    ended = gonogo("resume", run, "-C", project.root)
    assert (ended.code, ended.out.splitlines()[0]) == (3, f"WAITING: {run} waits until {opens:%Y-%m-%d %H:%M:%S} UTC: {waiting.why}")
    assert f"waiting until {opens:%Y-%m-%d %H:%M} UTC" in gonogo("status", run, "-C", project.root).out
    told = gonogo("window", str(run)[:-2], "-C", project.root, "--json")
    assert (told.code, told.json()["open"], told.json()["opens_at"]) == (3, False, f"{opens:%Y-%m-%dT%H:%M:%S.000Z}")
    assert f"opens {opens:%Y-%m-%d %H:%M:%S} UTC" in gonogo("window", "-C", project.root).out
    assert "begins only inside a deployment window" in gonogo("plan", "production-deployment", "--release", "v2", "-C", project.root).out
    door = project.door()
    opened = door.load(run)
    inside = decide(opened.plan, opened.state, opens)
    assert isinstance(inside, Perform)
    assert inside.task.consumes == "production"
    assert isinstance(decide(opened.plan, opened.state, opens - timedelta(seconds=1)), WaitUntil)
    closed = decide(opened.plan, opened.state, opens + HOUR)
    assert isinstance(closed, Record)
    assert isinstance(closed.event, TaskFinished)
    assert (closed.event.outcome, closed.event.facts["cause"]) == ("failed", "no_window")

    page = project.door().world.vault.read(opened.state.evidence["deployment-window.md"].digest).decode()
    assert f"- Deployment window: the window: {opens:%Y-%m-%d %H:%M}-" in page
    assert "- Communication channels: #war-room" in page


@pytest.mark.req("WIN-02")
def test_a_rollout_that_the_end_of_its_window_catches_is_taken_back_where_the_policy_says_so(project: Project) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ends = now + HOUR
    plan_windows(project, f"{{start: {(now - HOUR).isoformat()}, end: {ends.isoformat()}, at_end: roll_back}}")

    def stop_in_the_middle(_: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved):
            raise Enough

    run = project.begin("production-deployment")
    with pytest.raises(Enough):
        while isinstance(project.door().drive(run, patient=False, listener=stop_in_the_middle), AwaitPeople):
            project.sign_all(run)
    opened = project.door().load(run)
    caught = next_records(opened.plan, opened.state, ends)
    assert caught == "window_closed"
    assert next_records(opened.plan, opened.state, datetime.now(UTC)) == ""
    later = Windows((Period("later", (now + 3 * HOUR).replace(tzinfo=None), HOUR),), (), "roll_back")
    outside = replace(opened.plan, project=replace(opened.plan.project, windows=later))
    assert next_records(outside, opened.state, datetime.now(UTC)) == "", "begun by broken glass: no end catches it"


@pytest.mark.req("WIN-02", "DG1-04")
def test_the_glass_is_broken_by_listed_people_with_a_reason_and_their_statement_is_used_once(project: Project) -> None:
    opens = datetime.now(UTC).replace(microsecond=0) + HOUR
    plan_windows(project, f"{{start: {opens.isoformat()}, end: {(opens + HOUR).isoformat()}}}")
    run, _ = until_it_waits(project)
    refused = gonogo("break-glass", run, "-C", project.root)
    assert (refused.code, refused.err.splitlines()[0]) == (2, "gonogo: nobody may break the glass here: the approvers name no `break_glass` decision")
    project.door().abort(run, "another one follows", Person(REQUESTER))
    project.go_on(run)

    project.edit("config/release-approvers.yaml", "  resume:", "  break_glass: {all_of: [release_manager]}\n  resume:")
    run, _ = until_it_waits(project)
    opened = project.door().load(run)
    missed = decide(opened.plan, opened.state, opens + 2 * HOUR)
    assert isinstance(missed, WaitUntil), "a window that is over keeps nobody from asking"
    assert missed.why.endswith("none opens within 400 days; gonogo break-glass asks those who may let it begin")
    assert outside_its_window(opened.plan, opened.state, opens + 2 * HOUR) is not None
    asked = gonogo("break-glass", run, "-C", project.root)
    assert (asked.code, asked.out.split(";")[0]) == (0, "asked: break_glass-1")
    astray = gonogo("approve", run, "glass", "--key", "nix", "-C", project.root)
    assert f"gonogo approve {run} break_glass --key YOUR-KEY" in astray.err, "who names another point gets the line to type"
    again = project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert isinstance(again, WaitUntil), "to ask is not to be permitted"
    now = datetime.now(UTC).replace(microsecond=0)
    project.edit("gonogo.yaml", f"start: {opens.isoformat()}", f"start: {(now - HOUR).isoformat()}")
    assert isinstance(project.door().drive(run, patient=False, listener=lambda state, entry: None), WaitUntil), "an edit moves no window"
    with pytest.raises((BadInput, Refused), match="reason"):
        project.sign(run, project.state(run).rounds["break_glass-1"], "rm1", decision="go")
    [waiting] = [item for item in project.view(run).waiting if item.point == "break_glass"]
    assert "release_manager" in waiting.missing[0]
    project.sign(run, project.state(run).rounds["break_glass-1"], "rm1", decision="go", reason="customers wait for it")
    ended = project.go_on(run)
    assert isinstance(ended, Over), project.view(run).halt
    assert ended.outcome == "released"
    state = project.state(run)
    assert state.rounds["break_glass-1"].status == "used"
    data = project.door().world.vault.read(state.packages["deployment"].sha256, limit=1 << 30)
    found = verify_package(data, project.trust(), datetime.now(UTC), anchor_needed=False)
    assert found.exit_code == VERIFIED, found


def manual_step(project: Project) -> None:
    project.edit("gonogo.yaml", "rollout: {steps: [5, 50, 100],", "rollout: {steps: [5, 50, 100], promotions: [auto, manual],")
    project.edit("config/release-approvers.yaml", "  resume:", "  promotion: {all_of: [sre_lead]}\n  resume:")


@pytest.mark.req("ROL-01")
def test_a_step_that_people_promote_is_held_until_they_sign(project: Project) -> None:
    manual_step(project)
    percents, shown = [], []

    def sign_when_asked(state: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved):
            percents.append(entry.event.percent)
        if isinstance(entry.event, DecisionRequested) and entry.event.point == "promotion":
            assert percents[-1] == 50, "asked in the step that is promoted by people"
            shown.extend(live_words(project.door().load(run).plan, state, Look(datetime.now(UTC))))
            project.sign(run, state.rounds[entry.event.round], "sre1", decision="go", reason="it looks well")

    run = project.begin("production-deployment")
    while isinstance(stopped := project.door().drive(run, patient=False, listener=sign_when_asked), AwaitPeople):
        project.sign_all(run)
    assert isinstance(stopped, Over), project.view(run).halt
    assert (stopped.outcome, percents[-1]) == ("released", 100)
    assert project.state(run).rounds["promotion-1"].status == "used"
    for line, begins in zip(shown, (r"new v2: 50 % of the traffic, \d+ requests, \d+ errors = ", r"old v1: 50 % of the traffic, \d+ requests, ", "judge: ", "evidence of harm .*; aborts at ", r"at least \d+ s left in this step$"), strict=True):
        assert re.match(begins, line), shown
    assert b"beyond 50 % of the traffic" in project.door().world.vault.read(project.state(run).rounds["promotion-1"].request)

@pytest.mark.slow
@pytest.mark.req("ROL-01", "ARB-01")
def test_a_step_that_nobody_promotes_in_time_is_taken_back_and_waits_for_nobody_any_more(project: Project) -> None:
    manual_step(project)
    project.edit("gonogo.yaml", "patience: 10s", "patience: 1s")
    run = project.begin("production-deployment")
    while isinstance(stopped := project.door().drive(run, patient=False, listener=lambda state, entry: None), AwaitPeople):
        project.sign_all(run)
    assert isinstance(stopped, Over), project.view(run).halt
    assert (stopped.outcome, project.state(run).rounds["promotion-1"].status) == ("rolled_back", "open")
    assert [item.point for item in project.view(run).waiting] == []


@pytest.mark.slow
@pytest.mark.req("ROL-01")
def test_a_no_go_at_a_step_that_people_promote_takes_production_back(project: Project) -> None:
    manual_step(project)
    percents = []

    def refuse_when_asked(state: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved):
            percents.append(entry.event.percent)
        if isinstance(entry.event, DecisionRequested) and entry.event.point == "promotion":
            project.sign(run, state.rounds[entry.event.round], "sre1", decision="no_go", reason="the graphs frighten me")

    run = project.begin("production-deployment")
    while isinstance(stopped := project.door().drive(run, patient=False, listener=refuse_when_asked), AwaitPeople):
        project.sign_all(run)
    assert isinstance(stopped, Over), project.view(run).halt
    assert (stopped.outcome, percents) == ("rolled_back", [5, 50, 0])
    assert project.view(run).waiting == (), "what was taken back waits for nobody any more"


@pytest.mark.req("ARB-01")
def test_a_fixed_limit_takes_a_rollout_back_that_is_no_worse_than_the_old_version(project: Project) -> None:
    limits = "limits: [{name: speed, metric: p50, at_most: 0.001ms}], least_requests: 1, errors_in_row: 100,"
    project.edit("gonogo.yaml", "rollout: {steps: [5, 50, 100],", f"rollout: {{{limits} steps: [5, 50, 100],")
    run = project.release("production-deployment")
    state = project.state(run)
    assert state.outcome == "rolled_back"
    assert state.rollback is not None
    reason = project.door().world.vault.read(state.rollback.detail).decode() if state.rollback.detail else ""
    assert "limit broken 1 times, 0 forgiven: p50 ≤ 1e-06 s" in reason


def next_records(plan: object, state: RunState, now: datetime) -> str:
    act = decide(plan, state, now)  # type: ignore[arg-type]
    if isinstance(act, Record) and isinstance(act.event, TaskFinished) and act.event.outcome == "failed":
        return str(act.event.facts["cause"])
    return ""
