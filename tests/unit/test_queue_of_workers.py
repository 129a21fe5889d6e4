"""The queue beside the ledger: hints that come with a commit or not at all, and the traps of the package below it (EN-...)."""

from __future__ import annotations

import ast
import base64
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from command_line import importing

import gonogo as package
from gonogo.adapters.workers_postgres import Worker
from gonogo.control.stores.shared import SharedStore
from gonogo.control.workers.places import NoPlace, WorkerPlaces, place_lines
from gonogo.engine import distributed
from gonogo.errors import Broken
from gonogo.ports import Draft
from gonogo.run.standing import ASKED, Waiter
from gonogo.terms import Engine, RunId, Secret
from postgres_server import fresh_database
from shared_workers import eventually
from worlds import MORNING, SimulatedClock

SRC = Path(package.__file__ or "").parent
RUN, OTHER = RunId("pre-deployment-v2-1f3a"), RunId("pre-deployment-v3-2b4c")
ENGINE = Engine("eu1")
EVENT = Draft("run.opened", {"release": "v2"})


class Planted:
    """What runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self):
        return (open, (self._path, "w"))


@pytest.fixture(scope="module")
def made() -> Iterator[SharedStore]:
    store = SharedStore(Secret(fresh_database()), lambda _point: None)
    assert store.queue.live() == frozenset()
    yield store
    store.database.close()


@pytest.fixture
def shared(made: SharedStore) -> SharedStore:
    with made.database.writing() as opened:
        opened.execute("set local session_replication_role = replica")
        for table in ("gonogo_head", "gonogo_event", "gonogo_wait", "gonogo_worker", "dbos.workflow_status"):
            opened.execute(f"delete from {table}")
    for run in (RUN, OTHER):
        made.journal.open_run(run, [EVENT], actor=ENGINE, now=MORNING)
    with made.database.writing() as opened:
        opened.execute("delete from dbos.workflow_status")
    return made


def rows(shared: SharedStore) -> list[tuple[str, ...]]:
    with shared.database.transaction() as opened:
        query = "select queue_partition_key, status, executor_id, queue_name from dbos.workflow_status order by created_at"
        return [tuple(row) for row in opened.execute(query)]


@pytest.mark.req("WFS-10")
def test_an_event_and_the_word_to_the_workers_are_committed_together_or_not_at_all(shared: SharedStore) -> None:
    with pytest.raises(Broken, match="dies here"), shared.journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(EVENT)
        shared.queue.wake(transaction, OTHER, "lease")
        raise Broken("it dies here")
    assert (shared.queue.live(), len(shared.journal.entries(RUN))) == (frozenset(), 1)
    with shared.journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(EVENT)
    assert shared.queue.live() == {RUN}


@pytest.mark.req("EXE-05")
def test_whoever_gives_an_environment_back_wakes_the_first_in_line_in_the_same_commit(shared: SharedStore) -> None:
    with shared.journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.take_lease("production")
    shared.journal.wait(Waiter("production", OTHER, 0, MORNING))
    assert shared.queue.live() == frozenset()
    with shared.journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.free_lease("production")
    assert shared.queue.live() == {OTHER}


def test_a_run_with_a_timer_is_alive_and_the_same_word_twice_is_two_rows(shared: SharedStore) -> None:
    from gonogo.adapters.clock import SystemClock

    for _ in range(2):
        shared.queue.wake_at(RUN, SystemClock().now() + timedelta(hours=1), "timer")
    assert [row[:2] for row in rows(shared)] == [(RUN, "DELAYED")] * 2
    assert shared.queue.live() == {RUN}


@pytest.mark.req("WFS-10")
def test_a_run_that_was_handed_to_a_host_which_is_gone_is_alive_for_nobody_and_found_by_the_sweep(shared: SharedStore) -> None:
    worker = places(shared, SimulatedClock()).worker
    shared.queue.hand_to(RUN, worker.place, "here")
    shared.queue.hand_to(OTHER, "production", "elsewhere")
    assert shared.queue.live() == {OTHER}, "an environment that nobody reaches yet is waited for"
    there = shared.workers.join(worker)
    assert shared.queue.live() == {RUN, OTHER}
    there.leave()
    assert shared.queue.live() == {OTHER}


def test_what_a_dead_worker_had_is_cancelled_and_told_anew_in_its_own_queue(shared: SharedStore) -> None:
    shared.queue.hand_to(RUN, "production", "elsewhere")
    shared.nudge(OTHER)
    with shared.database.writing() as opened:
        opened.execute("update dbos.workflow_status set status = 'PENDING', executor_id = 'dead'")
    assert shared.queue.live() == frozenset(), "a dead worker drives nothing"
    assert set(shared.queue.abandon("dead")) == {RUN, OTHER}
    found = {(row[0], row[3]) for row in rows(shared) if row[1] == "ENQUEUED"}
    assert found == {(RUN, "drive:production"), (OTHER, "drive")}
    assert shared.queue.abandon("dead") == ()


def test_segments_of_workers_that_are_on_no_list_are_cancelled_and_old_ones_are_forgotten(shared: SharedStore) -> None:
    from gonogo.adapters.clock import SystemClock

    shared.nudge(RUN)
    with shared.database.writing() as opened:
        opened.execute("update dbos.workflow_status set status = 'PENDING', executor_id = 'of an older version'")
    assert shared.queue.clear_stale() == (RUN,)
    assert [row[1] for row in rows(shared)] == ["CANCELLED"]
    now = SystemClock().now()
    assert shared.queue.forget(now - timedelta(days=1)) == 0
    assert shared.queue.forget(now + timedelta(minutes=1)) == 1
    assert rows(shared) == []


def places(shared: SharedStore, clock: SimulatedClock, most: int = 1, reaches: tuple[str, ...] = ("staging",)) -> WorkerPlaces:
    worker = Worker(f"w-{most}-{len(reaches)}", "host1", "host1:/srv/shop", 1, reaches, "0.1.0", "2026-11-22T10:00:00.000Z")
    return WorkerPlaces(shared, clock, worker, most)


def called(shared: SharedStore) -> list[tuple[str, ...]]:
    return [(row[0], row[3]) for row in rows(shared)]


@pytest.mark.req("EXE-02")
def test_no_more_runs_than_there_are_places_and_the_highest_priority_gets_the_next_one_before_whoever_came_first(shared: SharedStore) -> None:
    clock = SimulatedClock()
    one = places(shared, clock)
    one.take(RunId("at-work"), "")
    one.take(RunId("at-work"), "staging")
    for run, priority in ((RunId("plain"), 0), (RunId("later"), 0), (RunId("urgent"), 7)):
        shared.journal.wait(Waiter(ASKED, run, priority, clock.now()))
        with pytest.raises(NoPlace):
            one.take(run, "staging")
        clock.sleep(1)
    assert called(shared) == [], "without a free place nobody is called"
    one.give_back(RunId("at-work"))
    with pytest.raises(NoPlace):
        one.take(RunId("newcomer"), "")
    assert called(shared) == [("urgent", "drive:staging")], "who comes without right of way calls who has it"
    order = []
    for run in ("newcomer", "later", "plain", "urgent", "newcomer", "later", "plain", "newcomer", "later", "newcomer"):
        try:
            one.take(RunId(run), "" if run == "newcomer" else "staging")
        except NoPlace:
            continue
        order.append(run)
        one.give_back(RunId(run))
    assert order == ["urgent", "plain", "later", "newcomer"]
    assert shared.journal.first_of(place_lines(("staging",)), None) == ()


@pytest.mark.req("EXE-02")
def test_a_free_place_is_kept_for_who_was_called_for_some_seconds_and_nobody_waits_for_who_never_comes(shared: SharedStore) -> None:
    clock = SimulatedClock()
    one, far = places(shared, clock), places(shared, clock, 3, ("production",))
    one.take(RunId("at-work"), "staging")
    with pytest.raises(NoPlace):
        one.take(RunId("gone"), "staging")
    far.look()
    assert called(shared) == [], "nobody is called to where nothing can be done for it"
    one.give_back(RunId("at-work"))
    one.look()
    one.look()
    assert called(shared) == [("gone", "drive:staging")]
    with pytest.raises(NoPlace):
        one.take(RunId("next"), "staging")
    clock.sleep(2)
    one.look()
    assert len(called(shared)) == 2, "the first call may have reached a worker without a place"
    clock.sleep(4)
    one.take(RunId("next"), "staging")
    one.leave(RunId("gone"))
    assert shared.journal.first_of(place_lines(("staging",)), None) == ()


@pytest.mark.req("CP-20", "WFS-10")
def test_one_worker_drives_a_run_until_it_lets_go_is_dead_or_is_sent_away(shared: SharedStore) -> None:
    first, second = (shared.workers.join(places(shared, SimulatedClock(), most).worker) for most in (1, 2))
    try:
        assert first.claim(RUN)
        assert (first.claim(RUN), second.claim(RUN), second.claim(OTHER)) == (False, False, True)
        first.release(RUN)
        assert second.claim(RUN)
        second.release_all()
        assert first.claim(RUN)
        assert first.stand_again()
        assert (first.holds(RUN), second.claim(RUN)) == (True, False), "who lost its connection claims anew what is still its own"
        assert shared.workers.strike_off("w-1-1").alive
        eventually(lambda: second.claim(RUN), "a hanging worker that was sent away keeps nothing")
        with pytest.raises(Broken):
            first.stands()
        assert not first.stand_again()
        assert not first.holds(RUN)
    finally:
        first.leave()
        second.leave()


def test_a_pickled_row_is_refused_by_whoever_lists_it(shared: SharedStore, tmp_path: Path) -> None:
    payload = base64.b64encode(pickle.dumps(Planted(tmp_path / "ran"))).decode()
    shared.nudge(RUN)
    with shared.database.writing() as opened:
        opened.execute("update dbos.workflow_status set inputs = ?, serialization = 'py_pickle'", (payload,))
    client = shared.queue._client  # noqa: SLF001 - a listing with inputs is what our own code never asks for
    try:
        client.list_workflows()
    except ValueError as error:
        assert "refused" in str(error)
    assert shared.queue.live() == {RUN}
    assert not (tmp_path / "ran").exists()


def test_what_the_environment_says_to_the_package_is_taken_away_before_it_is_imported() -> None:
    code = "import os, gonogo.engine.distributed; print([name for name in os.environ if name.startswith('DBOS_')])"
    environ = importing(DBOS_CONDUCTOR_KEY="x", DBOS_SYSTEM_DATABASE_URL="postgresql://elsewhere/x")
    said = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_commands_that_need_no_database_import_neither_driver_nor_queue(tmp_path: Path) -> None:
    lines = (["--help"], ["worker", "--help"], ["explain", "GN0507"], ["check"], ["verify", "nix.zip"])
    code = (
        f"import sys; from gonogo.cli.main import answer; [answer(line) for line in {lines!r}];"
        " print(sorted({'dbos', 'sqlalchemy', 'psycopg'} & set(sys.modules)), file=sys.stderr)"
    )
    environ = importing(GONOGO_DATABASE="postgresql://gonogo@127.0.0.1:1/shop")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "[]"


def test_one_file_knows_the_queue_and_one_the_driver() -> None:
    found: dict[str, set[str]] = {}
    for path in SRC.rglob("*.py"):
        for name in re.findall(r"^\s*(?:from|import) (dbos|sqlalchemy|psycopg)\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(name, set()).add(str(path.relative_to(SRC)))
    assert found == {"dbos": {"engine/distributed.py"}, "sqlalchemy": {"adapters/postgres.py"}}


def test_nothing_private_of_the_package_is_touched_but_the_one_door_that_is_closed() -> None:
    tree = ast.parse(Path(distributed.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert {name for name in imported if name and "._" in name} == {"dbos._serialization"}
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    forbidden = {"step", "recv", "send", "sleep", "resume_workflow", "resume_workflows", "fork_workflow", "set_event", "transaction"}
    assert not called & forbidden
    assert not [name for name in called if name.startswith("_recover")]
