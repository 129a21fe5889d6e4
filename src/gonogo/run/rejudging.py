"""What the judge said goes on record with its evidence to the last bit, and is held against the samples again (ARB-01).

The judge's state is never stored: whoever folds the recorded samples has to come to the same evidence. An entry names
the digest of the samples that were judged, so that one count changed afterwards is found even where it would not have
mattered. Another machine may round the last bit of a logarithm otherwise; nine equal digits are the same judgement.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from gonogo.plan.model import Plan
from gonogo.run.events import MetricsSampled, Recorded, RolloutJudged
from gonogo.run.judging import evidence_of
from gonogo.run.judging_plan import EventRule
from gonogo.run.judging_show import RatioInterval, ratio_interval
from gonogo.run.judging_ticks import Events
from gonogo.run.rolling import Rolling, judged_event
from gonogo.run.state import RunState, advance
from gonogo.values import dataclass

SAME = 1e-9
"""What two machines may differ by in the evidence, absolute and relative; a limit of nine digits decides nothing."""


class Likeness(enum.Enum):
    """How a judgement of now is like the recorded one."""

    BITS = "bit for bit"
    DIGITS = "to nine digits, by another machine"
    ANSWER = "the answer alone, by another version of the judge"
    OTHER = "another one"


@dataclass(frozen=True, slots=True)
class Compared:
    """A recorded answer beside the one that its samples give now; `why` says what differs, empty where nothing does."""

    at: datetime
    sample: int
    answer: str
    likeness: Likeness
    why: str


@dataclass(frozen=True, slots=True)
class Point:
    """The judge after one sample: ln E of the release and of each metric (weight included), and its answer."""

    at: datetime
    sample: int
    step: int
    evidence: float
    metrics: tuple[tuple[str, float], ...]
    answer: str


def compared(known: Rolling | None, entry: Recorded, event: RolloutJudged) -> Compared:
    """A recorded answer held against `known`, the rollout as the samples before that entry give it."""
    now = judged_event(known) if known and known.attempt == event.attempt else None
    likeness, why = _likeness(now, event)
    return Compared(entry.at, event.index, event.answer, likeness, why)


def differences(answers: Iterable[Compared]) -> Iterator[str]:
    """What the samples give differently, with its place."""
    return (f"sample {each.sample}: {each.why}" for each in answers if each.likeness is Likeness.OTHER)


def alike(answers: Sequence[Compared]) -> str:
    """How many recorded answers there are, and how each of them follows from its samples."""
    counts = [(each.value, sum(1 for one in answers if one.likeness is each)) for each in Likeness]
    how = ", ".join(f"{count} {words}" for words, count in counts if count)
    return f"answers of the rollout judge beside their samples: {how}" if how else "the rollout judge was not asked"


def course(plan: Plan, entries: Iterable[Recorded]) -> Iterator[Point | Compared]:
    """The judge over a whole run, from its recorded samples alone, in the order of the log.

    Raises BadInput where the log cannot be what happened, such as a move after the samples say ABORT.
    """
    state = RunState()
    for entry in entries:
        before, state = state, advance(plan, state, entry)
        match entry.event:
            case RolloutJudged() as event:
                yield compared(before.rollings.get(event.task), entry, event)
            case MetricsSampled() as event:
                yield from _point(entry, state.rollings.get(event.task))
            case _:
                pass


def error_ratio(known: Rolling) -> RatioInterval | None:
    """Both ends of the ratio of the two error rates over all ticks so far; None without requests on both sides."""
    seen = [
        Events(new.requests, new.errors, old.requests, old.errors)
        for _, _, old, new in known.ticks
        if old and new and old.requests and new.requests
    ]
    if not seen or known.judge_plan is None:
        return None
    phi = max((rule.phi for rule in known.judge_plan.metrics if isinstance(rule, EventRule)), default=1.0)
    return ratio_interval(seen, known.judge_plan.window_ticks, phi)


def _point(entry: Recorded, known: Rolling | None) -> Iterator[Point]:
    if known is None or known.judge is None or known.judge_plan is None or known.answer is None:
        return
    metrics = evidence_of(known.judge_plan, known.judge)
    step = known.progress.step
    yield Point(entry.at, known.samples, step, known.judge.evidence, metrics, known.answer.kind.value)


def _likeness(now: RolloutJudged | None, then: RolloutJudged) -> tuple[Likeness, str]:
    if now is None:
        return Likeness.OTHER, f"recorded is {then.answer}, but the samples give no answer"
    if (now.answer, now.metric, now.index) != (then.answer, then.metric, then.index):
        by = "" if then.judge == now.judge else f" (by {then.judge or 'an older judge'}; this is {now.judge})"
        told = f"recorded is {then.answer} for {then.metric} at sample {then.index}{by}"
        return Likeness.OTHER, f"{told}, but the samples give {now.answer} for {now.metric} at sample {now.index}"
    if then.judge != now.judge:
        return Likeness.ANSWER, ""
    if then.samples_sha256 != now.samples_sha256:
        return Likeness.OTHER, f"other samples were judged, sha256 {then.samples_sha256}"
    if then.evidence == now.evidence:
        return Likeness.BITS, ""
    ours, theirs = float(now.evidence), _number(then.evidence)
    if not math.isclose(ours, theirs, rel_tol=SAME, abs_tol=SAME):
        return Likeness.OTHER, f"recorded is evidence {then.evidence}, but the samples give {now.evidence}"
    return Likeness.DIGITS, ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
