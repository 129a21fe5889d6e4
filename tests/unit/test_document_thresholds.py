"""Thresholds, Boolean checks and criteria as comparisons, each checked by hand."""

from __future__ import annotations

import pytest

from gonogo.findings import Origin
from gonogo.protocol.threshold import Clause, Number, Period, Ref, Word
from gonogo.protocol.threshold_grammar import Reading, read_boolean, read_criteria, read_threshold

HERE = Origin("lamp.md", 1)


def shown(clause: Clause) -> str:
    match clause.limit:
        case Number(value, percent):
            limit = f"{value.normalize():f}{'%' if percent else ''}"
        case Period(seconds):
            limit = f"{seconds.normalize():f}s"
        case Word(text):
            limit = text
        case Ref(name):
            limit = f"<{name}>"
    scope = f" ({clause.scope})" if clause.scope else ""
    unit = f" [{clause.unit}]" if clause.unit and not clause.unit.startswith("%") else ""
    return f"{clause.metric} {clause.op.value} {limit}{unit}{scope}"


def told(reading: Reading) -> tuple[list[str], list[str]]:
    return [shown(clause) for clause in reading.clauses], list(reading.unbound)


@pytest.mark.req("DOC-13")
@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Answers = 100%", ["Answers = 1%"]),
        ("Answers == 100%", ["Answers = 1%"]),
        ("Answers ≥ 95%", ["Answers ≥ 0.95%"]),
        ("Answers >= 0.95", ["Answers ≥ 0.95"]),
        ("Answers => 0.95", ["Answers ≥ 0.95"]),
        ("Answers at least 95%", ["Answers ≥ 0.95%"]),
        ("Answers must be at least 95%", ["Answers ≥ 0.95%"]),
        ("Answers equals 12", ["Answers = 12"]),
        ("flickers ≤ 2", ["flickers ≤ 2"]),
        ("flickers at most 2", ["flickers ≤ 2"]),
        ("flickers no more than 2", ["flickers ≤ 2"]),
        ("flickers < 3", ["flickers < 3"]),
        ("flickers fewer than 3", ["flickers < 3"]),
        ("brightness > 90%", ["brightness > 0.9%"]),
        ("lamps ≠ 0", ["lamps ≠ 0"]),
        ("open holes != 0", ["open holes ≠ 0"]),
        ("0 broken panes", ["broken panes = 0"]),
        ("zero broken panes", ["broken panes = 0"]),
        ("no broken panes", ["broken panes = 0"]),
        ("0 high or critical cracks", ["high or critical cracks = 0"]),
        ("zero open findings before the tide", ["open findings = 0 (before the tide)"]),
        ("≥ 2 signatures", ["signatures ≥ 2"]),
        ("at least 2 signatures", ["signatures ≥ 2"]),
        ("≥ 90% of ropes", ["ropes ≥ 0.9%"]),
        ("100% of required papers", ["required papers = 1%"]),
        ("approvals 100% recorded", ["approvals recorded = 1%"]),
        ("95% of papers", ["papers ≥ 0.95%"]),
        ("9/9 sections", ["sections = 9 [of 9]"]),
        ("coverage ≥ 90% of targeted panes", ["coverage ≥ 0.9% (of targeted panes)"]),
        ("coverage ≥ 90% across all panes and frames", ["coverage ≥ 0.9% (across all panes and frames)"]),
        ("relight time ≤ 15 min", ["relight time ≤ 900s [min]"]),
        ("relight time ≤ 15 minutes", ["relight time ≤ 900s [minutes]"]),
        ("answer < 200 ms at the pier", ["answer < 0.2s [ms] (at the pier)"]),
        ("done within 48 hours", ["done ≤ 172800s [hours]"]),
        ("relight time ≤ RTO", ["relight time ≤ <RTO>"]),
        ("relight time ≤ RTO (Recovery Time Objective)", ["relight time ≤ <RTO>"]),
        ("metrics within SLO tolerances", ["metrics ≤ <SLO>"]),
        ("relight time ≤ target", ["relight time ≤ <target>"]),
        ("sea state ≤ low", ["sea state ≤ low"]),
        ("sea state ≤Medium", ["sea state ≤ medium"]),
        ("rope status = pass", ["rope status = pass"]),
        ("rope status is green", ["rope status = green"]),
        ("rope report marked approved", ["rope report = approved"]),
        ("rope report returns success", ["rope report = success"]),
        ("rope status: pass", ["rope status = pass"]),
        ("brightness between 90% and 110%", ["brightness ≥ 0.9%", "brightness ≤ 1.1%"]),
        ("brightness ∈ [0.9, 1.1]", ["brightness ≥ 0.9", "brightness ≤ 1.1"]),
        ("answer between 10 and 20 ms", ["answer ≥ 0.01s [ms]", "answer ≤ 0.02s [ms]"]),
        ("Answers = 100%; sea state ≤ low.", ["Answers = 1%", "sea state ≤ low"]),
        ("Rope score ≥0.95 and crew metric ≥100%.", ["Rope score ≥ 0.95", "crew metric ≥ 1%"]),
        ("Rope score ≥0.95, crew metric ≥100%", ["Rope score ≥ 0.95", "crew metric ≥ 1%"]),
        ("Rope score ≥ 0.95 with zero torn ropes", ["Rope score ≥ 0.95", "torn ropes = 0"]),
        ("Light rate ≥100% (zero broken panes) and noise ≤ 3", ["Light rate ≥ 1%", "broken panes = 0", "noise ≤ 3"]),
        ("drift ≤0.05 (low severity)", ["drift ≤ 0.05"]),
        ("ships 1,200", []),
        ("ships ≥ 1,200", ["ships ≥ 1200"]),
        ("finding count =0 blockers", ["finding count = 0 [blockers]"]),
    ],
)
def test_a_threshold_becomes_its_comparison(text: str, clauses: list[str]) -> None:
    assert told(read_threshold(text, HERE))[0] == clauses


@pytest.mark.req("DOC-13", "GAT-09")
@pytest.mark.parametrize(
    ("text", "clauses", "unbound"),
    [
        ("metrics look right", [], ["metrics look right"]),
        ("≥ 0.95", [], ["≥ 0.95"]),
        ("0.95", [], ["0.95"]),
        ("all fine", [], ["all fine"]),
        ("brightness ≤ 1.5× the old lamp", [], ["brightness ≤ 1.5× the old lamp"]),
        ("ships ≤ 10k", [], ["ships ≤ 10k"]),
        ("start ≤ 2:30", [], ["start ≤ 2:30"]),
        ("version ≥ 1.2.3", [], ["version ≥ 1.2.3"]),
        ("No later than noon", [], ["No later than noon"]),
        ("errors ≤ 0.5%, horn loud", ["errors ≤ 0.005%"], ["horn loud"]),
        ("errors ≤ 0.5% with a written plan", ["errors ≤ 0.005%"], ["with a written plan"]),
        ("keepers agree and errors ≤ 2", ["errors ≤ 2"], ["keepers agree"]),
    ],
)
def test_what_is_no_comparison_is_kept_for_attestation_and_never_dropped(
    text: str, clauses: list[str], unbound: list[str]
) -> None:
    assert told(read_threshold(text, HERE)) == (clauses, unbound)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Answers = 100% or signed exception", ["Answers = 1%"]),
        ("Answers = 100% unless the sea is rough", ["Answers = 1%"]),
        ("Answers ≥ 80% (or waiver)", ["Answers ≥ 0.8%"]),
        ("Answers = 100%, or an approved plan", ["Answers = 1%"]),
    ],
)
def test_an_escape_is_reported_and_both_halves_bind(text: str, clauses: list[str]) -> None:
    reading = read_threshold(text, HERE)
    assert [shown(clause) for clause in reading.clauses] == clauses
    assert len(reading.escapes) == len(reading.unbound) == 1


@pytest.mark.parametrize("text", ["0 high or critical cracks", "≥ 90% of ropes or chains"])
def test_a_name_that_holds_or_is_no_escape(text: str) -> None:
    assert read_threshold(text, HERE).escapes == ()


@pytest.mark.req("DOC-14")
@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("`rope.status = pass`", ["rope.status = pass"]),
        ("`rope.status = pass` and `crew.status = ready`", ["rope.status = pass", "crew.status = ready"]),
        ("`rope.status = pass` AND `scan.open = 0`", ["rope.status = pass", "scan.open = 0"]),
        ("rope_status == done; crew.count >= 2", ["rope_status = done", "crew.count ≥ 2"]),
        ("`rope.json` `status` = `pass`", ["status = pass (in rope.json)"]),
        ("`rope.ok` is true", ["rope.ok = true"]),
        ("`scan.errors != 0`", ["scan.errors ≠ 0"]),
    ],
)
def test_a_boolean_check_becomes_a_path_and_a_literal(text: str, clauses: list[str]) -> None:
    assert told(read_boolean(text, HERE)) == (clauses, [])


@pytest.mark.parametrize(
    ("text", "clauses", "prose"),
    [
        ("Every ship answered; sea state calm.", [], ["Every ship answered", "sea state calm"]),
        ("Lamp lowered, no broken panes", ["broken panes = 0"], ["Lamp lowered"]),
        ("The light is green", [], ["The light is green"]),
        ("Metrics within thresholds", [], ["Metrics within thresholds"]),
        ("Relighting ends within RTO", ["Relighting ends ≤ <RTO>"], []),
    ],
)
def test_criteria_are_comparisons_only_beyond_doubt(text: str, clauses: list[str], prose: list[str]) -> None:
    assert told(read_criteria(text, HERE)) == (clauses, prose)


def test_more_clauses_than_the_limit_are_not_dropped() -> None:
    reading = read_threshold("; ".join(f"a{at} = 1" for at in range(80)), HERE)
    assert (len(reading.clauses), len(reading.unbound)) == (64, 16)
