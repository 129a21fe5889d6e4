"""Rehearsed deployments and rollbacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.measure.command_runs import CommandRun, command_list_digest
from gonogo.measure.header import RawFile
from gonogo.measure.rederiving import disagreements
from gonogo.measure.rehearsal import LoggedError, RehearsalSeen, StateAfter, rehearsal_body
from gonogo.measure.rollback import (
    PROOF_AGE,
    NamedCheck,
    Redeployed,
    RollbackSeen,
    read_rto,
    rollback_body,
    shortcomings,
)
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from tests.whole_files import faults

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SCRIPT = Digest("aa" * 32)
BEFORE = Digest("bb" * 32)
RUN = CommandRun(("deploy_backend.sh", "--env", "staging"), SCRIPT, NOW, NOW + SECOND, 0, log_range=(0, 10))
SEEN = RehearsalSeen(
    planned=2,
    commands=(RUN, replace(RUN, log_range=(11, 20))),
    errors=(),
    log=RawFile("staging-deployment-run.log", Digest("cc" * 32)),
    log_whole=True,
    started_at=NOW,
    ended_at=NOW + 2 * SECOND,
    expected_version="2.4.1",
    state_after=StateAfter("2.4.1", BEFORE),
)


def rehearsal(seen: RehearsalSeen) -> tuple[str, Fields]:
    body = rehearsal_body(seen)
    assert disagreements("rehearsal-report.json", body) == ()
    return Fields(body).text("deployment_status"), Fields(body).part("deployment")


@pytest.mark.req("REH-05", "PG2-05")
def test_every_planned_command_ending_with_zero_is_a_success() -> None:
    status, deployment = rehearsal(SEEN)
    assert status == "success"
    assert deployment.number("success_rate") == 1
    assert (deployment.count("error_count"), deployment.count("blocking_errors")) == (0, 0)
    assert "cause" not in rehearsal_body(SEEN)


@pytest.mark.req("REH-03", "REH-04", "C79")
@pytest.mark.parametrize(
    ("seen", "status", "cause"),
    [
        (replace(SEEN, commands=(RUN, replace(RUN, exit_code=1))), "failure", "script"),
        (replace(SEEN, commands=(RUN, replace(RUN, exit_code=-9))), "failure", "script"),
        (replace(SEEN, commands=(RUN,)), "failure", "infrastructure"),
        (replace(SEEN, commands=()), "failure", "infrastructure"),
        (replace(SEEN, planned=0, commands=()), "failure", "infrastructure"),
        (replace(SEEN, errors=(LoggedError(1, 4, "ERROR x", blocking=False),)), "failure", "script"),
        (replace(SEEN, commands=(RUN, replace(RUN, exit_code=None, ended_at=None))), "unknown", "script"),
        (replace(SEEN, log_whole=False), "unknown", "infrastructure"),
        (replace(SEEN, state_after=None), "unknown", "infrastructure"),
        (replace(SEEN, state_after=StateAfter("2.4.0", BEFORE)), "failure", "infrastructure"),
        (replace(SEEN, rolled_back=True, cause="sequence"), "rolled_back", "sequence"),
    ],
)
def test_everything_else_is_no_success_and_has_a_cause(seen: RehearsalSeen, status: str, cause: str) -> None:
    assert rehearsal(seen)[0] == status
    assert rehearsal_body(seen)["cause"] == cause


@pytest.mark.req("REH-05")
def test_commands_that_never_ran_lower_the_success_rate() -> None:
    assert rehearsal(replace(SEEN, commands=(RUN,)))[1].number("success_rate") == Decimal("0.5")
    assert not rehearsal(replace(SEEN, planned=0, commands=()))[1].has("success_rate")


@pytest.mark.req("REH-05", "EVS-02")
def test_failed_commands_and_logged_errors_are_counted_and_warnings_apart() -> None:
    errors = (LoggedError(1, 4, "ERROR x", blocking=True), LoggedError(1, 5, "ERROR y", blocking=False))
    seen = replace(SEEN, commands=(RUN, replace(RUN, exit_code=2)), errors=errors, warnings=7)
    deployment = rehearsal(seen)[1]
    assert (deployment.count("error_count"), deployment.count("blocking_errors")) == (3, 2)
    assert deployment.count("warnings") == 7


@pytest.mark.req("REH-01", "NB-06")
def test_equal_command_lists_have_equal_digests_and_one_argument_changes_them() -> None:
    one = command_list_digest([(("deploy.sh", "--env", "staging"), SCRIPT)])
    assert one == command_list_digest([(("deploy.sh", "--env", "staging"), SCRIPT)])
    assert one != command_list_digest([(("deploy.sh", "--env staging"), SCRIPT)])
    assert one != command_list_digest([(("deploy.sh", "--env", "staging"), BEFORE)])
    assert rehearsal_body(SEEN)["command_list"] == command_list_digest([(RUN.argv, SCRIPT)] * 2)


@pytest.mark.req("NB-02")
def test_a_status_that_its_commands_contradict_is_found() -> None:
    body = rehearsal_body(replace(SEEN, commands=(RUN, replace(RUN, exit_code=1))))
    found = disagreements("rehearsal-report.json", {**body, "deployment_status": "success"})
    assert found == ("/deployment_status says `success`; its own data say `failure`",)


BACK = RollbackSeen(
    method="automation",
    steps=(
        replace(RUN, argv=("rollback_backend.sh",)),
        replace(RUN, started_at=NOW + SECOND, ended_at=NOW + 3 * SECOND),
    ),
    checks_after=(NamedCheck("version", "pass"), NamedCheck("health", "pass")),
    verified_at=NOW + timedelta(seconds=4.25),
    rto=timedelta(minutes=10),
    from_version="2.4.1",
    to_version="2.4.0",
    version_after="2.4.0",
    fingerprint_before=BEFORE,
    fingerprint_after=BEFORE,
)


def rollback(seen: RollbackSeen) -> Fields:
    body = rollback_body(seen)
    assert disagreements("rollback-verification-report.json", body) == ()
    return Fields(body).part("rollback_verification")


@pytest.mark.req("RBK-02", "NB-08")
def test_recovery_time_runs_from_the_first_step_to_the_verified_end() -> None:
    body = rollback_body(BACK)
    assert rollback(BACK).text("recovery_time") == "PT4.25S"
    assert [step.text("duration") for step in Fields(body).rows("steps")] == ["PT1S", "PT2S"]
    assert rollback(BACK).text("status") == "pass"
    assert "cause" not in body


@pytest.mark.req("RBK-03", "RBK-04")
def test_the_rto_itself_is_within_and_one_second_more_is_not() -> None:
    at_limit = replace(BACK, verified_at=NOW + timedelta(minutes=10))
    over = replace(BACK, verified_at=NOW + timedelta(minutes=10, seconds=1))
    assert (rollback(at_limit).flag("within_rto"), rollback(at_limit).text("status")) == (True, "pass")
    assert (rollback(over).flag("within_rto"), rollback(over).text("status")) == (False, "fail")
    assert rollback_body(over)["cause"] == "time"


@pytest.mark.req("RBK-04", "C12", "NB-08")
def test_without_an_rto_there_is_no_status() -> None:
    assert not rollback(replace(BACK, rto=None)).has("status")
    assert not rollback(replace(BACK, rto=None)).has("within_rto")
    assert rollback(replace(BACK, rto=None)).text("recovery_time") == "PT4.25S"


@pytest.mark.req("RBK-01", "RBK-05", "NB-19")
@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        (replace(BACK, version_after="2.4.1"), "automation"),
        (replace(BACK, version_after=None), "automation"),
        (replace(BACK, fingerprint_after=Digest("dd" * 32)), "automation"),
        (replace(BACK, fingerprint_after=None), "automation"),
        (replace(BACK, steps=()), "automation"),
        (replace(BACK, steps=(replace(RUN, exit_code=3),)), "automation"),
        (replace(BACK, steps=(replace(RUN, exit_code=None, ended_at=None),)), "automation"),
        (replace(BACK, checks_after=(NamedCheck("health", "inconclusive"),)), "automation"),
        (replace(BACK, version_after=None, infrastructure_fault=True), "infrastructure"),
    ],
)
def test_a_rollback_that_did_not_bring_the_old_state_back_fails_with_a_cause(seen: RollbackSeen, cause: str) -> None:
    assert rollback(seen).text("status") == "fail"
    assert rollback_body(seen)["cause"] == cause


@pytest.mark.parametrize(
    "seen",
    [replace(BACK, verified_at=None), replace(BACK, checks_after=()), replace(BACK, verified_at=NOW - SECOND)],
)
def test_a_rollback_that_nobody_verified_is_no_pass(seen: RollbackSeen) -> None:
    assert not rollback(seen).has("status")


@pytest.mark.req("C12", "RBK-04")
@pytest.mark.parametrize("text", ["10", "10m", "600s", "PT10M", "10 min", "10.0", "PT600S"])
def test_a_bare_recovery_time_means_minutes(text: str) -> None:
    assert read_rto(text) == timedelta(seconds=600)


@pytest.mark.parametrize("text", ["", "ten", "-10", "0", "10d", "1e3", "NaN", "PT0S", "10m;x"])
def test_a_recovery_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_rto(text)


@pytest.mark.req("PG3-05")
def test_the_recovery_time_is_shown_in_minutes() -> None:
    assert rollback(replace(BACK, verified_at=NOW + timedelta(seconds=90))).number("recovery_minutes") == Decimal("1.5")
    assert not rollback(replace(BACK, verified_at=None)).has("recovery_minutes")


AGAIN = replace(BACK, again=Redeployed(NOW + timedelta(minutes=1), NOW + timedelta(minutes=11)))


@pytest.mark.req("RBK-03", "RBK-05")
def test_the_way_forward_again_is_measured_against_the_rto_too() -> None:
    body = rollback_body(AGAIN)
    again = Fields(body).part("redeployment")
    assert (again.text("took"), again.flag("within_rto")) == ("PT600S", True)
    assert rollback(AGAIN).text("status") == "pass"
    late = replace(AGAIN, again=Redeployed(NOW, NOW + timedelta(minutes=10, seconds=1)))
    assert rollback(late).text("status") == "fail"
    assert rollback_body(late)["cause"] == "time"
    assert shortcomings(rollback_body(late)) == ("deploying again took 601.00 s; the objective is 600 s",)


@pytest.mark.req("RBK-01", "RBK-05")
@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (replace(BACK, version_after="2.4.1"), "the old state did not come back: 2.4.1 answers, 2.4.0 was there before"),
        (replace(BACK, version_after=None), "the old state did not come back: nothing answers"),
        (replace(BACK, fingerprint_after=None), "the old state did not come back"),
        (replace(BACK, rto=None), "no recovery time objective is set"),
        (replace(BACK, verified_at=None), "nobody measured how long the recovery took"),
        (replace(BACK, verified_at=NOW + timedelta(minutes=10, seconds=1)), "took 601.00 s; the objective is 600 s"),
        (replace(BACK, checks_after=(NamedCheck("health", "fail"),)), "check `health`: fail"),
        (replace(BACK, steps=(replace(RUN, exit_code=3),)), "step 1 did not end well"),
    ],
)
def test_a_rehearsal_that_proves_nothing_says_why(seen: RollbackSeen, words: str) -> None:
    assert any(words in text for text in shortcomings(rollback_body(seen)))


def test_a_good_proof_has_no_shortcomings() -> None:
    assert shortcomings(rollback_body(BACK)) == ()


@pytest.mark.req("RBK-01", "RBK-02")
def test_the_proof_names_its_scripts_and_when_it_expires() -> None:
    body = rollback_body(replace(BACK, scripts={"deploy.sh": SCRIPT}, expires_at=NOW + PROOF_AGE))
    assert body["scripts"] == [{"path": "deploy.sh", "sha256": SCRIPT}]
    assert Fields(body).moment("expires_at") == NOW + timedelta(days=7)


@pytest.mark.req("REH-05", "RBK-02", "F4", "F5")
def test_whole_rehearsal_and_rollback_reports_lack_no_required_field() -> None:
    assert faults("rehearsal-report.json", rehearsal_body(SEEN)) == []
    assert faults("rollback-verification-report.json", rollback_body(BACK)) == []
