"""Test reports in all dialects, coverage files, and the results that follow from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.measure.coverage_reports import read_cobertura, read_coverage_json, read_lcov
from gonogo.measure.figures import Body
from gonogo.measure.go_tests import read_go_tests
from gonogo.measure.header import RawFile
from gonogo.measure.load_reports import read_locust
from gonogo.measure.rederiving import disagreements
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_reports import CaseResult, Outcome, ReportRead, read_junit
from gonogo.measure.tests_measured import (
    ExecutionSeen,
    FailureNote,
    Mitigation,
    SuiteSeen,
    UnreadableReport,
    execution_body,
    unmitigated,
)
from gonogo.terms import Digest
from tests.whole_files import faults

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
RAW = (RawFile("junit.xml", Digest("aa" * 32)),)
NAME = "staging-test-results.json"

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1">
<testcase classname="tests.test_a" name="test_ok" time="0.001"/>
<testcase classname="tests.test_a" name="test_bad" time="0.002"><failure message="x">trace</failure></testcase>
<testcase classname="tests.test_a" name="test_setup" time="0.002"><error message="x">trace</error></testcase>
<testcase classname="tests.test_a" name="test_xfail" time="0.0"><skipped type="pytest.xfail" message=""/></testcase>
</testsuite></testsuites>"""

NODE = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites>
<testcase name="adds" time="0.0005" classname="test"/>
<testcase name="breaks" time="0.001" classname="test"><failure type="testCodeFailure" message="x">y</failure></testcase>
<testcase name="later" time="0.001" classname="test"><skipped type="skipped" message="true"/></testcase>
</testsuites>"""

JEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="3" failures="0" errors="0" time="0.5">
<testsuite name="cart" errors="0" failures="0" skipped="0" tests="3">
<testcase classname="cart adds" name="cart adds" time="0.002"></testcase>
<testcase classname="cart takes" name="cart takes" time="0.002"></testcase>
<testcase classname="cart pays" name="cart pays" time="0.002"></testcase>
<testcase classname="cart refunds" name="cart refunds" time="0"></testcase>
</testsuite></testsuites>"""

SUREFIRE = b"""<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="ATest" tests="2" failures="0">
<properties><property name="a" value="b"/></properties>
<testcase name="flaps" classname="ATest" time="1,001.5"><flakyFailure message="once"/></testcase>
<testcase name="off" classname="ATest" status="notrun"/>
</testsuite>"""

NESTED = b"""<testsuites><testsuite name="outer"><testsuite name="inner">
<testcase name="a"/></testsuite><testcase name="b"/></testsuite></testsuites>"""


def read(text: bytes) -> ReportRead:
    return read_junit([text], "junit.xml")


def outcomes(text: bytes) -> list[Outcome]:
    return [case.outcome for case in read(text).cases]


@pytest.mark.req("TR-01")
def test_cases_directly_below_the_root_are_read() -> None:
    assert outcomes(NODE) == ["passed", "failed", "skipped"]


@pytest.mark.req("TR-03", "TST-02")
def test_failures_and_errors_fail_and_expected_failures_are_skipped() -> None:
    report = read(PYTEST)
    assert [case.outcome for case in report.cases] == ["passed", "failed", "failed", "skipped"]
    assert report.cases[0].id == "tests.test_a::test_ok"
    assert report.cases[0].seconds == Decimal("0.001")
    assert report.remarks == ()


@pytest.mark.req("TR-04")
def test_totals_that_disagree_with_the_cases_are_a_remark_and_do_not_count() -> None:
    report = read(JEST)
    assert len(report.cases) == 4
    assert report.remarks == ("junit.xml states 3 tests; its cases are 4",)


def test_a_flaky_pass_is_marked_and_a_case_that_did_not_run_is_skipped() -> None:
    flaps, off = read(SUREFIRE).cases
    assert (flaps.outcome, flaps.flaky, flaps.seconds) == ("passed", True, Decimal("1001.5"))
    assert off.outcome == "skipped"


def test_nested_suites_name_the_innermost_one() -> None:
    assert [(case.suite, case.name) for case in read(NESTED).cases] == [("inner", "a"), ("outer", "b")]


def test_the_same_case_twice_is_a_remark() -> None:
    twice = b'<testsuite><testcase name="a"/><testcase name="a"><failure/></testcase></testsuite>'
    assert outcomes(twice) == ["passed", "failed"]
    assert "more than once" in read(twice).remarks[0]


@pytest.mark.req("TST-07")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no element found"),
        (PYTEST[:-20], "no element found|unclosed"),
        (b"<test-run/>", "root element"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', "document type"),
        (b"<!DOCTYPE testsuite SYSTEM 'file:///etc/passwd'><testsuite/>", "document type"),
        (b"<testsuite>" + b"<testsuite>" * 70, "nested deeper"),
        (b"<testsuite><testcase><testcase/></testcase></testsuite>", "inside a test case"),
        (b"{}", "not well-formed"),
    ],
)
def test_an_unusable_report_is_refused_with_its_name(text: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        read(text)
    assert caught.value.where.startswith("junit.xml")


def test_a_report_is_read_in_pieces_as_it_comes() -> None:
    pieces = [PYTEST[at : at + 7] for at in range(0, len(PYTEST), 7)]
    assert read_junit(pieces, "junit.xml") == read(PYTEST)


def test_a_report_beyond_the_size_limit_is_refused_while_it_is_read() -> None:
    def endless() -> object:
        yield b"<testsuite>"
        while True:
            yield b" " * (1 << 24)

    with pytest.raises(BadInput, match="larger than"):
        read_junit(endless(), "junit.xml")  # type: ignore[arg-type]  # a generator of bytes, typed as object


def test_cobertura_lines_are_counted_once_and_totals_that_differ_are_a_remark() -> None:
    text = b"""<?xml version="1.0" ?><!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
    <coverage lines-covered="2" lines-valid="3"><packages><package><classes><class filename="a.py">
    <methods><method><lines><line number="1" hits="1"/></lines></method></methods>
    <lines><line number="1" hits="1"/><line number="2" hits="0"/><line number="3" hits="12"/></lines>
    </class></classes></package></packages></coverage>"""
    coverage = read_cobertura(text, "coverage.xml")
    assert (coverage.covered, coverage.valid, coverage.remarks) == (2, 3, ())
    assert coverage.ratio == Decimal("0.666666666666")
    inflated = read_cobertura(text.replace(b'lines-covered="2"', b'lines-covered="3"'), "coverage.xml")
    assert (inflated.covered, len(inflated.remarks)) == (2, 1)


def test_lcov_and_coverage_json_give_the_same_figures() -> None:
    lcov = read_lcov(b"TN:\nSF:a.py\nDA:1,1\nLF:3\nLH:2\nend_of_record\n", "lcov.info")
    own = read_coverage_json(b'{"files": {"a.py": {"summary": {"covered_lines": 2, "num_statements": 3}}}}', "c.json")
    assert (lcov.covered, lcov.valid) == (own.covered, own.valid) == (2, 3)


@pytest.mark.req("TST-07")
def test_coverage_of_nothing_has_no_ratio() -> None:
    assert read_coverage_json(b'{"files": {}}', "c.json").ratio is None


def test_unusable_coverage_files_are_refused() -> None:
    for text in (b"", b"SF:a\nLF:1\nLH:1\n", b"SF:a\nLF:1\nLH:2\nend_of_record\n"):
        with pytest.raises(BadInput):
            read_lcov(text, "lcov.info")
    for text in (b"<report/>", b'<!DOCTYPE coverage [<!ENTITY a "b">]><coverage/>', b"<coverage>"):
        with pytest.raises(BadInput):
            read_cobertura(text, "coverage.xml")
    for text in (b"{}", b'{"files": {"a": 1}}', b'{"files": {"a": {"summary": {"covered_lines": 2}}}}'):
        with pytest.raises(BadInput):
            read_coverage_json(text, "c.json")


def outcomes_of(passed: int, failed: int, skipped: int) -> tuple[tuple[Outcome, int], ...]:
    return ("passed", passed), ("failed", failed), ("skipped", skipped)


def cases(passed: int, failed: int = 0, skipped: int = 0) -> tuple[CaseResult, ...]:
    words: list[Outcome] = []
    for word, count in outcomes_of(passed, failed, skipped):
        words += [word] * count
    return tuple(CaseResult("s", "t", f"case-{number}", word) for number, word in enumerate(words))


SMOKE = SuiteSeen("smoke", "smoke", cases(10), RAW)
WELL = ExecutionSeen((SMOKE,), NOW, NOW + timedelta(minutes=5))


def result(seen: ExecutionSeen) -> Fields:
    body: Body = execution_body(seen)
    assert disagreements(NAME, body) == ()
    return Fields(body).part("test_execution")


@pytest.mark.req("TST-02", "EVS-02")
def test_the_results_are_the_sums_over_the_suites() -> None:
    assert result(WELL).values == {
        "started_at": "2026-11-21T10:00:00Z",
        "ended_at": "2026-11-21T10:05:00Z",
        "targeted": 10,
        "executed": 10,
        "passed": 10,
        "failed": 0,
        "skipped": 0,
        "critical_failed": 0,
        "coverage": 1,
        "pass_rate": 1,
        "status": "pass",
    }


@pytest.mark.req("TST-04", "C18", "NB-10")
def test_coverage_is_the_share_of_targeted_cases_that_were_executed() -> None:
    at_limit = replace(WELL, suites=(replace(SMOKE, cases=cases(9, skipped=1)),))
    below = replace(WELL, suites=(replace(SMOKE, cases=cases(8999, skipped=1001)),))
    assert result(at_limit).number("coverage") == Decimal("0.9")
    assert result(below).number("coverage") == Decimal("0.8999")
    assert result(at_limit).number("pass_rate") == 1


@pytest.mark.req("TR-03")
def test_an_expected_case_that_is_absent_or_skipped_lowers_the_coverage() -> None:
    targets = frozenset({"t::case-0", "case-1", "t::vanished", "t::also-gone"})
    named = replace(SMOKE, cases=cases(4), targets=targets)
    measured = result(replace(WELL, suites=(named,)))
    assert (measured.count("targeted"), measured.count("executed")) == (4, 2)


@pytest.mark.req("TR-03")
def test_a_case_that_nobody_expected_does_not_raise_the_coverage_but_its_failure_counts() -> None:
    named = replace(SMOKE, cases=cases(9, failed=1), targets=frozenset({"case-0"}))
    measured = result(replace(WELL, suites=(named,)))
    assert (measured.count("targeted"), measured.count("executed"), measured.count("failed")) == (2, 2, 1)
    assert measured.text("status") == "fail"


@pytest.mark.req("TR-02")
def test_fewer_cases_than_the_minimum_lower_the_coverage() -> None:
    assert result(replace(WELL, suites=(replace(SMOKE, minimum=20),))).number("coverage") == Decimal("0.5")


@pytest.mark.req("TR-02", "TST-07", "TST-01")
@pytest.mark.parametrize(
    "seen",
    [
        replace(WELL, suites=()),
        replace(WELL, suites=(SMOKE, replace(SMOKE, name="regression", kind="regression", cases=()))),
        replace(WELL, suites=(replace(SMOKE, cases=cases(0, skipped=3)),)),
        replace(WELL, suites=(replace(SMOKE, raw=()),)),
        replace(WELL, unreadable=(UnreadableReport("other.xml", "cut off"),)),
    ],
)
def test_nothing_executed_or_read_is_no_pass(seen: ExecutionSeen) -> None:
    assert not result(seen).has("status")


@pytest.mark.req("TR-06")
def test_a_report_from_before_the_execution_is_no_pass() -> None:
    old = replace(SMOKE, produced_at=NOW - timedelta(seconds=1))
    assert not result(replace(WELL, suites=(old,))).has("status")
    assert result(replace(WELL, suites=(replace(SMOKE, produced_at=NOW),))).text("status") == "pass"


OWNED = FailureNote("code", Mitigation("ada", "fix in 2.4.2", NOW + timedelta(days=3)))
ONE_FAILS = replace(SMOKE, cases=cases(9, failed=1))
FAILED_ID = "t::case-9"


@pytest.mark.req("TST-03", "TST-05", "C19")
def test_a_mitigated_critical_failure_ends_the_pause_and_still_fails() -> None:
    plain = replace(WELL, suites=(ONE_FAILS,))
    assert unmitigated(execution_body(plain)) == (FAILED_ID,)
    mitigated = replace(plain, notes={FAILED_ID: OWNED})
    assert unmitigated(execution_body(mitigated)) == ()
    assert result(mitigated).text("status") == "fail"
    assert result(mitigated).count("critical_failed") == 1
    assert Fields(execution_body(mitigated)).rows("failures")[0].text("cause") == "code"


@pytest.mark.req("C19")
@pytest.mark.parametrize(
    ("note", "word"),
    [
        (OWNED, "pass"),
        (FailureNote(), "fail"),
        (FailureNote(mitigation=Mitigation("", "x", NOW + timedelta(days=3))), "fail"),
        (FailureNote(mitigation=Mitigation("ada", "x", None)), "fail"),
        (FailureNote(mitigation=Mitigation("ada", "x", NOW)), "fail"),
    ],
)
def test_a_known_noncritical_failure_needs_an_owner_and_a_date_to_come(note: FailureNote, word: str) -> None:
    suite = replace(ONE_FAILS, noncritical=("t::case-9",))
    assert result(replace(WELL, suites=(suite,), notes={FAILED_ID: note})).text("status") == word


def test_an_unmarked_failure_is_critical() -> None:
    suite = replace(ONE_FAILS, noncritical=("other::*",))
    assert result(replace(WELL, suites=(suite,), notes={FAILED_ID: OWNED})).text("status") == "fail"


@pytest.mark.req("NB-02")
def test_hand_written_counts_are_found() -> None:
    body = execution_body(replace(WELL, suites=(ONE_FAILS,)))
    assert disagreements(NAME, {**body, "failures": []}) != ()
    execution = {**result(replace(WELL, suites=(ONE_FAILS,))).values, "status": "pass", "critical_failed": 0}
    assert len(disagreements(NAME, {**body, "test_execution": execution})) == 2


def test_code_coverage_is_a_second_figure() -> None:
    assert execution_body(replace(WELL, code_coverage=Decimal("0.81")))["code_coverage"] == Decimal("0.81")


@pytest.mark.req("TST-02", "F3")
def test_whole_test_results_lack_no_required_field() -> None:
    assert faults(NAME, execution_body(replace(WELL, suites=(ONE_FAILS,)))) == []


GO = b"""{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestOk"}
{"Action":"output","Package":"a","Test":"TestOk","Output":"--- PASS"}
{"Action":"pass","Package":"a","Test":"TestOk","Elapsed":0.010}
{"Action":"run","Package":"a","Test":"TestKilled"}
{"Action":"run","Package":"a","Test":"TestLater"}
{"Action":"skip","Package":"a","Test":"TestLater","Elapsed":0}
{"Action":"fail","Package":"a","Elapsed":0.1}
{"Action":"fail","Package":"b","Elapsed":0}
"""


@pytest.mark.req("TST-02", "TST-07")
def test_go_events_give_cases_and_what_never_ended_or_never_built_failed() -> None:
    cases = read_go_tests(GO, "go.json").cases
    assert [(case.id, case.outcome) for case in cases] == [
        ("a::TestOk", "passed"),
        ("a::TestKilled", "failed"),
        ("a::TestLater", "skipped"),
        ("b::(package)", "failed"),
    ]
    assert str(cases[0].seconds) == "0.01"


@pytest.mark.parametrize("text", [b"", b"PASS\n", b'{"Action":"run","Package":"a","Test":"T"}\n', GO[:60]])
def test_go_output_that_is_cut_or_no_event_is_refused(text: bytes) -> None:
    with pytest.raises(BadInput):
        read_go_tests(text, "go.json")


LOCUST = b"""Type,Name,Request Count,Failure Count,Median Response Time,50%,95%,99%
GET,/,990,1,12,12,80,120
GET,/cart,10,0,30,30,90,N/A
,Aggregated,1000,1,12,12,80,N/A
"""


@pytest.mark.req("TR-05")
def test_a_load_run_is_judged_by_its_numbers() -> None:
    load = read_locust(LOCUST, "stats.csv")
    assert (load.requests, load.failures, load.failure_rate) == (1000, 1, Decimal("0.001"))
    assert load.percentiles == {"50%": 12, "95%": 80}


@pytest.mark.req("TR-05", "FP-20")
def test_a_load_run_without_requests_has_no_failure_rate() -> None:
    empty = read_locust(b"Type,Name,Request Count,Failure Count,95%\n,Aggregated,0,0,N/A\n", "stats.csv")
    assert empty.failure_rate is None
    assert empty.percentiles == {}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Name\nAggregated\n",
        LOCUST.replace(b",Aggregated,1000", b",Aggregated,2000"),
        LOCUST.replace(b",Aggregated,", b",Total,"),
        LOCUST.replace(b"1000,1,12", b"1000,2000,12"),
        LOCUST.replace(b"990", b"many"),
        LOCUST.replace(b"GET,/cart,10,0,30,30,90,N/A", b"GET,/cart"),
        b"\xff",
    ],
)
def test_load_statistics_that_contradict_themselves_are_refused(text: bytes) -> None:
    with pytest.raises(BadInput, match="unusable"):
        read_locust(text, "stats.csv")


def test_an_element_that_means_nothing_inside_a_case_is_a_remark() -> None:
    report = read(b'<testsuite><testcase name="a"><failed/><system-out>x</system-out></testcase></testsuite>')
    assert report.remarks == ("junit.xml has <failed> inside a test case, which means nothing here",)
