"""Why somebody decides so: what has to be said by whoever signs, and what a plain go says by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gonogo.control.answering import reason_of
from gonogo.errors import BadInput
from gonogo.run.state import Round
from gonogo.terms import digest_of

DIGEST = digest_of(b"x")


def asked(kind: str, point: str) -> Round:
    return Round(f"{point}-1", "task", 1, point, kind, DIGEST, DIGEST, DIGEST, "c", "2026-11-22T08:00:00Z", 1, datetime(2026, 11, 22, tzinfo=UTC), "open", ())


@pytest.mark.req("WIN-02")
@pytest.mark.parametrize(
    ("kind", "point", "decision"),
    [("approval", "break_glass", "go"), ("approval", "production", "no_go"), ("waiver", "waiver_security", "go"), ("signoff", "signoff_owner", "go"), ("acceptance", "acceptance_lock", "go")],
)
def test_no_silence_breaks_the_glass_waives_a_gate_or_says_no(kind: str, point: str, decision: str) -> None:
    for silence in ("", "  \n"):
        with pytest.raises(BadInput, match="reason"):
            reason_of(asked(kind, point), decision, silence)
    assert reason_of(asked(kind, point), decision, " customers wait ") == "customers wait"


def test_a_plain_go_says_that_the_gates_passed_and_one_to_a_rollback_does_not() -> None:
    assert reason_of(asked("approval", "readiness"), "go", "") == "all gates so far have passed"
    assert "passed" not in reason_of(asked("approval", "rollback"), "go", "")
