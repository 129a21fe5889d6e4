"""The contract of commands, on scripts in memory and on real processes under the supervisor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gonogo.adapters.commands import Patience, SupervisedCommands
from gonogo.errors import BadInput, Busy, Refused
from gonogo.ports import CommandSpec, EffectKey, Ended, Lost, NeverStarted, Running, Whereabouts
from gonogo.terms import RunId, digest_of
from worlds import Script, ScriptedCommands, SimulatedClock

RUN = RunId("production-v2-77aa")
KEY = EffectKey(RUN, "deploy/execute#run", 1, 1)

SCRIPTS = {
    "exit 3": Script(exit_code=3),
    "printf out; printf err >&2": Script(stdout=b"out", stderr=b"err"),
    'echo {} > "$GONOGO_OUT/r.json"': Script(files={"r.json": b"{}\n"}),
    "sleep 60": Script(seconds=60.0),
}


@dataclass(frozen=True, slots=True)
class World:
    """Commands, and how to let time pass until a start has ended."""

    commands: ScriptedCommands | SupervisedCommands
    cwd: Path
    wait: Callable[[float], None]

    def start(self, text: str, key: EffectKey = KEY, timeout: float = 60.0) -> None:
        self.commands.start(key, CommandSpec(("sh", "-c", text), self.cwd, {}, {}, timeout))

    def settled(self, key: EffectKey = KEY) -> Whereabouts:
        """What became of a start, once its supervisor has gone too."""
        for _ in range(1500):
            seen = self.commands.look(key)
            if not isinstance(seen, Running):
                return seen
            self.wait(0.01)
        raise AssertionError("it does not end")

    def end(self, key: EffectKey = KEY) -> Ended:
        seen = self.settled(key)
        assert isinstance(seen, Ended), seen
        return seen


@pytest.fixture(params=["scripted", "supervised"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "scripted":
        clock = SimulatedClock()
        scripted = ScriptedCommands(tmp_path / "effects", clock, lambda _key, spec: SCRIPTS[spec.argv[-1]])
        scripted.prepare(RUN)
        return World(scripted, tmp_path, clock.sleep)
    supervised = SupervisedCommands(tmp_path / "effects", os.environ, patience=Patience(grace=1.0, lock=0.3))
    supervised.prepare(RUN)
    return World(supervised, tmp_path, time.sleep)


def test_a_command_that_was_not_started_never_started(world: World) -> None:
    assert world.commands.look(KEY) == NeverStarted()


def test_the_exit_code_of_a_command_that_ended_is_known(world: World) -> None:
    world.start("exit 3")
    ended = world.end()
    assert (ended.exit_code, ended.ended_by) == (3, "itself")
    assert ended.started_at <= ended.ended_at
    assert ended.started_at.tzinfo is not None


def test_output_is_captured_with_size_and_digest(world: World) -> None:
    world.start("printf out; printf err >&2")
    ended = world.end()
    for output, data in ((ended.stdout, b"out"), (ended.stderr, b"err")):
        assert (output.path.read_bytes(), output.size, output.digest, output.cut) == (data, 3, digest_of(data), False)


def test_files_of_a_command_lie_in_the_folder_that_it_was_given(world: World) -> None:
    world.start('echo {} > "$GONOGO_OUT/r.json"')
    assert world.end().folder == world.commands.folder(KEY)
    assert (world.commands.folder(KEY) / "r.json").read_bytes() == b"{}\n"


def test_a_running_command_is_found_running_and_ends_when_it_is_stopped(world: World) -> None:
    world.start("sleep 60")
    assert isinstance(world.commands.look(KEY), Running)
    world.commands.stop(KEY)
    ended = world.end()
    assert (ended.exit_code, ended.ended_by) == (-15, "stop")


def test_a_command_above_its_time_limit_is_ended_by_the_limit(world: World) -> None:
    world.start("sleep 60", timeout=0.1)
    ended = world.end()
    assert (ended.exit_code, ended.ended_by) == (-15, "limit")


@pytest.mark.req("WFS-10")
def test_the_same_start_is_never_used_twice(world: World) -> None:
    world.start("exit 3")
    world.end()
    with pytest.raises(Refused, match="used already"):
        world.start("exit 3")


@pytest.mark.req("WFS-10", "ERR-09")
def test_a_second_start_beside_a_living_one_is_busy_and_does_not_begin(world: World) -> None:
    world.start("sleep 60")
    second = EffectKey(RUN, KEY.task, 1, 2)
    with pytest.raises(Busy, match="still alive"):
        world.start("exit 3", second)
    assert world.commands.look(second) == NeverStarted()
    world.commands.stop(KEY)
    world.end()
    world.start("exit 3", second)
    assert world.end(second).exit_code == 3


def test_stopping_what_is_not_there_or_has_ended_changes_nothing(world: World) -> None:
    world.commands.stop(KEY)
    world.start("exit 3")
    world.end()
    world.commands.stop(KEY)
    assert world.end().ended_by == "itself"


def test_a_command_that_cannot_begin_is_a_bad_input_and_never_started(world: World) -> None:
    for spec in (
        CommandSpec((), world.cwd, {}, {}, 5.0),
        CommandSpec(("sh",), world.cwd / "missing", {}, {}, 5.0),
        CommandSpec(("sh",), world.cwd, {}, {}, float("nan")),
    ):
        with pytest.raises(BadInput):
            world.commands.start(KEY, spec)
    assert world.commands.look(KEY) == NeverStarted()


@pytest.mark.req("SC-06")
def test_what_an_ended_command_left_can_be_discarded_and_its_start_stays_used(world: World) -> None:
    world.start('echo {} > "$GONOGO_OUT/r.json"')
    ended = world.end()
    world.commands.discard(KEY)
    world.commands.discard(KEY)
    assert not ended.stdout.path.exists()
    assert not (world.commands.folder(KEY) / "r.json").exists()
    assert isinstance(world.settled(), Lost), "whoever looks late is told that nothing is known, and does not fall over"
    with pytest.raises(Refused):
        world.start("exit 3")


def test_nothing_is_discarded_of_a_command_that_still_runs(world: World) -> None:
    world.start("sleep 60")
    world.commands.discard(KEY)
    assert isinstance(world.commands.look(KEY), Running)
    world.commands.stop(KEY)
    world.end()
