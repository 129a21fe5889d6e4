"""The plan: a protocol resolved, ordered, and bound to one release, one environment and named rules.

A run is bound to the digest of its plan. An edited document, project file or script gives another plan.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import TypeAlias

from gonogo.evidence.signers import DecisionRule, Ring
from gonogo.findings import Origin
from gonogo.plan.announcing import Voice
from gonogo.plan.project import Project
from gonogo.plan.release import Release
from gonogo.protocol.model import BranchWay, HaltEffect, Waiver
from gonogo.protocol.threshold import Op
from gonogo.terms import Digest, Obligation
from gonogo.values import dataclass


class Effect(enum.Enum):
    """What an act changes outside. Anything but NONE is intended before it is done, and never repeated on a guess."""

    NONE = "none"
    STAGING = "staging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Measure:
    """gonogo looks, computes and writes evidence; changes nothing and may be repeated."""

    what: str


@dataclass(frozen=True, slots=True)
class Execute:
    """Run a bound command of the project. `purpose` says what for; `extra` are arguments appended to the binding.

    `host` is the one it is about, where an environment is rolled out host by host; `service` where several services of
    a release are installed one after the other.
    `owes` are files that it has to leave: where one is missing or empty, the act failed.
    """

    command: str
    environment: str
    effect: Effect
    purpose: str
    repeatable: bool
    extra: tuple[str, ...] = ()
    host: str = ""
    service: str = ""
    owes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Send `percent` of an environment's requests to the candidate slot. Absolute, so it may be repeated."""

    environment: str
    percent: int
    effect: Effect


class Way(enum.Enum):
    """Which hosts a shift of traffic leaves out.

    OUT those of a batch, IN none; BACK_OUT those that run the new version (or, where no other is left, those of the
    batch), BACK_IN those that do not answer.
    """

    OUT = "out"
    IN = "in"
    BACK_OUT = "back out"
    BACK_IN = "back in"


@dataclass(frozen=True, slots=True)
class Shift:
    """Take the hosts of a batch out of an environment's traffic, or let them in again. Absolute, so repeatable."""

    environment: str
    batch: int
    way: Way
    effect: Effect


@dataclass(frozen=True, slots=True)
class Roll:
    """Move production traffic, or replace production hosts, step by step, judged all the time."""

    environment: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch production for the health window."""

    environment: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Wait for people: a decision point and the kind of statement it takes."""

    point: str
    kind: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Judge a gate from sealed evidence."""

    gate: str


@dataclass(frozen=True, slots=True)
class Seal:
    """Build and seal a package."""

    package: str


Act: TypeAlias = Measure | Execute | Route | Shift | Roll | Watch | Decide | Judge | Seal


@dataclass(frozen=True, slots=True)
class Task:
    """One act of a stage. `consumes` names the decision point whose approval this act uses up when it begins.

    A task of a `batch` (from 0) is begun by the rollout of its stage when that batch is due; -1 is no batch. Neighbours
    with the same `at_once` above 1 may be at work at the same time, so many of them (C57); 1 is one after the other.
    """

    id: str
    title: str
    act: Act
    consumes: str = ""
    batch: int = -1
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """A step, a gate, the prerequisites or the handoff, with its acts in order."""

    id: str
    title: str
    kind: str
    phase: int
    obligation: Obligation
    halts: frozenset[HaltEffect]
    tasks: tuple[Task, ...]
    evidence: tuple[str, ...]
    says: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Bound:
    """The limit of a clause, resolved: a decimal (ratios, counts, seconds), a word, or an ordered severity word."""

    value: Decimal | str


@dataclass(frozen=True, slots=True)
class BoundClause:
    """A clause with the place of its measured value. `limit_from` says who set the limit."""

    text: str
    metric: str
    file: str
    pointer: str
    op: Op
    limit: Bound
    unit: str
    limit_from: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class ShownMetric:
    """A metric that a gate names beside its clauses. It decides nothing; `file` is empty where nothing binds it."""

    name: str
    file: str
    pointer: str
    unit: str


@dataclass(frozen=True, slots=True)
class GateRule:
    """A gate as it is judged.

    `metrics` are shown with the judgement and never decide it (GAT-08); `owed_by` names the step of each file (GAT-06).
    """

    id: str
    name: str
    kind: str
    purpose: str
    clauses: tuple[BoundClause, ...]
    manual: tuple[str, ...]
    evidence: tuple[str, ...]
    on_fail: str
    notify: tuple[str, ...]
    waiver: Waiver
    rolls_back: bool
    origin: Origin
    metrics: tuple[ShownMetric, ...] = ()
    owed_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def judged_files(self) -> tuple[str, ...]:
        """The files without which this gate is not judged, each once."""
        return tuple(dict.fromkeys((*self.evidence, *(clause.file for clause in self.clauses))))

    @property
    def files(self) -> tuple[str, ...]:
        """Those, and the files of metrics that are only shown."""
        shown = (metric.file for metric in self.metrics if metric.file)
        return tuple(dict.fromkeys((*self.judged_files, *shown)))


@dataclass(frozen=True, slots=True)
class Transition:
    """A branch of a phase's decision tree, bound to the stage whose end decides it (RSN-01).

    `way` is proceed (taken when `stage` holds), halt or again (taken when it does not). `to` is the stage that follows:
    the next one, or the one that is done again once the halt is lifted; empty after the last.
    """

    id: str
    phase: int
    stage: str
    keyword: str
    condition: str
    outcome: str
    way: BranchWay
    to: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class ExitPart:
    """One thing that a `THEN` asks for, and what shows it: a stage that was passed, or a gate that judged it."""

    text: str
    stage: str = ""
    gate: str = ""


@dataclass(frozen=True, slots=True)
class ExitCheck:
    """The `THEN` of a phase: checked after its last stage, `at`, before the next phase begins."""

    id: str
    phase: int
    at: str
    parts: tuple[ExitPart, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Plan:
    """A protocol bound to a release. `scripts` are pinned by digest (DOC-21); `sources` name every input by digest."""

    name: str
    slug: str
    title: str
    number: str
    voice: Voice
    role: str
    mission: str
    guardrails: tuple[str, ...]
    environment: str
    release: Release
    project: Project
    stages: tuple[Stage, ...]
    rollback: Stage | None
    closing: Stage
    gates: Mapping[str, GateRule]
    decisions: Mapping[str, DecisionRule]
    ring: Ring
    scripts: Mapping[str, Digest]
    sources: Mapping[str, Digest]
    artifacts: tuple[tuple[str, str, bool], ...]
    states: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    next_protocol: str
    digest: Digest
    transitions: tuple[Transition, ...] = ()
    exit_checks: tuple[ExitCheck, ...] = ()


def stage_of(plan: Plan, task_id: str) -> Stage:
    """The stage that holds `task_id`; KeyError where no stage does."""
    for stage in all_stages(plan):
        if any(task.id == task_id for task in stage.tasks):
            return stage
    raise KeyError(task_id)


def task_of(plan: Plan, task_id: str) -> Task:
    """The task with this id; KeyError where there is none."""
    for task in stage_of(plan, task_id).tasks:
        if task.id == task_id:
            return task
    raise KeyError(task_id)


def all_stages(plan: Plan) -> tuple[Stage, ...]:
    """Every stage: the forward way, the rollback, the closing."""
    rollback = (plan.rollback,) if plan.rollback else ()
    return (*plan.stages, *rollback, plan.closing)
