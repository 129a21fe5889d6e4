"""Results of test runs in staging: body of `staging-test-results.json` (F3, TST-01..07, C18, C19).

Coverage is the share of the targeted cases that were executed. Skipped cases are not executed. A case that no list
calls non-critical is critical. No suite, a suite without an executed case, a report from before the execution began or
one that cannot be read leaves the status out: no gate can pass then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, share, time_text, without_none
from gonogo.measure.header import RawFile, raw_rows
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_reports import CaseResult
from gonogo.values import dataclass

SuiteKind: TypeAlias = Literal["smoke", "end_to_end", "acceptance", "regression"]
FailureCause: TypeAlias = Literal["deployment", "code", "environment"]


@dataclass(frozen=True, slots=True)
class Mitigation:
    """Who repairs a failing test, how, until when. It ends a pause; it never turns a failure into a pass (C19)."""

    owner: str
    plan: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class FailureNote:
    """What people recorded about one failing test (TST-05)."""

    cause: FailureCause | None = None
    mitigation: Mitigation | None = None


@dataclass(frozen=True, slots=True)
class SuiteSeen:
    """A declared suite with the cases of its reports.

    `targets` are ids or names of the cases that were meant to run; without them all cases of the reports are, and at
    least `minimum`. `noncritical` are globs of ids that are known not to be critical. `produced_at` is when the reports
    say they were made, None where they were made by this very execution; they may be `max_age` older than it (TR-06).
    """

    name: str
    kind: SuiteKind
    cases: tuple[CaseResult, ...]
    raw: tuple[RawFile, ...]
    targets: frozenset[str] = frozenset()
    minimum: int = 1
    noncritical: tuple[str, ...] = ()
    produced_at: datetime | None = None
    max_age: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class UnreadableReport:
    """A report that was there and could not be read."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExecutionSeen:
    """All declared suites, whether or not they ran; notes by test id; remarks of the readers (TR-04).

    `code_coverage` is None where nothing measures it; where it does, the results pass only from `least_coverage` on.
    """

    suites: tuple[SuiteSeen, ...]
    started_at: datetime
    ended_at: datetime
    unreadable: tuple[UnreadableReport, ...] = ()
    notes: Mapping[str, FailureNote] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    code_coverage: Decimal | None = None
    least_coverage: Decimal | None = None


def execution_body(seen: ExecutionSeen) -> Body:
    """Body of the staging test results (F3)."""
    suites = [_suite_row(suite) for suite in seen.suites]
    raw: Body = without_none(
        {
            "test_execution": {"started_at": time_text(seen.started_at), "ended_at": time_text(seen.ended_at)},
            "suites": suites,
            "failures": [row for suite in seen.suites for row in _failure_rows(suite, seen.notes)],
            "unreadable": [{"name": report.name, "reason": report.reason} for report in seen.unreadable],
            "remarks": list(seen.remarks),
            "code_coverage": seen.code_coverage,
            "least_code_coverage": seen.least_coverage,
            "flaky": [row for suite in seen.suites for row in _flaky_rows(suite)],
        }
    )
    return filled(raw, derived_execution(raw))


def derived_execution(body: Mapping[str, Tree]) -> Derived:
    """Counts, coverage, pass rate and status, from the suites and failures alone (III.2)."""
    fields = Fields(body)
    suites = fields.rows("suites")
    sums = {
        word: sum(suite.count(word) for suite in suites)
        for word in ("targeted", "executed", "passed", "failed", "skipped")
    }
    failures = fields.rows("failures")
    return {
        **{f"/test_execution/{word}": number for word, number in sums.items()},
        "/test_execution/critical_failed": sum(failure.flag("critical") for failure in failures),
        "/test_execution/coverage": share(sums["executed"], sums["targeted"]),
        "/test_execution/pass_rate": share(sums["passed"], sums["executed"]),
        "/test_execution/status": _status(fields, sums),
    }


def unmitigated(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Critical failures without owner and plan: while there are any, the run pauses (TST-03)."""
    return tuple(
        failure.text("test")
        for failure in Fields(body).rows("failures")
        if failure.flag("critical") and not _has_plan(failure)
    )


def _suite_row(suite: SuiteSeen) -> Body:
    meant = [case for case in suite.cases if _is_meant(case, suite.targets)]
    stray = [case for case in suite.cases if not _is_meant(case, suite.targets)]
    counted = meant + [case for case in stray if case.outcome == "failed"]
    hit = {target for target in suite.targets if any(target in (case.id, case.name) for case in meant)}
    unseen = len(suite.targets - hit)
    targeted = max(len(counted) + unseen, 0 if suite.targets else suite.minimum)
    outcomes = [case.outcome for case in counted]
    row: Body = {
        "name": suite.name,
        "kind": suite.kind,
        "minimum": suite.minimum,
        "targeted": targeted,
        "executed": len(outcomes) - outcomes.count("skipped"),
        "passed": outcomes.count("passed"),
        "failed": outcomes.count("failed"),
        "skipped": outcomes.count("skipped"),
        "flaky": sum(case.flaky for case in counted),
        "unlisted": len(stray),
        "raw": raw_rows(suite.raw),
    }
    if suite.max_age:
        row["max_age"] = duration_text(suite.max_age)
    return row if suite.produced_at is None else {**row, "produced_at": time_text(suite.produced_at)}


def _flaky_rows(suite: SuiteSeen) -> list[Body]:
    """Cases that failed and passed when they were repeated: they count as passed, and everybody sees it."""
    return [{"test": case.id, "suite": suite.name} for case in suite.cases if case.flaky]


def _is_meant(case: CaseResult, targets: frozenset[str]) -> bool:
    return not targets or case.id in targets or case.name in targets


def _failure_rows(suite: SuiteSeen, notes: Mapping[str, FailureNote]) -> list[Body]:
    rows = []
    for case in suite.cases:
        if case.outcome == "failed":
            note = notes.get(case.id, FailureNote())
            critical = not any(fnmatchcase(case.id, pattern) for pattern in suite.noncritical)
            mitigation = _mitigation_row(note.mitigation) if note.mitigation else None
            rows.append(
                without_none(
                    {
                        "test": case.id,
                        "suite": suite.name,
                        "critical": critical,
                        "cause": note.cause,
                        "mitigation": mitigation,
                    }
                )
            )
    return rows


def _mitigation_row(mitigation: Mitigation) -> Body:
    due = time_text(mitigation.due) if mitigation.due else None
    return without_none({"owner": mitigation.owner, "plan": mitigation.plan, "due": due})


def _has_plan(failure: Fields) -> bool:
    mitigation = failure.maybe_part("mitigation")
    return mitigation is not None and mitigation.filled("owner") and mitigation.filled("plan")


def _is_owned(failure: Fields, ended_at: datetime) -> bool:
    """Whether a known non-critical failure has an owner and a date that had not passed when the tests ended (C19)."""
    mitigation = failure.maybe_part("mitigation")
    if mitigation is None or not mitigation.filled("owner"):
        return False
    due = mitigation.maybe_moment("due")
    return due is not None and due >= ended_at


def _status(fields: Fields, sums: Mapping[str, int]) -> str | None:
    """`fail` as soon as a failure counts; else `pass` only if every suite ran and every report was read (TST-07)."""
    suites, failures = fields.rows("suites"), fields.rows("failures")
    began_at, ended_at = (fields.part("test_execution").moment(word) for word in ("started_at", "ended_at"))
    if len(failures) != sums["failed"]:
        return "fail"
    if any(failure.flag("critical") or not _is_owned(failure, ended_at) for failure in failures):
        return "fail"
    if any(0 < suite.count("executed") < suite.count("minimum") for suite in suites if suite.has("minimum")):
        return "fail"
    covered = _is_covered(fields)
    if covered is False:
        return "fail"
    adds_up = all(_adds_up(suite) for suite in suites) and covered is not None
    ran = bool(suites) and all(suite.count("executed") > 0 and suite.rows("raw") for suite in suites)
    fresh = all(_is_fresh(suite, began_at, ended_at) for suite in suites)
    return "pass" if ran and fresh and adds_up and not fields.rows("unreadable") else None


def _is_covered(fields: Fields) -> bool | None:
    """Whether the code coverage reaches its limit; True where none is demanded, None where it was not measured."""
    least = fields.maybe_number("least_code_coverage")
    if least is None:
        return True
    measured = fields.maybe_number("code_coverage")
    return None if measured is None else measured >= least


def _is_fresh(suite: Fields, began_at: datetime, ended_at: datetime) -> bool:
    """Whether the reports are of this execution, or as old as the project allows, and not from the future (TR-06)."""
    produced_at = suite.maybe_moment("produced_at")
    allowed = suite.maybe_duration("max_age") or timedelta(0)
    return produced_at is None or began_at - allowed <= produced_at <= ended_at


def _adds_up(suite: Fields) -> bool:
    executed = suite.count("executed")
    return executed == suite.count("passed") + suite.count("failed") and executed <= suite.count("targeted")
