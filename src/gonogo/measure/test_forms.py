"""Every format of test results that is understood, by the word of the project file (TST-02, components section 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

from gonogo.measure.coverage_reports import CoverageRead, read_cobertura, read_coverage_json, read_lcov
from gonogo.measure.go_tests import read_go_tests
from gonogo.measure.load_summaries import read_k6, read_locust_limits
from gonogo.measure.test_reports import CaseResult, ReportRead, read_junit

TestReader: TypeAlias = Callable[[bytes, str, Mapping[str, Decimal]], ReportRead]
"""Bytes of a report, its name and the project's limits to its cases; BadInput for what is not a whole report."""


def junit_report(data: bytes, name: str, _limits: Mapping[str, Decimal]) -> ReportRead:
    """JUnit XML in all its dialects."""
    return read_junit((data,), name)


def go_report(data: bytes, name: str, _limits: Mapping[str, Decimal]) -> ReportRead:
    """The events of `go test -json`."""
    return read_go_tests(data, name)


def k6_report(data: bytes, name: str, _limits: Mapping[str, Decimal]) -> ReportRead:
    """The summary of k6, which brings its thresholds along."""
    return read_k6(data, name)


TEST_READERS: Mapping[str, TestReader] = {
    "junit": junit_report,
    "go-test": go_report,
    "k6": k6_report,
    "locust": read_locust_limits,
}
"""JUnit XML in all its dialects, `go test -json`, a k6 summary, locust's `--csv` statistics."""

COVERAGE_READERS: Mapping[str, Callable[[bytes, str], CoverageRead]] = {
    "cobertura": read_cobertura,
    "lcov": read_lcov,
    "coverage-json": read_coverage_json,
}
"""Code coverage, the second metric beside the coverage of targeted cases (C18)."""


def settled_retries(cases: Iterable[CaseResult]) -> tuple[CaseResult, ...]:
    """One case for all tries of one: the last try counts, and a pass after a failure is flaky (TST-07).

    Only for runners that are known to repeat failed cases: elsewhere two cases of one name are two cases.
    """
    last: dict[tuple[str, str], CaseResult] = {}
    for case in cases:
        known = last.get((case.suite, case.id))
        flaky = case.flaky or (known is not None and (known.flaky or known.outcome == "failed"))
        last[case.suite, case.id] = replace(case, flaky=flaky and case.outcome == "passed")
    return tuple(last.values())
