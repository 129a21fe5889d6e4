"""Test suites by the JUnit files that their commands left (TST-01..TST-07, TR-06)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.runs_seen import left_behind, stage_began
from gonogo.errors import BadInput
from gonogo.measure.header import RawFile
from gonogo.measure.test_reports import read_junit
from gonogo.measure.tests_measured import ExecutionSeen, SuiteKind, SuiteSeen, UnreadableReport, execution_body
from gonogo.plan.project import Suite

SUITE_KINDS: Mapping[str, SuiteKind] = {
    "smoke": "smoke",
    "end_to_end": "end_to_end",
    "acceptance": "acceptance",
    "regression": "regression",
}


def execution(bench: Bench, suites: tuple[Suite, ...]) -> tuple[ExecutionSeen, tuple[Produced, ...]]:
    """What the suites' JUnit files say; an unreadable or absent file is said to be that."""
    seen: list[SuiteSeen] = []
    unreadable: list[UnreadableReport] = []
    raw_files: list[Produced] = []
    for suite in suites:
        left = left_behind(bench, suite.command, suite.results)
        if left is None:
            unreadable.append(UnreadableReport(suite.results, f"suite `{suite.name}` left no {suite.results}"))
            continue
        try:
            read = read_junit([left.data], suite.results)
        except BadInput as error:
            unreadable.append(UnreadableReport(suite.results, error.what))
            continue
        raw_name = f"junit-{suite.name}.xml"
        raw_files.append(Produced(raw_name, left.data))
        seen.append(
            SuiteSeen(
                suite.name,
                SUITE_KINDS[suite.kind],
                read.cases,
                (RawFile(raw_name, left.digest),),
                minimum=suite.at_least,
                noncritical=suite.not_critical,
                produced_at=left.ended_at,
            )
        )
    return ExecutionSeen(tuple(seen), stage_began(bench), bench.now, tuple(unreadable)), tuple(raw_files)


def short_suites(suites: tuple[Suite, ...], seen: ExecutionSeen) -> tuple[str, ...]:
    """Suites that executed fewer cases than they have to, one sentence each: an empty run shows nothing (TST-07)."""
    executed = {suite.name: sum(case.outcome != "skipped" for case in suite.cases) for suite in seen.suites}
    return tuple(
        f"suite `{suite.name}` executed {executed[suite.name]} of at least {suite.at_least} cases"
        for suite in suites
        if executed.get(suite.name, suite.at_least) < suite.at_least
    )


def tests(bench: Bench) -> Looked:
    """The targeted suites in staging (TST-01..TST-07)."""
    seen, raw = execution(bench, bench.plan.project.suites)
    body = execution_body(seen)
    found = body["test_execution"]
    ok = isinstance(found, Mapping) and found.get("status") == "pass"
    detail = "" if ok else _failures(body, seen)
    return Looked(ok=ok, files=(*raw, bench.json("staging-test-results.json", body)), detail=detail)


def _failures(body: Mapping[str, object], seen: ExecutionSeen) -> str:
    rows = body.get("failures")
    lines = [f"{item.name}: {item.reason}" for item in seen.unreadable]
    lines += [
        f"failed: {row.get('test')}" for row in (rows if isinstance(rows, list) else []) if isinstance(row, Mapping)
    ]
    return (
        "tests did not pass:\n" + "\n".join(f"  - {line}" for line in lines[:20]) if lines else "no test was executed"
    )
