"""The stage: a project folder of its own, two environments of real processes, people with keys, steady traffic.

Everything that is started notes its process id below `.demo`, so that it is ended at the end of the story, and where a
story was killed, at the beginning of the next one in the same folder.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from string import Template

from gonogo.adapters.keys import FileEngineKey
from gonogo.demo.addresses import Address, free_ports
from gonogo.demo.fronts import PROXY, Choice, Front, choose, start_front, start_load
from gonogo.demo.hand import PROGRAM, lend_hand
from gonogo.demo.processes import Live, birth_of, read_pid, stop, write_pid
from gonogo.demo.story_command import CommandLine
from gonogo.demo.story_people import Person, approvers_file, make_people
from gonogo.demo.tally import Tally, read_tally
from gonogo.demo.world import PROJECT, World, start_release, write_world
from gonogo.errors import Broken, GonogoError, Refused
from gonogo.values import dataclass

STATE = ".demo"
OWN_PID = "story.pid.json"
ENVIRONMENTS = ("staging", "production")
SLOTS = ("blue", "green")
FIRST = "v1"
PARTS = ("bandit", "pytest", "uvicorn")
GRACE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a canary step lasts, how often it is judged, how long production is watched; requests a second."""

    hold: str = "1750ms"
    tick: str = "250ms"
    window: str = "1500ms"
    rate: float = 250.0


FAST = Pace(hold="1250ms", tick="250ms", window="1s")


@dataclass(frozen=True, slots=True)
class Stage:
    """The stage, set."""

    root: Path
    world: World
    front: Choice
    fronts: Mapping[str, Front]
    people: Mapping[str, Person]
    gonogo: CommandLine
    pace: Pace
    own_hand: bool
    """Whether the demonstration signs by itself, because the machine has no ssh-keygen."""

    @property
    def record(self) -> Path:
        """The record that the deploy and rollback scripts keep of their real executions."""
        return self.root / STATE / "record.tsv"

    def executions(self) -> tuple[tuple[str, str, str], ...]:
        """What the scripts really did: action, environment, release."""
        if not self.record.exists():
            return ()
        rows = (line.split("\t") for line in self.record.read_text("utf-8").splitlines())
        return tuple((row[1], row[2], row[3]) for row in rows)

    def tally(self) -> Tally:
        """What the client saw until now."""
        return read_tally(self.root / STATE / "load.jsonl")

    def key(self, handle: str) -> str:
        """The key file of a person, from the project's folder."""
        return str(self.people[handle].key.relative_to(self.root))


def wish_of(proxy: str) -> str:
    """The front that `--proxy` names, in the words of `fronts.choose`."""
    return PROXY if proxy == "asyncio" else proxy


def copy_project(source: Path, root: Path) -> None:
    """The files of the demonstration's project, as young as the run and not as the installation.

    A runbook has to be as young as the release that it stands beside.
    """
    shutil.copytree(source, root, ignore=shutil.ignore_patterns("__pycache__", "*.template"), copy_function=shutil.copy)


def set_stage(root: Path, wish: str, pace: Pace) -> Stage:
    """The project folder with everything in it, nothing running yet. Refused where `root` is not ours to replace."""
    _require_parts()
    clear_stage(root)
    copy_project(PROJECT, root)
    state = root / STATE
    state.mkdir()
    write_pid(state / OWN_PID, Live(os.getpid(), birth_of(os.getpid()) or ""))
    (state / "python").write_text(sys.executable, encoding="utf-8")
    smoke = root / "tests" / "test_smoke.py"
    smoke.parent.mkdir(exist_ok=True)
    shutil.copy(PROJECT / "tests" / "test_smoke.py.template", smoke)
    (root / "app").mkdir()
    shutil.copy(PROJECT.with_name("web.py"), root / "app" / "web.py")
    world, fronts = _addresses(root)
    write_world(world, state / "world.json")
    people = make_people(root / "keys")
    engine = FileEngineKey(root / ".gonogo" / "keys" / "engine").public_line()
    (root / "config" / "release-approvers.yaml").write_text(approvers_file(people, engine), encoding="utf-8")
    choice = choose(wish)
    (root / "gonogo.yaml").write_text(_project_file(world, fronts, choice, pace), encoding="utf-8")
    own_hand = shutil.which(PROGRAM) is None
    programs = state / "bin" if own_hand else None
    if programs:
        lend_hand(programs)
    return Stage(root, world, choice, fronts, people, CommandLine(root, programs), pace, own_hand)


def _require_parts() -> None:
    missing = [name for name in PARTS if find_spec(name) is None]
    if missing:
        raise Broken(
            f"the demonstration needs {', '.join(missing)}", next_step="install them: pip install 'gonogo[demo]'"
        )
    if shutil.which("bash") is None:
        raise Broken("the demonstration's deploy scripts need bash", next_step="install bash")


def clear_stage(root: Path) -> None:
    """Remove what an earlier demonstration left in `root`, its processes first; Refused for any other folder."""
    if not root.exists():
        return
    state = root / STATE
    if not (state / OWN_PID).exists():
        if root.is_dir() and not any(root.iterdir()):
            root.rmdir()
            return
        raise Refused(f"{root} is not a folder of this demonstration", next_step="name another one with --keep DIR")
    other = read_pid(state / OWN_PID)
    if other is not None and other.lives():
        raise Refused(f"process {other.pid} tells the story in {root} now", next_step="wait, or use --keep DIR")
    end_processes(state)
    shutil.rmtree(root)


def _addresses(root: Path) -> tuple[World, Mapping[str, Front]]:
    state = root / STATE
    ports = iter(free_ports(4 * len(ENVIRONMENTS)))
    slots = {name: {slot: next(ports) for slot in SLOTS} for name in ENVIRONMENTS}
    world = World(state, root / "releases", slots)
    fronts = {}
    for name in ENVIRONMENTS:
        folder = state / name
        folder.mkdir()
        listen, admin = (Address("127.0.0.1", next(ports)) for _ in range(2))
        backends = {slot: Address("127.0.0.1", port) for slot, port in slots[name].items()}
        fronts[name] = Front(listen, admin, backends, {"blue": 100, "green": 0}, folder)
    return world, fronts


def _project_file(world: World, fronts: Mapping[str, Front], choice: Choice, pace: Pace) -> str:
    filled = {"front": choice.kind, "hold": pace.hold, "tick": pace.tick, "window": pace.window}
    for name in ENVIRONMENTS:
        filled |= {f"{name}_front": str(fronts[name].listen), f"{name}_admin": str(fronts[name].admin)}
        filled |= {f"{name}_{slot}": f"127.0.0.1:{world.port(name, slot)}" for slot in SLOTS}
    return Template((PROJECT / "gonogo.yaml.template").read_text("utf-8")).substitute(filled)


@contextmanager
def playing(stage: Stage) -> Iterator[None]:
    """Version 1 in both environments behind their proxies, traffic on production; all is ended on every way out."""
    state = stage.root / STATE
    try:
        for name in ENVIRONMENTS:
            start_release(stage.world, name, "blue", FIRST)
            process = start_front(stage.front, stage.fronts[name], FIRST)
            write_pid(state / f"{name}-front.pid.json", process)
        url = f"http://{stage.fronts['production'].listen}/"
        load = start_load(url, state / "load.jsonl", state, stage.pace.rate)
        write_pid(state / "load.pid.json", load)
        yield
    finally:
        try:
            stage.gonogo.end_all()
        finally:
            end_processes(state)


def end_traffic(stage: Stage) -> None:
    """Let the client finish its last requests and close its account."""
    load = read_pid(stage.root / STATE / "load.pid.json")
    if load is not None:
        stop(load)


def end_processes(state: Path) -> None:
    """End all that noted its process id in `state`, the client first; a script that still runs starts nothing more."""
    (state / "world.json").unlink(missing_ok=True)
    files = [file for file in sorted(state.glob("*.pid.json")) if file.name != OWN_PID]
    faults = []
    for file in sorted(files, key=lambda file: not file.name.startswith("load")):
        try:
            noted = read_pid(file)
            if noted is not None:
                stop(noted, GRACE_SECONDS)
            file.unlink()
        except GonogoError as error:
            faults.append(str(error))
    if faults:
        raise Broken("; ".join(faults), next_step="look at them with `ps`")
