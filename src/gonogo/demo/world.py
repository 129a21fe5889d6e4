"""The demo's little data centre: which slots exist, and what puts a release into one of them.

Run as `python -m gonogo.demo.world start --env E --release R [--slot S] [--fence N]`, `stop --env E [--slot S]` or
`status`; the scripts `deploy_web.sh` and `rollback_web.sh` of the demo project do. DEMO_WORLD names the world's file.
Starting is safe to repeat: where the right artifact answers already, nothing happens. Ready means that the right
version with the right digest answers, not that a port is open.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gonogo.adapters.http_calls import call
from gonogo.adapters.targets.probe_http import HttpProber
from gonogo.demo.processes import Live, birth_of, command_of, launch, log_tail, read_pid, stop, wait_until, write_pid
from gonogo.demo.web import Release, read_release
from gonogo.errors import BadInput, Broken, GonogoError, Refused
from gonogo.evidence.canonical import Tree, read_object
from gonogo.ports import SlotSeen
from gonogo.values import dataclass

PROJECT = Path(__file__).with_name("project")
"""The template of the demo project: releases and scripts."""

READY_SECONDS = 60.0
PROGRAM = "gonogo.demo.web"
DIGEST_HEADER = "x-artifact-digest"


@dataclass(frozen=True, slots=True)
class World:
    """`folder` takes pid files, logs and fences; `releases` holds `<release>/app.json`; ports by environment, slot."""

    folder: Path
    releases: Path
    slots: Mapping[str, Mapping[str, int]]

    def url(self, environment: str, slot: str) -> str:
        """Address of a slot, past every proxy."""
        return f"http://127.0.0.1:{self.port(environment, slot)}"

    def port(self, environment: str, slot: str) -> int:
        """Port of a slot; BadInput where there is none of that name."""
        try:
            return self.slots[environment][slot]
        except KeyError:
            known = ", ".join(f"{name}/{one}" for name, slots in self.slots.items() for one in slots)
            raise BadInput(f"there is no slot {environment}/{slot}", next_step=f"known: {known}") from None

    def artifact(self, release: str) -> Path:
        """The artifact of a release; BadInput where its name could lead elsewhere."""
        if not release.replace(".", "").replace("-", "").isalnum() or release.startswith("."):
            raise BadInput(f"`{release}` is no name of a release")
        return self.releases / release / "app.json"

    def only_slot(self, environment: str) -> str:
        """The slot of an environment that has one; BadInput where it would be a guess."""
        slots = tuple(self.slots.get(environment, ()))
        if len(slots) != 1:
            raise BadInput(f"environment `{environment}` has {len(slots)} slots", next_step="name one with --slot")
        return slots[0]

    def faults(self, environment: str, slot: str) -> Path:
        """The faults file of a slot's process."""
        return self.folder / f"{environment}-{slot}.faults.json"

    def pid_file(self, environment: str, slot: str) -> Path:
        """The pid file of a slot."""
        return self.folder / f"{environment}-{slot}.pid.json"


def write_world(world: World, file: Path) -> None:
    """Write `world` to the file that DEMO_WORLD names."""
    fields = {"folder": str(world.folder), "releases": str(world.releases), "slots": world.slots}
    file.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")


def read_world(file: Path) -> World:
    """The world in `file`; BadInput where it is none."""
    try:
        found = read_object(file.read_bytes(), name=str(file))
    except OSError as error:
        raise BadInput(
            f"the world's file cannot be read: {error.strerror}", where=str(file), next_step="set DEMO_WORLD"
        ) from error
    folder, releases = found.get("folder"), found.get("releases")
    if not isinstance(folder, str) or not isinstance(releases, str):
        raise BadInput("`folder` and `releases` must be paths", where=str(file))
    return World(Path(folder), Path(releases), {name: _ports(slots) for name, slots in _members(found.get("slots"))})


def _members(value: Tree) -> tuple[tuple[str, Tree], ...]:
    if not isinstance(value, Mapping):
        raise BadInput("`slots` must map environments to slots, and slots to ports")
    return tuple(value.items())


def _ports(value: Tree) -> Mapping[str, int]:
    return {slot: port for slot, port in _members(value) if isinstance(port, int)}


@contextmanager
def _alone(world: World, environment: str) -> Iterator[None]:
    """One change of an environment at a time, over all processes."""
    with (world.folder / f"{environment}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_release(world: World, environment: str, slot: str, release: str, fence: int | None = None) -> Live:
    """Make `slot` run `release`, and return once it answers as that; Refused for a fence that is out of date."""
    artifact = world.artifact(release)
    wanted = read_release(artifact)
    if wanted.version != release:
        raise Refused(
            f"the artifact of {release} says that it is {wanted.version}; nothing was started", where=str(artifact)
        )
    with _alone(world, environment):
        _check_fence(world, environment, fence)
        present = _present(world, environment, slot)
        if present is not None and _is_right(ask(world, environment, slot), wanted):
            return present
        _clear(world, environment, slot)
        return _start(world, environment, slot, wanted)


def stop_slot(world: World, environment: str, slot: str) -> None:
    """End what was started in `slot`; no effect where nothing was."""
    with _alone(world, environment):
        _clear(world, environment, slot)


def ask(world: World, environment: str, slot: str) -> SlotSeen:
    """What a slot says of itself."""
    prober = HttpProber({slot: world.url(environment, slot)}, "", digest_header=DIGEST_HEADER, seconds=1.0)
    return prober.ask(slot)


def _present(world: World, environment: str, slot: str) -> Live | None:
    noted = read_pid(world.pid_file(environment, slot))
    return noted if noted is not None and noted.lives() else _found(world, environment, slot)


def _found(world: World, environment: str, slot: str) -> Live | None:
    """The service of ours that answers without a pid file: its starter was killed before it could note it."""
    try:
        answer = call("GET", world.url(environment, slot) + "/healthz", seconds=1.0)
        pid = read_object(answer.body, name="/healthz").get("pid")
    except GonogoError:
        return None
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 1 or PROGRAM not in command_of(pid):
        return None
    born = birth_of(pid)
    if born is None:
        return None
    write_pid(world.pid_file(environment, slot), Live(pid, born))
    return Live(pid, born)


def _clear(world: World, environment: str, slot: str) -> None:
    noted = _present(world, environment, slot)
    if noted is not None:
        stop(noted)
    world.pid_file(environment, slot).unlink(missing_ok=True)


def _start(world: World, environment: str, slot: str, wanted: Release) -> Live:
    stranger = ask(world, environment, slot)
    if stranger.version is not None:
        raise Broken(
            f"something that was not started here answers as {stranger.version}",
            where=world.url(environment, slot),
            next_step="end it, or give the slot another port",
        )
    log = world.folder / f"{environment}-{slot}.log"
    process = launch((sys.executable, "-m", PROGRAM), log=log, env=_environment(world, environment, slot, wanted))
    write_pid(world.pid_file(environment, slot), process)
    ready = wait_until(lambda: not process.lives() or _is_right(ask(world, environment, slot), wanted), READY_SECONDS)
    if not ready or not process.lives():
        stop(process)
        world.pid_file(environment, slot).unlink(missing_ok=True)
        raise Broken(
            f"{wanted.version} did not come up within {READY_SECONDS:g} s: {log_tail(log)}",
            where=world.url(environment, slot),
            next_step=f"read {log}",
        )
    return process


def _environment(world: World, environment: str, slot: str, wanted: Release) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {
        "VERSION": wanted.version,
        "PORT": str(world.port(environment, slot)),
        "ARTIFACT": str(world.artifact(wanted.version)),
        "FAULTS": str(world.faults(environment, slot)),
    }


def _is_right(seen: SlotSeen, wanted: Release) -> bool:
    return seen.version == wanted.version and seen.digest == wanted.digest


def _check_fence(world: World, environment: str, fence: int | None) -> None:
    if fence is None:
        return
    file = world.folder / f"{environment}.fence"
    highest = int(file.read_text("ascii")) if file.exists() else 0
    if fence < highest:
        raise Refused(
            f"fence {fence} is older than {highest}, which last acted on {environment}",
            next_step="another engine holds this environment; nothing was started",
        )
    file.write_text(str(fence), encoding="ascii")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; what happened goes to stdout as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m gonogo.demo.world", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("verb", choices=("start", "stop", "status"))
    parser.add_argument("--env", default="")
    parser.add_argument("--slot", default="")
    parser.add_argument("--release", default="")
    parser.add_argument("--fence", default=None, type=int)
    given = parser.parse_args(arguments)
    try:
        world = read_world(Path(os.environ.get("DEMO_WORLD", "")))
        sys.stdout.write(json.dumps(_obey(world, given)) + "\n")
    except GonogoError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _obey(world: World, given: argparse.Namespace) -> Mapping[str, object]:
    if given.verb == "status":
        return {name: {slot: ask(world, name, slot).version for slot in slots} for name, slots in world.slots.items()}
    slot = given.slot or world.only_slot(given.env)
    if given.verb == "stop":
        stop_slot(world, given.env, slot)
        return {"environment": given.env, "slot": slot, "release": None}
    process = start_release(world, given.env, slot, given.release, given.fence)
    seen = ask(world, given.env, slot)
    return {
        "environment": given.env,
        "slot": slot,
        "release": seen.version,
        "artifact_sha256": seen.digest,
        "pid": process.pid,
    }


if __name__ == "__main__":
    sys.exit(main())
