"""Reader of `go test -json`: one event per line, numbers from the events of the cases (TST-02, components section 11).

A test that began and never ended failed: the package was killed or panicked. A package that fails without a failing
test (it does not build) is a failed case of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.measure.figures import trimmed
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_reports import CaseResult, Outcome, ReportRead

MOST_BYTES = 1 << 28

_UNBUILT: Final = re.compile(rb"FAIL\t(\S+) \[(?:build|setup) failed\]")
"""The one line that is no event: what go before 1.24 says of a package that does not build."""

_ENDS: Mapping[str, Outcome] = {"pass": "passed", "fail": "failed", "skip": "skipped"}


def read_go_tests(data: bytes, name: str) -> ReportRead:
    """All cases of one run; BadInput where a line is no event, or where no package ended (a cut report)."""
    if len(data) > MOST_BYTES:
        raise BadInput(f"larger than {MOST_BYTES} bytes", where=name, next_step="run fewer packages at once")
    cases: dict[tuple[str, str], CaseResult] = {}
    packages: dict[str, Outcome] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        if unbuilt := _UNBUILT.fullmatch(line.strip()):
            packages[unbuilt[1].decode("utf-8", "replace")] = "failed"
        elif line.strip():
            _take(Fields(read_object(line, name=f"{name}:{number}"), f"{name}:{number}"), cases, packages)
    if not packages:
        raise BadInput("no package ended in this report", where=name, next_step="let the test run finish")
    return ReportRead(name, (*cases.values(), *_broken(cases, packages)))


def _take(event: Fields, cases: dict[tuple[str, str], CaseResult], packages: dict[str, Outcome]) -> None:
    action = event.text("Action")
    package = event.maybe_text("Package") or event.maybe_text("ImportPath") or ""
    test = event.maybe_text("Test")
    if test is None:
        if action in _ENDS:
            packages[package] = _ENDS[action]
    elif action == "run":
        cases[package, test] = CaseResult(package, package, test, "failed")
    elif action in _ENDS:
        seconds = event.maybe_number("Elapsed")
        took = None if seconds is None else trimmed(seconds)
        cases[package, test] = CaseResult(package, package, test, _ENDS[action], took)


def _broken(cases: Mapping[tuple[str, str], CaseResult], packages: Mapping[str, Outcome]) -> list[CaseResult]:
    failed = {package for (package, _), case in cases.items() if case.outcome == "failed"}
    return [
        CaseResult(package, package, "(package)", "failed")
        for package, outcome in packages.items()
        if outcome == "failed" and package not in failed
    ]
