"""What a documented script works with: the project, the run it is about, a bench to measure on, a place for results.

A script is about the newest run of its protocol, or of the release that GONOGO_RELEASE names. Where there is no run
yet, scripts that only look work on the plan alone; what they write then belongs to no run, and no gate takes it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from gonogo.control.assembling import VIEWS_FOLDER
from gonogo.control.compiled import compile_for
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.soundness import require_sound
from gonogo.control.sources import releases_of
from gonogo.engine.bench import Bench, Produced
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.plan.documented_scripts import Script
from gonogo.plan.model import Measure, Plan, Task, all_stages, stage_of
from gonogo.plan.script_defaults import ScriptDefaults
from gonogo.ports import Draft
from gonogo.run.events import RunOpened, recorded
from gonogo.run.state import Evidence, RunState
from gonogo.terms import Actor, Digest, Json, RunId, digest_of
from gonogo.values import dataclass

RELEASE: Final = "GONOGO_RELEASE"
FINISHED: Final = "script.finished"
"""The entry of the site's log that says what a script came to."""

RETRIED: Final = "script.retried"
"""The entry that says that a script is tried again after a fault of disk, lock or target."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a script came to: its exit status, one line for people, details, files that it wrote, JSON for `--json`."""

    code: int
    result: str
    lines: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    body: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a script: its row, its flags, the defaults of the environment, the project, who calls."""

    script: Script
    given: Mapping[str, str]
    defaults: ScriptDefaults
    door: Door
    actor: Actor
    tell: Callable[[str], None]
    protocol: str = ""

    @property
    def root(self) -> Path:
        """The project's root."""
        return self.door.workspace.root

    @property
    def about(self) -> str:
        """The protocol that this call is about."""
        return self.protocol or self.script.protocol


Act: TypeAlias = Callable[[Asked], Ended]


def newest_run(asked: Asked) -> Opened | None:
    """The newest run of the protocol, of the release that GONOGO_RELEASE names where it is set; None without one."""
    wanted = asked.door.world.environ.get(RELEASE, "")
    for run in reversed(asked.door.runs()):
        opened = recorded(asked.door.world.journal.entries(run)[0]).event
        fits = isinstance(opened, RunOpened) and opened.protocol == asked.about
        if isinstance(opened, RunOpened) and fits and wanted in {"", opened.version}:
            return asked.door.load(run)
    return None


def needed_run(asked: Asked) -> Opened:
    """The newest run of the protocol, with views that nobody edited; BadInput where there is none."""
    opened = newest_run(asked)
    if opened is None:
        raise BadInput(
            f"there is no run of {asked.about} whose evidence could be judged",
            where=asked.script.path,
            next_step=f"gonogo run {asked.about} --release VERSION",
        )
    asked.door.refuse_edited(opened)
    return opened


def bench_for(asked: Asked, what: str) -> Bench:
    """A bench on the newest run of the protocol, or on its plan alone; BadInput where neither can be had."""
    opened = newest_run(asked)
    if opened is not None:
        return bench_of(asked, opened, what)
    plan = _plan(asked)
    run = RunId(f"script-{asked.script.name}-{secrets.token_hex(3)}".replace("_", "-"))
    return _bench(asked, plan, RunState(), run, what)


def bench_of(asked: Asked, opened: Opened, what: str = "") -> Bench:
    """A bench on a run, at the task that takes the measurement `what`."""
    return _bench(asked, opened.plan, opened.state, opened.run, what)


def _bench(asked: Asked, plan: Plan, state: RunState, run: RunId, what: str) -> Bench:
    task = task_that(plan, what)
    world = asked.door.world
    attempt = state.attempts.get(stage_of(plan, task.id).id, 1)
    return Bench(world, plan, state, run, asked.actor, task, attempt, world.clock.now())


def task_that(plan: Plan, what: str) -> Task:
    """The task of a plan that takes a measurement; its first task where `what` is empty; BadInput without one."""
    tasks = [task for stage in all_stages(plan) for task in stage.tasks]
    found = next((task for task in tasks if not what or task.act == Measure(what)), None)
    if found is None:
        raise BadInput(f"no step of {plan.title} measures {what}", next_step="use a document that has such a step")
    return found


def _plan(asked: Asked) -> Plan:
    workspace = asked.door.workspace
    release = asked.door.world.environ.get(RELEASE, "")
    known = releases_of(workspace)
    if not release and len(known) != 1:
        what = "several releases have a manifest" if known else "no release has a manifest yet"
        raise BadInput(what, where=workspace.project.manifest, next_step=f"export {RELEASE}=VERSION")
    compiled = compile_for(workspace, asked.about, release or known[0])
    require_sound(compiled.findings)
    if compiled.plan is None:
        raise BadInput(f"`{asked.about}` cannot be compiled", next_step="`gonogo check` says why")
    return compiled.plan


def with_fresh(bench: Bench, files: Sequence[Produced]) -> Bench:
    """`bench` with freshly measured files in place of the stored ones; nothing of the run is changed by that."""
    evidence = dict(bench.state.evidence)
    for file in files:
        digest = bench.world.vault.put(file.data)
        stage = bench.stage.id
        evidence[file.name] = Evidence(
            file.name, digest, len(file.data), stage, bench.attempt, file.status, bench.state.seq, bench.now
        )
    return replace(bench, state=replace(bench.state, evidence=evidence))


def file_away(asked: Asked, data: bytes, path: str) -> str:
    """Write a file below `.artifacts/`, stored first, so that what it replaces stays in the store (C29); its path."""
    inside = _inside_views(asked, path)
    digest = asked.door.world.vault.put(data)
    asked.door.world.views.write({inside: digest})
    return f"{VIEWS_FOLDER}/{inside}"


def _inside_views(asked: Asked, path: str) -> str:
    given = PurePosixPath(path)
    parts = given.parts
    if given.is_absolute() and given.is_relative_to(asked.root):
        parts = given.relative_to(asked.root).parts
    if len(parts) < 2 or parts[0] != VIEWS_FOLDER or ".." in parts:
        raise Refused(f"`{path}` is no place for a result", next_step=f"write below {VIEWS_FOLDER}/")
    return "/".join(parts[1:])


def beside(path: str, name: str) -> str:
    """`name` in the folder of `path`."""
    return str(PurePosixPath(path).parent / name)


def _view_digest(asked: Asked, inside: str) -> Digest | None:
    data = asked.door.world.views.read_bytes(inside)
    return None if data is None else digest_of(data)


def require_sealed(asked: Asked, opened: Opened, path: str, name: str) -> None:
    """BadInput where the file at `path` is not the one that the run sealed under `name` (C2)."""
    inside = path.removeprefix(f"{VIEWS_FOLDER}/")
    seen = _view_digest(asked, inside) if inside != path else asked.door.world.files.see(path).digest
    stored = opened.state.evidence.get(name)
    if seen is None:
        raise BadInput(f"{path} is not there", next_step=f"gonogo resume {opened.run} writes it")
    if stored is None or stored.digest != seen:
        raise BadInput(
            f"{path} is not the {name} that {opened.run} sealed",
            next_step="name the file of this run; evidence that no step filed is not judged",
        )


def remember(asked: Asked, ended: Ended, run: RunId | None) -> None:
    """Note in the site's log what a script came to, so that its last run is a fact and no text (REG-02, REG-05)."""
    world = asked.door.world
    about: dict[str, Json] = {
        "script": asked.script.name,
        "exit": ended.code,
        "result": ended.result,
        "run": run,
        "files": {path: _digest_at(asked, path) for path in ended.files},
    }
    world.journal.note([Draft(FINISHED, about)], actor=asked.actor, now=world.clock.now())


def remember_attempt(asked: Asked, attempt: int, most: int, fault: str) -> None:
    """Note in the site's log that a script is tried again, after which fault (EXE-04)."""
    about: dict[str, Json] = {"script": asked.script.name, "failed_attempt": attempt, "most": most, "fault": fault}
    # The fault may be the journal's own: what cannot be noted now is still told, and the next attempt decides.
    with suppress(GonogoError):
        asked.door.world.journal.note([Draft(RETRIED, about)], actor=asked.actor, now=asked.door.world.clock.now())


def _digest_at(asked: Asked, path: str) -> str:
    return asked.door.world.files.see(path).digest or digest_of(b"")


def results_of(asked: Asked, run: RunId) -> dict[str, int]:
    """The last exit status of each script that worked on a run, by name."""
    found: dict[str, int] = {}
    for entry in asked.door.world.journal.site():
        if entry.type == FINISHED and entry.data.get("run") == run:
            found[str(entry.data["script"])] = int(str(entry.data["exit"]))
    return found


def after_success(asked: Asked, run: RunId, earlier: str) -> None:
    """Refused where the newest script of an earlier part of the sequence failed for this run (CMD-56)."""
    failed = [name for name, code in results_of(asked, run).items() if name.startswith(earlier) and code]
    if failed:
        raise Refused(
            f"{failed[0]} did not succeed for {run}, and comes before {asked.script.name}",
            next_step=f"repair what it reported and run {failed[0]} again",
        )


def stored_digest(opened: Opened, name: str) -> Digest | None:
    """The digest of a run's current evidence."""
    item = opened.state.evidence.get(name)
    return item.digest if item else None
