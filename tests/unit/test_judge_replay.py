"""What the judge said follows from the recorded samples bit for bit; one request more or less in one of them is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gonogo.run.events import Event, MetricsSampled, Recorded, RolloutJudged, TrafficMoved
from gonogo.run.judging import JUDGE, JudgeKind
from gonogo.run.rejudging import Compared, Likeness, alike, compared, differences, error_ratio
from gonogo.run.rolling import Judged, Rolling, next_in_roll, rolled
from gonogo.terms import Engine
from tests.unit.test_judged_apart import ARMS, BEGAN, TASK, plan, sample

TICKS = 8
PLAN = plan(together=True)


def samples() -> list[MetricsSampled]:
    """A release whose small service fails altogether, judged by the sum of both."""
    return [sample(index, mail_fails=20) for index in range(1, TICKS + 2)]


def folded(read: Sequence[MetricsSampled]) -> Rolling:
    events: list[Event] = [read[0], TrafficMoved(TASK, 1, 0, 25, {"blue": 75, "green": 25}), *read[1:]]
    known = None
    for number, event in enumerate(events):
        known = rolled(PLAN, ARMS, known, at(number, event))
    assert known is not None
    return known


def at(number: int, event: Event) -> Recorded:
    return Recorded(number, BEGAN + timedelta(seconds=10 * number), Engine("here"), event)


def said() -> RolloutJudged:
    """What the engine puts on record."""
    known = folded(samples())
    act = next_in_roll(PLAN, known, BEGAN)
    assert isinstance(act, Judged)
    assert isinstance(act.event, RolloutJudged)
    return act.event


def again(read: Sequence[MetricsSampled], event: RolloutJudged) -> Compared:
    return compared(folded(read), at(99, event), event)


@pytest.mark.req("ARB-01")
def test_the_answer_on_record_follows_from_its_samples_bit_for_bit() -> None:
    event = said()
    assert event.answer == JudgeKind.ABORT.value
    assert event.judge == JUDGE
    known = folded(samples())
    assert known.judge is not None
    assert float(event.evidence).hex() == known.judge.evidence.hex()
    found = again(samples(), event)
    assert (found.likeness, found.why) == (Likeness.BITS, "")
    assert alike([found]) == "answers of the rollout judge beside their samples: 1 bit for bit"


@pytest.mark.req("ARB-01")
@pytest.mark.parametrize("place", range(1, TICKS + 1))
@pytest.mark.parametrize("counter", [1, 2], ids=["error", "bucket"])
def test_one_changed_count_in_one_stored_sample_is_found(place: int, counter: int) -> None:
    read = samples()
    counts = list(read[place].slots["blue"])
    counts[counter] -= 1
    read[place] = replace(read[place], slots={**read[place].slots, "blue": counts})
    found = again(read, said())
    assert found.likeness is Likeness.OTHER
    assert "other samples were judged" in found.why
    assert list(differences([found])) == [f"sample {found.sample}: {found.why}"]


def test_another_machine_may_round_the_last_bit_otherwise_and_nothing_more() -> None:
    event = said()
    exact = float(event.evidence)
    for factor, likeness in ((1 + 1e-13, Likeness.DIGITS), (1 + 1e-6, Likeness.OTHER)):
        other = replace(event, evidence=repr(exact * factor))
        assert again(samples(), other).likeness is likeness


def test_an_answer_of_an_older_judge_is_held_against_its_samples_as_an_answer() -> None:
    old = replace(said(), judge="", samples_sha256="", evidence="0.100000")
    assert again(samples(), old).likeness is Likeness.ANSWER
    otherwise = again(samples(), replace(old, answer="go"))
    assert otherwise.likeness is Likeness.OTHER
    assert f"by an older judge; this is {JUDGE}" in otherwise.why


def test_an_answer_without_samples_or_with_an_evidence_that_is_no_number_does_not_follow() -> None:
    event = said()
    assert compared(None, at(99, event), event).likeness is Likeness.OTHER
    assert again(samples(), replace(event, evidence="much")).likeness is Likeness.OTHER


def test_the_ratio_of_errors_has_both_ends_where_both_versions_had_requests() -> None:
    known = folded(samples())
    ratio = error_ratio(known)
    assert ratio is not None
    assert ratio.low is not None
    assert ratio.low > 1.0
    assert ratio.high is None or ratio.high > ratio.low
    assert error_ratio(replace(known, ticks=())) is None
