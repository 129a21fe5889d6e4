"""Intake: presence, age, release, signatures; completeness, coverage and status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.measure.figures import Body
from gonogo.measure.intake import (
    ApprovalSeen,
    ArtifactSeen,
    FoundFile,
    IntakeSeen,
    RenewalRequest,
    StateSeen,
    gap_rows,
    intake_body,
)
from gonogo.measure.rederiving import disagreements
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity
from tests.whole_files import faults

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
RELEASE = Digest("aa" * 32)
OTHER = Digest("bb" * 32)
DAY = timedelta(days=1)
NAME = "intake-validation-report.json"

FILE = FoundFile(Digest("cc" * 32), 10, NOW - DAY, readable=True, verified=True, release_digest=RELEASE)
AUDIT = ArtifactSeen("QUALITY-AUDIT-PACKAGE.zip", "quality-audit", True, (FILE,), 30 * DAY, RELEASE)
SIGNED = ApprovalSeen("scope", "product-owner", "ada", NOW - DAY, NOW + DAY, signature_verified=True, granted=True)
STATE = StateSeen("credentials", "probe-vault", True, NOW)
ALL_WELL = IntakeSeen((AUDIT,), (SIGNED,), (STATE,))


def intake(body: Body) -> Fields:
    return Fields(body).part("intake_validation")


def state_of(artifact: ArtifactSeen) -> str:
    return Fields(intake_body(replace(ALL_WELL, artifacts=(artifact,)), NOW)).rows("artifacts")[0].text("state")


@pytest.mark.req("INT-03", "INT-09", "PG1-05")
def test_everything_present_current_and_signed_passes_with_both_figures_at_one() -> None:
    body = intake_body(replace(ALL_WELL, drift=Severity.LOW), NOW)
    assert intake(body).values == {
        "checked_at": "2026-11-21T10:00:00Z",
        "drift_severity": "low",
        "completeness_score": 1,
        "approval_coverage": 1,
        "status": "pass",
    }
    assert disagreements(NAME, body) == ()


@pytest.mark.req("INT-02", "NB-01")
def test_an_artifact_is_expired_one_second_past_its_age_and_not_before() -> None:
    at_limit = replace(AUDIT, found=(replace(FILE, produced_at=NOW - 30 * DAY),))
    past = replace(AUDIT, found=(replace(FILE, produced_at=NOW - 30 * DAY - timedelta(seconds=1)),))
    assert state_of(at_limit) == "ok"
    assert state_of(past) == "expired"


@pytest.mark.req("INT-02")
def test_the_earlier_of_age_limit_and_own_validity_date_counts() -> None:
    assert state_of(replace(AUDIT, found=(replace(FILE, expires_at=NOW - timedelta(seconds=1)),))) == "expired"


@pytest.mark.req("NB-01")
@pytest.mark.parametrize(
    ("file", "word"),
    [
        (replace(FILE, release_digest=OTHER), "invalid"),
        (replace(FILE, produced_at=None), "invalid"),
        (replace(FILE, produced_at=NOW + timedelta(seconds=5)), "ok"),
        (replace(FILE, produced_at=NOW + timedelta(seconds=6)), "invalid"),
        (replace(FILE, readable=False), "invalid"),
        (replace(FILE, verified=False), "invalid"),
        (replace(FILE, release_digest=None), "ok"),
    ],
)
def test_a_file_of_another_release_unknown_age_or_broken_is_a_gap(file: FoundFile, word: str) -> None:
    assert state_of(replace(AUDIT, found=(file,))) == word


@pytest.mark.req("PRE-03", "C6")
def test_two_names_of_one_artifact_may_hold_the_same_bytes_but_not_different_ones() -> None:
    assert state_of(replace(AUDIT, found=(FILE, FILE))) == "ok"
    assert state_of(replace(AUDIT, found=(FILE, replace(FILE, sha256=OTHER)))) == "invalid"


@pytest.mark.req("INT-04")
@pytest.mark.parametrize(
    ("artifact", "cause"),
    [
        (replace(AUDIT, found=()), "not_generated"),
        (replace(AUDIT, found=(), upstream_finished=False), "upstream_incomplete"),
        (replace(AUDIT, found=(replace(FILE, produced_at=NOW - 31 * DAY),)), "expired"),
        (replace(AUDIT, found=(replace(FILE, verified=False),)), "not_generated"),
    ],
)
def test_each_gap_has_a_cause(artifact: ArtifactSeen, cause: str) -> None:
    body = intake_body(replace(ALL_WELL, artifacts=(artifact,)), NOW)
    assert gap_rows(body)[0].cause == cause
    assert intake(body).text("status") == "fail"
    assert intake(body).number("completeness_score") == 0


@pytest.mark.req("INT-06", "C20")
def test_a_late_renewal_is_marked_and_still_keeps_the_status_from_pass() -> None:
    body = intake_body(replace(ALL_WELL, artifacts=(replace(AUDIT, found=(), late=True),)), NOW)
    assert intake(body).text("status") == "requires_approval"
    assert intake(body).number("completeness_score") == 0
    assert [(gap.kind, gap.item, gap.source, gap.state, gap.cause) for gap in gap_rows(body)] == [
        ("artifact", "QUALITY-AUDIT-PACKAGE.zip", "quality-audit", "requires_approval", "not_generated")
    ]


@pytest.mark.req("PRE-04", "C46")
def test_an_optional_artifact_may_be_absent_but_not_broken() -> None:
    absent = replace(AUDIT, name="extra.json", required=False, found=())
    broken = replace(absent, found=(replace(FILE, verified=False),))
    assert intake(intake_body(replace(ALL_WELL, artifacts=(AUDIT, absent)), NOW)).text("status") == "pass"
    assert intake(intake_body(replace(ALL_WELL, artifacts=(AUDIT, broken)), NOW)).text("status") == "fail"


@pytest.mark.req("PRE-07", "INT-02")
@pytest.mark.parametrize(
    ("approval", "word"),
    [
        (replace(SIGNED, signature_verified=False), "invalid"),
        (replace(SIGNED, granted=False), "invalid"),
        (replace(SIGNED, person=None), "missing"),
        (replace(SIGNED, decided_at=NOW + DAY), "invalid"),
        (replace(SIGNED, expires_at=NOW - timedelta(seconds=1)), "expired"),
    ],
)
def test_an_approval_that_is_unsigned_refused_or_lapsed_is_a_gap(approval: ApprovalSeen, word: str) -> None:
    body = intake_body(replace(ALL_WELL, approvals=(SIGNED, approval)), NOW)
    assert Fields(body).rows("approvals")[1].text("state") == word
    assert str(intake(body).number("approval_coverage")) == "0.5"
    assert intake(body).text("status") == "fail"


@pytest.mark.req("C48", "PRE-10")
def test_only_the_parity_report_may_prove_an_open_state_later() -> None:
    open_state = replace(STATE, holds=None)
    proven_later = replace(open_state, judged_by="staging-parity-report.json")
    elsewhere = replace(open_state, judged_by="somebody-says-so.json")
    for state, word in ((open_state, "fail"), (proven_later, "pass"), (elsewhere, "fail")):
        assert intake(intake_body(replace(ALL_WELL, system_states=(state,)), NOW)).text("status") == word


@pytest.mark.req("INT-07")
def test_drift_worse_than_low_keeps_the_status_from_pass() -> None:
    assert intake(intake_body(replace(ALL_WELL, drift=Severity.MEDIUM), NOW)).text("status") == "fail"


@pytest.mark.req("C16", "GAT-01")
def test_an_empty_list_of_prerequisites_is_no_pass() -> None:
    body = intake_body(IntakeSeen((), (), ()), NOW)
    for field in ("status", "completeness_score", "approval_coverage"):
        assert not intake(body).has(field)
    assert disagreements(NAME, body) == ()


@pytest.mark.req("NB-02")
def test_a_hand_written_status_or_row_is_found() -> None:
    body = intake_body(replace(ALL_WELL, artifacts=(replace(AUDIT, found=()),)), NOW)
    forged = {**body, "intake_validation": {**intake(body).values, "status": "pass", "completeness_score": 1}}
    assert len(disagreements(NAME, forged)) == 2
    row = {**Fields(body).rows("artifacts")[0].values, "state": "ok"}
    assert disagreements(NAME, {**forged, "artifacts": [row]}) != ()


@pytest.mark.req("INT-05")
def test_renewal_requests_carry_item_owner_and_time() -> None:
    request = RenewalRequest("UAT-CLOSURE-PACKAGE.zip", "grace", NOW, NOW + DAY)
    body = intake_body(replace(ALL_WELL, renewal_requests=(request,)), NOW)
    assert body["renewal_requests"] == [
        {
            "item": "UAT-CLOSURE-PACKAGE.zip",
            "owner": "grace",
            "sent_at": "2026-11-21T10:00:00Z",
            "due": "2026-11-22T10:00:00Z",
        }
    ]


@pytest.mark.req("INT-03", "F1")
def test_a_whole_intake_report_lacks_no_required_field() -> None:
    assert faults(NAME, intake_body(ALL_WELL, NOW)) == []
    assert faults(NAME, intake_body(IntakeSeen((), (), ()), NOW)) == [
        "/intake_validation/status: this field is missing",
        "/intake_validation/completeness_score: this field is missing",
        "/intake_validation/approval_coverage: this field is missing",
    ]
