"""Operations, package, checklist, readiness, scope, staging check, freeze, approvals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.measure.approvals_record import (
    LaunchSeen,
    ReviewSeen,
    RiskSeen,
    SignedDecision,
    Subject,
    launch_body,
    review_body,
)
from gonogo.measure.checklist import (
    ChecklistItem,
    ChecklistSeen,
    PlannedMessage,
    checklist_body,
    checklist_markdown,
    items_by_hand,
    items_from_warnings,
    items_from_rehearsal,
)
from gonogo.measure.confirmations import (
    ConfirmationsSeen,
    ServiceInScope,
    StakeholderSeen,
    confirmations_body,
    confirmations_markdown,
    unclear_services,
)
from gonogo.measure.figures import Body
from gonogo.measure.freeze import (
    Acknowledgement,
    BranchLock,
    FreezeSeen,
    QueuedChange,
    freeze_body,
    freeze_markdown,
    waiting_for,
)
from gonogo.measure.header import RawFile
from gonogo.measure.operations import (
    DutySeen,
    EscalationSeen,
    OperationsSeen,
    RunbookSeen,
    operations_body,
)
from gonogo.measure.package_index import PackageItem, PackageSeen, package_body
from gonogo.measure.quorum import Vote, filled_slots
from gonogo.measure.readiness import ApprovalRecord, ReadinessItem, ReadinessSeen, readiness_body
from gonogo.measure.rederiving import disagreements, lapsed
from gonogo.measure.rollback import NamedCheck
from gonogo.measure.staging_check import LogReview, StagingCheckSeen, rerun_reason, staging_check_body
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity, Verdict
from tests.whole_files import faults

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ONE, TWO = Digest("aa" * 32), Digest("bb" * 32)
FILE = RawFile("staging-deployment-run.log", ONE)


def part(artifact: str, body: Body, name: str) -> Fields:
    assert disagreements(artifact, body) == ()
    return Fields(body).part(name)


OPERATIONS = OperationsSeen(
    runbooks=(RunbookSeen("api-service.md", "api", NOW - DAY),),
    on_call=(DutySeen("SRE", "ada", "grace", NOW, NOW + DAY),),
    escalation=(EscalationSeen(1, "ada", reachable=True),),
    changed_at=NOW - 2 * DAY,
    runbook_max_age=90 * DAY,
    window=(NOW + HOUR, NOW + 5 * HOUR),
)
DUTY = OPERATIONS.on_call[0]


def operations(seen: OperationsSeen) -> Fields:
    return part("operational-readiness.json", operations_body(seen, NOW), "operations")


@pytest.mark.req("OPS-04")
def test_current_runbooks_a_full_rota_and_a_reached_escalation_pass() -> None:
    assert operations(OPERATIONS).text("status") == "pass"
    assert operations(OPERATIONS).texts("gaps") == ()


@pytest.mark.req("OPS-01", "OPS-02", "OPS-03", "NB-28")
@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(OPERATIONS, runbooks=(RunbookSeen("a.md", "api", NOW - 3 * DAY),)), "runbook a.md was last updated"),
        (replace(OPERATIONS, runbooks=(RunbookSeen("a.md", "api", None),)), "runbook a.md does not exist"),
        (replace(OPERATIONS, runbooks=(RunbookSeen("a.md", "api", NOW + DAY),)), "runbook a.md was last updated"),
        (replace(OPERATIONS, runbook_max_age=HOUR), "too long ago"),
        (replace(OPERATIONS, on_call=(replace(DUTY, backup=""),)), "SRE has no backup"),
        (replace(OPERATIONS, on_call=(replace(DUTY, primary=" "),)), "SRE has no primary"),
        (replace(OPERATIONS, on_call=(replace(DUTY, backup="ada"),)), "one person as primary and backup"),
        (replace(OPERATIONS, on_call=(replace(DUTY, ends_at=NOW + 2 * HOUR),)), "not on call for the whole window"),
        (replace(OPERATIONS, escalation=(EscalationSeen(2, "", reachable=True),)), "level 2 has no contact"),
        (replace(OPERATIONS, escalation=(EscalationSeen(2, "ada", reachable=False),)), "level 2 was not reached"),
    ],
)
def test_each_gap_of_operations_is_named(seen: OperationsSeen, words: str) -> None:
    assert operations(seen).text("status") == "fail"
    assert words in " ".join(operations(seen).texts("gaps"))


@pytest.mark.req("OPS-03")
def test_a_level_of_escalation_that_nobody_tried_is_no_gap_and_no_pass() -> None:
    seen = operations(replace(OPERATIONS, escalation=(EscalationSeen(1, "ada", None),)))
    assert not seen.has("status")
    assert seen.texts("gaps") == ()


@pytest.mark.parametrize("field", ["runbooks", "on_call", "escalation"])
def test_an_empty_list_of_operations_is_no_pass(field: str) -> None:
    empty: dict[str, tuple[()]] = {field: ()}
    assert not operations(replace(OPERATIONS, **empty)).has("status")  # type: ignore[arg-type]  # one of three lists


def item(number: int, *, required: bool = True, sha256: Digest | None = ONE) -> PackageItem:
    return PackageItem(f"i{number}", f"evidence/{number}.json", required, sha256, 10, NOW, "engine")


ITEMS = tuple(item(number, required=number < 19) for number in range(20))
PACKAGE = PackageSeen(
    "PRE-DEPLOYMENT-PACKAGE.zip", TWO, 4096, tuple(one.path for one in ITEMS), ITEMS, Decimal(3), Decimal(1)
)


def package(seen: PackageSeen) -> Fields:
    return part("pre-deployment-manifest.json", package_body(seen), "completeness")


@pytest.mark.req("PKG-02", "PKG-06", "PG4-05")
def test_a_complete_package_has_both_figures_at_one() -> None:
    body = package_body(PACKAGE)
    assert package(PACKAGE).values == {"required": 1, "all": 1}
    assert body["item_count"] == 20
    assert Fields(body).part("package").count("size") == 4096
    assert body["metrics"] == {"approval_latency_hours": 3, "checklist_coverage": 1}


@pytest.mark.req("C80", "PG4-02")
def test_a_missing_optional_item_lowers_only_the_figure_over_all() -> None:
    optional = replace(
        PACKAGE, items=(*ITEMS[:19], item(19, required=False, sha256=None)), members=PACKAGE.members[:19]
    )
    required = replace(PACKAGE, items=(*ITEMS[1:], item(0, sha256=None)), members=PACKAGE.members[1:])
    assert package(optional).values == {"required": 1, "all": Decimal("0.95")}
    assert package(required).number("required") < 1


@pytest.mark.req("PKG-03", "PKG-02", "EVS-12")
def test_an_unlisted_member_leaves_the_completeness_out() -> None:
    extra = replace(PACKAGE, members=(*PACKAGE.members, "evidence/secret.txt"))
    body = package_body(extra)
    assert body["unlisted"] == ["evidence/secret.txt"]
    assert "completeness" not in body


def test_an_item_that_is_not_in_the_archive_is_absent_whatever_its_digest() -> None:
    assert package(replace(PACKAGE, members=PACKAGE.members[1:])).number("required") < 1


DONE = ChecklistItem("c1", "Run deploy", "deployment", "ada", state="done", proof=FILE)
LIST = ChecklistSeen((DONE, replace(DONE, id="c2")), (PlannedMessage("at start", "all", "#release"),), FILE)


def checklist(seen: ChecklistSeen) -> Fields:
    return part("deployment-checklist.json", checklist_body(seen), "deployment_checklist")


@pytest.mark.req("CHK-02", "CHK-03", "PG4-03")
def test_a_checklist_is_complete_when_every_required_item_is_owned_and_proven() -> None:
    assert checklist(LIST).values == {"completed": 2, "total": 2, "coverage": 1, "status": "complete"}


@pytest.mark.req("CHK-02", "FP-13")
@pytest.mark.parametrize("broken", [replace(DONE, proof=None), replace(DONE, owner=""), replace(DONE, state="open")])
def test_an_item_without_proof_owner_or_state_is_not_done(broken: ChecklistItem) -> None:
    half = checklist(replace(LIST, items=(DONE, broken)))
    assert (half.text("status"), half.number("coverage")) == ("open", Decimal("0.5"))


@pytest.mark.req("CHK-03")
def test_ninety_nine_of_a_hundred_is_not_complete() -> None:
    many = replace(LIST, items=(*(replace(DONE, id=str(n)) for n in range(99)), replace(DONE, state="open")))
    assert (checklist(many).number("coverage"), checklist(many).text("status")) == (Decimal("0.99"), "open")


def test_a_checklist_without_required_items_has_no_status() -> None:
    assert not checklist(replace(LIST, items=())).has("status")
    assert not checklist(replace(LIST, items=(replace(DONE, required=False),))).has("coverage")


@pytest.mark.req("CHK-01")
def test_the_rehearsal_teaches_times_failures_and_errors() -> None:
    rehearsal: Body = {
        "commands": [
            {
                "n": 1,
                "argv": ["deploy.sh", "--env", "staging"],
                "started_at": "2026-11-21T10:00:00Z",
                "ended_at": "2026-11-21T10:00:07Z",
                "exit_code": 1,
            }
        ],
        "errors": [{"n": 1, "line": 12, "text": "ERROR disk full", "blocking": True}],
    }
    command, error = items_from_rehearsal(rehearsal, "ada")
    assert command.text == "Run deploy.sh --env staging"
    assert command.learned_from == "command 1 took PT7S in the rehearsal; it did not end with 0"
    assert error.text == "Watch for: ERROR disk full"


@pytest.mark.req("CHK-01", "CHK-02")
def test_complaints_and_steps_by_hand_are_on_the_checklist_and_every_change_is_shown() -> None:
    entry = {"step": "switch", "question": "done?", "answer": "yes", "person": "ada", "reason_no_automation": "the API was down"}
    (by_hand,) = items_by_hand({"entries": [entry, {**entry, "question": "when?"}]}, "ada", FILE)
    (warned,) = items_from_warnings((("deploy", 12),), "ada", FILE)
    assert by_hand.learned_from == "ada did it by hand: the API was down"
    assert warned.learned_from == "12 bytes in the rehearsal, although it ended with 0"
    slower = replace(DONE, learned_from="command 1 took PT9S in the rehearsal")
    before = checklist_body(replace(LIST, items=(replace(DONE, learned_from="command 1 took PT3S in the rehearsal"), warned)))
    assert [row["change"] for row in before["changes"]] == ["new", "new"]
    body = checklist_body(replace(LIST, items=(slower, by_hand), before=before, before_run="pre-deployment-v1"))
    assert [(row["change"], row["item"]) for row in body["changes"]] == [
        ("changed", "Run deploy"), ("new", "By hand: switch"), ("gone", "Look at what deploy says on its error output")
    ]  # fmt: skip
    assert (body["changes"][0]["was"], body["changes"][0]["now"])[0].endswith("PT3S in the rehearsal")
    text = checklist_markdown(body)
    assert "compared with pre-deployment-v1" in text
    assert "command 1 took PT9S in the rehearsal" in text
    assert body["deployment_checklist"]["status"] == "complete"


@pytest.mark.req("CHK-02", "III.1")
def test_the_checklist_twin_is_rendered_from_the_body_and_foreign_text_stays_text() -> None:
    hostile = replace(DONE, text="a | b <script> [x](y)\n# title", state="open")
    text = checklist_markdown(checklist_body(replace(LIST, items=(hostile,))))
    assert "| c1 | deployment | a \\| b \\<script\\> \\[x\\](y) \\# title | ada | yes | open | - |" in text
    assert text.startswith("# Deployment checklist\n\nStatus: open, 0 of 1 items done.\n")


READY = ReadinessItem("rollback-verification-report.json", "pre-deployment", True, ONE, True, True, Verdict.PASS)
READINESS = ReadinessSeen(
    (READY,), (ApprovalRecord("sponsor", "ada", "ok", NOW + DAY),), RawFile("rollback-plan.md", TWO)
)


def readiness(seen: ReadinessSeen) -> Fields:
    return part("deployment-readiness-checklist.json", readiness_body(seen), "readiness")


@pytest.mark.req("RDY-03", "DG1-02")
def test_readiness_is_complete_when_everything_is_there_current_verified_and_judged_again() -> None:
    assert readiness(READINESS).values == {
        "completion": 1,
        "approvals_recorded": 1,
        "rollback_plan_verified": True,
        "blocking_issues": 0,
    }


@pytest.mark.req("RDY-01", "RDY-02", "PRE-15")
@pytest.mark.parametrize(
    "broken",
    [
        replace(READY, sha256=None),
        replace(READY, current=False),
        replace(READY, verified=False),
        replace(READY, rejudged=Verdict.FAIL),
        replace(READY, rejudged=Verdict.INCONCLUSIVE),
        replace(READY, issue="open blocker"),
    ],
)
def test_an_artifact_that_is_missing_old_changed_or_judged_otherwise_today_blocks(broken: ReadinessItem) -> None:
    about = readiness(replace(READINESS, items=(broken,)))
    assert about.number("completion") == 0
    assert about.count("blocking_issues") == 1
    assert not about.flag("rollback_plan_verified")


def test_a_rollback_plan_without_a_new_judgement_or_without_a_plan_is_not_verified() -> None:
    assert not readiness(replace(READINESS, items=(replace(READY, rejudged=None),))).flag("rollback_plan_verified")
    assert not readiness(replace(READINESS, rollback_plan=None)).flag("rollback_plan_verified")
    assert not readiness(replace(READINESS, items=())).has("completion")


def test_open_blockers_and_lapsed_approvals_are_counted() -> None:
    seen = replace(
        READINESS,
        blockers=("bug 1", "bug 2"),
        approvals=(*READINESS.approvals, ApprovalRecord("sre", "grace", "expired"), ApprovalRecord("po", None, "ok")),
    )
    assert readiness(seen).count("blocking_issues") == 2
    assert readiness(seen).number("approvals_recorded") == Decimal("0.333333333333")


SERVICE = ServiceInScope("api", "2.4.1", ONE, "team-api", "rollback_api.sh", "no")
CONFIRMED = StakeholderSeen("ada", "product-owner", NOW, "sig")
SCOPE = ConfirmationsSeen((SERVICE,), (CONFIRMED, replace(CONFIRMED, person="grace")))


def confirmation(seen: ConfirmationsSeen) -> Fields:
    return part("release-manifest.confirmations.json", confirmations_body(seen), "confirmation")


@pytest.mark.req("SCO-02", "SCO-03")
def test_the_scope_is_confirmed_when_everybody_signed_and_every_service_is_clear() -> None:
    assert confirmation(SCOPE).values == {"required": 2, "received": 2, "complete": True}


@pytest.mark.req("SCO-03")
@pytest.mark.parametrize(
    "seen",
    [
        replace(SCOPE, services=(replace(SERVICE, owner=""),)),
        replace(SCOPE, services=(replace(SERVICE, rollback=" "),)),
        replace(SCOPE, services=(replace(SERVICE, digest=None),)),
        replace(SCOPE, services=()),
        replace(SCOPE, stakeholders=()),
        replace(SCOPE, stakeholders=(CONFIRMED, replace(CONFIRMED, signature=None))),
        replace(SCOPE, stakeholders=(CONFIRMED, replace(CONFIRMED, confirmed_at=None))),
    ],
)
def test_an_unclear_scope_or_a_missing_confirmation_is_not_complete(seen: ConfirmationsSeen) -> None:
    assert not confirmation(seen).flag("complete")


@pytest.mark.req("SCO-02")
def test_the_release_manifest_lists_who_confirmed_what_and_when() -> None:
    body = confirmations_body(replace(SCOPE, services=(replace(SERVICE, rollback=""),)))
    assert unclear_services(body) == ("api",)
    text = confirmations_markdown(body)
    assert "Confirmed: 2 of 2." in text
    assert "| ada | product-owner | 2026-11-21T10:00:00Z | yes |" in text


CHECKED = StagingCheckSeen(
    "age", (LogReview(FILE, "ada"),), (NamedCheck("health", "pass", NOW),), ONE, ONE, Severity.NONE
)


def staging(seen: StagingCheckSeen) -> Fields:
    return part("staging-validation-results.json", staging_check_body(seen), "staging_validation")


@pytest.mark.req("RCF-03")
def test_a_fresh_validation_with_reviewed_logs_passes() -> None:
    assert staging(CHECKED).text("status") == "pass"
    assert staging(CHECKED).flag("fresh")
    assert not staging(replace(CHECKED, reason="reused")).flag("fresh")


@pytest.mark.req("RCF-02", "RCF-01")
@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (replace(CHECKED, new_differences=("/configuration/a",)), "fail"),
        (replace(CHECKED, drift=Severity.MEDIUM), "fail"),
        (replace(CHECKED, checks=(NamedCheck("health", "fail"),)), "fail"),
        (replace(CHECKED, checks=(NamedCheck("health", "error"),)), "fail"),
        (replace(CHECKED, checks=(NamedCheck("health", "inconclusive"),)), None),
        (replace(CHECKED, checks=()), None),
        (replace(CHECKED, drift=None), None),
        (replace(CHECKED, reviewed_logs=()), None),
        (replace(CHECKED, reviewed_logs=(LogReview(FILE, ""),)), None),
        (replace(CHECKED, reason="reused", fingerprint=TWO), None),
        (replace(CHECKED, reason="fingerprint", fingerprint=TWO), "pass"),
    ],
)
def test_drift_failures_and_unreviewed_logs_are_no_pass(seen: StagingCheckSeen, status: str | None) -> None:
    assert staging(seen).maybe_text("status") == status


@pytest.mark.req("RCF-01", "C55")
def test_age_and_a_changed_fingerprint_force_the_rerun() -> None:
    def reason(age: timedelta, *, same: bool = True, asked: bool = False) -> str:
        return rerun_reason(NOW - age, DAY, NOW, same_fingerprint=same, requested=asked)

    assert [reason(DAY), reason(DAY + SECOND), reason(HOUR, same=False), reason(HOUR, asked=True), reason(-HOUR)] == [
        "reused",
        "age",
        "fingerprint",
        "requested",
        "age",
    ]


def acknowledged(person: str, at: datetime = NOW) -> Acknowledgement:
    return Acknowledgement(person, "stakeholder", at, f"key-{person}", "sig")


PEOPLE = tuple(f"p{number}" for number in range(10))
FREEZE = FreezeSeen(
    announced_at=NOW - HOUR,
    started_at=NOW,
    ends_at=NOW + DAY,
    stakeholders=PEOPLE,
    acknowledgements=tuple(acknowledged(person) for person in PEOPLE),
    branch_lock=BranchLock("release", locked=True, probe_at=NOW),
    queued_changes=(QueuedChange("c1", conflicts=False),),
)


def freeze(seen: FreezeSeen) -> Fields:
    return part("change-freeze-confirmation.json", freeze_body(seen), "freeze")


@pytest.mark.req("FRZ-04", "DG2-02", "NB-16")
def test_ten_of_ten_hold_and_nine_of_ten_do_not() -> None:
    assert freeze(FREEZE).number("acknowledgement_rate") == 1
    assert freeze(FREEZE).flag("in_effect")
    nine = replace(FREEZE, acknowledgements=FREEZE.acknowledgements[:9])
    assert freeze(nine).number("acknowledgement_rate") == Decimal("0.9")
    assert not freeze(nine).flag("in_effect")
    assert waiting_for(freeze_body(nine)) == ("p9",)


@pytest.mark.req("FRZ-04", "DG2-04", "FP-06")
@pytest.mark.parametrize(
    "instead",
    [
        acknowledged("p0"),
        acknowledged("stranger"),
        acknowledged("p9", NOW - 2 * HOUR),
        replace(acknowledged("p9"), signature=""),
    ],
)
def test_doubled_foreign_old_or_unsigned_acknowledgements_do_not_count(instead: Acknowledgement) -> None:
    seen = replace(FREEZE, acknowledgements=(*FREEZE.acknowledgements[:9], instead))
    assert freeze(seen).count("acknowledged") == 9


@pytest.mark.req("FRZ-02", "FRZ-03")
def test_an_unlocked_branch_an_old_probe_or_a_conflicting_change_is_not_in_effect() -> None:
    for seen in (
        replace(FREEZE, branch_lock=BranchLock("release", locked=False, probe_at=NOW)),
        replace(FREEZE, branch_lock=BranchLock("release", locked=True, probe_at=NOW - SECOND)),
        replace(FREEZE, queued_changes=(QueuedChange("c1", conflicts=True),)),
    ):
        assert not freeze(seen).flag("in_effect")


@pytest.mark.req("DG2-02")
def test_an_empty_list_of_stakeholders_is_an_error() -> None:
    with pytest.raises(BadInput, match="nobody"):
        freeze_body(replace(FREEZE, stakeholders=()))


@pytest.mark.req("FRZ-05")
def test_the_freeze_page_says_who_is_missing() -> None:
    text = freeze_markdown(freeze_body(replace(FREEZE, acknowledgements=FREEZE.acknowledgements[:9])))
    assert "in effect: no; 9 of 10 acknowledged." in text
    assert "## Waiting for\n\n| Person |\n|---|\n| p9 |" in text


SUBJECT = Subject(ONE, ONE, ONE, ONE)


def decided(person: str, role: str, word: str = "go", at: datetime = NOW - HOUR) -> SignedDecision:
    answer = SignedDecision(role, person, "go", "tested", at, NOW + DAY, f"key-{person}", "sig")
    return answer if word == "go" else replace(answer, decision="no_go")


REVIEW = ReviewSeen(
    subject=SUBJECT,
    required=(frozenset({"release-manager"}), frozenset({"product-owner", "sponsor"})),
    requested_at=NOW - 5 * HOUR,
    decisions=(decided("ada", "release-manager"), decided("grace", "sponsor", at=NOW - 2 * HOUR)),
)


def review(seen: ReviewSeen) -> Fields:
    return part("readiness-approval.json", review_body(seen, NOW), "readiness_approval")


@pytest.mark.req("REV-05", "PG4-02", "EVS-02")
def test_all_roles_filled_is_approved_with_coverage_one_and_the_latency_of_the_last_decision() -> None:
    about = review(REVIEW)
    assert about.text("status") == "approved"
    assert (about.number("coverage"), about.number("latency_hours")) == (Decimal(1), Decimal(4))
    assert about.text("completed_at") == "2026-11-21T09:00:00Z"


@pytest.mark.req("REV-04", "REV-05", "REV-08")
@pytest.mark.parametrize(
    ("decisions", "status", "coverage"),
    [
        ((), "pending", "0"),
        ((decided("ada", "release-manager"),), "pending", "0.5"),
        ((decided("ada", "release-manager"), decided("ada", "sponsor")), "pending", "0.5"),
        ((decided("ada", "release-manager"), decided("grace", "intern")), "pending", "0.5"),
        ((decided("ada", "release-manager"), decided("grace", "sponsor", at=NOW + HOUR)), "pending", "0.5"),
        (
            (decided("ada", "release-manager"), replace(decided("grace", "sponsor"), expires_at=NOW)),
            "pending",
            "0.5",
        ),
        ((decided("ada", "release-manager"), replace(decided("grace", "sponsor"), signature="")), "pending", "0.5"),
        ((*REVIEW.decisions, decided("linus", "security", "no_go")), "rejected", "1"),
        ((*REVIEW.decisions, decided("grace", "sponsor", "no_go", NOW - SECOND)), "rejected", "0.5"),
        ((decided("grace", "sponsor", "no_go", NOW - 3 * HOUR), *REVIEW.decisions), "approved", "1"),
    ],
)
def test_only_signed_current_decisions_of_different_people_fill_roles(
    decisions: tuple[SignedDecision, ...], status: str, coverage: str
) -> None:
    about = review(replace(REVIEW, decisions=decisions))
    assert (about.text("status"), about.number("coverage")) == (status, Decimal(coverage))


@pytest.mark.req("REV-04")
def test_an_open_risk_or_one_that_nobody_accepted_withholds_the_approval() -> None:
    risk = RiskSeen("r1", "slow query", "high", "index", "open")
    for one, status in (
        (risk, "withheld"),
        (replace(risk, state="accepted"), "withheld"),
        (replace(risk, state="accepted", accepted_by="ada"), "approved"),
        (replace(risk, state="resolved"), "approved"),
    ):
        assert review(replace(REVIEW, risks=(one,))).text("status") == status


def test_without_a_rule_who_must_approve_there_is_no_status() -> None:
    assert not review(replace(REVIEW, required=())).has("status")


def test_a_person_with_two_roles_is_moved_to_where_the_quorum_needs_them() -> None:
    slots = [frozenset({"a", "b"}), frozenset({"a"})]
    chosen = filled_slots(slots, [Vote("ada", "a"), Vote("grace", "b")])
    assert {index: vote.person for index, vote in chosen.items()} == {0: "grace", 1: "ada"}
    assert len(filled_slots(slots, [Vote("ada", "a"), Vote("ada", "b")])) == 1


LAUNCH = LaunchSeen(
    subject=replace(SUBJECT, deployment_plan_sha256=TWO),
    required=REVIEW.required,
    requested_at=NOW - 5 * HOUR,
    valid_until=NOW + HOUR,
    decisions=REVIEW.decisions,
)


def launch(seen: LaunchSeen) -> Fields:
    return part("production-approval.json", launch_body(seen, NOW), "production_approval")


@pytest.mark.req("DG3-01", "NB-11")
@pytest.mark.parametrize(
    ("seen", "status", "quorum"),
    [
        (LAUNCH, "go", True),
        (replace(LAUNCH, decisions=REVIEW.decisions[:1]), "pending", False),
        (replace(LAUNCH, valid_until=NOW), "expired", True),
        (
            replace(LAUNCH, decisions=tuple(replace(one, expires_at=NOW) for one in REVIEW.decisions)),
            "expired",
            False,
        ),
        (replace(LAUNCH, decisions=(*REVIEW.decisions, decided("linus", "sre", "no_go"))), "no_go", True),
    ],
)
def test_production_goes_only_with_a_quorum_in_force_and_without_a_refusal(
    seen: LaunchSeen,
    status: str,
    quorum: bool,  # noqa: FBT001 (an expectation, not a switch)
) -> None:
    assert (launch(seen).text("status"), launch(seen).flag("quorum_met")) == (status, quorum)
    assert Fields(launch_body(seen, NOW)).part("subject").text("deployment_plan_sha256") == TWO


@pytest.mark.req("NB-02")
def test_a_status_written_by_hand_is_found_in_every_record_of_people() -> None:
    pending = review_body(replace(REVIEW, decisions=()), NOW)
    forged = {
        **pending,
        "readiness_approval": {**Fields(pending).part("readiness_approval").values, "status": "approved"},
    }
    assert disagreements("readiness-approval.json", forged) != ()
    open_list = checklist_body(replace(LIST, items=(replace(DONE, state="open"),)))
    ticked: Body = {"completed": 1, "total": 1, "coverage": 1, "status": "complete"}
    assert len(disagreements("deployment-checklist.json", {**open_list, "deployment_checklist": ticked})) == 3


@pytest.mark.req("F7", "F8", "F9", "F10", "F11", "F12", "F13", "F14", "F28")
@pytest.mark.parametrize(
    ("artifact", "body"),
    [
        ("operational-readiness.json", operations_body(OPERATIONS, NOW)),
        ("pre-deployment-manifest.json", package_body(PACKAGE)),
        ("readiness-approval.json", review_body(REVIEW, NOW)),
        ("deployment-checklist.json", checklist_body(LIST)),
        ("deployment-readiness-checklist.json", readiness_body(READINESS)),
        ("release-manifest.confirmations.json", confirmations_body(SCOPE)),
        ("staging-validation-results.json", staging_check_body(CHECKED)),
        ("change-freeze-confirmation.json", freeze_body(FREEZE)),
        ("production-approval.json", launch_body(LAUNCH, NOW)),
    ],
)
def test_a_whole_file_before_the_launch_lacks_no_required_field(artifact: str, body: Body) -> None:
    assert faults(artifact, body) == []
    assert faults(artifact, {}) != []


@pytest.mark.req("FP-09", "FP-27", "INT-02")
def test_what_runs_out_after_it_was_written_is_named_when_it_is_looked_at_again() -> None:
    approval, launched = review_body(REVIEW, NOW), launch_body(LAUNCH, NOW)
    assert lapsed("readiness-approval.json", approval, NOW + HOUR) == ()
    later = lapsed("readiness-approval.json", approval, NOW + 2 * DAY)
    assert "/readiness_approval/status says `approved`; its own data say `pending`" in later
    assert lapsed("production-approval.json", launched, NOW) == ()
    assert "`expired`" in " ".join(lapsed("production-approval.json", launched, NOW + 2 * HOUR))
    rota = operations_body(OPERATIONS, NOW)
    assert lapsed("operational-readiness.json", rota, NOW + DAY) == ()
    assert "too long ago" in " ".join(lapsed("operational-readiness.json", rota, NOW + 100 * DAY))


def test_what_time_does_not_change_never_lapses_and_a_broken_body_is_no_clean_answer() -> None:
    assert lapsed("change-freeze-confirmation.json", freeze_body(FREEZE), NOW + 99 * DAY) == ()
    assert lapsed("readiness-approval.json", {"readiness_approval": {}}, NOW) != ()


@pytest.mark.req("CHK-01", "CHK-02")
def test_a_command_is_ready_when_the_rehearsal_report_proves_it() -> None:
    run: Body = {"argv": ["x"], "started_at": "2026-11-21T10:00:00Z", "ended_at": "2026-11-21T10:00:07Z"}
    rehearsal: Body = {"commands": [{**run, "n": 1, "exit_code": 0}, {**run, "n": 2, "exit_code": 3}], "errors": []}
    assert [item.state for item in items_from_rehearsal(rehearsal, "ada", FILE)] == ["done", "open"]
    assert [item.state for item in items_from_rehearsal(rehearsal, "ada")] == ["open", "open"]
