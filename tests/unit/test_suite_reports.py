"""Results of suites in every form that projects bind: dialects of JUnit, load summaries, retries, times, notes of people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.measure.failure_notes import read_failure_notes
from gonogo.measure.header import RawFile
from gonogo.measure.load_summaries import read_k6, read_locust_limits
from gonogo.measure.rederiving import disagreements
from gonogo.measure.report_times import made_within
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_forms import COVERAGE_READERS, TEST_READERS, settled_retries
from gonogo.measure.test_reports import CaseResult, read_junit
from gonogo.measure.tests_measured import ExecutionSeen, SuiteSeen, execution_body
from gonogo.terms import Digest

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RAW = (RawFile("junit-smoke.xml", Digest("aa" * 32)),)

DIALECTS = {
    "pytest": """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0"
failures="1" skipped="1" tests="3" time="0.050" timestamp="2026-11-21T12:00:00.123456+00:00" hostname="ci">
<testcase classname="tests.test_a" name="test_ok" time="0.001"/>
<testcase classname="tests.test_a" name="test_bad" time="0.002"><failure message="assert 0">trace</failure></testcase>
<testcase classname="tests.test_a" name="test_later" time="0.0"><skipped type="pytest.skip" message="m"/></testcase>
</testsuite></testsuites>""",
    "surefire": """<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:noNamespaceSchemaLocation="https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report-3.0.xsd"
 version="3.0" name="com.acme.CartTest" time="0.05" tests="3" errors="0" skipped="1" failures="1">
<properties><property name="java.version" value="17"/></properties>
<testcase name="adds" classname="com.acme.CartTest" time="0.01"><system-out><![CDATA[hi]]></system-out></testcase>
<testcase name="pays" classname="com.acme.CartTest" time="0.01"><failure message="x" type="AssertionError"><![CDATA[at]]></failure></testcase>
<testcase name="later" classname="com.acme.CartTest" time="0"><skipped message="@Disabled"/></testcase></testsuite>""",
    "gradle": """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="com.acme.CartTest" tests="3" skipped="1" failures="1" errors="0" timestamp="2026-11-21T12:00:00" hostname="ci" time="0.02">
<properties/><testcase name="adds()" classname="com.acme.CartTest" time="0.01"/>
<testcase name="pays()" classname="com.acme.CartTest" time="0.01"><failure message="x" type="org.opentest4j.AssertionFailedError">at</failure></testcase>
<testcase name="later()" classname="com.acme.CartTest" time="0.0"><skipped/></testcase>
<system-out><![CDATA[]]></system-out><system-err><![CDATA[]]></system-err></testsuite>""",
    "jest": """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="3" failures="1" errors="0" time="0.9">
<testsuite name="cart" errors="0" failures="1" skipped="1" timestamp="2026-11-21T12:00:00" time="0.5" tests="3">
<testcase classname="cart adds" name="cart adds" time="0.002"></testcase>
<testcase classname="cart pays" name="cart pays" time="0.002"><failure>Error: expect</failure></testcase>
<testcase classname="cart later" name="cart later" time="0"><skipped/></testcase></testsuite></testsuites>""",
    "mocha": """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="Mocha Tests" time="0.006" tests="3" failures="1" skipped="1">
<testsuite name="Root Suite" timestamp="2026-11-21T12:00:00" tests="0" time="0.000" failures="0"></testsuite>
<testsuite name="Cart" timestamp="2026-11-21T12:00:00" tests="3" file="/app/test/cart.js" time="0.006" failures="1" skipped="1">
<testcase name="Cart adds" time="0.001" classname="adds"></testcase>
<testcase name="Cart pays" time="0.003" classname="pays"><failure message="expected" type="AssertionError"><![CDATA[at]]></failure></testcase>
<testcase name="Cart later" time="0.000" classname="later"><skipped/></testcase></testsuite></testsuites>""",
    "node": """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
\t<testcase name="adds" time="0.000999" classname="test"/>
\t<testcase name="breaks" time="0.008171" classname="test" failure="The expression evaluated to a falsy value">
\t\t<failure type="testCodeFailure" message="falsy">[Error [ERR_TEST_FAILURE]: falsy] { code: 'ERR_TEST_FAILURE' }</failure>
\t</testcase>
\t<testsuite name="cart" time="0.000775" disabled="0" errors="0" tests="1" failures="0" skipped="1" hostname="vm">
\t\t<testcase name="todo" time="0.000147" classname="test"><skipped type="todo" message="true"/></testcase>
\t</testsuite>
\t<!-- tests 3 -->
</testsuites>""",
    "go-junit-report": """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" skipped="1">
<testsuite name="acme.org/cart" tests="3" failures="1" errors="0" id="0" hostname="ci" skipped="1" time="0.010" timestamp="2026-11-21T12:00:00Z">
<properties><property name="go.version" value="go1.22"></property></properties>
<testcase name="TestAdds" classname="acme.org/cart" time="0.010"></testcase>
<testcase name="TestPays" classname="acme.org/cart" time="0.000"><failure message="Failed"><![CDATA[    cart_test.go:9: no]]></failure></testcase>
<testcase name="TestLater" classname="acme.org/cart" time="0.000"><skipped message="Skipped"></skipped></testcase>
</testsuite></testsuites>""",
}


@pytest.mark.req("TST-02", "TR-01", "TR-04")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_of_junit_gives_one_pass_one_failure_and_one_skipped_case_without_a_remark(dialect: str) -> None:
    report = read_junit([DIALECTS[dialect].encode()], "junit.xml")
    assert [case.outcome for case in report.cases] == ["passed", "failed", "skipped"]
    assert report.remarks == ()


@pytest.mark.req("TR-06")
@pytest.mark.parametrize(
    ("stamps", "earliest", "latest"),
    [
        (["2026-11-21T12:00:00Z"], NOON, NOON),
        (["2026-11-21T13:00:00.5+01:00"], NOON, NOON),
        (["2026-11-21T12:00:00"], NOON - timedelta(hours=14), NOON + timedelta(hours=14)),
        (["2026-11-21T12:00:00Z", "2025-11-21T12:00:00Z"], NOON, NOON.replace(year=2025)),
    ],
)
def test_a_report_is_as_old_as_its_oldest_part_and_as_late_as_its_newest(
    stamps: list[str], earliest: datetime, latest: datetime
) -> None:
    within = made_within(stamps)
    assert within is not None
    assert (within.earliest, within.latest) == (earliest, latest)


def test_a_time_that_cannot_be_read_says_nothing() -> None:
    assert made_within(["yesterday", ""]) is None
    assert read_junit([DIALECTS["gradle"].encode()], "j.xml").stamps == ("2026-11-21T12:00:00",)


K6 = b"""{"metrics": {"http_reqs": {"type": "counter", "contains": "default", "values": {"count": 900, "rate": 30}},
"http_req_duration": {"type": "trend", "values": {"p(95)": 212.4},
 "thresholds": {"p(95)<500": {"ok": true}, "p(99)<600": {"ok": false}}}}, "root_group": {"checks": []}}"""


@pytest.mark.req("TR-05", "TST-02")
def test_thresholds_of_both_forms_of_a_k6_summary_are_cases() -> None:
    assert [(case.id, case.outcome) for case in read_k6(K6, "k6.json").cases] == [
        ("http_req_duration::p(95)<500", "passed"),
        ("http_req_duration::p(99)<600", "failed"),
    ]
    flat = b'{"metrics": {"iterations": {"count": 9}, "d": {"p(95)": 1, "thresholds": {"p(95)<5": false, "p(9)<1": true}}}}'
    assert [case.outcome for case in read_k6(flat, "k6.json").cases] == ["passed", "failed"]


LOCUST = b"""Type,Name,Request Count,Failure Count,Median Response Time,50%,95%,99%
GET,/,900,9,12,12,120,410
GET,/cart,100,1,14,14,180,620
,Aggregated,1000,10,12,12,130,500
"""


@pytest.mark.req("TR-05")
@pytest.mark.parametrize(
    ("key", "limit", "outcome"),
    [
        ("failure_rate", "0.01", "passed"),
        ("failure_rate", "0.009", "failed"),
        ("95%", "130", "passed"),
        ("99%", "499", "failed"),
        ("requests", "1000", "passed"),
        ("requests", "1001", "failed"),
    ],
)
def test_figures_of_locust_are_judged_by_the_limits_of_the_project(key: str, limit: str, outcome: str) -> None:
    assert [case.outcome for case in read_locust_limits(LOCUST, "s.csv", {key: Decimal(limit)}).cases] == [outcome]


def test_a_limit_on_a_figure_that_locust_does_not_give_is_refused_with_what_it_gives() -> None:
    with pytest.raises(BadInput, match=r"no figure `97%`; it has failure_rate, requests, 50%, 95%, 99%"):
        read_locust_limits(LOCUST, "s.csv", {"97%": Decimal(1)})


@pytest.mark.parametrize("form", TEST_READERS)
@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\x00\x00", b"<html/>", b"PK\x03\x04", b"Name\n1\n"])
@pytest.mark.req("TST-07")
def test_nothing_else_is_taken_for_a_result(form: str, text: bytes) -> None:
    with pytest.raises(BadInput):
        TEST_READERS[form](text, "report", {"requests": Decimal(1)})


@pytest.mark.parametrize("form", COVERAGE_READERS)
@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\x00\x00", b"<html/>", b"SF:a\n"])
def test_nothing_else_is_taken_for_code_coverage(form: str, text: bytes) -> None:
    with pytest.raises(BadInput):
        COVERAGE_READERS[form](text, "report")


def cases(*words: str) -> tuple[CaseResult, ...]:
    return tuple(CaseResult("s", "t", name, outcome) for name, outcome in (word.split(":") for word in words))  # type: ignore[arg-type]  # outcomes as written


@pytest.mark.req("TST-07")
def test_a_case_that_passed_when_it_was_repeated_counts_once_and_is_flaky() -> None:
    settled = settled_retries(cases("a:failed", "b:passed", "a:passed", "c:passed", "c:failed"))
    assert [(case.name, case.outcome, case.flaky) for case in settled] == [
        ("a", "passed", True),
        ("b", "passed", False),
        ("c", "failed", False),
    ]
    body = execution_body(ExecutionSeen((SuiteSeen("smoke", "smoke", settled[:2], RAW),), NOON, NOON))
    assert body["flaky"] == [{"test": "t::a", "suite": "smoke"}]
    assert Fields(body).part("test_execution").text("status") == "pass"
    assert Fields(body).rows("suites")[0].count("flaky") == 1


WELL = ExecutionSeen((SuiteSeen("smoke", "smoke", cases("a:passed", "b:passed"), RAW, minimum=2),), NOON, NOON)


@pytest.mark.req("TST-04", "C18")
@pytest.mark.parametrize(
    ("measured", "least", "status"),
    [(None, None, "pass"), ("0.8", None, "pass"), ("0.8", "0.8", "pass"), ("0.79", "0.8", "fail"), (None, "0.8", None)],
)
def test_code_coverage_is_judged_only_where_the_project_binds_a_limit(
    measured: str | None, least: str | None, status: str | None
) -> None:
    covered, bound = (Decimal(text) if text else None for text in (measured, least))
    body = execution_body(replace(WELL, code_coverage=covered, least_coverage=bound))
    assert Fields(body).part("test_execution").maybe_text("status") == status
    assert disagreements("staging-test-results.json", body) == ()


@pytest.mark.req("TST-07", "TR-02")
@pytest.mark.parametrize(("minimum", "status"), [(2, "pass"), (3, "fail")])
def test_fewer_cases_than_the_minimum_are_a_failure_and_none_at_all_are_inconclusive(minimum: int, status: str) -> None:
    suite = replace(WELL.suites[0], minimum=minimum)
    assert Fields(execution_body(replace(WELL, suites=(suite,)))).part("test_execution").text("status") == status
    empty = replace(suite, cases=())
    assert not Fields(execution_body(replace(WELL, suites=(empty,)))).part("test_execution").has("status")


@pytest.mark.req("TR-06")
@pytest.mark.parametrize(("hours", "status"), [(1, "pass"), (3, None)])
def test_a_finished_report_may_be_as_old_as_the_project_says_and_no_older(hours: int, status: str | None) -> None:
    suite = replace(WELL.suites[0], produced_at=NOON - timedelta(hours=hours), max_age=timedelta(hours=2))
    body = execution_body(replace(WELL, suites=(suite,)))
    assert Fields(body).part("test_execution").maybe_text("status") == status


NOTES = b"""schema: gonogo/test-failures/1
failures:
  - test: tests.smoke.test_shop::test_banner
    cause: code
    owner: sam
    plan: fixed in 2.0.1
    due: 2026-12-01T00:00:00Z
  - test: other
    cause: environment
"""


@pytest.mark.req("TST-03", "TST-05")
def test_people_record_cause_and_mitigation_of_a_failing_test() -> None:
    notes = read_failure_notes(NOTES, "config/test-failures.yaml")
    banner, other = notes["tests.smoke.test_shop::test_banner"], notes["other"]
    assert banner.cause == "code"
    assert banner.mitigation is not None
    assert (banner.mitigation.owner, banner.mitigation.due) == ("sam", datetime(2026, 12, 1, tzinfo=UTC))
    assert (other.cause, other.mitigation) == ("environment", None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("gonogo/test-failures/1", "other/1", "must begin with `schema"),
        ("cause: code", "cause: weather", "is none of deployment, code, environment"),
        ("owner: sam", "ownr: sam", "`ownr` is not known"),
        ("test: other", "test: tests.smoke.test_shop::test_banner", "listed twice"),
        ("failures:\n", "failures: none\nmore:\n", "must be a list"),
    ],
)
def test_notes_that_cannot_be_used_are_named_with_their_line(old: str, new: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        read_failure_notes(NOTES.replace(old.encode(), new.encode()), "config/test-failures.yaml")
    assert caught.value.where.startswith("config/test-failures.yaml:")
    assert caught.value.next_step
