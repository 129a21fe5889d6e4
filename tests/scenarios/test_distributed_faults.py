"""What may happen to a shared site: workers that die at each durable boundary, a database that restarts, a cable that is cut."""

from __future__ import annotations

import shutil
import sys
from itertools import cycle
from pathlib import Path
from time import sleep

import pytest

from gonogo.terms import RunId
from postgres_server import Gate, server
from shared_workers import KILLED, Site, close, eventually, site_of
from tests.projects import small_project
from tests.worlds_http import place
from tests.scenarios.test_distributed import SMALL, site, slow_deploy, whole  # noqa: F401 - the fixture is used by name

pytestmark = pytest.mark.slow

POINTS = (
    *("CP-01", "CP-02", "CP-03", "CP-04 move", "CP-05", "CP-06", "CP-07", "CP-08", "CP-09@9", "CP-10", "CP-11"),
    *("CP-12 package", "CP-12 leases", "CP-16 request", "CP-18"),
)

BLIND = (
    "import os, runpy, sys; import gonogo.adapters.workers_postgres as workers; workers.DRIVING = 100_000 + os.getpid();"
    "sys.argv = sys.argv[3:]; runpy.run_module('gonogo', run_name='__main__', alter_sys=True)"
)
"""A worker that sees no claim of another, as one that was sent away while it hung, and is not quite dead yet."""


@pytest.mark.req("WFS-10", "ROL-06")
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_dies_there_leaves_a_run_that_another_brings_to_its_end(site: Site, point: str) -> None:
    dying = site.start(crash=point)
    run = site.project.begin(SMALL)
    with site.signed_by_all(run):
        assert dying.wait(60) == KILLED
        site.start()
    whole(site, run)


@pytest.mark.req("WFS-10", "ROL-06")
def test_a_worker_that_dies_while_it_takes_a_dead_ones_runs_over_leaves_both_to_a_third(site: Site) -> None:
    slow_deploy(site, 1.0)
    dying = site.start(crash="CP-06")
    site.alive(1)
    run = site.project.begin(SMALL)
    with site.signed_by_all(run):
        assert dying.wait(60) == KILLED
        heir = site.start(crash="CP-13 taken over")
        assert heir.wait(60) == KILLED
        site.start()
    whole(site, run)


@pytest.mark.req("WFS-10")
def test_a_run_that_the_queue_forgot_is_found_by_the_sweep_also_where_that_dies_before_it_told_anybody(site: Site) -> None:
    run = site.project.begin(SMALL)
    server().sql("delete from dbos.workflow_status", site.url.rpartition("/")[2])
    sweeping = site.start(crash="CP-14 found")
    assert sweeping.wait(60) == KILLED
    assert "task.finished" not in site.events(run)
    with site.signed_by_all(run):
        site.start()
    whole(site, run)


@pytest.mark.req("WFS-10")
def test_a_database_whose_first_user_died_while_the_tables_were_made_has_none_and_the_next_makes_them(tmp_path: Path) -> None:
    with place(tmp_path / "world" / "staging") as staging, place(tmp_path / "world" / "production") as production:
        project = small_project(tmp_path / "project", staging, production)
        with site_of(project, server().database()) as site:
            assert site.start(crash="CP-15 in the database").wait(60) == KILLED
            assert server().sql("select to_regclass('gonogo_schema')", site.url.rpartition("/")[2]) == ""
            site.start()
            site.alive(1)
            run = site.project.begin(SMALL)
            with site.signed_by_all(run):
                pass
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


def hand_round(site: Site, run: RunId) -> None:
    """Tell three queues of a run again and again until it has ended: each is told on its own, and hands it to somebody."""
    door = site.project.door()
    assert door.store is not None and door.store.shared is not None
    with site.signed_by_all(run):
        for place in cycle(("", "staging", "production")):
            door.store.shared.queue.hand_to(run, place, "again")
            state = site.project.state(run)
            if state.outcome or state.halted:
                break
            sleep(0.1)
    close(door)


@pytest.mark.req("CP-20", "WFS-10", "EXE-05")
def test_a_run_that_three_queues_hand_to_two_workers_is_driven_by_one_at_a_time_to_its_good_end(site: Site) -> None:
    slow_deploy(site, 0.5)
    site.start()
    site.start()
    site.alive(2)
    run = site.project.begin(SMALL)
    hand_round(site, run)
    whole(site, run)
    assert site.project.state(run).outcome == "released"
    said = server().sql("select output from dbos.workflow_output", site.url.rpartition("/")[2])
    assert "driven elsewhere" in said, "nobody was handed what another drove"


@pytest.mark.req("CP-20", "WFS-10", "ROL-06", "EXE-05")
def test_two_workers_that_drive_one_run_at_once_do_nothing_twice_and_leave_production_whole(site: Site) -> None:
    slow_deploy(site, 0.5)
    for _ in range(2):
        site.start(inside=(sys.executable, "-c", BLIND))
    site.alive(2)
    run = site.project.begin(SMALL)
    hand_round(site, run)
    assert len(site.drivers(run)) == 2, "both wrote into its log"
    project = site.project
    outcome = project.state(run).outcome
    # Moves of the one can look to the other like somebody else's: then the rollout is taken back.
    assert outcome in {"released", "rolled_back"}, project.view(run).halt
    assert project.production.weights() == ({"blue": 0, "green": 100} if outcome == "released" else {"blue": 100, "green": 0})
    assert [line.split()[1] for line in project.executions("deploy")] == ["staging", "production"]
    assert len(project.executions("rollback")) == (outcome == "rolled_back")
    assert project.chain_problems(run) == ()
    assert all(lease.run is None for lease in project.door().world.journal.leases())
