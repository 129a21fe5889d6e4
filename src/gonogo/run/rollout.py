"""Rollout strategies as values: what to do next, given what has happened and the time (ROL-01, ARB-01, ARB-07).

1  an abort wins over everything: undo, once; after that the rollout is over as rolled back
2  nothing moved yet: the first step
3  within the hold of a step: wait (a certified GO may shorten it where the strategy says so)
4  after it: the step is left only with an answer of the judge about this step, from enough ticks with data;
   HOLD waits for data or, for counts that cannot be true, asks a person, after whom the judge is asked again;
   INCONCLUSIVE asks a person, and a manual step asks one in any case
5  no answer, no person within the strategy's patience: undo
6  after the hold of the last step the rollout is finished; the health window judges what follows
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TypeAlias

from gonogo.errors import BadInput
from gonogo.run.judging import JudgeKind
from gonogo.values import dataclass

HOUR_MS = 3_600_000
WHOLE = 100


class Promotion(enum.Enum):
    """How a step is left: by the judge's answer alone, or by a person besides."""

    AUTO = "auto"
    MANUAL = "manual"


class Needs(enum.Enum):
    """Which answer leaves a step."""

    NO_ABORT = "no abort"
    GO = "go"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Canary:
    """Traffic in `steps` of percent, each held; `promotions` has one entry for each step but the last.

    The step before 100 is left only with a GO. `early` lets a certified GO end a hold; `min_ticks` with data are needed
    in every step; `patience_ms` is how long after a hold an answer or a person is waited for.
    """

    steps: tuple[int, ...] = (5, 25, 50, 100)
    hold_ms: int = 300_000
    promotions: tuple[Promotion, ...] = ()
    early: bool = False
    min_ticks: int = 3
    patience_ms: int = HOUR_MS

    def __post_init__(self) -> None:
        if not self.steps or self.steps[0] <= 0 or self.steps[-1] != WHOLE:
            raise _wrong("the steps of a canary must begin above 0 and end with 100 percent")
        if any(high <= low for low, high in pairwise(self.steps)):
            raise _wrong("the steps of a canary must rise")
        _check_promotions(self.promotions, len(self.steps))
        _check_times(self.hold_ms, self.patience_ms, self.min_ticks)


@dataclass(frozen=True, slots=True)
class BlueGreen:
    """All traffic at once: the idle colour without traffic, then the switch, then a hold that can still go back."""

    check_ms: int = 0
    hold_ms: int = 300_000
    promotion: Promotion = Promotion.MANUAL
    patience_ms: int = HOUR_MS

    def __post_init__(self) -> None:
        _check_times(min(self.check_ms, self.hold_ms), self.patience_ms, 1)


@dataclass(frozen=True, slots=True)
class Rolling:
    """Instances replaced in `batches`; none is larger than `max_unavailable`, so that the rest carries the traffic.

    Where several services are replaced one after the other, `groups` has for each how many batches are its own, and how
    many of its instances may be away. Its last batch has nothing old beside it: it is held and counted, not compared.
    """

    batches: tuple[int, ...]
    max_unavailable: int
    hold_ms: int = 60_000
    promotions: tuple[Promotion, ...] = ()
    min_ticks: int = 1
    patience_ms: int = HOUR_MS
    groups: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not self.batches or min(self.batches) < 1:
            raise _wrong("a rolling rollout needs batches of at least one instance")
        for first, end, most in self.services():
            if max(self.batches[first:end]) > most:
                raise _wrong(f"a batch of {max(self.batches[first:end])} exceeds max_unavailable {most}")
        _check_promotions(self.promotions, len(self.batches))
        _check_times(self.hold_ms, self.patience_ms, self.min_ticks)

    def services(self) -> tuple[tuple[int, int, int], ...]:
        """For each service its first batch, the first of the next one, and how many of its instances may be away."""
        if not self.groups:
            return ((0, len(self.batches), self.max_unavailable),)
        ends = (0, *accumulate(count for count, _ in self.groups))
        return tuple((*pair, most) for pair, (_, most) in zip(pairwise(ends), self.groups, strict=True))


Strategy: TypeAlias = Canary | BlueGreen | Rolling


@dataclass(frozen=True, slots=True)
class MoveTraffic:
    """Give the new version `percent` of the traffic."""

    percent: int
    step: int


@dataclass(frozen=True, slots=True)
class DeployBatch:
    """Replace `count` instances, beginning with number `first`; `percent` of all are new afterwards."""

    first: int
    count: int
    percent: int
    step: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait until `until_ms` at the longest, and ask again whenever the judge or a person says something."""

    until_ms: int
    step: int
    why: str


@dataclass(frozen=True, slots=True)
class AwaitPromotion:
    """A person has to promote this step; without one by `until_ms` the rollout is undone."""

    step: int
    until_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Take everything back to the old version."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """All of the new version is in place and its last hold is over."""


Act: TypeAlias = MoveTraffic | DeployBatch | Hold | AwaitPromotion | Undo | Finished


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """The judge's answer about one step, and from how many ticks with data in that step it comes.

    `faulty` says that counts which cannot be true were seen: only a person who looked can put them aside.
    """

    step: int
    kind: JudgeKind
    used_ticks: int
    reason: str
    faulty: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What has happened: the last step that took effect (-1: none), when it began, answers and people since.

    `abort` is the reason of the first abort; it is never taken back.
    `lost` are the numbers of the instances that do not answer.
    """

    step: int = -1
    percent: int = 0
    step_began_ms: int = 0
    answer: StepAnswer | None = None
    promoted: frozenset[int] = frozenset()
    abort: str = ""
    lost: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Stage:
    """One step of any strategy: what to do, how long to hold it, and what leaves it."""

    act: MoveTraffic | DeployBatch
    hold_ms: int
    promotion: Promotion
    needs: Needs
    min_ticks: int
    early: bool


def next_act(strategy: Strategy, progress: Progress, now_ms: int) -> Act:
    """What to do now. The same arguments always give the same act; performing it and recording that is the caller's."""
    reason = _abort_reason(progress)
    if reason:
        return Undo(reason)
    stages = _stages(strategy)
    if progress.step < 0:
        short = _too_few(strategy, stages[0], progress)
        return Undo(f"nothing was begun: {short}") if short else stages[0].act
    stage = stages[progress.step]
    held_until = progress.step_began_ms + stage.hold_ms
    answer = _fresh(progress)
    if now_ms < held_until and not _certified(stage, answer):
        return Hold(held_until, progress.step, f"step {progress.step + 1} is held")
    if progress.step == len(stages) - 1:
        return Finished()
    until = held_until + strategy.patience_ms
    waiting = _waiting(stage, progress, answer, until)
    short = _too_few(strategy, stages[progress.step + 1], progress)
    if waiting is None and short:
        waiting = Hold(until, progress.step, short)
    if waiting is None:
        return stages[progress.step + 1].act
    return Undo(f"{waiting.why}; nothing came in time") if now_ms >= waiting.until_ms else waiting


def moved(progress: Progress, act: MoveTraffic | DeployBatch, now_ms: int) -> Progress:
    """Progress after `act` took effect. Refuses what would skip a step or move after an abort."""
    if _abort_reason(progress) or act.step != progress.step + 1 or act.percent < progress.percent:
        raise BadInput(
            f"step {act.step + 1} to {act.percent} % does not follow step {progress.step + 1} at {progress.percent} %",
            where="rollout",
            next_step="perform only what the strategy says is next",
        )
    return replace(progress, step=act.step, percent=act.percent, step_began_ms=now_ms, answer=None)


def answered(progress: Progress, answer: StepAnswer) -> Progress:
    """Progress after an answer of the judge. The first ABORT stays."""
    if answer.kind is JudgeKind.ABORT:
        return aborted(replace(progress, answer=answer), answer.reason)
    return replace(progress, answer=answer)


def promoted(progress: Progress, step: int) -> Progress:
    """Progress after a person promoted `step`; what is not the present step is BadInput."""
    if step != progress.step:
        raise BadInput(
            f"step {step + 1} cannot be promoted, step {progress.step + 1} is the present one",
            where="rollout",
            next_step="look at the present step and promote that",
        )
    return replace(progress, promoted=progress.promoted | {step})


def looked_at(progress: Progress) -> Progress:
    """Progress after a person looked at counts that cannot be true: no promotion, the judge has to answer anew."""
    return replace(progress, answer=None)


def is_faulty(progress: Progress) -> bool:
    """Whether the judge holds this step for counts that cannot be true."""
    answer = _fresh(progress)
    return answer is not None and answer.kind is JudgeKind.HOLD and answer.faulty


def aborted(progress: Progress, reason: str) -> Progress:
    """Progress after an abort by the judge, a check or a person; the first reason stays."""
    return replace(progress, abort=progress.abort or reason or "aborted without a reason")


def missing(progress: Progress, lost: frozenset[int]) -> Progress:
    """Progress after it was seen which instances do not answer."""
    return replace(progress, lost=lost)


def preview(strategy: Strategy) -> tuple[str, ...]:
    """What would be done, a line for each step (DRY-01)."""
    stages = _stages(strategy)
    lines = [_line(number, len(stages), stage) for number, stage in enumerate(stages, 1)]
    waiting = f"waits at most {strategy.patience_ms / 1000:g} s for an answer or a person after a hold, then undoes"
    return (*lines, f"an abort at any time undoes everything; {waiting}")


def _abort_reason(progress: Progress) -> str:
    answer = progress.answer
    said = answer.reason or "the judge aborts" if answer is not None and answer.kind is JudgeKind.ABORT else ""
    return progress.abort or said


def _too_few(strategy: Strategy, stage: _Stage, progress: Progress) -> str:
    """Why a batch must not begin: with the instances that are lost, too many would be unavailable; empty where not."""
    if not isinstance(strategy, Rolling) or not isinstance(stage.act, DeployBatch):
        return ""
    batch = range(stage.act.first, stage.act.first + stage.act.count)
    first, end, most = next(each for each in strategy.services() if each[0] <= stage.act.step < each[1])
    peers = range(sum(strategy.batches[:first]), sum(strategy.batches[:end]))
    lost = progress.lost.intersection(peers)
    away = len(lost.union(batch))
    if away <= most:
        return ""
    return f"{away} instances would be unavailable ({len(lost)} do not answer), {most} may be"


def _fresh(progress: Progress) -> StepAnswer | None:
    answer = progress.answer
    return answer if answer is not None and answer.step == progress.step else None


def _certified(stage: _Stage, answer: StepAnswer | None) -> bool:
    if answer is None or not stage.early:
        return False
    return answer.kind is JudgeKind.GO and answer.used_ticks >= stage.min_ticks


def _waiting(
    stage: _Stage, progress: Progress, answer: StepAnswer | None, until_ms: int
) -> Hold | AwaitPromotion | None:
    step = progress.step
    if answer is None:
        return Hold(until_ms, step, f"no answer of the judge about step {step + 1}")
    if answer.used_ticks < stage.min_ticks:
        short = f"{answer.used_ticks} ticks with data in step {step + 1}, {stage.min_ticks} needed"
        return Hold(until_ms, step, short)
    kind = JudgeKind.CONTINUE if stage.needs is Needs.NOTHING else answer.kind
    if kind is JudgeKind.HOLD and answer.faulty:
        return AwaitPromotion(step, until_ms, f"the judge holds: {answer.reason}")
    match kind:
        case JudgeKind.HOLD | JudgeKind.ABORT:
            return Hold(until_ms, step, f"the judge holds: {answer.reason}")
        case JudgeKind.CONTINUE if stage.needs is Needs.GO:
            return Hold(until_ms, step, f"the judge has not decided: {answer.reason}")
        case JudgeKind.INCONCLUSIVE:
            asked, why = True, f"the judge is inconclusive: {answer.reason}"
        case JudgeKind.GO | JudgeKind.CONTINUE:
            asked, why = stage.promotion is Promotion.MANUAL, f"step {step + 1} is promoted by a person"
    return AwaitPromotion(step, until_ms, why) if asked and step not in progress.promoted else None


def _stages(strategy: Strategy) -> tuple[_Stage, ...]:
    match strategy:
        case Canary():
            return _canary(strategy)
        case BlueGreen():
            check = _Stage(MoveTraffic(0, 0), strategy.check_ms, strategy.promotion, Needs.GO, 0, early=False)
            switch = _Stage(MoveTraffic(WHOLE, 1), strategy.hold_ms, Promotion.AUTO, Needs.NOTHING, 0, early=False)
            return (check, switch)
        case Rolling():
            return _rolling(strategy)


def _canary(strategy: Canary) -> tuple[_Stage, ...]:
    last = len(strategy.steps) - 1
    return tuple(
        _Stage(
            MoveTraffic(percent, step),
            strategy.hold_ms,
            _promotion(strategy.promotions, step),
            _needs(step, last),
            strategy.min_ticks,
            strategy.early and step < last,
        )
        for step, percent in enumerate(strategy.steps)
    )


def _rolling(strategy: Rolling) -> tuple[_Stage, ...]:
    last = {end - 1 for _, end, _ in strategy.services()}
    total = sum(strategy.batches)
    reached = [0, *accumulate(strategy.batches)]
    return tuple(
        _Stage(
            DeployBatch(reached[step], count, WHOLE * reached[step + 1] // total, step),
            strategy.hold_ms,
            _promotion(strategy.promotions, step),
            Needs.NOTHING if step in last else Needs.NO_ABORT,
            strategy.min_ticks,
            early=False,
        )
        for step, count in enumerate(strategy.batches)
    )


def _needs(step: int, last: int) -> Needs:
    if step == last:
        return Needs.NOTHING
    return Needs.GO if step == last - 1 else Needs.NO_ABORT


def _promotion(promotions: Sequence[Promotion], step: int) -> Promotion:
    return promotions[step] if step < len(promotions) else Promotion.AUTO


def _line(number: int, count: int, stage: _Stage) -> str:
    match stage.act:
        case MoveTraffic(percent=percent):
            what = f"move {percent} % of the traffic to the new version"
        case DeployBatch(first=first, count=size, percent=percent):
            what = f"replace instances {first + 1} to {first + size} ({percent} % new)"
    held = f"hold {stage.hold_ms / 1000:g} s"
    match stage.needs, stage.promotion:
        case Needs.NOTHING, _ if number == count:
            after = "then finished"
        case Needs.NOTHING, Promotion.AUTO:
            after = "goes on when its requests were counted: no old instance of this service is left to compare it with"
        case _, Promotion.MANUAL:
            after = "a person promotes"
        case Needs.GO, _:
            after = "goes on with a GO of the judge"
        case _:
            after = "goes on unless the judge aborts, holds or has no data"
    return f"step {number} of {count}: {what}, {held}, {after}"


def _check_promotions(promotions: Sequence[Promotion], steps: int) -> None:
    if promotions and len(promotions) != steps - 1:
        raise _wrong(
            f"{len(promotions)} promotions for {steps} steps: one for each step but the last, or none for auto"
        )


def _check_times(hold_ms: int, patience_ms: int, min_ticks: int) -> None:
    if hold_ms < 0 or patience_ms < 0 or min_ticks < 1:
        raise _wrong("holds and patience must not be negative, and at least one tick with data is needed in a step")


def _wrong(what: str) -> BadInput:
    return BadInput(what, where="rollout strategy", next_step="correct the rollout section of the configuration")
