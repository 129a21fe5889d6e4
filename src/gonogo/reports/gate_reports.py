"""Judged gates for CI systems: JUnit XML, a job summary in Markdown, annotations (CIW-01, CIW-08)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from gonogo.run.gate import ClauseResult, GateJudgement
from gonogo.terms import Verdict

MOST_TEXT = 2000


def junit(protocol: str, judged: Sequence[GateJudgement]) -> str:
    """A JUnit file: a suite for each gate, a case for each clause; none judged is one error, never an empty pass."""
    if not judged:
        case = _case("gates", "judged", "error", "no run of this protocol has evidence that could be judged")
        return _document(f'<testsuite name={quoteattr(protocol)} tests="1" failures="0" errors="1">{case}</testsuite>')
    return _document("".join(_suite(each) for each in judged))


def _document(suites: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>{suites}</testsuites>\n'


def _suite(judged: GateJudgement) -> str:
    rows = [(result.clause.text, result.verdict, _why(result)) for result in judged.clauses]
    rows += [(name, verdict, why) for name, verdict, why in judged.lacking]
    cases = "".join(_case(judged.rule.name, name, _kind(verdict), why) for name, verdict, why in rows)
    failures = sum(_kind(verdict) == "failure" for _, verdict, _ in rows)
    errors = sum(_kind(verdict) == "error" for _, verdict, _ in rows)
    counts = f'tests="{len(rows)}" failures="{failures}" errors="{errors}"'
    return f"<testsuite name={quoteattr(_clean(judged.rule.name))} {counts}>{cases}</testsuite>"


def _kind(verdict: Verdict) -> str:
    """A clause that could not be measured is an error: a skipped case would look harmless."""
    return {Verdict.PASS: "", Verdict.FAIL: "failure"}.get(verdict, "error")


def _case(suite: str, name: str, kind: str, why: str) -> str:
    head = f"<testcase classname={quoteattr(_clean(suite))} name={quoteattr(_clean(name))}"
    if not kind:
        return f"{head}/>"
    text = _clean(why)
    return f"{head}><{kind} message={quoteattr(text)}>{escape(text)}</{kind}></testcase>"


def _why(result: ClauseResult) -> str:
    return f"measured {result.measured}, limit {result.limit}: {result.why}"


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MOST_TEXT]


def summary(title: str, judged: Sequence[GateJudgement]) -> str:
    """A job summary: one row for each gate, and each clause that does not hold with what it measured."""
    lines = [f"## {_cell(title)}", ""]
    if not judged:
        return "\n".join([*lines, "**NO-GO**: nothing could be judged; no run of this protocol has evidence.", ""])
    lines += ["| gate | verdict | clauses that hold |", "|---|---|---|"]
    for each in judged:
        held = sum(result.verdict is Verdict.PASS for result in each.clauses)
        lines.append(f"| {_cell(each.rule.name)} | {each.verdict.word.upper()} | {held} of {len(each.clauses)} |")
    faults = [
        f"- {_cell(each.rule.name)}: `{_code(result.clause.text)}` is {result.verdict.word}: {_cell(_why(result))}"
        for each in judged
        for result in each.clauses
        if result.verdict is not Verdict.PASS
    ]
    lines += ["", *faults] if faults else []
    return "\n".join([*lines, "", "gonogo signs nothing here: approvals and waivers are signatures of people.", ""])


def _cell(text: str) -> str:
    shown = _clean(text).replace("\\", "\\\\").replace("|", "\\|")
    return shown.replace("<", "&lt;").replace("`", "'")


def _code(text: str) -> str:
    return _clean(text).replace("`", "'").replace("|", "\\|")


def github_annotations(judged: Sequence[GateJudgement]) -> str:
    """GitHub annotations: an error at the line of the document for each clause that does not hold."""
    found = []
    for each in judged:
        for result in each.clauses:
            if result.verdict is not Verdict.PASS:
                origin = result.clause.origin
                place = f"file={_property(origin.file)},line={origin.line},title={_property(each.rule.name)}"
                found.append(f"::error {place}::{_message(f'{result.clause.text}: {_why(result)}')}")
    return "".join(f"{line}\n" for line in found)


def _message(text: str) -> str:
    return _clean(text).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
