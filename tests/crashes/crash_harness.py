"""Runs that are killed and go on: whole releases in processes of their own, which really die by SIGKILL.

A `Stage` is a small project before a real HTTP world. `Engine`s are forked from a server that has gonogo imported, so
that each costs milliseconds; what a killed one leaves on disk is all that the next one has. Stages are saved and put
back as folders: a kill begins from the scene just before it, not from the beginning.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from multiprocessing.forkserver import ensure_running
from pathlib import Path

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.control.assembling import CRASH_VARIABLE, TRACE_VARIABLE
from gonogo.control.trust.checkpoints_held import checkpoints_held
from gonogo.control.door import Door
from gonogo.control.viewing import expected_views
from gonogo.engine.crash_points import (
    BEFORE_INTENT,
    COMMAND_RUNNING,
    INTENT_COMMITTED,
    LEASE_TAKEN,
    MOVE_INTENDED,
    MOVED,
    NOT_SHOWN,
    POINTS,
    RECORDED,
    RESULT_OPEN,
    RESULT_RECORDED,
    RESULT_THERE,
    STATEMENT_RECORDED,
)
from gonogo.evidence.ledger import check_chain
from gonogo.evidence.signers import namespace
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import sign
from gonogo.evidence.statements import Answer, Signer, statement_bytes, statement_id
from gonogo.run.state import Round
from gonogo.terms import Person, RunId
from tests.projects import ROLES, SIGNERS, Project, default_says, public_line, small_project
from tests.worlds_http import place

PRE, PRODUCTION, SMALL = "pre-deployment", "production-deployment", "deployment-automation"
KILLED = -signal.SIGKILL
LONGEST = 60.0
TRIES = 8
ROOT = Path(__file__).resolve().parents[2]
BEGUN, TRACE = "begun.txt", "trace.txt"
ACTS = (
    BEFORE_INTENT,
    LEASE_TAKEN,
    INTENT_COMMITTED,
    MOVE_INTENDED,
    COMMAND_RUNNING,
    MOVED,
    RESULT_THERE,
    RESULT_OPEN,
    RESULT_RECORDED,
)
"""The points around an act: tried at every deploy, rollback and move of traffic."""
AROUND = tuple(name for name in ACTS if name != RESULT_THERE)
"""Those that one run can die at in turn: who finds a result there after a death does not come to `RESULT_THERE`."""
GONE_ON = frozenset({COMMAND_RUNNING, MOVED, RESULT_THERE, RESULT_RECORDED, RECORDED, NOT_SHOWN, STATEMENT_RECORDED})
"""Points that the next engine does not pass again: what was done is found, and work goes on behind them."""
SLOW_SCRIPT = 'if [ -e "$root/slow-{0}-$1" ]; then touch "$root/{0}-reached"; fi; while [ -e "$root/slow-{0}-$1" ]; do sleep 0.05; done\n'
"""Says that it is there, and stays until scripts are quick again."""
COUNTED = 'echo "$GONOGO_EFFECT" >> "$root/$1/effects.txt"\n'
"""The target's own record of what took effect in it, by the key that every try of an act carries."""
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.crashes.engine_host"])


def prepare_server() -> None:
    """Start the fork server with the paths it needs to import gonogo and this file before it is asked for processes."""
    known = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(str(path) for path in (ROOT / "src", ROOT, ROOT / "tests"))
    try:
        ensure_running()
    finally:
        if known is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = known


def _engine(root: Path, environ: Mapping[str, str], job: Sequence[str], handed: bytes, errors: Path) -> None:
    """What a process does: one verb of the door, as a surface would ask for it."""
    with told_failure(errors):
        door = Door.at(root, {**os.environ, **environ})
        errors.with_name(BEGUN).touch()
        match job:
            case ("drive", run):
                door.drive(RunId(run), patient=False, listener=lambda state, entry: None)
            case ("open", protocol, release):
                door.open(protocol, release, Person("dev1"))
            case ("record", run, name, person, split):
                at = int(split)
                door.record(RunId(run), name, handed[:at], handed[at:], Person(person))
            case _:
                raise ValueError(job)
    os._exit(0)


@contextmanager
def told_failure(errors: Path) -> Iterator[None]:
    """Whatever goes wrong in this process ends it, and is told in a file."""
    try:
        yield
    except BaseException:
        errors.write_text(traceback.format_exc(), encoding="utf-8")
        os._exit(1)


@dataclass
class Stage:
    """A project with its world, and the scenes of it that were saved."""

    root: Path
    project: Project
    scenes: Path
    saved: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)

    def begin(self, *job: str, crash: str = "", handed: bytes = b"", trace: bool = False, **environ: str) -> Running:
        """Start an engine; with `crash` it dies at this point (`CP-03 intent committed@2`)."""
        prepare_server()
        told, errors = self.told(crash, trace=trace, **environ)
        process = FORKING.Process(target=_engine, args=(self.project.root, told, job, handed, errors))
        process.start()
        return Running(process, errors)

    def told(self, crash: str, *, trace: bool, **environ: str) -> tuple[dict[str, str], Path]:
        """What an engine finds in its environment, and where it says what went wrong with it."""
        errors, points = self.root / "error.txt", self.root / TRACE
        for path in (errors, points, self.root / BEGUN):
            path.unlink(missing_ok=True)
        told = {"RECORD": str(self.project.record), CRASH_VARIABLE: crash, **self.project.environ, **environ}
        return (told | {TRACE_VARIABLE: str(points)} if trace else told), errors

    def play(self, *job: str, crash: str = "", handed: bytes = b"") -> bool:
        """Let an engine do one thing; whether it was killed on the way."""
        return self.begin(*job, crash=crash, handed=handed).ended()

    def traced(self, *job: str) -> tuple[str, ...]:
        """Let an engine do one thing, and say which points it passed, in order."""
        assert not self.begin(*job, trace=True).ended()
        found = tuple((self.root / TRACE).read_text(encoding="utf-8").splitlines())
        self.reached |= set(found)
        return found

    def drive(self, run: RunId, crash: str = "") -> bool:
        """Drive a run in an engine of its own; whether it was killed."""
        return self.play("drive", run, crash=crash)

    def go_on(self, run: RunId) -> None:
        """Drive a run with fresh engines, everybody signing, until it is over or halted."""
        for _ in range(12):
            assert not self.drive(run)
            if not self.sign_all(run):
                return
        raise AssertionError(f"{run} asks for people again and again")

    def sign_all(self, run: RunId) -> int:
        """Let everybody who is needed sign every open round; how many signatures that took."""
        if self.is_over(run):
            return 0
        door = self.project.door()
        opened = door.load(run)
        made = 0
        for asked in opened.state.rounds.values():
            if asked.status == "open" and not opened.state.halted and not opened.state.outcome:
                signed = {one.person for one in asked.answers}
                for handle in (name for name in SIGNERS[asked.point] if name not in signed):
                    statement, signature = self.signed(run, asked, handle, door)
                    door.record(run, asked.name, statement, signature, Person(handle))
                    made += 1
        return made

    def is_over(self, run: RunId) -> bool:
        """Whether a run has ended; a look at the ledger alone."""
        with SqliteJournal(self.project.root / ".gonogo" / "journal.db") as journal:
            return any(entry.type == "run.closed" for entry in journal.entries(run))

    def signed(self, run: RunId, asked: Round, handle: str, door: Door | None = None) -> tuple[bytes, bytes]:
        """The statement of a person who agrees, with its signature."""
        door = door or self.project.door()
        plan = door.load(run).plan
        request = door.world.vault.read(asked.request)
        key = self.project.keys[handle]
        roles = sorted(set(ROLES[handle]) & set(plan.decisions[asked.point].roles)) or sorted(ROLES[handle])
        signer = Signer(handle, handle, roles[0], public_key(public_line(key)).fingerprint)
        now = datetime.now(UTC)
        answer = Answer(
            statement_id(now, os.urandom(10)), now.replace(microsecond=0), "ssh-keygen", default_says(asked)
        )
        statement = statement_bytes(request, signer, answer)
        return statement, sign(key, statement, namespace(asked.kind, plan.environment))

    def save(self, name: str) -> None:
        """Keep the scene as it is now: the project with its ledger, the record of the scripts, the files of the world."""
        folder = self.scenes / name
        shutil.rmtree(folder, ignore_errors=True)
        for path in self._parts():
            _copied(path, folder / path.relative_to(self.root))
        self.saved.add(name)

    def restore(self, name: str) -> None:
        """Put a saved scene back, when the commands that a dead engine left behind have ended: they know it by its path."""
        folder = self.scenes / name
        self.quick()
        wait_until(self._nothing_runs)
        for path in self._parts():
            _put_back(folder / path.relative_to(self.root), path)

    def _nothing_runs(self) -> bool:
        """Whether no supervisor holds the lock of its act any more."""
        for lock in (self.project.root / ".gonogo" / "effects").rglob("lock"):
            with lock.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
        return True

    def _parts(self) -> tuple[Path, ...]:
        places = (self.project.staging.root, self.project.production.root)
        files = tuple(root / name for root in places for name in ("slots", "weights.json", "faults.json", "effects.txt"))
        return (self.project.root, self.project.record, *files)

    def up_to(self, run: RunId, point: str) -> None:
        """Drive and sign until everybody has answered at the decision point `point`; nothing follows yet."""
        for _ in range(12):
            assert not self.drive(run)
            asked = [one.point for one in self.project.state(run).rounds.values() if one.status == "open"]
            assert self.sign_all(run), f"{run} never asks at {point}: {self.project.view(run).halt}"
            if point in asked:
                return
        raise AssertionError(f"{run} never asks at {point}")

    def slow(self, when: str, environment: str) -> None:
        """From now on scripts of an environment stay `before` their effect, or `after` it, until they may be `quick`."""
        (self.root / "world" / f"slow-{when}-{environment}").touch()
        (self.root / "world" / f"{when}-reached").unlink(missing_ok=True)

    def slow_reached(self, when: str) -> None:
        """Wait until a slow script has come to its slow place."""
        wait_until((self.root / "world" / f"{when}-reached").exists)

    def quick(self) -> None:
        """Scripts are quick again, also those that stayed."""
        for path in (self.root / "world").glob("slow-*"):
            path.unlink()
        for path in (self.root / "world").glob("*-reached"):
            path.unlink()

    def spoil(self, share: float) -> None:
        """From now on this share of the requests to the new version fails in production."""
        (self.project.production.root / "faults.json").write_text(json.dumps({"v2": share}))


@dataclass
class Running:
    """An engine at work."""

    process: multiprocessing.process.BaseProcess
    errors: Path

    def ended(self) -> bool:
        """Wait for its end; whether it was killed. An engine that fails or hangs fails the test with what it said."""
        self.process.join(LONGEST)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise AssertionError("the engine hangs")
        self.process.close()
        if code not in (0, KILLED):
            said = self.errors.read_text(encoding="utf-8") if self.errors.exists() else ""
            raise AssertionError(f"the engine ended with {code}: {said}")
        return code == KILLED

    def has_begun(self, sign: str = BEGUN) -> None:
        """Wait until it has opened the project (or, with `TRACE`, passed its first point), or has ended already."""
        wait_until(lambda: self.errors.with_name(sign).exists() or not self.process.is_alive(), LONGEST)

    def kill(self) -> None:
        """SIGKILL, now; waits until it is gone."""
        if self.process.is_alive():
            self.process.kill()


def _copied(source: Path, target: Path) -> None:
    if source.is_dir():
        # Without the shared-memory file the next reader recovers the log of the database, as after a real crash.
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.db-shm"))
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _put_back(source: Path, target: Path) -> None:
    """Make `target` what `source` is; what is the same file still, by its size and the moment it was written, stays.

    A database is put back whole: somebody may have it open still, with a log that belongs to what it was.
    """
    if not source.is_dir():
        target.unlink(missing_ok=True)
        _copied(source, target)
        return
    if not target.is_dir():
        target.mkdir(parents=True)
        shutil.copystat(source, target)
    wanted = {entry.name: entry for entry in os.scandir(source)}
    for entry in tuple(os.scandir(target)):
        known = wanted.get(entry.name)
        if known is not None and entry.is_dir() and known.is_dir():
            continue
        if known is not None and entry.is_file() and known.is_file() and _is_same(entry, known):
            del wanted[entry.name]
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
    for name in wanted:
        _put_back(source / name, target / name)


def _is_same(one: os.DirEntry[str], other: os.DirEntry[str]) -> bool:
    seen, known = one.stat(), other.stat()
    return ".db" not in one.name and (seen.st_size, seen.st_mtime_ns) == (known.st_size, known.st_mtime_ns)


@contextmanager
def stage_at(root: Path) -> Iterator[Stage]:
    """A stage below `root`; holds and windows are short."""
    root = root.resolve()
    with place(root / "world" / "staging") as staging, place(root / "world" / "production") as production:
        project = small_project(root / "project", staging, production)
        project.edit("gonogo.yaml", "hold: 600ms, tick: 100ms", "hold: 240ms, tick: 80ms")
        project.edit("gonogo.yaml", "length: 1s\n  tick: 500ms", "length: 600ms\n  tick: 300ms")
        for script in ("deploy", "rollback"):
            _slowed(project, f"scripts/{script}_shop.sh")
        (root / "scenes").mkdir()
        stage = Stage(root, project, root / "scenes")
        try:
            yield stage
        finally:
            stage.quick()


def _slowed(project: Project, path: str) -> None:
    lines = (project.root / path).read_text().splitlines(keepends=True)
    act = next(number for number, line in enumerate(lines) if line.startswith(("printf", "rm ")))
    broken = 'if [ -e "$root/broken" ]; then exit 3; fi\n'
    lines[act : act + 1] = [SLOW_SCRIPT.format("before"), broken, lines[act], COUNTED, SLOW_SCRIPT.format("after")]
    project.write(path, "".join(lines), mode=0o755)


@dataclass(frozen=True)
class Ending:
    """What a run came to, as far as a crash must not change it."""

    outcome: str
    halted: str
    scripts: tuple[str, ...]
    weights: Mapping[str, Mapping[str, int]]
    versions: Mapping[str, tuple[str, str]]
    facts: Counter[tuple[str, ...]]


ONCE: Mapping[str, tuple[str, ...]] = {
    "run.opened": ("protocol", "release"),
    "task.finished": ("task", "attempt", "outcome"),
    "evidence.sealed": ("name", "stage", "attempt"),
    "gate.judged": ("gate", "attempt", "verdict"),
    "approval.requested": ("round", "task", "attempt"),
    "approval.recorded": ("round", "person", "decision"),
    "approval.consumed": ("round", "task", "attempt"),
    "traffic.moved": ("task", "attempt", "step", "percent"),
    "freeze.begun": (),
    "freeze.ended": (),
    "rollback.begun": ("trigger", "cause"),
    "rollback.finished": ("verified",),
    "run.closed": ("outcome",),
    "message.announced": ("prefix", "phase"),
    "package.sealed": ("package",),
}
"""Events that a crash may neither lose nor double, with the fields that make each what it is."""


def ending(stage: Stage, run: RunId, door: Door | None = None) -> Ending:
    """What became of a run: its outcome, what the scripts did by their own record, where traffic goes, and its facts."""
    project = stage.project
    opened = (door or project.door()).load(run)
    places = {"staging": project.staging, "production": project.production}
    facts = Counter(
        (entry.type, *(str(entry.data[name]) for name in ONCE[entry.type]))
        for entry in opened.entries
        if entry.type in ONCE
    )
    return Ending(
        opened.state.outcome,
        opened.state.halted.cause if opened.state.halted else "",
        tuple(line.rpartition(" ")[0] for line in project.executions()),
        {name: found.weights() for name, found in places.items()},
        {name: (found.version("blue"), found.version("green")) for name, found in places.items()},
        facts,
    )


def faults(stage: Stage, run: RunId, door: Door | None = None) -> list[str]:
    """What is wrong with the ledger, the leases and the views of a run; nothing where all is well."""
    door = door or stage.project.door()
    opened = door.load(run)
    found = list(check_chain(entry.line for entry in opened.entries))
    found += [f"{key} took effect {count} times" for key, count in effects(stage).items() if count > 1]
    # An act that begins anew has a new intent, and each intent its own signed checkpoint.
    signed = checkpoints_held(door, run, opened.plan.ring.site, opened.entries)
    found += [] if signed.ok else [signed.detail]
    starts = Counter(
        (str(entry.data["task"]), str(entry.data["attempt"]), str(entry.data["start"]))
        for entry in opened.entries
        if entry.type == "task.intended"
    )
    found += [f"intended twice: {key}" for key, count in starts.items() if count > 1]
    fences = [entry.data["fence"] for entry in opened.entries if entry.type == "task.intended"]
    found += [f"a fence was given twice: {fences}"] if _doubled(opened.entries) else []
    samples: dict[tuple[str, str], list[int]] = {}
    for entry in opened.entries:
        if entry.type == "metrics.sampled":
            samples.setdefault((str(entry.data["task"]), str(entry.data["attempt"])), []).append(entry.data["index"])
    found += [f"samples of {key}: {seen}" for key, seen in samples.items() if seen != list(range(len(seen)))]
    consumed = Counter(entry.data["round"] for entry in opened.entries if entry.type == "approval.consumed")
    found += [f"the round {name} was used {count} times" for name, count in consumed.items() if count != 1]
    if opened.state.outcome:
        found += [
            f"{name} is still held by {lease.run}"
            for name in ("staging", "production")
            if (lease := door.world.journal.lease(name)).run is not None
        ]
        found += [str(item) for item in door.world.views.differences(expected_views(opened))]
        found += [f"{name} is still open" for name, task in opened.state.tasks.items() if task.open]
    return found


def effects(stage: Stage) -> Counter[str]:
    """How often each key took effect, by the targets' own records; knows nothing of gonogo, its journal least of all."""
    counted: Counter[str] = Counter()
    for place in sorted((stage.root / "world").glob("*/effects.txt")):
        counted.update(place.read_text(encoding="utf-8").split())
    return counted


def _doubled(entries: Sequence[object]) -> bool:
    seen = Counter(
        (entry.data["environment"], entry.data["fence"])
        for entry in entries
        if entry.type == "task.intended" and entry.data["environment"]
    )
    return any(count > 1 for count in seen.values())


@dataclass(frozen=True)
class Straight:
    """A run without a crash from a saved scene on: the points that each engine passed, and what it came to."""

    run: RunId
    scenes: tuple[str, ...]
    traces: tuple[tuple[str, ...], ...]
    ending: Ending

    def passed(self, name: str) -> int:
        """How often a point was passed."""
        return sum(trace.count(name) for trace in self.traces)

    def in_order(self) -> tuple[str, ...]:
        """The names of all points that were passed, by when they were passed first."""
        return tuple(dict.fromkeys(name for trace in self.traces for name in trace))


def straight(stage: Stage, run: RunId, scene: str) -> Straight:
    """Take a run to its end without a crash, and keep the scene before each engine as `scene/0`, `scene/1`, ..."""
    scenes, traces = [], []
    while True:
        scenes.append(f"{scene}/{len(scenes)}")
        stage.save(scenes[-1])
        traces.append(stage.traced("drive", run))
        if not stage.sign_all(run):
            break
    assert faults(stage, run) == []
    return Straight(run, tuple(scenes), tuple(traces), ending(stage, run))


def straight_to(stage: Stage, run: RunId, scene: str, outcome: str) -> Straight:
    """The same, until it comes to `outcome`: on a busy machine samples of a health window may be missing, which halts."""
    for _ in range(TRIES):
        found = straight(stage, run, scene)
        if found.ending.outcome == outcome:
            return found
        stage.restore(f"{scene}/0")
    raise AssertionError(f"{run} never comes to {outcome}: {found.ending}")


def die_at_every(stage: Stage, run: RunId, name: str) -> int:
    """Take a run to its end with engines that die wherever they come to the point `name`; how many died."""
    deaths, again = 0, False
    while True:
        if stage.drive(run, f"{name}@{2 if again else 1}"):
            deaths, again = deaths + 1, name not in GONE_ON
        else:
            again = False
            if not stage.sign_all(run):
                return deaths


def die_once_at_each(stage: Stage, run: RunId, names: Sequence[str]) -> None:
    """Take a run to its end; an engine dies at the first place of each of `names`, in this order."""
    for name in names:
        while not stage.drive(run, f"{name}@1"):
            assert stage.sign_all(run), f"{name} is not reached any more"
    stage.go_on(run)


def die_in_every_act(stage: Stage, known: Straight, scene: int) -> None:
    """Go on from a scene; an engine of its own dies at each point `AROUND` each act, in the order of the straight run."""
    stage.restore(known.scenes[scene])
    around = [name for trace in known.traces[scene:] for name in trace if name in AROUND]
    # Messages, too, are recorded through `RESULT_OPEN`; when, is up to the engine that finds one owed.
    due = [name for before, name in pairwise(["", *around]) if name != RESULT_OPEN or before in {COMMAND_RUNNING, MOVED}]
    assert set(due) == set(AROUND), "the straight run does not pass all of them"
    die_once_at_each(stage, known.run, due)


def die_elsewhere(stage: Stage, known: Straight, scene: int) -> None:
    """Go on from a scene; an engine of its own dies once at each point that is not `AROUND` an act."""
    stage.restore(known.scenes[scene])
    die_once_at_each(stage, known.run, [name for name in known.in_order() if name not in AROUND])


def agrees(stage: Stage, known: Straight) -> None:
    """A run that was killed and went on is what the straight one was: its scripts, its facts, its end."""
    door = stage.project.door()
    found = ending(stage, known.run, door)
    assert faults(stage, known.run, door) == []
    assert (found.outcome, found.halted) == (known.ending.outcome, known.ending.halted), stage.project.view(known.run)
    assert found.scripts == known.ending.scripts
    assert dict(found.facts - known.ending.facts) == {}, "facts that the straight run does not have"
    assert dict(known.ending.facts - found.facts) == {}, "facts that were lost"
    assert found == known.ending


POINT_NAMES = tuple(point.name for point in POINTS)


def specs(trace: Sequence[str], name: str) -> list[str]:
    """Where to die: `name@n` for every time that `name` was passed in a straight run.

    The journal counts its own points (`CP-09`), the engine those that begin alike (`CP-09 result not committed`) apart.
    """
    passed = [point for point in trace if (point.startswith(name) if " " in name else point == name)]
    return [f"{name}@{number}" for number, _ in enumerate(passed, 1)]


def wait_until(holds: object, limit: float = 60.0) -> None:
    """Wait until something is so."""
    assert callable(holds)
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit("this is imported by the crash tests")
