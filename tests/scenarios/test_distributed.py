"""Many workers on one database: whole runs, kill -9, take-over, places, eviction, a stop. Real processes, a real target."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.errors import Waiting
from gonogo.evidence.ledger import check_chain
from gonogo.terms import RunId
from shared_workers import KILLED, Site, eventually, site_of
from tests.projects import small_project
from tests.worlds_http import place


SMALL = "deployment-automation"
SLOW = 'echo "deploy $1 $2 $GONOGO_SLOT $GONOGO_FENCE" >> "$RECORD"\nsleep {0}\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        project = small_project(tmp_path / "project", staging, production)
        project.edit("gonogo.yaml", "hold: 600ms, tick: 100ms", "hold: 250ms, tick: 50ms")
        with site_of(project) as made:
            yield made


def slow_deploy(site: Site, seconds: float) -> None:
    """The deploy writes itself into the record, takes a while, and only then takes effect."""
    line = 'echo "deploy $1 $2 $GONOGO_SLOT $GONOGO_FENCE" >> "$RECORD"\n'
    site.project.edit("scripts/deploy_shop.sh", line, SLOW.format(seconds))


def whole(site: Site, run: RunId) -> None:
    """What has to hold of a run that ended well, whatever happened on the way."""
    project = site.project
    assert check_chain(entry.line for entry in project.door().load(run).entries) == ()
    assert project.state(run).outcome in {"ready", "released"}
    deploys = [line.rpartition(" ")[0] for line in project.executions("deploy")]
    assert len(deploys) == len(set(deploys)), "an act was done twice"
    assert all(lease.run is None for lease in project.door().world.journal.leases())


@pytest.mark.req("WFS-10", "ROL-06")
def test_a_killed_workers_run_is_taken_over_within_seconds_and_its_deploy_is_not_repeated(site: Site) -> None:
    slow_deploy(site, 1.0)
    dying = site.start(crash="CP-03")
    site.alive(1)
    run = site.project.begin(SMALL)
    with site.signed_by_all(run):
        assert dying.wait(60) == KILLED, "it had intended an act and not begun it"
        site.start()
        site.start()
        site.alive(2)
        eventually(lambda: site.project.executions("deploy"), "a deploy is under way")
        had = site.drivers(run)[-1]
        site.process_of(had).kill()
        assert site.process_of(had).wait() == KILLED
        assert eventually(lambda: had not in {seen.worker.name for seen in site.workers()}, "taken over") < 5
    whole(site, run)
    assert len(site.drivers(run)) == 3
    settled = [entry.data for entry in site.project.door().load(run).entries if entry.type == "task.settled"]
    assert settled[0]["outcome"] == "not_applied"
    # Whichever act the second worker died in: its result is believed, or the next one looks and finds that it never began.
    assert {(data["outcome"], data["by"]) for data in settled[1:]} <= {("applied", "result"), ("not_applied", "probe")}


@pytest.mark.slow
def test_without_a_worker_whoever_waits_is_told_so_and_the_run_goes_on_with_the_first_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gonogo.control.following.ALONE", 0.3)
    run = site.project.begin(SMALL)
    with pytest.raises(Waiting, match="no worker is alive"):
        site.project.go_on(run)
    site.start("--reach", "production")
    site.alive(1)
    eventually(lambda: len(site.events(run)) > 5, "the worker drives the run that nobody drove")
    time.sleep(1.0)
    assert site.project.executions() == [], "staging cannot be reached from there"
    site.start("--reach", "staging")
    site.alive(2)
    with site.signed_by_all(run):
        pass
    whole(site, run)
    assert len(site.drivers(run)) == 2


@pytest.mark.slow
def test_a_stopped_worker_leaves_within_seconds_and_its_run_goes_on_elsewhere(site: Site) -> None:
    slow_deploy(site, 1.5)
    first = site.start()
    site.alive(1)
    run = site.project.begin(SMALL)
    with site.signed_by_all(run):
        eventually(lambda: site.project.executions("deploy"), "a deploy is under way")
        first.terminate()
        begun = time.monotonic()
        assert first.wait(15) == 0
        assert time.monotonic() - begun < 11
        assert site.workers() == ()
        site.start()
    whole(site, run)


@pytest.mark.slow
def test_a_worker_that_is_sent_away_ends_itself_and_its_deploy_is_not_repeated(site: Site) -> None:
    slow_deploy(site, 1.0)
    first = site.start()
    site.alive(1)
    run = site.project.begin(SMALL)
    here = ("-C", str(site.project.root))
    with site.signed_by_all(run):
        eventually(lambda: site.project.executions("deploy"), "a deploy is under way")
        (seen,) = site.workers()
        site.start()
        site.alive(2)
        listed = gonogo("worker", "list", *here, "--json", GONOGO_DATABASE=site.url)
        assert seen.worker.name in {found["worker"]["name"] for found in json.loads(listed.out)["workers"]}
        assert gonogo("worker", "evict", seen.worker.name, *here, GONOGO_DATABASE=site.url).code == 0
        assert gonogo("worker", "evict", seen.worker.name, *here, GONOGO_DATABASE=site.url).code == 2
        assert first.wait(10) == 7
    assert "it was taken over or sent away" in site.said(first)
    whole(site, run)


def test_on_one_machine_there_are_no_workers(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        project = small_project(tmp_path / "project", staging, production)
        said = gonogo("worker", "list", "-C", str(project.root))
    assert said.code == 2
    assert "keeps its journal on this machine" in said.err
