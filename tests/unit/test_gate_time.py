"""A gate looks at evidence when it is judged, not when it was written: what ran out meanwhile is no pass."""

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
    seen = OperationsSeen(
        (RunbookSeen("a.md", "api", NOW - 5 * DAY),),
        (DutySeen("api", "ada", "grace", NOW - DAY, NOW + 90 * DAY),),
        (EscalationSeen(1, "ada", reachable=True),),
        changed_at=NOW - 6 * DAY,
        runbook_max_age=7 * DAY,
        window=(NOW, NOW + DAY),
    )
    data = write_json(operations_body(seen, NOW))
    file = SealedFile(NAME, digest_of(data), data, "step", status)
    return judge(RULE, {NAME: file}, Subject(RunId("r"), Digest("0" * 64)), at)


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
