"""What may happen to a shared site: workers that die at each durable boundary, a database that restarts, a cable that is cut."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.terms import RunId
from postgres_server import Gate, server
from shared_workers import KILLED, Site, eventually, site_of
from tests.projects import small_project
from tests.scenarios.test_distributed import SMALL, site, slow_deploy, whole  # noqa: F401 - the fixture is used by name

pytestmark = pytest.mark.slow

POINTS = ("CP-01", "CP-02", "CP-03", "CP-06", "CP-08", "CP-09@9", "CP-10", "CP-11", "CP-16 request", "CP-12 leases")


@pytest.mark.req("WFS-10", "ROL-06")
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_dies_there_leaves_a_run_that_another_brings_to_its_end(site: Site, point: str) -> None:
    dying = site.start(crash=point)
    run = site.project.begin(SMALL)
    with site.signed_by_all(run):
        assert dying.wait(60) == KILLED
        site.start()
    whole(site, run)


@pytest.mark.req("WFS-10")
def test_a_database_that_crashes_and_comes_back_loses_nothing_and_nobody_is_called_dead(site: Site) -> None:
    slow_deploy(site, 3.0)
    site.start()
    site.start()
    site.alive(2)
    before = {seen.worker.name for seen in site.workers()}
    run = site.project.begin(SMALL)
    stopped: list[str] = []
    try:
        with site.signed_by_all(run):
            eventually(lambda: site.project.executions("deploy"), "a deploy is under way")
            server().crash()
            server().start()
    except Exception as error:
        # Whoever watches from the command line is told that the database is gone, and asks again.
        stopped.append(str(error))
    site.project.go_on(run)
    whole(site, run)
    assert {seen.worker.name for seen in site.workers()} == before, stopped


@pytest.mark.req("WFS-10", "ROL-06")
def test_a_worker_that_is_cut_off_in_the_middle_of_a_deploy_is_taken_over_and_ends_itself_when_it_is_back(site: Site) -> None:
    slow_deploy(site, 6.0)
    with Gate(server().port) as gate:
        far = site.start(url=site.url.replace(f":{server().port}/", f":{gate.port}/"))
        site.alive(1)
        run = site.project.begin(SMALL)
        with site.signed_by_all(run):
            eventually(lambda: site.project.executions("deploy"), "a deploy is under way")
            site.start()
            site.alive(2)
            gate.cut()
            eventually(lambda: len(site.workers()) == 1 and site.workers()[0].alive, "taken over", 20)
        whole(site, run)
        gate.mend()
        assert far.wait(20) == 7


@pytest.mark.req("WFS-10", "ROL-06")
def test_on_another_host_a_deploy_that_took_effect_is_believed_and_never_repeated(site: Site, tmp_path: Path) -> None:
    slow_deploy(site, 1.0)
    dying = site.start()
    site.alive(1)
    run = site.project.begin(SMALL)
    elsewhere = tmp_path / "elsewhere"
    with site.signed_by_all(run):
        eventually(lambda: site.project.executions("deploy"), "a deploy is under way")
        dying.kill()
        shutil.copytree(site.project.root, elsewhere, ignore=shutil.ignore_patterns(".gonogo", ".artifacts"))
        shutil.copytree(site.project.root / ".gonogo" / "keys", elsewhere / ".gonogo" / "keys")
        site.start(root=elsewhere)
    whole(site, run)
    entries = site.project.door().load(run).entries
    settled = [entry.data for entry in entries if entry.type == "task.settled"]
    assert [(data["outcome"], data["by"]) for data in settled] == [("applied", "probe")]
    assert len({str(entry.data["host"]) for entry in entries if entry.type == "task.intended"}) == 2
