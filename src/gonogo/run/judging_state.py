"""What the judge knows between two ticks. It is stored nowhere: the ticks of the ledger, folded anew, give it again."""

from __future__ import annotations

from gonogo.errors import BadInput
from gonogo.run.judging_exam import EventTotals, LatencyTotals
from gonogo.run.judging_mixture import Process
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """The first sample of a metric that could not be true, and how many there were."""

    tick: int
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class MetricState:
    """One metric: its processes, the totals for the exam, and how complete its data are.

    `canary_silent_ms` counts while only the new version is silent, `silent_ms` while any arm is.
    """

    name: str
    main: Process
    guard: Process | None
    certificate: Process
    events: EventTotals
    latency: LatencyTotals
    used: int
    skipped: int
    canary_silent_ms: int
    silent_ms: int
    silence: str
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class ExamScore:
    """Score of one metric, already divided by the root of its dispersion; nothing without data."""

    metric: str
    z: float | None


@dataclass(frozen=True, slots=True)
class Exam:
    """The exam, taken once at the planned end: every score, and what each had to stay below."""

    critical: float
    scores: tuple[ExamScore, ...]

    @property
    def failed(self) -> tuple[ExamScore, ...]:
        """The metrics at or above the limit, worst first."""
        bad = [score for score in self.scores if score.z is not None and score.z >= self.critical]
        return tuple(sorted(bad, key=lambda score: -(score.z or 0.0)))


@dataclass(frozen=True, slots=True)
class Abort:
    """The first time the judge said ABORT; it does not take that back. `tick` counts from 0."""

    tick: int
    metric: str
    evidence: float
    by_guard: bool = False
    by_exam: bool = False


@dataclass(frozen=True, slots=True)
class JudgeState:
    """Everything the judge knows. `ticks` is the index of the next tick, `evidence` the release's ln E."""

    ticks: int
    metrics: tuple[MetricState, ...]
    evidence: float
    exam: Exam | None = None
    abort: Abort | None = None

    def metric(self, name: str) -> MetricState:
        """The state of one metric of the plan."""
        for state in self.metrics:
            if state.name == name:
                return state
        raise BadInput(f"no metric {name} in this judgement", next_step="name a metric of the rollout section")
