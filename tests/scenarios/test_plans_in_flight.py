"""Runs that are in flight while documents, project files or gonogo itself change: each goes on with its own plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.errors import Tampered
from gonogo.plan.digest import plan_digest
from gonogo.plan.model import Plan
from gonogo.plan.stored import stored_form
from gonogo.ports import Draft
from gonogo.run.events import PlanBound, data_of, recorded
from gonogo.run.machine import Parked
from gonogo.terms import Digest, Person, RunId
from tests.projects import Project, small_project
from tests.unit.test_cli_errors import Nowhere

OLDER = RunId("pre-deployment-v2-000000")


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    return small_project(tmp_path / "shop", Nowhere(tmp_path / "world/staging"), Nowhere(tmp_path / "world/production"))


def opened_by_another(shop: Project, *, kept: bytes | None = None, engine: str = "0.0.9") -> Plan:
    """A run whose plan this version would compile otherwise; `kept` are the bytes that are stored in its place."""
    door = shop.door()
    opened = door.load(shop.begin("pre-deployment"))
    bound = next(event for entry in opened.entries if isinstance(event := recorded(entry).event, PlanBound))
    older = replace(opened.plan, mission="What an older compiler took for the mission.")
    older = replace(older, digest=plan_digest(older))
    data = kept or stored_form(older)
    assert data is not None
    stored = "" if kept == b"" else door.world.vault.put(data)
    event = replace(bound, plan_sha256=older.digest, stored_sha256=stored, engine=engine)
    drafts = [Draft(entry.type, dict(entry.data)) for entry in opened.entries[:-1]]
    drafts.append(Draft("plan.bound", data_of(event)))
    door.world.journal.open_run(OLDER, drafts, actor=Person("dev1"), now=door.world.clock.now())
    return older


@pytest.mark.req("DOC-27", "WFS-10")
def test_a_run_goes_on_with_its_own_plan_whatever_this_version_would_compile(shop: Project) -> None:
    older = opened_by_another(shop)
    stopped = shop.door().drive(OLDER, patient=False, listener=lambda state, entry: None)
    assert isinstance(stopped, Parked)
    assert shop.state(OLDER).seq > len(shop.door().load(OLDER).state.tasks), "it was driven, to a world that nobody answers in"
    assert shop.view(OLDER).mission == older.mission
    assert shop.view(shop.door().runs()[0]).mission != older.mission


@pytest.mark.req("DOC-27")
def test_an_edited_document_and_project_file_change_no_run_that_is_open(shop: Project) -> None:
    run = shop.begin("pre-deployment")
    before = shop.door().load(run).plan
    shop.edit("gonogo.yaml", "hold: 600ms", "hold: 900ms")
    assert shop.door().load(run).plan == before


@pytest.mark.req("ERR-10")
def test_a_plan_that_this_version_cannot_follow_is_refused_with_the_version_that_can(shop: Project) -> None:
    plan = shop.door().load(shop.begin("pre-deployment")).plan
    form = stored_form(plan)
    assert form is not None
    foreign = form.replace(b'"kind_of":"Judge"', b'"kind_of":"Divine"')
    shop.door().abort(shop.door().runs()[0], "make room", Person("rm1"))
    shop.door().drive(shop.door().runs()[0], patient=False, listener=lambda state, entry: None)
    opened_by_another(shop, kept=foreign, engine="0.9.0")
    said = gonogo("resume", OLDER, "--project", shop.root)
    assert said.code == 2
    assert "a Divine, which this version does not know" in said.err
    assert "go on with gonogo 0.9.0, nothing is lost" in said.err
    listed = gonogo("status", "--project", shop.root)
    assert (listed.code, "unusable: " in listed.out, "ready" in listed.out or "aborted" in listed.out) == (0, True, True)


def test_a_run_of_a_version_that_kept_no_plan_is_compiled_again_or_refused(shop: Project) -> None:
    opened_by_another(shop, kept=b"", engine="")
    said = gonogo("resume", OLDER, "--project", shop.root)
    assert (said.code, "kept no plan, and this one compiles another one" in said.err) == (2, True)
    assert "go on with the gonogo that opened it" in said.err


def test_a_kept_plan_that_is_gone_or_another_one_is_tampering(shop: Project) -> None:
    older = opened_by_another(shop)
    door = shop.door()
    bound = recorded(door.world.journal.entries(OLDER)[2]).event
    assert isinstance(bound, PlanBound)
    path = door.world.vault.path(Digest(bound.stored_sha256))
    kept = path.read_bytes()
    path.chmod(0o600)
    path.unlink()
    with pytest.raises(Tampered, match="the plan of .* cannot be read") as refused:
        shop.door().load(OLDER)
    assert "backup" in refused.value.next_step
    path.write_bytes(kept.replace(older.mission.encode(), b"Anything may be deployed at any time by anybody"))
    with pytest.raises(Tampered):
        shop.door().load(OLDER)
