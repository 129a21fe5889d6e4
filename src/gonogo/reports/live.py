"""The rollout as people watch it: traffic, errors and latency of both versions, the judge's evidence with its bounds.

Only what the ledger holds is drawn: counts that each version really served, and the judge folded again from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from gonogo.plan.model import Plan, Roll, Watch, task_of
from gonogo.reports.charts import Bound, Chart, Line, line_chart
from gonogo.run.health_window import window_answer, window_end
from gonogo.run.judging import JudgeKind
from gonogo.run.judging_show import CERTAIN, odds, quantile
from gonogo.run.rolling import Rolling, step_percent
from gonogo.run.served import Counts
from gonogo.run.state import RunState, observed
from gonogo.run.tracing import Weighed
from gonogo.values import dataclass

_Figure: TypeAlias = Callable[[Sequence[Counts], tuple[float, ...]], float | None]
SMOOTH = 5
"""Errors and latency are drawn over this many samples together; the judge sees each one."""

MOST_ROWS = 12
TAKEN_BACK = "taken back"
"""How a terminal says that an aborted rollout was undone."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version: its slot, what it served since the rollout began, and how fast of late."""

    version: str
    slot: str
    percent: int
    requests: int
    errors: int
    latency_ms: float | None
    """95th percentile over the last samples; None where nothing was served in them."""

    @property
    def rate(self) -> str:
        """The share of errors in percent; a dash without requests."""
        return f"{100 * self.errors / self.requests:.2f} %" if self.requests else "–"


@dataclass(frozen=True, slots=True)
class Sample:
    """A row of the table beside the charts: percent of traffic and counts of both versions in one interval."""

    at: datetime
    percent: int
    new: Counts | None
    old: Counts | None


@dataclass(frozen=True, slots=True)
class Look:
    """When somebody looks, and in words who or what took production back, and why; empty where nothing did."""

    now: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """A rollout or health window, drawn. `ends_at` is when the present hold or the window is over, if all goes well.

    `aborted` says who or what took it back, and why; then nothing is to come, and the judge's last `continue` is none.
    """

    task: str
    title: str
    is_window: bool
    over: bool
    began: datetime
    new: Side
    old: Side
    steps: tuple[tuple[int, str], ...]
    answer: str
    explanation: str
    figures: tuple[str, ...]
    harm: str
    harm_bound: str
    aborted: str
    ends_at: datetime | None
    charts: tuple[tuple[str, str, str], ...]
    samples: tuple[Sample, ...]


def lives(plan: Plan, state: RunState, weighed: Mapping[str, Sequence[Weighed]], look: Look) -> tuple[Live, ...]:
    """Every rollout and window of a run, the newest first."""
    found = [_live(plan, state, known, tuple(weighed.get(task, ())), look) for task, known in state.rollings.items()]
    return tuple(reversed(found))


def live_words(plan: Plan, state: RunState, look: Look) -> tuple[str, ...]:
    """The rollout or window under way in words, for a terminal: both versions, the judge, the time that is left."""
    known = next(reversed(tuple(state.rollings.values())), None)
    seen = _live(plan, state, known, None, look) if known is not None else None
    return tuple(_words(seen, look.now)) if seen is not None and not seen.over else ()


def _words(seen: Live, now: datetime) -> Iterator[str]:
    for age, side in (("new", seen.new), ("old", seen.old)):
        served = f"{side.requests} requests, {side.errors} errors = {side.rate}"
        late = f", p95 {side.latency_ms:.0f} ms" if side.latency_ms is not None else ""
        yield f"{age} {side.version or '?'}: {side.percent} % of the traffic, {served}{late}"
    if seen.aborted:
        yield f"{TAKEN_BACK}: {seen.aborted}"
        return
    words = seen.answer.replace("_", " ")
    yield f"{'window' if seen.is_window else 'judge'}: {f'{words}; ' if words else ''}{seen.explanation}"
    if seen.harm:
        yield f"evidence of harm {seen.harm}; aborts at {seen.harm_bound}"
    if seen.ends_at is not None:
        left = max(int((seen.ends_at - now).total_seconds()), 0)
        yield f"at least {left} s left in this {'window' if seen.is_window else 'step'}"


def _live(plan: Plan, state: RunState, known: Rolling, weighed: tuple[Weighed, ...] | None, look: Look) -> Live:
    """`weighed` is what the judge made of each interval; None where no charts are asked for."""
    task = task_of(plan, known.task)
    window = isinstance(task.act, Watch)
    told = state.tasks.get(known.task)
    assert isinstance(task.act, Roll | Watch)
    facts = observed(plan, state, task.act.environment)
    over = bool(told and told.outcome) or bool(state.outcome) or state.rollback is not None
    percent = state.traffic if state.traffic is not None else 100 if window else 0
    back = known.progress.abort or look.why
    old, new = _names(known)
    bounds, stable = _bounds(known), str(facts.get("stable_version") or "")
    answer, explanation = _answer(plan, known, look.now) if window else _judged(known)
    if back and not (told and told.outcome):
        answer, explanation = _cut_short(answer, explanation, window=window)
    return Live(
        task=known.task,
        title=task.title,
        is_window=window,
        over=over,
        began=known.began,
        new=_side(plan.release.version, new, percent, [tick[3] for tick in known.ticks], bounds),
        old=_side(stable, old, 100 - percent, [tick[2] for tick in known.ticks], bounds),
        steps=() if window else _steps(plan, known, back=bool(back)),
        answer=answer,
        explanation=explanation,
        figures=known.answer.figures if known.answer and not window else (),
        harm=odds(known.judge.evidence) if known.judge and not window else "",
        harm_bound=odds(known.judge_plan.threshold) if known.judge_plan and not window else "",
        aborted=back,
        ends_at=None if back else _ends_at(plan, known, window=window),
        charts=tuple(_charts(known, weighed, window=window)) if weighed is not None else (),
        samples=_samples(known),
    )


def _cut_short(answer: str, explanation: str, *, window: bool) -> tuple[str, str]:
    """What is said of a rollout or window that was ended before it came to an end of its own."""
    if window:
        return "", "the window was ended before it was over"
    if answer == JudgeKind.CONTINUE.value:
        return "", f"before that the judge said: {explanation}"
    return answer, explanation


def _names(known: Rolling) -> tuple[str, str]:
    """What serves the old and the new version: slots, or hosts."""
    old, new = known.arms.replaced(known.progress.step)
    return ", ".join(old), ", ".join(new)


def _side(version: str, slot: str, percent: int, served: Sequence[Counts | None], bounds: tuple[float, ...]) -> Side:
    counts = [item for item in served if item is not None]
    late = _latency([item for item in served[-SMOOTH:] if item is not None], bounds)
    errors = sum(item.errors for item in counts)
    return Side(version, slot, percent, sum(item.requests for item in counts), errors, late)


def _bounds(known: Rolling) -> tuple[float, ...]:
    """The bounds of the buckets in which latency is counted, in seconds; none before the first sample."""
    return tuple(float(bound) for bound in known.last.bounds) if known.last else ()


def _judged(known: Rolling) -> tuple[str, str]:
    if known.answer is None:
        return "", "the judge has not seen an interval yet"
    return known.answer.kind.value, known.answer.explanation


def _answer(plan: Plan, known: Rolling, now: datetime) -> tuple[str, str]:
    if known.last is None:
        return "", "waiting for the first sample"
    found = window_answer(plan, known, now)
    return found.verdict.word, found.explanation


def _steps(plan: Plan, known: Rolling, *, back: bool) -> tuple[tuple[int, str], ...]:
    batches, hosts = known.arms.batches, known.arms.hosts
    if batches:
        shares = [round(100 * len(known.arms.replaced(step)[1]) / len(hosts)) for step in range(len(batches))]
    else:
        count = len(plan.project.rollout.steps) if plan.project.rollout.strategy == "canary" else 2
        shares = [step_percent(plan, number) for number in range(count)]
    words = []
    for number, share in enumerate(shares):
        done = number < known.progress.step
        here, ahead = ("taken back", "not reached") if back else ("here", "to come")
        word = "done" if done else (here if number == known.progress.step else ahead)
        words.append((share, word))
    return tuple(words)


def _ends_at(plan: Plan, known: Rolling, *, window: bool) -> datetime | None:
    if window:
        return window_end(plan, known)
    progress = known.progress
    last = progress.percent >= 100
    if progress.step < 0 or last:
        return None
    moment = progress.step_began_ms / 1000 + float(plan.project.rollout.hold)
    return datetime.fromtimestamp(moment, tz=known.began.tzinfo)


def _samples(known: Rolling) -> tuple[Sample, ...]:
    rows = []
    for at, _, old, new in reversed(known.ticks[-MOST_ROWS:]):
        percent = next((share for moved, share in reversed(known.moves) if moved <= at), 0)
        rows.append(Sample(at, percent, new, old))
    return tuple(rows)


def _charts(known: Rolling, weighed: tuple[Weighed, ...], *, window: bool) -> Iterator[tuple[str, str, str]]:
    """Each chart with its heading and a sentence of how to read it."""
    began = known.began
    last = known.last_at or began
    span = max((last - began).total_seconds(), 2.0)
    if not window:
        yield (
            "Traffic on the new version",
            "What the proxy said after each move.",
            line_chart(Chart("Traffic on the new version, percent", "%", (_traffic(known, last),), (), 100, 110, span)),
        )
    yield (
        "Errors",
        f"Share of failed requests, over {SMOOTH} samples together.",
        line_chart(Chart("Error rate of both versions, percent", "%", _both(known, _errors), (), 1.0, 170, span)),
    )
    yield (
        "Latency, 95th percentile",
        f"Over {SMOOTH} samples together, in milliseconds.",
        line_chart(Chart("95th percentile of latency, ms", "", _both(known, _latency), (), 1.0, 170, span)),
    )
    if not window and known.judge_plan is not None:
        yield from _evidence(known, weighed, span)


def _evidence(known: Rolling, weighed: tuple[Weighed, ...], span: float) -> Iterator[tuple[str, str, str]]:
    assert known.judge_plan is not None
    threshold = known.judge_plan.threshold
    harm = tuple((_since(known, item.at), item.harm) for item in weighed)
    yield (
        "Evidence that the new version is worse",
        f"Natural logarithm of the odds. At the upper bound ({odds(threshold)}) the judge aborts, whenever it looks.",
        line_chart(
            Chart(
                "Evidence of harm over time with the bound at which the judge aborts",
                "",
                (Line("harm", "harm", harm),),
                (Bound(f"abort at {odds(threshold)}", "abort", threshold),),
                threshold * 1.1,
                170,
                span,
            )
        ),
    )
    names = sorted({name for item in weighed for name in item.health})
    lines = tuple(
        Line(
            name,
            look,
            tuple((_since(known, item.at), item.health[name]) for item in weighed if name in item.health),
            named=True,
        )
        for name, look in zip(names, ("one", "two", "three"), strict=False)
    )
    yield (
        "Certificate that it is not worse",
        f"One line for each metric ({', '.join(names) or 'none yet'}). Above the bound a metric is certified for GO.",
        line_chart(
            Chart(
                "Certificates of health over time with the bound above which a metric is certified",
                "",
                lines,
                (Bound(f"GO at {odds(CERTAIN)}", "certain", CERTAIN),),
                CERTAIN * 1.1,
                170,
                span,
            )
        ),
    )


def _since(known: Rolling, at: datetime) -> float:
    return (at - known.began).total_seconds()


def _traffic(known: Rolling, last: datetime) -> Line:
    points = [(max(_since(known, at), 0.0), float(percent)) for at, percent in known.moves]
    if points:
        points = [(0.0, 0.0), *points, (_since(known, last), points[-1][1])]
    return Line("new version", "new", tuple(points), stepped=True)


def _both(known: Rolling, figure: _Figure) -> tuple[Line, ...]:
    old = [(tick[0], tick[2]) for tick in known.ticks]
    new = [(tick[0], tick[3]) for tick in known.ticks]
    bounds = _bounds(known)
    return tuple(
        Line(name, look, tuple(_smooth(known, side, bounds, figure)))
        for name, look, side in (("old version", "old", old), ("new version", "new", new))
    )


def _smooth(
    known: Rolling, side: Sequence[tuple[datetime, Counts | None]], bounds: tuple[float, ...], figure: _Figure
) -> Iterator[tuple[float, float]]:
    for number in range(len(side)):
        near = [item[1] for item in side[max(0, number - SMOOTH + 1) : number + 1] if item[1] is not None]
        value = figure(near, bounds)
        if value is not None and side[number][1] is not None:
            yield _since(known, side[number][0]), value


def _errors(near: Sequence[Counts], _bounds: tuple[float, ...]) -> float | None:
    total = sum(item.requests for item in near)
    return 100 * sum(item.errors for item in near) / total if total else None


def _latency(near: Sequence[Counts], bounds: tuple[float, ...]) -> float | None:
    if not near or len(bounds) < 2:
        return None
    sums = [sum(item.buckets[place] for item in near) for place in range(len(bounds))]
    found = quantile(sums, bounds, 0.95)
    if found is None:
        return None
    return 1000 * (bounds[-2] if math.isinf(found) else found)
