"""Cables that are pulled in the middle of a release: between a worker and its database, and between it and its target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from network_cables import Cables, cables
from shared_workers import Site, eventually, site_of
from tests.projects import Project, small_project
from tests.scenarios.test_distributed import SMALL, slow_deploy, whole
from tests.worlds_http import place

pytestmark = pytest.mark.slow
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
