"""What could be adapted: limits from history, steps, automation, shape of the project; proposals and no more (LRN-18).

A proposal changes nothing. It names what was measured, the file to edit, and who has to agree; a change holds for runs
that are opened after it was reviewed and, where admins sign, signed (C72). A weaker limit is called weaker.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from statistics import median
from typing import Final

from gonogo.plan.gate_limits import short_name
from gonogo.plan.model import Plan
from gonogo.protocol.threshold import Op
from gonogo.terms import Json
from gonogo.values import dataclass

LEAST_RUNS: Final = 5
"""So many runs have to say the same before anything is proposed: fewer are chance."""

MARGIN: Final = Decimal("0.1")
"""A stricter limit keeps a tenth of the distance to the worst value that was measured, so that noise does not stop."""

SLOW: Final = timedelta(minutes=10)


class Direction(enum.Enum):
    """What a proposal would do to what holds now."""

    STRICTER = "stricter"
    WEAKER = "WEAKER"
    OTHER = "as strict"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could change, about what, why, in which file, and what it takes."""

    kind: str
    about: str
    what: str
    why: str
    direction: Direction
    file: str
    write: str

    @property
    def id(self) -> str:
        """A short name that stays the same as long as the proposal does."""
        return sha256(f"{self.kind}\n{self.about}\n{self.what}".encode()).hexdigest()[:8]

    @property
    def takes(self) -> str:
        """Who has to agree before it holds."""
        if self.direction is Direction.WEAKER:
            return "weaker than the document: a review, and the signature of the admins over this very file"
        return "a review; where admins govern the file, their signature"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a clause of a gate measured in one run, as judged last there; `waived` where a waiver carried the gate.

    `unit` is that of the clause, `file` the one in which the project bounds it.
    """

    protocol: str
    gate: str
    metric: str
    op: Op
    limit: Decimal
    value: Decimal
    unit: str
    file: str
    passed: bool
    waived: bool


@dataclass(frozen=True, slots=True)
class Worked:
    """How long a step took in one run, and in how many attempts."""

    protocol: str
    stage: str
    took: timedelta
    attempts: int


@dataclass(frozen=True, slots=True)
class Past:
    """What the runs of a project show. `rolled_back` are runs whose release was taken back, of `runs` in all.

    `by_hand` are statements of fact by the point at which they were signed. `present` are tools that answer here and
    are bound to nothing.
    """

    runs: int
    rolled_back: int
    measured: tuple[Measured, ...]
    worked: tuple[Worked, ...]
    by_hand: Mapping[str, int]
    present: tuple[tuple[str, str], ...]


def proposals(past: Past, plans: Sequence[Plan]) -> tuple[Proposal, ...]:
    """Every proposal, by kind; nothing where too little ran."""
    return (*_limits(past), *_steps(past), *_automation(past), *_shape(plans))


def _limits(past: Past) -> Iterator[Proposal]:
    clauses: dict[tuple[str, str, str, Op, Decimal], list[Measured]] = {}
    for item in past.measured:
        clauses.setdefault((item.protocol, item.gate, item.metric, item.op, item.limit), []).append(item)
    for (protocol, gate, metric, op, limit), found in clauses.items():
        if len(found) < LEAST_RUNS or op not in {Op.GE, Op.LE, Op.GT, Op.LT}:
            continue
        values = [item.value for item in found]
        worst = min(values) if op in {Op.GE, Op.GT} else max(values)
        passed = sum(item.passed for item in found)
        unit, file = found[0].unit, found[0].file
        about = f"{protocol}: {metric} {op.value} {_limit(limit, unit)}"
        if passed == len(found) and (tighter := _tighter(limit, worst)) is not None:
            why = f"{passed} of {passed} runs passed; the worst was {_limit(worst, unit)}{_risk(past)}"
            yield Proposal(
                "limit",
                about,
                f"bound it by {_limit(tighter, unit)}",
                why,
                Direction.STRICTER,
                file,
                f"limits: {{{short_name(metric)}: {_limit(tighter, unit)}}}",
            )
        elif passed * 2 <= len(found) and not past.rolled_back:
            usual = Decimal(median(values))
            waived = sum(item.waived for item in found)
            why = f"{passed} of {len(found)} runs passed, {waived} waived; usual is {_limit(usual, unit)}"
            yield Proposal(
                "limit",
                about,
                f"repair what it measures, or bound it by {_limit(usual, unit)}",
                f"{why} in gate {gate}",
                Direction.WEAKER,
                file,
                f"limits: {{{short_name(metric)}: {_limit(usual, unit)}}}",
            )


def _tighter(limit: Decimal, worst: Decimal) -> Decimal | None:
    """A limit between what holds and the worst value measured; None where there is no room worth a change."""
    room = worst - limit
    found = (limit + room * (1 - MARGIN)).quantize(Decimal("0.001"))
    return found if abs(found - limit) > abs(limit) * Decimal("0.01") and found != limit else None


def _risk(past: Past) -> str:
    told = f"; {past.rolled_back} of {past.runs} runs were rolled back, so strictness is worth it"
    return told if past.rolled_back else ""


def _steps(past: Past) -> Iterator[Proposal]:
    steps: dict[tuple[str, str], list[Worked]] = {}
    for item in past.worked:
        steps.setdefault((item.protocol, item.stage), []).append(item)
    for (protocol, stage), found in steps.items():
        if len(found) < LEAST_RUNS:
            continue
        again = sum(item.attempts > 1 for item in found)
        usual = median(item.took.total_seconds() for item in found)
        if again * 2 >= len(found):
            yield Proposal(
                "step",
                f"{protocol}: {stage}",
                "find out before the run what makes it fail: a probe, or a hook before the protocol",
                f"{again} of {len(found)} runs needed more than one attempt",
                Direction.OTHER,
                "gonogo.yaml",
                "hooks: or probes:",
            )
        if usual >= SLOW.total_seconds():
            yield Proposal(
                "step",
                f"{protocol}: {stage}",
                "make it shorter: parallel suites, a cache, or less output; it is not left out",
                f"it usually takes {int(usual // 60)} min",
                Direction.OTHER,
                "the command of the step",
                "",
            )


def _automation(past: Past) -> Iterator[Proposal]:
    for point, count in past.by_hand.items():
        if count >= LEAST_RUNS:
            yield Proposal(
                "automation",
                point,
                "measure it: bind a command or a probe in place of the statement",
                f"{count} statements by hand; a person still signs what only a person can know",
                Direction.STRICTER,
                "the protocol's sidecar",
                "steps: {STEP: {command: NAME}}",
            )
    for tool, what in past.present:
        yield Proposal(
            "automation",
            tool,
            f"let it scan, too: {what}",
            f"{tool} answers on this machine and is bound to nothing",
            Direction.STRICTER,
            "gonogo.yaml",
            f"scans: {{{tool}: {{command: {tool}, format: {tool}}}}}",
        )


def _shape(plans: Iterable[Plan]) -> Iterator[Proposal]:
    """What the kind and size of a project suggest: services, people."""
    for plan in plans:
        services = len(plan.release.services)
        if services > 1 and not plan.project.services:
            yield Proposal(
                "shape",
                plan.name,
                "name the order in which the services are installed",
                f"a release has {services} services",
                Direction.OTHER,
                "gonogo.yaml",
                "services: [FIRST, SECOND]",
            )
        for point, rule in plan.decisions.items():
            able = {person.handle for role in rule.roles for person in plan.ring.holding(role)}
            if rule.roles and len(able) == rule.quorum and rule.quorum > 1:
                yield Proposal(
                    "shape",
                    f"{plan.name}: {point}",
                    "name one more person who may sign: an absence would hold every release",
                    f"it needs {rule.quorum} people, and {len(able)} could sign",
                    Direction.OTHER,
                    plan.project.approvers,
                    "people:",
                )


def _limit(value: Decimal, unit: str) -> str:
    """A limit as a file of limits says it: durations with their unit."""
    return f"{value.normalize():f}{'s' if unit == 'duration' else ''}"


def proposal_row(item: Proposal) -> dict[str, Json]:
    """A proposal for programs."""
    return {
        "id": item.id,
        "kind": item.kind,
        "about": item.about,
        "what": item.what,
        "why": item.why,
        "direction": item.direction.value,
        "file": item.file,
        "write": item.write or None,
        "takes": item.takes,
        "in_force": False,
    }
