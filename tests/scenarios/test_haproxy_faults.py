"""Faults in the middle of whole releases behind a real HAProxy under real load: nothing is lost, and nobody is left on the new version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from haproxy_shop import SMALL, Shop, proxied, shop
from live_world import HAPROXY, say_to

from gonogo.cli.progress import Progress
from gonogo.demo.processes import Live, kill, launch, wait_until
from gonogo.engine.bench import Bench
from gonogo.engine.crash_points import MOVE_INTENDED, MOVED
from gonogo.engine.performing import perform
from gonogo.errors import Busy
from gonogo.plan.model import Roll
from gonogo.run.events import HostsReplaced, Recorded, TrafficMoved
from gonogo.run.events_of_traffic import TrafficFound
from gonogo.run.machine import Perform
from gonogo.run.rolling import MOST_UNREAD, UNREAD_MS, Rolling
from gonogo.run.state import RunState
from gonogo.terms import Engine, RunId
from tests.crashes.crash_harness import Stage
from tests.projects import add_release

pytestmark = pytest.mark.slow

OLD = {"blue": 100, "green": 0}


def driven(found: Shop, spoil: Callable[[], None]) -> tuple[RunState, Rolling]:
    """The release taken as far as it goes; `spoil` is called once, right after the new version got its first requests."""
    project, spoilt = found.project, []
    run = project.begin(SMALL)

    def listen(_: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0 and not spoilt:
            spoilt.append(entry.seq)
            spoil()

    project.go_until(run, "production")
    project.sign_all(run)
    project.door().drive(run, patient=False, listener=listen)
    assert spoilt
    state = project.state(run)
    assert state.outcome == "rolled_back", project.view(run).halt
    assert found.target.traffic().weights == OLD
    assert found.answers() == {"v1"}
    assert project.chain_problems(run) == ()
    return state, next(known for known in state.rollings.values() if known.moves)


@pytest.mark.req("PX-05", "ARB-01")
def test_a_haproxy_that_restarts_in_mid_canary_and_forgets_its_weights_takes_the_rollout_back(tmp_path: Path) -> None:
    proxies: list[Live] = []
    with shop(tmp_path, "canary", hold="5s", proxies=proxies) as found:

        def restart() -> None:
            kill(proxies[0])
            proxies[0] = proxied(found.front)

        _, rolling = driven(found, restart)
    assert rolling.progress.abort.startswith("the target was changed behind our back: it does blue 100 %, green 0 %, 25 % were moved")


@pytest.mark.req("ARB-01", "ARB-03", "ARB-08")
def test_a_haproxy_that_is_lost_in_mid_canary_halts_with_what_to_do_by_hand_and_is_taken_back_when_it_is_there_again(
    tmp_path: Path,
) -> None:
    proxies: list[Live] = []
    with shop(tmp_path, "canary", hold="5s", proxies=proxies) as found:
        run, _ = mid_canary(found)
        kill(proxies[0])
        project = found.project
        project.go_on(run)
        state, halt = project.state(run), project.view(run).halt
        assert (state.halted.cause, state.rollback.trigger) == ("rollback_failed", "judge")
        (rolling,) = (known for known in state.rollings.values() if known.moves)
        assert rolling.progress.abort.startswith("the target is lost: ")
        assert "it was asked 6 times in 6.2 s" in halt
        assert "by hand: send all traffic to `blue` and stop `green`" in halt
        proxies[0] = proxied(found.front)
        project.lift(run)
        project.go_on(run)
        assert project.state(run).outcome == "rolled_back", project.view(run).halt
        assert found.answers() == {"v1"}


@pytest.mark.req("PX-05", "ARB-01", "ROL-04")
def test_a_runtime_api_that_is_away_for_a_moment_does_not_take_a_good_release_back(tmp_path: Path) -> None:
    """Whether it was a moment is read from the record: a machine that stands still makes it longer."""
    with shop(tmp_path, "canary") as found:
        project, door = found.project, found.front.folder / "h.sock"
        unread: list[datetime] = []
        run = project.begin(SMALL)

        def listen(_: RunState, entry: Recorded) -> None:
            match entry.event:
                case TrafficMoved(percent=25):
                    door.rename(door.with_suffix(".away"))
                case TrafficFound(weights={}):
                    unread.append(entry.at)
                    if len(unread) == MOST_UNREAD:
                        door.with_suffix(".away").rename(door)

        project.go_until(run, "production")
        project.sign_all(run)
        project.door().drive(run, patient=False, listener=listen)
        was_long = unread[-1] - unread[0] >= timedelta(milliseconds=UNREAD_MS)
        assert len(unread) >= MOST_UNREAD
        assert project.state(run).outcome == ("rolled_back" if was_long else "released"), project.view(run).halt
        seen = found.load.end()
    assert seen.failed == 0, seen.by_version()


@pytest.mark.req("PX-05", "ARB-01")
def test_a_haproxy_that_restarts_with_the_state_of_its_servers_takes_no_good_release_back(tmp_path: Path) -> None:
    """As docs/targets.md says; whether it was back in time is read from the record."""
    proxies: list[Live] = []
    with shop(tmp_path, "canary", proxies=proxies) as found:
        project, folder = found.project, found.front.folder
        file, state = folder / "h.cfg", folder / "servers"
        unread: list[datetime] = []
        run = project.begin(SMALL)

        def restart() -> None:
            state.write_text(say_to(found.front, "show servers state"))
            kill(proxies[0])
            text = file.read_text().replace("global\n", f"global\n    server-state-file {state}\n", 1)
            file.write_text(text.replace("defaults\n", "defaults\n    load-server-state-from-file global\n", 1))
            (folder / "h.sock").unlink()
            proxies[0] = launch((str(HAPROXY), "-f", str(file), "-db"), log=folder / "h.log", env={})
            assert wait_until((folder / "h.sock").exists, 30.0)

        def listen(_: RunState, entry: Recorded) -> None:
            match entry.event:
                case TrafficMoved(percent=25):
                    restart()
                case TrafficFound(weights={}):
                    unread.append(entry.at)
                case TrafficFound(weights=weights):
                    raise AssertionError(f"it forgot its weights: {weights}")

        project.go_until(run, "production")
        project.sign_all(run)
        project.door().drive(run, patient=False, listener=listen)
        was_long = bool(unread) and unread[-1] - unread[0] >= timedelta(milliseconds=UNREAD_MS)
        assert project.state(run).outcome == ("rolled_back" if was_long else "released"), project.view(run).halt


@pytest.mark.req("PX-05", "ARB-01", "ROL-04")
def test_weights_that_somebody_changed_at_the_haproxy_take_the_rollout_back_without_a_lost_request(tmp_path: Path) -> None:
    with shop(tmp_path, "canary", hold="5s") as found:
        _, rolling = driven(found, lambda: say_to(found.front, "set server app/green weight 90"))
        seen = found.load.end()
    assert rolling.progress.abort.startswith("the target was changed behind our back: it does blue")
    assert seen.failed == 0, seen.by_version()


class Killed(Exception):
    """An engine that is gone in the middle."""


def mid_canary(found: Shop) -> tuple[RunId, Bench]:
    """A release whose engine died with a quarter of the traffic on the new version, and what the next engine has in hand."""
    project = found.project
    run = project.begin(SMALL)
    project.go_until(run, "production")
    project.sign_all(run)

    def end(_: RunState, entry: Recorded) -> None:
        if isinstance(entry.event, TrafficMoved) and entry.event.percent > 0:
            raise Killed

    with pytest.raises(Killed):
        project.door().drive(run, patient=False, listener=end)
    door = project.door()
    opened = door.load(run)
    task = next(task for stage in opened.plan.stages for task in stage.tasks if isinstance(task.act, Roll))
    return run, Bench(door.world, opened.plan, opened.state, run, Engine("local"), task, 1, datetime.now(UTC))


@pytest.mark.req("PX-12", "ROL-06")
def test_an_engine_whose_run_has_lost_production_to_another_one_moves_nothing_at_haproxy(tmp_path: Path) -> None:
    """HAProxy itself refuses nobody: there the lease is what keeps two writers apart."""
    with shop(tmp_path, "canary", hold="5s") as found:
        run, bench = mid_canary(found)
        journal, now = bench.world.journal, datetime.now(UTC)
        before = journal.lease("production").fence
        add_release(found.project.root, "v3")
        other = found.project.begin(SMALL, "v3")
        with journal.write(run, bench.state.seq, actor=Engine("local"), now=now) as tx:
            tx.free_lease("production")
        with journal.write(other, found.project.state(other).seq, actor=Engine("local"), now=now) as tx:
            assert tx.take_lease("production") > before
        with pytest.raises(Busy, match=str(other)):
            perform(bench, Perform(bench.task, 1, 9, 50, 1))
        assert found.target.traffic().weights == {"blue": 75, "green": 25}


@pytest.mark.req("PX-05", "ROL-06")
def test_nothing_is_moved_upon_traffic_that_somebody_else_moved_meanwhile(tmp_path: Path) -> None:
    with shop(tmp_path, "canary", hold="5s") as found:
        project = found.project
        run, bench = mid_canary(found)
        say_to(found.front, "set server app/green weight 0")
        perform(bench, Perform(bench.task, 1, 9, 50, 1))
        assert found.target.traffic().weights == OLD
        (rolling,) = (known for known in project.state(run).rollings.values() if known.moves)
        assert rolling.progress.abort.startswith("the target was changed behind our back: it does blue 100 %, green 0 %")
        project.go_on(run)
        assert project.state(run).outcome == "rolled_back", project.view(run).halt


@pytest.mark.req("PM-01", "ARB-01")
def test_a_canary_without_a_single_request_is_never_promoted_and_goes_back_after_its_patience(tmp_path: Path) -> None:
    with shop(tmp_path, "canary", rate=0) as found:
        found.project.edit("gonogo.yaml", "tick: 100ms, patience: 20s", "tick: 100ms, patience: 1s")
        state, rolling = driven(found, lambda: None)
        why = found.project.door().world.vault.read(state.rollback.detail).decode()
    assert [percent for _, percent in rolling.moves] == [25]
    assert why == "0 ticks with data in step 1, 3 needed; nothing came in time"


@pytest.mark.req("ARB-01", "ROL-04")
def test_a_host_that_dies_in_mid_batch_gets_no_request_more_and_no_request_is_lost(tmp_path: Path) -> None:
    with shop(tmp_path, "rolling") as found:
        (found.project.production.root / "dies" / "web2").touch()
        run = found.project.release(SMALL)
        assert found.project.state(run).outcome == "rolled_back", found.project.view(run).halt
        assert found.target.traffic().weights["web2"] == 0
        assert found.answers() == {"v1"}
        seen = found.load.end()
    assert seen.failed == 0, seen.by_version()


@pytest.mark.req("ARB-01", "ARB-03", "ROL-01")
def test_an_untouched_host_that_dies_keeps_nobody_from_taking_the_others_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """HAProxy refuses to raise a server that is down: who asked it for the dead one's share could move nothing back."""
    with shop(tmp_path, "rolling") as found:
        project = found.project
        project.edit("gonogo.yaml", "tick: 100ms, patience: 20s", "tick: 100ms, patience: 1s")
        run = project.begin(SMALL)
        progress = Progress(project.door().load(run).plan, lambda digest: "", quiet=False)

        def listen(state: RunState, entry: Recorded) -> None:
            progress.heard(state, entry)
            if isinstance(entry.event, HostsReplaced) and entry.event.percent < 50:
                (project.production.root / "dead" / "web3").touch()
                assert wait_until(lambda: " web3 127.0.0.1 0 " in say_to(found.front, "show servers state"), 60.0)

        project.go_until(run, "production")
        project.sign_all(run)
        project.door().drive(run, patient=False, listener=listen)
        state = project.state(run)
        assert state.outcome == "rolled_back", project.view(run).halt
        (rolling,) = (known for known in state.rollings.values() if known.moves)
        why = project.door().world.vault.read(state.rollback.detail).decode()
        assert "2 instances would be unavailable (1 do not answer), 1 may be" in why
        assert rolling.lost == {"web3"}
        assert found.target.traffic().weights["web3"] == 0, "it gets no request before somebody lets it in again"
        assert found.answers() == {"v1"}
        assert project.production.version("web1") == "v1"
    told = capsys.readouterr().err
    assert "· run the rollback script on web3: not needed, web3 was never touched" in told
    assert "✓ run the rollback script on web1" in told


@pytest.mark.req("ARB-01", "ROL-04")
def test_a_deploy_script_that_hangs_costs_no_request_and_moves_nothing(tmp_path: Path) -> None:
    with shop(tmp_path, "canary") as found:
        project = found.project
        project.edit("scripts/deploy_shop.sh", "set -euo pipefail\n", "set -euo pipefail\n[ $1 = staging ] || sleep 300\n")
        project.edit("gonogo.yaml", '_shop.sh, "{environment}", "{release}"], timeout: 20s', '_shop.sh, "{environment}", "{release}"], timeout: 3s')
        run = project.release(SMALL)
        state = project.state(run)
        assert (state.outcome, state.rollback.trigger, state.rollback.cause) == ("rolled_back", "task", "task_failed")
        ended = [known.facts["ended_by"] for name, known in state.tasks.items() if name.endswith("#install")]
        assert ended == ["itself", "limit"], "in staging, and in production"
        assert found.target.traffic().weights == OLD
        seen = found.load.end()
    assert seen.failed == 0, seen.by_version()


@pytest.fixture(params=["good", "bad"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Shop, Stage, RunId, str]]:
    """A release behind HAProxy that everybody approved, driven by engines that can be killed."""
    with shop(tmp_path, "canary", hold="20s" if request.param == "bad" else "600ms") as found:
        (tmp_path / "scenes").mkdir()
        made = Stage(tmp_path, found.project, tmp_path / "scenes")
        run = found.project.begin(SMALL)
        made.up_to(run, "production")
        if request.param == "bad":
            found.spoil(0.5)
        yield found, made, run, request.param


@pytest.mark.req("ROL-06", "ROL-04", "WFS-10")
def test_an_engine_killed_at_every_traffic_move_of_haproxy_reads_back_and_loses_no_request(
    stage: tuple[Shop, Stage, RunId, str],
) -> None:
    found, made, run, build = stage
    killed = 0
    for point in (MOVE_INTENDED, MOVED) * 8:
        killed += made.drive(run, point)
        if made.is_over(run):
            break
    made.go_on(run)
    state = found.project.state(run)
    assert state.outcome == ("released" if build == "good" else "rolled_back"), found.project.view(run).halt
    assert killed >= (4 if build == "good" else 3)
    assert found.answers() == {"v2" if build == "good" else "v1"}
    assert found.project.chain_problems(run) == ()
    (rolling,) = (known for known in state.rollings.values() if known.moves)
    percents = [percent for _, percent in rolling.moves]
    assert percents == ([25, 50, 100] if build == "good" else [25]), "each step was moved to once"
    seen = found.load.end()
    assert seen.failures_without("v2" if build == "bad" else "") == 0, seen.by_version()
    assert wait_until(lambda: found.answers() == {"v2" if build == "good" else "v1"}, 60.0)
    scripts = [line.split()[0] for line in found.project.executions() if " production " in line]
    assert scripts == ["deploy", *(["rollback"] if build == "bad" else [])]
