"""Smoke tests of the running release: body of `smoke-test-results.json` (F21, PDV-03, AG3-01, CMD-33).

A critical test that was skipped has not passed. Without a critical test there is no critical rate and no status.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import get_args

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, share
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_reports import Outcome
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """One smoke test; unmarked tests are critical (III.6)."""

    name: str
    result: Outcome
    duration: timedelta
    critical: bool = True
    detail: str = ""


def smoke_body(tests: tuple[SmokeTest, ...]) -> Body:
    """Body of the smoke test results (F21)."""
    raw: Body = {
        "tests": [
            {
                "name": test.name,
                "critical": test.critical,
                "result": test.result,
                "duration": duration_text(test.duration),
                "detail": test.detail,
            }
            for test in tests
        ]
    }
    return filled(raw, derived_smoke(raw))


def derived_smoke(body: Mapping[str, Tree]) -> Derived:
    """Counts, both pass rates and the status (III.2)."""
    tests = Fields(body).rows("tests")
    results = [test.word("result", get_args(Outcome)) for test in tests]
    critical = [test.text("result") for test in tests if test.flag("critical")]
    executed = len(results) - results.count("skipped")
    passed = critical.count("passed") == len(critical)
    return {
        "/smoke/executed": executed,
        "/smoke/passed": results.count("passed"),
        "/smoke/failed": results.count("failed"),
        "/smoke/pass_rate": share(results.count("passed"), executed),
        "/smoke/critical_pass_rate": share(critical.count("passed"), len(critical)),
        "/smoke/status": None if not critical else "pass" if passed else "fail",
    }
