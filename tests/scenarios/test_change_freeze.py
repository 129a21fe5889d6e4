"""The change freeze on a real run: the branch is opened again however the run ends, a queued change stops it (section 20)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.run.machine import AwaitPeople
from gonogo.terms import Person
from tests.prepared import Rehearsed, rehearsed
from tests.projects import REQUESTER, Project

COMMANDS = """commands:
  lock: {run: [bash, scripts/branch.sh, lock]}
  locked: {run: [bash, scripts/branch.sh, prove]}
  unlock: {run: [bash, scripts/branch.sh, unlock]}
  queued: {run: [bash, scripts/branch.sh, queue]}
"""
FREEZE = "freeze: {lock: lock, probe: locked, unlock: unlock, queue: queued}\n"
BRANCH = """#!/usr/bin/env bash
set -eu
case "$1" in
  lock) touch branch.locked ;;
  prove) test -e branch.locked ;;
  unlock) rm -f branch.locked ;;
  queue) printf '{"changes": [{"id": "C7", "conflicts": %s}]}' "$(cat conflicts)" > "$GONOGO_OUT/queued-changes.json" ;;
esac
"""


def with_freeze(project: Project) -> None:
    project.edit("gonogo.yaml", "commands:\n", COMMANDS)
    project.edit("gonogo.yaml", "health_window:\n", f"{FREEZE}health_window:\n")
    project.write("scripts/branch.sh", BRANCH, mode=0o755)
    project.write("conflicts", "false")


@pytest.fixture(scope="module")
def freezing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    with rehearsed(tmp_path_factory.mktemp("freezing"), with_freeze) as found:
        yield found


@pytest.fixture
def project(freezing: Rehearsed, tmp_path: Path) -> Project:
    return freezing.copy(tmp_path / "project")


def locked(project: Project) -> bool:
    return (project.root / "branch.locked").exists()


@pytest.mark.req("FRZ-02", "FRZ-03")
def test_the_branch_is_locked_during_the_run_and_open_after_it_and_the_queue_is_on_record(project: Project) -> None:
    run = project.begin("production-deployment")
    project.go_until(run, "freeze")
    assert locked(project)
    project.go_on(run)
    assert project.state(run).outcome == "released", project.view(run).halt
    assert not locked(project)
    body = project.evidence(run, "change-freeze-confirmation.json")
    assert body["queued_changes"] == [{"conflicts": False, "id": "C7"}]
    assert body["branch_lock"]["locked"] is True


@pytest.mark.req("FRZ-02")
def test_an_aborted_run_opens_the_branch_too(project: Project) -> None:
    run = project.begin("production-deployment")
    project.go_until(run, "freeze")
    assert locked(project)
    project.door().abort(run, "the customer called", Person(REQUESTER))
    project.go_on(run)
    assert project.state(run).outcome == "aborted"
    assert not locked(project)


@pytest.mark.req("FRZ-03")
@pytest.mark.parametrize(("answer", "words"), [("true", "queued changes conflict with this release: C7"), ("perhaps", "queued-changes.json")])
def test_a_queued_change_that_conflicts_or_cannot_be_read_stops_the_run(project: Project, answer: str, words: str) -> None:
    project.write("conflicts", answer)
    run = project.begin("production-deployment")
    assert not isinstance(project.go_on(run), AwaitPeople)
    assert project.state(run).halted is not None
    assert words in project.view(run).halt
    assert project.executions("deploy")[-1].split()[1] == "staging"
