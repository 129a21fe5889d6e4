"""A list of runs at a glance: what was remembered, as long as it holds, without loading a run or the engine."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import gonogo, importing

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.adapters.run_lock import RunLocks
from gonogo.adapters.standings_read import glanced
from gonogo.cli.at_once import answer_at_once
from gonogo.control.remembering import standing_of
from gonogo.ports import Draft
from gonogo.run.standing import Standing
from gonogo.terms import Engine, Person, RunId
from tests.projects import small_project
from tests.unit.test_cli_errors import Nowhere
from worlds import MORNING, SimulatedClock

ENGINE = Engine("local")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def run_named(number: int) -> RunId:
    return RunId(f"pre-deployment-v{number}-000000")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder of a project with 60 runs that wait for people."""
    (tmp_path / "gonogo.yaml").write_text("project: shop\n")
    with SqliteJournal(tmp_path / ".gonogo" / "journal.db") as journal:
        for number in range(60):
            run, opened_at = run_named(number), MORNING + timedelta(seconds=number)
            journal.open_run(run, [Draft("run.opened", {})], actor=ENGINE, now=opened_at)
            following = f"gonogo approve {run} scope --key YOUR-KEY"
            journal.keep_standing(Standing(run, 0, "pre-deployment", f"v{number}", "staging", "waiting for people", following, opened_at))
    return tmp_path / ".gonogo"


def test_the_newest_runs_are_listed_and_the_older_ones_are_counted(state: Path) -> None:
    said = gonogo("status", "--project", state.parent)
    lines = [line for line in said.out.splitlines() if "waiting for people" in line]
    assert (said.code, len(lines), said.out.splitlines()[0]) == (0, 50, "10 older runs: gonogo status --all")
    assert lines[-1].startswith(f"{run_named(59)}   v59   waiting for people   since ")
    assert len(gonogo("status", "--all", "--json", "--project", state.parent).json()["runs"]) == 60
    found = gonogo("status", "--json", "--project", state.parent).json()
    assert (len(found["runs"]), found["older"]) == (50, 10)


def test_what_is_answered_at_once_is_what_the_command_line_would_print(state: Path) -> None:
    for flags in ([], ["--json"], ["--all"], ["--json", "--all"]):
        at_once = answer_at_once(["status", *flags, "-C", str(state.parent)])
        assert at_once == gonogo("status", *flags, "--project", state.parent).out
        assert at_once.count("waiting for people") == (60 if "--all" in flags else 50)


def test_in_a_terminal_both_ways_show_the_same_colours(state: Path) -> None:
    shown = []
    for module in ("gonogo", "gonogo.cli.main"):
        here, there = pty.openpty()
        line = [sys.executable, "-m", module, "status", "-C", str(state.parent)]
        environ = {name: value for name, value in importing().items() if name != "NO_COLOR"}
        with subprocess.Popen(line, stdout=there, env=environ) as process:
            os.close(there)
            shown.append(read_all(here))
        os.close(here)
        assert process.returncode == 0
    assert shown[0] == shown[1]
    assert b"\x1b[33mpre-deployment-v59" in shown[0]


def read_all(terminal: int) -> bytes:
    """What is written to a terminal until nobody holds its other end (Linux says EIO then)."""
    found = b""
    with suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            found += piece
    return found


def test_what_is_not_plain_is_left_to_the_command_line(state: Path) -> None:
    here = ["-C", str(state.parent)]
    assert answer_at_once(["status", *here]) is not None
    for more in (["--watch"], ["--exit-code"], ["--no-color"], ["-C"], ["-C", "--json"], [str(run_named(59))], ["--help"]):
        assert answer_at_once(["status", *here, *more]) is None, more
    for line in (["stat", *here], ["--version", "status"], ["lock", "status", *here], []):
        assert answer_at_once(line) is None, line


def test_outside_a_project_and_with_a_run_that_nobody_knows_nothing_is_answered_at_once(state: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert answer_at_once(["status", "-C", str(tmp_path_factory.mktemp("elsewhere"))]) is None
    with SqliteJournal(state / "journal.db") as journal, journal.write(run_named(59), 0, actor=ENGINE, now=NOW) as change:
        change.append(Draft("freeze.begun", {}))
    assert answer_at_once(["status", "-C", str(state.parent)]) is None


def test_whoever_reads_the_first_line_only_sees_no_error(state: Path) -> None:
    line = [sys.executable, "-m", "gonogo", "status", "--all", "-C", str(state.parent)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, env=importing(), check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.req("RGD-01")
def test_a_glance_loads_neither_the_engine_nor_cryptography(state: Path) -> None:
    code = (
        "import sys; from gonogo.cli.main import answer; code = answer(['status', '--project', sys.argv[1]]);"
        "heavy = [name for name in sys.modules if name.split('.')[0] in {'cryptography', 'yaml', 'rich'}"
        " or name.startswith(('gonogo.engine', 'gonogo.plan', 'gonogo.control.')) and name not in {'gonogo.control.stores', 'gonogo.control.stores.project_root'}]; print(code, sorted(heavy))"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
    said = subprocess.run([sys.executable, "-c", code, str(state.parent)], env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.splitlines()[-1] == "0 []"


def test_a_run_in_which_something_happened_since_is_not_known_at_a_glance(state: Path) -> None:
    with SqliteJournal(state / "journal.db") as journal, journal.write(run_named(59), 0, actor=ENGINE, now=NOW) as change:
        change.append(Draft("freeze.begun", {}))
    found = glanced(state, 3, NOW)
    assert found is not None
    assert [(each.run, each.known) for each in found[0]] == [(run_named(59), False), (run_named(58), True), (run_named(57), True)]
    said = gonogo("status", "--project", state.parent)
    assert (said.code, "gonogo.yaml:1" in said.err) == (2, True), "it is loaded in earnest, which needs the project"


def test_what_is_due_says_since_when_and_what_is_driven_says_so(state: Path) -> None:
    due = Standing(run_named(59), 0, "pre-deployment", "v59", "staging", "waiting until 11:00", "", MORNING, NOW - timedelta(hours=1))
    with SqliteJournal(state / "journal.db") as journal:
        journal.keep_standing(due)
    locks = RunLocks(state / "runs", SimulatedClock())
    with locks.driving(run_named(57)):
        found = glanced(state, 3, NOW)
    assert found is not None
    last, before, driven = found[0]
    assert last.status == "waiting until 11:00; due since 2026-11-21T11:00:00.000Z"
    assert last.following == f"gonogo resume {run_named(59)}"
    assert (before.status, driven.status) == ("waiting for people", "waiting for people"), "an engine that waits waits"


@pytest.mark.parametrize("damage", ["absent", "diary", "older"])
def test_what_cannot_be_read_at_a_glance_is_left_to_whoever_opens_it_in_earnest(state: Path, damage: str) -> None:
    path = state / "journal.db"
    path.unlink()
    if damage == "diary":
        path.write_text("this is a diary\n" * 100)
    if damage == "older":
        path.write_bytes((Path(__file__).resolve().parents[1] / "cases/journals/tables-1.db").read_bytes())
    assert glanced(state, 50, NOW) is None


@pytest.mark.req("RGD-01", "RSN-10")
def test_what_is_remembered_of_a_run_is_what_loading_it_says_after_every_verb(tmp_path: Path) -> None:
    shop = small_project(tmp_path / "shop", Nowhere(tmp_path / "world/staging"), Nowhere(tmp_path / "world/production"))

    def remembered() -> str:
        door = shop.door()
        (known,) = door.world.journal.standings()
        assert known == standing_of(door.world, door.load(known.run))
        return known.status

    run = shop.begin("pre-deployment")
    assert remembered() == "open"
    shop.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert remembered() == "halted"
    shop.lift(run)
    assert remembered() == "open"
    shop.door().halt(run, "a look at it", Person("rm1"))
    assert remembered() == "halted"
    shop.door().abort(run, "not wanted", Person("rm1"))
    assert remembered() == "open"
    shop.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert remembered() == "aborted"
