"""Killing the engine, the supervisor, the command, at every point: one effect, found again, or reported as unknown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gonogo.adapters import supervisor
from gonogo.adapters.commands import Patience, SupervisedCommands
from gonogo.errors import Busy
from gonogo.ports import CommandSpec, EffectKey, Ended, Lost, NeverStarted, Running, Whereabouts
from gonogo.terms import RunId

KEY = EffectKey(RunId("production-v2-77aa"), "deploy/execute#run", 1, 1)
AGAIN = EffectKey(KEY.run, KEY.task, 1, 2)

ENGINE = """
import os, sys, time
from pathlib import Path
from gonogo.adapters.commands import SupervisedCommands
from gonogo.ports import CommandSpec, EffectKey
from gonogo.terms import RunId, Secret
root, text = Path(sys.argv[1]), sys.argv[2]
key = EffectKey(RunId("production-v2-77aa"), "deploy/execute#run", 1, 1)
secrets = {"TOKEN": Secret("s3cr3t-value-42")}
SupervisedCommands(root / "effects", os.environ).start(key, CommandSpec(("sh", "-c", text), root, {}, secrets, 60.0))
print("started", flush=True)
time.sleep(60)
"""


class Scene:
    """State in a temporary folder, and the processes in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands = self.patient(lock=60.0)
        self.state = self.commands.folder(KEY).parent

    def patient(self, **times: float) -> SupervisedCommands:
        """Commands that wait so long for what there is."""
        return SupervisedCommands(self.root / "effects", os.environ, patience=Patience(grace=0.3, **times))

    def start(self, text: str, key: EffectKey = KEY) -> None:
        self.commands.start(key, CommandSpec(("sh", "-c", text), self.root, {}, {}, 60.0))

    def engine(self, text: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", ENGINE, str(self.root), text], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.stdout.close()
        return process

    def pids(self, key: EffectKey = KEY) -> tuple[int, int]:
        """Supervisor and command, as soon as both are known."""
        noted = self.commands.folder(key).parent / "running.json"
        self.until(lambda: noted.exists() and json.loads(noted.read_bytes())["pid"] > 0)
        running = json.loads(noted.read_bytes())
        return running["supervisor"], running["pid"]

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end, "it does not happen"
            time.sleep(0.01)

    def settled(self, key: EffectKey = KEY) -> Whereabouts:
        """What became of it, after a deploy that waits was let go on."""
        (self.root / "go").touch()
        self.until(lambda: not isinstance(self.commands.look(key), Running))
        return self.commands.look(key)

    def effects(self) -> int:
        """How often the command really did its work: the count of the target, not of the engine."""
        record = self.root / "record"
        return len(record.read_text().splitlines()) if record.exists() else 0


HELD = "until [ -e go ]; do sleep 0.01; done"
DEPLOY = f'echo "begin" > begun; {HELD}; echo "$GONOGO_EFFECT" >> record'


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    if (made.state / "running.json").exists():
        for pid in made.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.mark.req("WFS-10", "ERR-11")
def test_a_command_lives_on_when_the_engine_is_killed_and_is_found_running_then_ended(scene: Scene) -> None:
    engine = scene.engine(DEPLOY)
    _, command = scene.pids()
    engine.kill()
    engine.wait()
    assert scene.commands.look(KEY) == Running(command)
    ended = scene.settled()
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.ended_by, scene.effects()) == (0, "itself", 1)


@pytest.mark.req("WFS-10")
def test_killing_the_engine_with_its_whole_process_group_does_not_reach_the_command(scene: Scene) -> None:
    text = [sys.executable, "-c", ENGINE, str(scene.root), DEPLOY]
    engine = subprocess.Popen(text, stdout=subprocess.PIPE, start_new_session=True)
    assert engine.stdout is not None
    engine.stdout.readline()
    os.killpg(engine.pid, signal.SIGKILL)
    engine.communicate()
    assert isinstance(scene.settled(), Ended)
    assert scene.effects() == 1


@pytest.mark.req("WFS-10", "ERR-09")
def test_while_the_command_of_a_dead_engine_lives_a_second_start_is_busy(scene: Scene) -> None:
    engine = scene.engine(DEPLOY)
    engine.kill()
    engine.wait()
    with pytest.raises(Busy):
        scene.patient(lock=0.3).start(AGAIN, CommandSpec(("true",), scene.root, {}, {}, 60.0))
    assert isinstance(scene.settled(), Ended)
    assert scene.effects() == 1
    assert scene.commands.look(AGAIN) == NeverStarted()


@pytest.mark.req("EVS-16")
def test_secrets_of_a_killed_engine_are_still_replaced_in_the_output(scene: Scene) -> None:
    engine = scene.engine("sleep 0.4; echo token $TOKEN")
    engine.kill()
    engine.wait()
    ended = scene.settled()
    assert isinstance(ended, Ended)
    assert ended.stdout.path.read_text() == "token [redacted:TOKEN]\n"


@pytest.mark.req("WFS-10")
def test_a_supervisor_killed_alone_leaves_the_lock_to_the_living_command_and_then_the_outcome_is_unknown(
    scene: Scene,
) -> None:
    scene.start(DEPLOY)
    keeper, command = scene.pids()
    scene.until(lambda: (scene.root / "begun").exists())
    os.kill(keeper, signal.SIGKILL)
    assert scene.commands.look(KEY) == Running(command)
    with pytest.raises(Busy, match=str(command)):
        scene.patient(lock=0.0).start(AGAIN, CommandSpec(("true",), scene.root, {}, {}, 60.0))
    seen = scene.settled()
    assert isinstance(seen, Lost)
    assert "no result" in seen.reason
    assert scene.effects() == 1


@pytest.mark.req("WFS-10")
def test_supervisor_and_command_killed_together_are_lost(scene: Scene) -> None:
    scene.start("sleep 600")
    keeper, command = scene.pids()
    os.kill(keeper, signal.SIGKILL)
    os.killpg(command, signal.SIGKILL)
    assert isinstance(scene.settled(), Lost)


def test_a_command_killed_alone_ended_by_that_signal(scene: Scene) -> None:
    scene.start("sleep 600")
    _, command = scene.pids()
    os.killpg(command, signal.SIGKILL)
    ended = scene.settled()
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.ended_by) == (-signal.SIGKILL, "itself")


def test_a_supervisor_killed_between_the_command_s_end_and_the_result_is_lost(scene: Scene) -> None:
    scene.commands = scene.patient(linger=600.0)
    scene.start("setsid sleep 0 & sleep 600 & exit 0")
    keeper, command = scene.pids()
    scene.until(lambda: not Path(f"/proc/{command}").exists())
    os.kill(keeper, signal.SIGKILL)
    assert not (scene.state / "result.json").exists()
    os.killpg(command, signal.SIGKILL)
    assert isinstance(scene.settled(), Lost)


def test_a_supervisor_that_is_asked_to_end_stops_the_command_and_says_so(scene: Scene) -> None:
    scene.start("sleep 600")
    keeper, _ = scene.pids()
    os.kill(keeper, signal.SIGTERM)
    ended = scene.settled()
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.ended_by) == (-signal.SIGTERM, "stop")


def test_a_hung_supervisor_keeps_the_command_running_and_goes_on_when_it_wakes(scene: Scene) -> None:
    scene.start("true")
    scene.settled()
    (scene.root / "go").unlink()
    scene.start(HELD, AGAIN)
    keeper, command = scene.pids(AGAIN)
    os.kill(keeper, signal.SIGSTOP)
    (scene.root / "go").touch()
    scene.until(lambda: b") Z " in Path(f"/proc/{command}/stat").read_bytes())
    assert isinstance(scene.commands.look(AGAIN), Running)
    os.kill(keeper, signal.SIGCONT)
    assert isinstance(scene.settled(AGAIN), Ended)


def test_a_start_whose_intent_was_never_written_never_started_and_can_begin(scene: Scene) -> None:
    scene.commands.prepare(KEY.run)
    (scene.state / "out").mkdir(parents=True)
    assert scene.commands.look(KEY) == NeverStarted()
    scene.start("echo once >> record")
    assert isinstance(scene.settled(), Ended)
    assert scene.effects() == 1


def test_an_intent_without_anything_else_is_lost_because_the_command_may_have_begun(scene: Scene) -> None:
    scene.start("echo once >> record")
    scene.settled()
    for path in scene.state.iterdir():
        if path.is_file() and path.name != "intent.json":
            path.unlink()
    assert isinstance(scene.settled(), Lost)


def test_an_earlier_start_that_was_lost_stays_lost_while_a_later_one_runs(scene: Scene) -> None:
    scene.start("sleep 600")
    keeper, command = scene.pids()
    os.kill(keeper, signal.SIGKILL)
    os.killpg(command, signal.SIGKILL)
    assert isinstance(scene.settled(), Lost)
    (scene.root / "go").unlink()
    scene.start(HELD, AGAIN)
    assert isinstance(scene.commands.look(AGAIN), Running)
    assert isinstance(scene.commands.look(KEY), Lost)
    assert isinstance(scene.settled(AGAIN), Ended)


def test_a_supervisor_that_cannot_read_its_order_says_so_and_starts_nothing(scene: Scene) -> None:
    broken = [sys.executable, "-I", "-S", "-c", supervisor.LAUNCH, str(Path(supervisor.__file__).parent)]
    for arguments, secrets, code in (
        ([], b"", 64),
        ([str(scene.root / "none.json")], b"{}", 65),
        ([str(scene.root / "none.json")], b"not json", 65),
    ):
        ended = subprocess.run([*broken, *arguments], input=secrets, capture_output=True, check=False)
        assert (ended.returncode, ended.stdout) == (code, b"")
        assert ended.stderr


FULL_DISK = """
import os, resource, sys
from pathlib import Path
from gonogo.adapters.commands import SupervisedCommands
from gonogo.errors import Broken
from gonogo.ports import CommandSpec, EffectKey
from gonogo.terms import RunId
root = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
key = EffectKey(RunId("production-v2-77aa"), "deploy/execute#run", 1, 1)
try:
    SupervisedCommands(root / "effects", os.environ).start(key, CommandSpec(("sh", "-c", ">record"), root, {}, {}, 9.0))
except Broken as error:
    print(error)
"""


@pytest.mark.req("WFS-10")
def test_an_intent_that_the_disk_does_not_take_is_broken_and_nothing_was_started(scene: Scene) -> None:
    told = subprocess.run([sys.executable, "-c", FULL_DISK, str(scene.root)], capture_output=True, check=True)
    assert b"intent.json: cannot write the file: File too large" in told.stdout
    assert scene.commands.look(KEY) == NeverStarted()
    assert not (scene.root / "record").exists()


@pytest.mark.slow
@pytest.mark.req("WFS-10")
def test_forty_random_kills_of_engine_or_supervisor_never_double_the_effect(tmp_path: Path) -> None:
    for number in range(40):
        scene = Scene(tmp_path / str(number))
        scene.root.mkdir()
        engine = scene.engine('sleep 0.05; echo "$GONOGO_EFFECT" >> record; sleep 0.05')
        keeper, _ = scene.pids()
        time.sleep(number % 10 / 60)
        if isinstance(scene.commands.look(KEY), Running):
            os.kill(engine.pid if number % 2 else keeper, signal.SIGKILL)
        seen = scene.settled()
        engine.kill()
        engine.wait()
        assert scene.effects() <= 1
        if isinstance(seen, Ended):
            assert scene.effects() == 1
