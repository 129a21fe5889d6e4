"""Cables that are pulled in the middle of a release: between a worker and its database, and between it and its target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gonogo.terms import RunId
from network_cables import Cables, cables
from shared_workers import Site, eventually, site_of
from tests.projects import Project, small_project
from tests.scenarios.test_distributed import SMALL, slow_deploy, whole
from tests.worlds_http import place

pytestmark = pytest.mark.slow
HALF = 50
OLD = {"blue": 100, "green": 0}
REACH = """#!/usr/bin/env bash
# The proxy is on the other side of the cable: what cannot reach it learns nothing of it and moves nothing.
set -euo pipefail
timeout 3 bash -c "exec 3<>/dev/tcp/${1%:*}/${1#*:}"
shift
exec "$@"
"""
Say = Callable[[str, object], None]


@pytest.fixture
def far(tmp_path: Path, record_property: Say) -> Iterator[tuple[Site, Cables]]:
    """A project, and a worker's place at the end of two cables; the report of the tests says what the cables are."""
    with (
        place(tmp_path / "world" / "staging") as staging,
        place(tmp_path / "world" / "production") as production,
        cables() as found,
    ):
        record_property("cables", found.how)
        project = small_project(tmp_path / "project", staging, production)
        for environment in (staging, production):
            for server in environment.servers.values():
                port = int(server.server_address[1])
                text = (project.root / "gonogo.yaml").read_text(encoding="utf-8")
                project.write("gonogo.yaml", text.replace(f"127.0.0.1:{port}", found.to_target(port)))
        with site_of(project, found.database.database()) as site:
            yield site, found


@pytest.mark.req("WFS-10", "ROL-06")
def test_a_worker_whose_cable_to_the_database_is_pulled_is_taken_over_and_ends_itself_when_it_is_back(
    far: tuple[Site, Cables],
) -> None:
    site, found = far
    slow_deploy(site, 8.0)
    cut_off = site.start(url=found.url(site.url), inside=found.inside)
    site.alive(1)
    run = site.project.begin(SMALL)
    with site.signed_by_all(run):
        eventually(lambda: site.project.executions("deploy"), "a deploy is under way")
        site.start()
        site.alive(2)
        found.pull("database")
        eventually(lambda: len(site.workers()) == 1 and site.workers()[0].alive, "taken over", 40)
    whole(site, run)
    assert len(site.drivers(run)) == 2
    found.plug_in("database")
    assert cut_off.wait(40) == 7
    assert "the database" in site.said(cut_off)


@pytest.mark.req("ERR-01", "ROL-06", "ERR-10")
def test_a_worker_that_cannot_reach_its_target_stops_and_says_so_and_goes_on_when_it_can(far: tuple[Site, Cables]) -> None:
    site, found = far
    site.start(url=found.url(site.url), inside=found.inside)
    site.alive(1)
    run = site.project.begin(SMALL)
    found.pull("target")
    project: Project = site.project
    project.go_on(run)
    assert project.state(run).halted is not None, "a target that nobody can ask is no target that is well"
    assert "staging" in project.view(run).halt
    assert project.executions("deploy") == []
    found.plug_in("target")
    project.lift(run)
    project.go_on(run)
    whole(site, run)


def proxy_beyond_the_cable(project: Project) -> None:
    """From now on the proxy of each environment is asked and told through the cable to its front."""
    project.write("scripts/reach.sh", REACH, mode=0o755)
    text = (project.root / "gonogo.yaml").read_text(encoding="utf-8")
    fronts = iter(re.findall(r"  url: http://(\S+)", text))
    lines, front = [], ""
    for line in text.splitlines(keepends=True):
        front = next(fronts) if line.startswith("    url: http://") else front
        for word in ("observe", "traffic"):
            line = line.replace(f"{word}: [", f"{word}: [bash, scripts/reach.sh, \"{front}\", ") if word in line and "observe: {" not in line else line
        lines.append(line)
    project.write("gonogo.yaml", "".join(lines))
    for script in ("deploy", "rollback"):
        project.edit(f"scripts/{script}_shop.sh", r"observe: \[cat, ", "observe: .*cat, ")


def in_mid_canary(project: Project, run: RunId) -> bool:
    return any(item.progress.percent == HALF for item in project.state(run).rollings.values())


@contextmanager
def cut_off_in_mid_canary(far: tuple[Site, Cables]) -> Iterator[RunId]:
    """A release whose proxy cannot be reached any more once half of the traffic is at the new version.

    The block begins then, while a worker drives and people sign; behind it the run needs nobody any more, or halts.
    """
    site, cables = far
    project: Project = site.project
    proxy_beyond_the_cable(project)
    project.edit("gonogo.yaml", "hold: 600ms", "hold: 20s")
    site.start(url=cables.url(site.url), inside=cables.inside)
    site.alive(1)
    run = project.begin(SMALL)
    with site.signed_by_all(run):
        eventually(lambda: in_mid_canary(project, run), "half of the traffic is at the new version", 90)
        cables.pull("target")
        yield run


def moves(project: Project, run: RunId) -> list[object]:
    """Every share that production was brought to, as the ledger has it."""
    return [entry.data["weights"] for entry in project.door().load(run).entries if entry.type == "traffic.moved"]


@pytest.mark.req("ARB-01", "ARB-08", "ROL-06", "ERR-10")
def test_a_canary_whose_proxy_is_cut_off_halts_as_critical_moves_nothing_and_is_taken_back_when_the_cable_is_back(
    far: tuple[Site, Cables],
) -> None:
    project, cables = far[0].project, far[1]
    with cut_off_in_mid_canary(far) as run:
        halfway = project.production.weights()
    state = project.state(run)
    assert state.halted is not None and state.halted.cause == "rollback_failed", project.view(run).halt
    assert "the target is lost" in said_of(project, run)
    assert project.production.weights() == halfway == {"blue": HALF, "green": HALF}, "nobody moves what cannot be seen"
    assert {lease.run for lease in project.door().world.journal.leases()} == {run}, "it keeps what it did not bring back"
    cables.plug_in("target")
    project.lift(run)
    project.go_on(run)
    assert project.state(run).outcome == "rolled_back", project.view(run).halt
    assert project.production.weights() == OLD
    assert [line.split()[1] for line in project.executions("deploy")] == ["staging", "production"]
    assert len(project.executions("rollback")) == 1
    assert project.chain_problems(run) == ()
    assert all(lease.run is None for lease in project.door().world.journal.leases())


@pytest.mark.req("ARB-01", "ROL-06")
def test_a_canary_whose_proxy_can_be_reached_again_in_time_is_taken_back_without_anybody(far: tuple[Site, Cables]) -> None:
    project, cables = far[0].project, far[1]
    with cut_off_in_mid_canary(far) as run:
        eventually(lambda: project.state(run).rollback, "the target is given up, the way back begins", 90)
        cables.plug_in("target")
    assert project.state(run).outcome == "rolled_back", project.view(run).halt
    assert project.production.weights() == OLD
    assert len(project.executions("rollback")) == 1
    assert moves(project, run)[-1] == OLD


def said_of(project: Project, run: RunId) -> str:
    """The reason of the rollback, as it is stored."""
    door, rollback = project.door(), project.state(run).rollback
    assert rollback is not None and rollback.detail is not None
    return door.world.vault.read(rollback.detail).decode()
