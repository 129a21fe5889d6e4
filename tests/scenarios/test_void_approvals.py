"""An approval that counts no more at the moment of its use: the run halts, and after the cause people are asked anew (APR-03)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gonogo.evidence.verifying import VERIFIED, verify_package
from gonogo.run.machine import AwaitPeople, Over, Parked
from gonogo.terms import Person, RunId
from packages import files_of
from tests.projects import small_project
from tests.scenarios.test_work_time import Clocked, drive
from tests.worlds_http import place

SMALL, PEOPLE = "deployment-automation", "config/release-approvers.yaml"
VALID, LATER = "10m", timedelta(minutes=11)


@pytest.fixture
def approved(tmp_path: Path) -> Iterator[tuple[Clocked, RunId]]:
    """A run whose approval for production is complete and not used yet; two roles may give one half of it."""
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        made = small_project(tmp_path / "project", staging, production)
        rule = "any_of: [product_owner, {}], all_of: [sre_lead], quorum: 2"
        made.edit(PEOPLE, rule.format("sponsor"), f"{rule.format('quality_engineer')}, valid_for: {VALID}")
        project = Clocked(made.root, made.keys, made.record, staging, production)
        run = project.begin(SMALL)
        project.go_until(run, "production")
        sign(project, run, "sre1", "po1")
        yield project, run


def sign(project: Clocked, run: RunId, *people: str) -> None:
    (asked,) = (one for one in project.state(run).rounds.values() if (one.status, one.point) == ("open", "production"))
    for handle in people:
        project.door().record(run, asked.name, *project.signed(run, asked, handle, {}, project.clock.now()), Person(handle))


def deployments(project: Clocked) -> int:
    """How often the deploy script ran in production, by its own record."""
    return sum(" production " in line for line in project.executions("deploy"))


def halted(project: Clocked, run: RunId, words: str) -> None:
    state = project.state(run)
    assert state.halted is not None and state.halted.cause == "approval_void", project.view(run).halt
    assert words in project.view(run).halt
    assert state.rounds["production-1"].status == "voided"
    assert deployments(project) == 0, "nothing was begun under it"


def asked_anew(project: Clocked, run: RunId, *people: str) -> None:
    """After a signature that lifts the halt there is a new round with a challenge of its own, and the run ends released."""
    project.lift(run)
    assert isinstance(drive(project, run), AwaitPeople)
    first, second = (project.state(run).rounds[f"production-{number}"] for number in (1, 2))
    assert (second.status, second.answers) == ("open", ()) and second.request != first.request
    asked = [entry.data["challenge"] for entry in project.door().load(run).entries if entry.type == "approval.requested"]
    assert len(set(asked)) == len(asked)
    sign(project, run, *people)
    assert isinstance(drive(project, run), Over)
    state = project.state(run)
    assert (state.outcome, state.rounds["production-2"].status) == ("released", "used")
    assert deployments(project) == 1


@pytest.mark.req("APR-03", "ERR-10")
def test_after_an_approver_was_removed_another_one_is_asked_and_both_verifiers_take_the_package(
    approved: tuple[Clocked, RunId], tmp_path: Path
) -> None:
    project, run = approved
    trust = project.trust()
    project.edit(PEOPLE, "roles: [product_owner]", "roles: [sponsor]")
    assert isinstance(drive(project, run), Parked)
    halted(project, run, "po1 is not a product_owner")
    asked_anew(project, run, "sre1", "qe1")
    door = project.door()
    (sealed,) = door.load(run).state.packages.values()
    data = door.world.vault.read(sealed.sha256, limit=1 << 30)
    found = verify_package(data, trust, project.clock.now(), anchor_needed=False)
    assert found.exit_code == VERIFIED, found.verdict
    files = files_of(data)
    (tmp_path / "trust").mkdir()
    for name in ("policy.json", "allowed_signers", "revoked_keys"):
        (tmp_path / "trust" / name).write_bytes(files[f"trust/{name}"])
    (tmp_path / "p.zip").write_bytes(data)
    (tmp_path / "verify.py").write_bytes(files["verify.py"])
    command = [sys.executable, "-I", "verify.py", "p.zip", "--trust", "trust", "--no-anchor-needed"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.slow
@pytest.mark.req("APR-03", "ERR-10")
def test_after_an_approval_has_expired_before_its_use_people_are_asked_anew(approved: tuple[Clocked, RunId]) -> None:
    project, run = approved
    assert isinstance(drive(project, run, decide=LATER), Parked)
    halted(project, run, "(A13)")
    asked_anew(project, run, "sre1", "po1")


@pytest.mark.slow
@pytest.mark.req("APR-03", "ERR-10")
def test_after_a_changed_artifact_was_restored_people_are_asked_anew_and_not_before(approved: tuple[Clocked, RunId]) -> None:
    project, run = approved
    artifact = project.root / "releases" / "v2" / "app.txt"
    approved_bytes = artifact.read_bytes()
    artifact.write_bytes(b"another program\n")
    assert isinstance(drive(project, run), Parked)
    halted(project, run, "what was approved is no longer what would be deployed: releases/v2/app.txt")
    artifact.write_bytes(approved_bytes)
    asked_anew(project, run, "sre1", "po1")
