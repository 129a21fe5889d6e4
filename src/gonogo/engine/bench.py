"""What an act has in its hands: the outside by its ports, the plan, the state, and the way evidence is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import TypeAlias

from gonogo.engine.frontiers import Frontiers
from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.evidence.signers import Ring
from gonogo.measure.header import Header, Mode, Producer, RawFile, Release, with_header
from gonogo.measure.providers import Providers
from gonogo.plan.model import Execute, Plan, Stage, Task, stage_of
from gonogo.plan.project import Environment
from gonogo.ports import (
    AlertSource,
    Announcer,
    Asker,
    Clock,
    Commands,
    CrashPoint,
    EngineKey,
    FigureSource,
    Files,
    History,
    Journal,
    MetricSource,
    Post,
    Prober,
    Target,
    Vault,
    Views,
)
from gonogo.run.state import RunState, TaskState, observed
from gonogo.terms import Actor, Digest, Json, RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside, by its ports, for one project."""

    clock: Clock
    journal: Journal
    vault: Vault
    commands: Commands
    files: Files
    views: Views
    targets: Mapping[str, Target]
    probers: Mapping[str, Prober]
    metrics: Mapping[str, MetricSource]
    figures: Mapping[str, FigureSource]
    alerts: Mapping[str, AlertSource]
    announcer: Announcer
    post: Post
    key: EngineKey
    crash: CrashPoint
    environ: Mapping[str, str]
    ring: Callable[[], Ring]
    history: History
    providers: Providers
    asker: Asker
    frontiers: Frontiers = field(default_factory=Frontiers)
    place: str = ""
    """Where commands are started: a host and a folder on it. Empty where one machine does everything."""


@dataclass(frozen=True, slots=True)
class Produced:
    """A file that a measurement wrote.

    `status` is `measured` (gonogo looked or computed), `signed` (it tells what people signed) or `external` (a
    script of the project wrote it).
    """

    name: str
    data: bytes
    status: str = "measured"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a measurement found. Not `ok` fails the task; `detail` is for people; `facts` are for later tasks.

    `warnings` are what ended well and should be reviewed all the same (COM-19).
    """

    ok: bool
    files: tuple[Produced, ...] = ()
    facts: Mapping[str, Json] | None = None
    detail: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bench:
    """One act at work: the world, the plan, the state before it, and which task it is."""

    world: World
    plan: Plan
    state: RunState
    run: RunId
    actor: Actor
    task: Task
    attempt: int
    now: datetime

    @property
    def stage(self) -> Stage:
        """The stage this act belongs to."""
        return stage_of(self.plan, self.task.id)

    def environment(self, kind: str) -> Environment:
        """The project's environment of this kind."""
        for found in self.plan.project.environments.values():
            if found.kind == kind:
                return found
        raise BadInput(f"the project has no environment of kind {kind}", next_step="add it under `environments`")

    def done(self, name: str) -> TaskState | None:
        """The state of the task `name` of this act's own stage, e.g. `install`."""
        return self.state.tasks.get(f"{self.stage.id}#{name}")

    def commands_run(self, purpose: str) -> tuple[tuple[Task, TaskState], ...]:
        """All finished commands of this run with a purpose (deploy, rollback, tests, scan, ...), in plan order."""
        found = []
        for stage in (*self.plan.stages, *((self.plan.rollback,) if self.plan.rollback else ())):
            for task in stage.tasks:
                known = self.state.tasks.get(task.id)
                if isinstance(task.act, Execute) and task.act.purpose == purpose and known and known.outcome:
                    found.append((task, known))
        return tuple(found)

    def seen(self, kind: str) -> Mapping[str, Json]:
        """What was observed of an environment before it was changed: its slots, versions, fingerprint."""
        return observed(self.plan, self.state, self.environment(kind).name)

    def has(self, name: str) -> bool:
        """Whether evidence of this name is sealed and current."""
        return name in self.state.evidence

    def stored(self, name: str) -> bytes:
        """The stored bytes of current evidence; BadInput where there is none."""
        found = self.state.evidence.get(name)
        if found is None:
            raise BadInput(f"{name} has not been sealed in this run", next_step="run the step that writes it first")
        return self.world.vault.read(found.digest)

    def body(self, name: str) -> Mapping[str, Tree]:
        """Current evidence as strict JSON."""
        return read_object(self.stored(name), name=name, limit=16 << 20)

    def raw(self, *names: str) -> tuple[RawFile, ...]:
        """Names and digests of current evidence, for `inputs` of a header."""
        return tuple(RawFile(name, self.state.evidence[name].digest) for name in names if name in self.state.evidence)

    def json(
        self, name: str, body: Mapping[str, Tree], *, inputs: tuple[RawFile, ...] = (), mode: Mode = "normal"
    ) -> Produced:
        """A JSON evidence file with its header (III.1)."""
        release = self.plan.release
        header = Header(
            artifact=name,
            protocol=self.plan.name,
            run_id=self.run,
            attempt=self.attempt,
            release=Release(release.id, release.version, release.digest),
            generated_at=self.now,
            producer=Producer("engine", str(self.actor), self.plan.role),
            inputs=inputs,
            mode=mode,
            environment=self.plan.environment,
            protocol_number=self.plan.number or None,
        )
        return Produced(name, write_json(with_header(body, header)))

    def text(self, name: str, text: str) -> Produced:
        """A Markdown or log evidence file."""
        return Produced(name, text.encode("utf-8"))


Measurement: TypeAlias = Callable[[Bench], Looked]


def digest_field(value: object) -> Digest:
    """A digest that a task's facts hold; BadInput where it is none."""
    if not isinstance(value, str) or len(value) != 64:
        raise BadInput(f"`{value}` is no digest")
    return Digest(value)
