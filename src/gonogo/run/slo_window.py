"""The health window: agreed limits, sampled for an agreed time, and what that says (SOK-01 to SOK-05).

The answer is computed from the recorded samples alone, so a restarted engine goes on where it was. PASS needs the whole
length, a usable sample in every interval, and no breach; missing samples make it INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gonogo.errors import BadInput
from gonogo.run.slo import FixedRule, Measured, RuleAnswer, judge_rules
from gonogo.terms import Verdict
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SloWindow:
    """Limits, start, length and sampling interval in milliseconds; extensions move the end by `extension_ms` each."""

    rules: tuple[FixedRule, ...]
    started_ms: int
    length_ms: int
    interval_ms: int
    breaches_allowed: int = 0
    missing_allowed: int = 0
    extension_ms: int = 0
    extended: int = 0

    def __post_init__(self) -> None:
        if not self.rules:
            raise _wrong("a health window needs at least one limit")
        if not 0 < self.interval_ms <= self.length_ms:
            raise _wrong("the sampling interval must be above 0 and at most the length of the window")
        if min(self.breaches_allowed, self.missing_allowed, self.extension_ms, self.extended) < 0:
            raise _wrong("tolerances and extensions must not be negative")

    @property
    def ends_ms(self) -> int:
        """The end, extensions included."""
        return self.started_ms + self.length_ms + self.extended * self.extension_ms

    @property
    def judged_from_ms(self) -> int:
        """The start of the judged part: an extended window has to be clean for one whole length before its end."""
        return self.ends_ms - self.length_ms


@dataclass(frozen=True, slots=True)
class SloSample:
    """The figures of one instant, judged; this is what is recorded."""

    at_ms: int
    answers: tuple[RuleAnswer, ...]


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """What the window says now. `samples`, `missing`, `breaches` count in the judged part only."""

    verdict: Verdict
    complete: bool
    samples: int
    missing: int
    breaches: int
    explanation: str


def sampled(window: SloWindow, at_ms: int, measured: Mapping[str, Measured]) -> SloSample:
    """The sample of these figures."""
    return SloSample(at_ms, judge_rules(window.rules, measured))


def judged_part(window: SloWindow, samples: Sequence[SloSample], now_ms: int) -> tuple[SloSample, ...]:
    """The samples that count: those of one whole length before the end, and none of the future."""
    end = min(window.ends_ms, now_ms + 1)
    return tuple(sample for sample in samples if window.judged_from_ms <= sample.at_ms < end)


def breaches(samples: Sequence[SloSample]) -> tuple[SloSample, ...]:
    """The samples in which a limit is broken."""
    return tuple(sample for sample in samples if any(answer.verdict is Verdict.FAIL for answer in sample.answers))


def judge_window(window: SloWindow, samples: Sequence[SloSample], now_ms: int) -> WindowAnswer:
    """The verdict now: a breach fails at once, a pass needs the end."""
    judged = judged_part(window, samples, now_ms)
    breached = breaches(judged)
    missing = _missing(window, judged, now_ms)
    complete = now_ms >= window.ends_ms
    if len(breached) > window.breaches_allowed:
        verdict, why = Verdict.FAIL, _first_breach(window, breached)
    elif not complete:
        verdict, why = Verdict.INCONCLUSIVE, f"{(window.ends_ms - now_ms) / 1000:g} s to go"
    elif missing > window.missing_allowed:
        verdict, why = Verdict.INCONCLUSIVE, f"{missing} intervals without a usable sample"
    else:
        verdict, why = Verdict.PASS, "every interval within its limits"
    counts = f"{len(judged)} samples, {len(breached)} breaches, {missing} missing"
    return WindowAnswer(verdict, complete, len(judged), missing, len(breached), f"{why}; {counts}")


def _missing(window: SloWindow, judged: Sequence[SloSample], now_ms: int) -> int:
    reached = min(now_ms, window.ends_ms) - window.judged_from_ms
    due = max(0, reached) // window.interval_ms
    if now_ms >= window.ends_ms and reached % window.interval_ms:
        due += 1
    filled = {
        (sample.at_ms - window.judged_from_ms) // window.interval_ms for sample in judged if _usable(window, sample)
    }
    return sum(1 for slot in range(due) if slot not in filled)


def _usable(window: SloWindow, sample: SloSample) -> bool:
    decided = {answer.metric for answer in sample.answers if answer.verdict in (Verdict.PASS, Verdict.FAIL)}
    return all(rule.metric in decided for rule in window.rules)


def _first_breach(window: SloWindow, breached: Sequence[SloSample]) -> str:
    first = min(breached, key=lambda sample: sample.at_ms)
    answer = next(answer for answer in first.answers if answer.verdict is Verdict.FAIL)
    return f"{answer.explanation} at {(first.at_ms - window.started_ms) / 1000:g} s"


def _wrong(what: str) -> BadInput:
    return BadInput(what, where="health window", next_step="correct the health window of the configuration")
