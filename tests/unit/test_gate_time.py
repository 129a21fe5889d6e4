"""A gate looks at evidence when it is judged, not when it was written: what ran out or is no whole file is no pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gonogo.evidence.canonical import write_json
from gonogo.findings import Origin
from gonogo.measure.operations import DutySeen, EscalationSeen, OperationsSeen, RunbookSeen, operations_body
from gonogo.plan.model import Bound, BoundClause, GateRule
from gonogo.protocol.model import WaiverForbidden
from gonogo.protocol.threshold import Op
from gonogo.run.gate import GateJudgement, SealedFile, Subject, judge
from gonogo.terms import Digest, RunId, Verdict, digest_of

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "operational-readiness.json"
HERE = Origin("protocol.md", 7)
CLAUSE = BoundClause(
    "operations.status = pass", "operations.status", NAME, "/operations/status", Op.EQ, Bound("pass"), "word", "", HERE
)


RULE = GateRule("g", "Gate", "Execution", "p", (CLAUSE,), (), (NAME,), "halt", (), WaiverForbidden(), False, HERE)


def judged(at: datetime, *, status: str = "measured") -> GateJudgement:
    return judge(RULE, {NAME: judged_file(status)}, Subject(RunId("r"), Digest("0" * 64)), at)


def judged_file(status: str = "measured") -> SealedFile:
    seen = OperationsSeen(
        (RunbookSeen("a.md", "api", NOW - 5 * DAY),),
        (DutySeen("api", "ada", "grace", NOW - DAY, NOW + 90 * DAY),),
        (EscalationSeen(1, "ada", reachable=True),),
        changed_at=NOW - 6 * DAY,
        runbook_max_age=7 * DAY,
        window=(NOW, NOW + DAY),
    )
    data = write_json(operations_body(seen, NOW))
    return SealedFile(NAME, digest_of(data), data, "step", status)


@pytest.mark.req("GAT-01", "INT-02")
def test_evidence_that_still_holds_passes_and_evidence_that_ran_out_is_inconclusive() -> None:
    assert judged(NOW + DAY).verdict is Verdict.PASS
    late = judged(NOW + 3 * DAY)
    assert late.verdict is Verdict.INCONCLUSIVE
    assert "was true when it was written and has run out" in late.lacking[0][2]
    assert [result.verdict for result in late.clauses] == [Verdict.INCONCLUSIVE]


@pytest.mark.req("GAT-01")
def test_a_claim_is_inconclusive_in_the_gate_and_in_each_of_its_clauses() -> None:
    claimed = judged(NOW, status="claimed")
    assert claimed.verdict is Verdict.INCONCLUSIVE
    assert [result.verdict for result in claimed.clauses] == [Verdict.INCONCLUSIVE]


BAD_TEXTS = {
    "nothing": (None, Verdict.INCONCLUSIVE, "has not been sealed"),
    "an empty file": (b"", Verdict.INCONCLUSIVE, "is empty"),
    "blanks only": (b" \n\t\n", Verdict.INCONCLUSIVE, "is empty"),
    "a disk that was full": (b"deploy\n" + b"\0" * 300, Verdict.ERROR, "consists of zero bytes"),
    "a page of a proxy": (b"<!DOCTYPE html><title>502 Bad Gateway</title>", Verdict.ERROR, "is a web page"),
    "another page of a proxy": (b"\n<html><body>502</body></html>", Verdict.ERROR, "is a web page"),
}


@pytest.mark.req("GAT-01")
@pytest.mark.parametrize("name", ["staging-deployment-run.log", "deployment-checklist.md"])
@pytest.mark.parametrize("what", BAD_TEXTS)
def test_a_log_or_a_page_that_is_no_whole_text_keeps_its_gate_from_passing(what: str, name: str) -> None:
    data, verdict, words = BAD_TEXTS[what]
    found = text_judged(name, data)
    assert found.verdict is verdict
    assert found.lacking[0][0] == name
    assert words in found.lacking[0][2]


@pytest.mark.req("GAT-01")
def test_a_page_is_utf_8_a_log_holds_what_commands_printed_and_an_archive_is_no_text() -> None:
    latin = "deployed für alle\n".encode("latin-1")
    assert text_judged("deployment-checklist.md", latin).verdict is Verdict.ERROR
    assert "is no UTF-8 text from byte 10 on" in text_judged("deployment-checklist.md", latin).lacking[0][2]
    for name, data in (("run.log", latin), ("run.log", b"a\0b, printed by find -print0 and much more"), ("package.zip", b"PK\0\0\0\0")):
        assert text_judged(name, data).verdict is Verdict.PASS


def text_judged(name: str, data: bytes | None) -> GateJudgement:
    rule = GateRule("g", "Gate", "Execution", "p", (CLAUSE,), (), (NAME, name), "halt", (), WaiverForbidden(), False, HERE)
    whole = judged_file()
    files = {NAME: whole} if data is None else {NAME: whole, name: SealedFile(name, digest_of(data), data, "step", "measured")}
    return judge(rule, files, Subject(RunId("r"), Digest("0" * 64)), NOW)
