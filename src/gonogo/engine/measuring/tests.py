"""Test suites by the reports that their commands left (TST-01..TST-07, TR-06)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.runs_seen import LeftBehind, ended_here, left_behind, left_nothing, stage_began
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree
from gonogo.measure.failure_notes import read_failure_notes
from gonogo.measure.figures import time_text
from gonogo.measure.header import RawFile
from gonogo.measure.providers import FOREIGN
from gonogo.measure.report_times import made_within
from gonogo.measure.stored_fields import Fields
from gonogo.measure.test_forms import COVERAGE_READERS, settled_retries
from gonogo.measure.test_reports import CaseResult
from gonogo.measure.tests_measured import (
    ExecutionSeen,
    FailureNote,
    SuiteKind,
    SuiteSeen,
    UnreadableReport,
    execution_body,
    unmitigated,
)
from gonogo.plan.project import Suite
from gonogo.terms import digest_of
from gonogo.values import dataclass

SUITE_KINDS: Mapping[str, SuiteKind] = {
    "smoke": "smoke",
    "end_to_end": "end_to_end",
    "acceptance": "acceptance",
    "regression": "regression",
}
SKEW = timedelta(seconds=5)
LOADS = frozenset({"k6", "locust"})
"""Formats that are judged by limits: what their tools end with says something else (TR-05)."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One report of a suite: its cases, where it is kept, remarks of its reader, when it was made."""

    file: Produced
    raw: RawFile
    cases: tuple[CaseResult, ...]
    remarks: tuple[str, ...]
    made_at: datetime | None


def execution(
    bench: Bench, suites: tuple[Suite, ...], notes: Mapping[str, FailureNote] | None = None
) -> tuple[ExecutionSeen, tuple[Produced, ...]]:
    """What the reports of the suites say; an unreadable or absent one is said to be that."""
    seen: list[SuiteSeen] = []
    unreadable: list[UnreadableReport] = []
    reads: list[_Read] = []
    for suite in suites:
        found = [_report(bench, suite, index) for index in range(len(suite.results))]
        unreadable += [item for item in found if isinstance(item, UnreadableReport)]
        good = [item for item in found if isinstance(item, _Read)]
        reads += good
        if len(good) == len(found) and good:
            seen.append(_suite(suite, good))
    unreadable += _unexplained(bench, suites, seen)
    remarks = tuple(remark for read in reads for remark in read.remarks)
    execution_seen = ExecutionSeen(tuple(seen), stage_began(bench), bench.now, tuple(unreadable), notes or {}, remarks)
    return execution_seen, tuple(read.file for read in reads)


def _unexplained(bench: Bench, suites: tuple[Suite, ...], seen: list[SuiteSeen]) -> Iterator[UnreadableReport]:
    """Commands that failed although none of their suites has a failure: whether all of it ran is unknown."""
    failing = {suite.name for suite in seen if any(case.outcome == "failed" for case in suite.cases)}
    read = {suite.name for suite in seen}
    by_command: dict[str, list[Suite]] = {}
    for suite in suites:
        by_command.setdefault(suite.command, []).append(suite)
    for command, own in by_command.items():
        known = ended_here(bench, command)
        code = known.facts.get("exit_code") if known else None
        names = {suite.name for suite in own}
        if code and names <= read and not names & failing and not any(suite.form in LOADS for suite in own):
            why = f"`{command}` ended with exit status {code}, though no case failed; look at why it failed"
            yield UnreadableReport(own[0].results[0], why)


def _suite(suite: Suite, reads: list[_Read]) -> SuiteSeen:
    cases = tuple(case for read in reads for case in read.cases)
    times = [read.made_at for read in reads if read.made_at is not None]
    return SuiteSeen(
        suite.name,
        SUITE_KINDS[suite.kind],
        settled_retries(cases) if suite.retried else cases,
        tuple(read.raw for read in reads),
        targets=frozenset(suite.targets),
        minimum=suite.at_least,
        noncritical=suite.not_critical,
        produced_at=min(times, default=None),
        max_age=timedelta(seconds=float(suite.max_age)),
    )


def _report(bench: Bench, suite: Suite, index: int) -> _Read | UnreadableReport:
    """One report of a suite, read by its form; why it is no result where it is none."""
    name = suite.results[index]
    try:
        left = left_behind(bench, suite.command, name)
        if left is None:
            return UnreadableReport(name, f"suite `{suite.name}`: {left_nothing(bench, suite.command, name)}")
        read = bench.world.providers.tests(suite.form, left.data, name, suite.limits)
        made_at = _made_at(read.stamps, left, suite, name)
    except (BadInput, Broken) as error:
        where = f"{error.where}: " if error.where not in ("", name) else ""
        return UnreadableReport(name, f"suite `{suite.name}`: {where}{error.what}; {error.next_step}")
    number = f"-{index + 1}" if len(suite.results) > 1 else ""
    kept = f"{suite.form.removeprefix(FOREIGN)}-{suite.name}{number}{_ending(suite.form)}"
    return _Read(Produced(kept, left.data), RawFile(kept, left.digest), read.cases, read.remarks, made_at)


def _ending(form: str) -> str:
    return {"junit": ".xml", "locust": ".csv"}.get(form, ".json")


def _made_at(stamps: tuple[str, ...], left: LeftBehind, suite: Suite, name: str) -> datetime | None:
    """The latest moment at which the oldest part of a report can have been made. BadInput where none of it fits."""
    within = made_within(stamps)
    if within is None or left.ended_at is None:
        return left.ended_at
    if within.earliest > left.ended_at + SKEW:
        raise BadInput(
            f"it says that it was made at {time_text(within.earliest)}, after the suite had ended",
            where=name,
            next_step="correct the clock of the machine that ran the tests",
        )
    if within.latest < left.began_at - timedelta(seconds=float(suite.max_age)) - SKEW:
        raise BadInput(
            f"it is of {time_text(within.latest)}, before this run of the suite began",
            where=name,
            next_step="run the suite against this release, or say with `max_age` how old a finished report may be",
        )
    # Runners round to seconds: what lies in the skew is of this run.
    return (
        within.latest if within.latest < left.began_at - SKEW else min(left.ended_at, max(within.latest, left.began_at))
    )


def short_suites(suites: tuple[Suite, ...], seen: ExecutionSeen) -> tuple[str, ...]:
    """Suites that executed fewer cases than they have to, one sentence each: an empty run shows nothing (TST-07)."""
    executed = {suite.name: sum(case.outcome != "skipped" for case in suite.cases) for suite in seen.suites}
    return tuple(
        f"suite `{suite.name}` executed {executed[suite.name]} of at least {suite.at_least} cases"
        for suite in suites
        if executed.get(suite.name, suite.at_least) < suite.at_least
    )


def tests(bench: Bench) -> Looked:
    """The targeted suites in staging (TST-01..TST-07).

    A critical failure pauses the run until somebody records owner and plan; then the gate judges it as what it is.
    """
    project = bench.plan.project
    notes, inputs, faults = _notes(bench)
    seen, raw = execution(bench, project.suites, notes)
    bound = project.code_coverage
    covered, kept, more = _code_coverage(bench)
    seen = replace(
        seen,
        code_coverage=covered,
        least_coverage=bound.at_least if bound else None,
        unreadable=(*seen.unreadable, *faults, *more),
    )
    body = execution_body(seen)
    found = body["test_execution"]
    status = found.get("status") if isinstance(found, Mapping) else None
    # A failure that somebody answers for is the gate's to judge; it stays a failure (C19).
    answered_for = status == "fail" and bool(body["failures"]) and not unmitigated(body)
    ok = status == "pass" or answered_for
    report = bench.json("staging-test-results.json", body, inputs=inputs)
    detail = "" if ok else _told(bench, body, seen)
    return Looked(ok=ok, files=(*raw, *kept, report), detail=detail)


def _notes(bench: Bench) -> tuple[Mapping[str, FailureNote], tuple[RawFile, ...], tuple[UnreadableReport, ...]]:
    """What people recorded about failures, as it stands now; a file that is bound and not there holds no notes yet."""
    path = bench.plan.project.known_failures
    if path is None or bench.world.files.see(path).digest is None:
        return {}, (), ()
    try:
        data = bench.world.files.read(path)
        return read_failure_notes(data, path), (RawFile(path, digest_of(data)),), ()
    except BadInput as error:
        return {}, (), (UnreadableReport(path, f"{error.where}: {error.what}; {error.next_step}"),)


def _code_coverage(bench: Bench) -> tuple[Decimal | None, tuple[Produced, ...], tuple[UnreadableReport, ...]]:
    """The share of code that ran, the report as it is kept, and why there is none."""
    bound = bench.plan.project.code_coverage
    if bound is None:
        return None, (), ()
    try:
        left = left_behind(bench, bound.command, bound.report)
        if left is None:
            return None, (), (UnreadableReport(bound.report, left_nothing(bench, bound.command, bound.report)),)
        read = COVERAGE_READERS[bound.form](left.data, bound.report)
    except BadInput as error:
        return None, (), (UnreadableReport(bound.report, f"{error.where}: {error.what}; {error.next_step}"),)
    if read.ratio is None:
        why = "it counts no line at all; let the tests run with coverage switched on"
        return None, (), (UnreadableReport(bound.report, why),)
    return read.ratio, (Produced(f"code-coverage-{bound.form}{_coverage_ending(bound.form)}", left.data),), ()


def _coverage_ending(form: str) -> str:
    return {"cobertura": ".xml", "lcov": ".info"}.get(form, ".json")


def _told(bench: Bench, body: Mapping[str, Tree], seen: ExecutionSeen) -> str:
    """Why the results are no pass, and what to do."""
    fields = Fields(body)
    lines = [f"{item.name}: {item.reason}" for item in seen.unreadable]
    lines += short_suites(bench.plan.project.suites, seen)
    lines += [f"failed: {row.text('test')}" for row in fields.rows("failures")]
    least = fields.maybe_number("least_code_coverage")
    measured = fields.maybe_number("code_coverage")
    if least is not None and measured is not None and measured < least:
        lines.append(f"code coverage is {measured}, at least {least} is demanded")
    if not lines:
        return "no test was executed: let the suites run against staging"
    advice = _advice(bench, unmitigated(body))
    return "tests did not pass:\n" + "\n".join(f"  - {line}" for line in lines[:20]) + advice


def _advice(bench: Bench, failures: tuple[str, ...]) -> str:
    if not failures:
        return ""
    place = bench.plan.project.known_failures or "a file that `known_failures` in gonogo.yaml names"
    return (
        "\n  next: repair what fails and run the tests again; until then record cause, owner, plan and due date of "
        f"each in {place}; that ends the pause and turns no failure into a pass"
    )
