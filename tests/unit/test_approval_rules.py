"""Each rule of acceptance: what it lets through, what it declines, and that the words say what to do next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from trust_world import GO, NO_GO, Run, measured_run, people, person, private_key, ssh_key

from gonogo.evidence.acceptance import Accepted, Asked, Declined, Occasion, accept, level_of
from gonogo.evidence.canonical import read_object, write_json
from gonogo.evidence.quorum import quorum
from gonogo.evidence.signers import (
    Assurance,
    DecisionRule,
    EngineKey,
    Kind,
    ListedKey,
    RequiredRole,
    Revocation,
    RevocationReason,
    Ring,
    Web,
)
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.sshsig import Signed, Touch, armour, sign, unarmoured
from gonogo.terms import digest_of


def declined(found: Accepted | Declined, rule: str) -> Declined:
    assert isinstance(found, Declined), "the statement was accepted"
    assert found.rule == rule, found
    assert found.next_step
    return found


def judged(run: Run, asked: Asked, handle: str = "sre1", role: str = "sre_lead") -> Accepted | Declined:
    statement = run.statement(asked, handle, role)
    return run.judged(asked, statement, run.sign(statement, handle))


def ask(ring: Ring | None = None, **changes: object) -> tuple[Run, Asked]:
    run = measured_run()
    run.ring = ring or run.ring
    for name, value in changes.items():
        setattr(run, name, value)
    asked = run.ask()
    run.wait(minutes=5)
    return run, asked


@pytest.mark.req("APR-02", "REV-03")
def test_a_listed_person_with_the_right_role_counts() -> None:
    run, asked = ask()
    found = judged(run, asked)
    assert isinstance(found, Accepted)
    assert (found.person, found.role, found.decision, found.level) == ("sre1", "sre_lead", "go", Assurance.H0)


@pytest.mark.req("APR-02")
def test_a1_a_rewritten_or_missing_signature_is_declined() -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead")
    signature = run.sign(statement, "sre1")
    for broken in (b"", b"yes", signature + b"\n", armour(unarmoured(signature) + b"x")):
        declined(run.judged(asked, statement, broken), "A1")


@pytest.mark.parametrize("namespace", ["gonogo/approval/v1/staging", "gonogo/freeze-ack/v1/production", "git", "file"])
def test_a2_a_signature_for_something_else_is_declined(namespace: str) -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead")
    found = declined(run.judged(asked, statement, sign(private_key("sre1"), statement, namespace)), "A2")
    assert "ssh-keygen -Y sign -n gonogo/approval/v1/production" in found.next_step


@pytest.mark.req("REV-03")
def test_a3_one_changed_byte_of_the_statement_is_declined() -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead")
    declined(run.judged(asked, statement.replace(b"measured", b"Measured"), run.sign(statement, "sre1")), "A3")


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said | {"verdict": "pass"},
        lambda said: {name: value for name, value in said.items() if name != "comment"},
        lambda said: said | {"decision": "maybe"},
        lambda said: said | {"signed_at": "yesterday"},
        lambda said: said | {"statement_id": "1"},
        lambda said: said | {"client": "carrier pigeon"},
        lambda said: said | {"conditions": "none"},
        lambda said: said | {"signer": said["signer"] | {"person": "Agent:claude"}},
    ],
)
def test_a4_a_statement_with_other_fields_is_declined(
    change: Callable[[dict[str, object]], dict[str, object]],
) -> None:
    run, asked = ask()
    tree = dict(read_object(run.statement(asked, "sre1", "sre_lead"), name="s"))
    statement = write_json(tree | {"predicate": change(dict(tree["predicate"]))})  # type: ignore[arg-type]  # a tree of unknown shape
    declined(run.judged(asked, statement, run.sign(statement, "sre1")), "A4")


def test_a4_strict_json_only() -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead").replace(b'"comment"', b'"comment": "x",\n  "comment"')
    declined(run.judged(asked, statement, run.sign(statement, "sre1")), "A4")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"version": "v2"', b'"version": "v3"'),
        (b'"attempt": 1', b'"attempt": 2'),
        (b'"run_id": "production', b'"run_id": "other'),
        (b'"meaning": "I approve', b'"meaning": "We approve'),
        (b'"expires_at": "2026-03-05', b'"expires_at": "2027-03-05'),
        (b'"change_authors": [\n   "dev1"\n  ]', b'"change_authors": []'),
        (b'"name": "web.tar"', b'"name": "web2.tar"'),
    ],
)
def test_a10_a_statement_that_changes_the_request_is_declined(before: bytes, after: bytes) -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead")
    assert before in statement
    changed = statement.replace(before, after)
    declined(run.judged(asked, changed, run.sign(changed, "sre1")), "A10")


def test_a10_an_answer_to_another_request_is_declined() -> None:
    run, asked = ask()
    other = run.ask()
    statement = run.statement(other, "sre1", "sre_lead")
    declined(run.judged(asked, statement, run.sign(statement, "sre1")), "A10")


@pytest.mark.req("REV-08")
def test_a5_a_key_of_another_person_and_an_unlisted_key_are_declined() -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead")
    found = declined(run.judged(asked, statement, run.sign(statement, "po1")), "A5")
    assert "the key of po1" in found.reason
    found = declined(run.judged(asked, statement, run.sign(statement, "claude")), "A5")
    assert "no listed key" in found.reason


@pytest.mark.req("REV-08", "WVR-02")
def test_a5_a_role_that_the_person_does_not_have_or_that_does_not_decide_is_declined() -> None:
    run, asked = ask()
    found = declined(judged(run, asked, "sre1", "security_lead"), "A5")
    assert "sre1 is not a security_lead" in found.reason
    assert "sre1 (sre_lead)" in found.next_step
    declined(judged(run, asked, "rm1", "release_manager"), "A5")


def test_a5_a_statement_that_names_another_key_is_declined() -> None:
    run, asked = ask()
    other = ssh_key(private_key("po1")).fingerprint.encode()
    statement = run.statement(asked, "sre1", "sre_lead")
    statement = statement.replace(ssh_key(private_key("sre1")).fingerprint.encode(), other)
    declined(run.judged(asked, statement, run.sign(statement, "sre1")), "A5")


def with_key(listed: ListedKey) -> Ring:
    ring = people()
    changed = tuple(replace(one, keys=(listed,)) if one.handle == "sre1" else one for one in ring.people)
    return replace(ring, people=changed)


@pytest.mark.req("APR-03")
def test_a5_environment_and_time_of_the_key_count() -> None:
    key = ssh_key(private_key("sre1"))
    run, asked = ask(with_key(ListedKey(key, environments=frozenset({"staging"}))))
    declined(judged(run, asked), "A5")
    run, asked = ask(with_key(ListedKey(key, until=run.now)))
    declined(judged(run, asked), "A5")
    run, asked = ask(with_key(ListedKey(key, since=run.now + timedelta(days=1))))
    declined(judged(run, asked), "A5")
    run, asked = ask(with_key(ListedKey(key, environments=frozenset({"production"}), since=run.now - timedelta(1))))
    assert isinstance(judged(run, asked), Accepted)


@pytest.mark.parametrize("reason", list(RevocationReason))
def test_a5_a_revoked_key_is_declined(reason: RevocationReason) -> None:
    run = measured_run()
    fingerprint = ssh_key(private_key("sre1")).fingerprint
    run.ring = replace(run.ring, revoked=(Revocation(fingerprint, run.now - timedelta(days=1), reason),))
    asked = run.ask()
    run.wait(minutes=1)
    assert reason.value in declined(judged(run, asked), "A5").reason


def test_a5_what_a_key_signed_before_it_was_lost_stays_but_not_when_it_was_compromised() -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead")
    signature = run.sign(statement, "sre1")
    accepted = run.judged(asked, statement, signature)
    assert isinstance(accepted, Accepted)
    entry = run.record(accepted, statement)
    rule = run.rule("production", Kind.APPROVAL)
    fingerprint = ssh_key(private_key("sre1")).fingerprint
    for reason, counts in [(RevocationReason.LOST, True), (RevocationReason.COMPROMISED, False)]:
        ring = replace(run.ring, revoked=(Revocation(fingerprint, run.now + timedelta(hours=1), reason),))
        later = Occasion(run.log, run.now + timedelta(hours=2), entry)
        assert isinstance(accept(statement, signature, asked, ring, rule, later), Accepted) is counts


@pytest.mark.req("REV-08", "CFG-04")
def test_a6_people_only_no_engine_and_nobody_unlisted() -> None:
    run, asked = ask()
    statement = run.statement(asked, "claude", "sre_lead")
    found = declined(run.judged(asked, statement, run.sign(statement, "claude")), "A6")
    assert "po1, rm1, sec1, sre1, sre2" in found.next_step
    run.ring = replace(run.ring, engines=(EngineKey("eu1", ssh_key(private_key("sre1"))),))
    declined(judged(run, asked), "A6")


SK = PublicKey("sk-ssh-ed25519@openssh.com", b"blob", "ssh:gonogo")


@pytest.mark.parametrize(
    ("flags", "listed", "synced", "level"),
    [
        (0x00, "H2", "H0", "H0"),
        (0x01, "H0", "H0", "H0"),
        (0x01, "H1", "H0", "H1"),
        (0x01, "H2", "H0", "H1"),
        (0x05, "H2", "H0", "H2"),
        (0x05, "H1", "H0", "H1"),
        (0x04, "H2", "H0", "H0"),
        (0x0D, "H2", "H0", "H0"),
        (0x0D, "H2", "H1", "H1"),
        (0x0D, "H2", "H2", "H1"),
    ],
)
def test_a7_the_level_is_the_lower_of_listing_and_flags(flags: int, listed: str, synced: str, level: str) -> None:
    ring = replace(people(), web=Web(synced_passkeys=Assurance[synced]))
    signed = Signed(SK, SK.type, Touch(flags, 1))
    assert level_of(ListedKey(SK, Assurance[listed]), signed, ring) is Assurance[level]


def test_a7_a_software_key_proves_no_touch_whatever_it_is_listed_for() -> None:
    key = ssh_key(private_key("sre1"))
    assert level_of(ListedKey(key, Assurance.H2), Signed(key, "ssh-ed25519", None), people()) is Assurance.H0
    ring = with_key(ListedKey(key, Assurance.H2))
    rule = replace(ring.decisions["production"], min_assurance={"production": Assurance.H1})
    run, asked = ask(replace(ring, decisions={**ring.decisions, "production": rule}))
    assert "asks for H1" in declined(judged(run, asked), "A7").reason


@pytest.mark.req("REV-03")
def test_a11_another_evidence_list_is_declined() -> None:
    run, asked = ask()
    declined(judged(run, Asked(asked.request, asked.evidence_list + b"\n")), "A11")
    declined(judged(run, Asked(asked.request, b"")), "A11")


def test_a11_evidence_measured_again_after_the_request_declines() -> None:
    run, asked = ask()
    run.seal("staging-test-results.json", b'{"test_execution": {"status": "fail"}}\n')
    assert "measured again" in declined(judged(run, asked), "A11").reason


def test_a11_the_same_bytes_again_and_new_files_of_later_steps_change_nothing() -> None:
    run, asked = ask()
    run.seal("staging-test-results.json", b'{"test_execution": {"status": "pass"}}\n')
    run.seal("later.json", b"{}\n", "later")
    run.seal("staging-test-results.json", b"an agent says otherwise", status="claimed")
    assert isinstance(judged(run, asked), Accepted)


@pytest.mark.req("APR-03")
def test_a11_what_was_to_be_done_again_when_people_were_asked_is_not_held_against_them() -> None:
    run, asked = ask()
    run.seal("staging-test-results.json", b"again\n", attempt=2)
    assert isinstance(judged(run, asked), Accepted)


@pytest.mark.parametrize("again", ["run.resumed", "abort.requested", "rollback.begun"])
def test_a11_what_is_done_again_since_people_were_asked_declines_whatever_its_attempt(again: str) -> None:
    run, asked = ask()
    run.append(again, {})
    run.seal("staging-test-results.json", b"again\n", attempt=2)
    assert "measured again" in declined(judged(run, asked), "A11").reason


def test_a11_evidence_kept_from_the_approvers_declines() -> None:
    run = measured_run()
    facts = run.facts("production", Kind.APPROVAL)
    run.seal("bad-news.json", b'{"open": 3}\n')
    asked = run.ask_with(facts)
    assert "bad-news.json" in declined(judged(run, asked), "A11").reason


@pytest.mark.req("APR-03")
def test_a12_a_challenge_that_this_log_did_not_issue_is_declined() -> None:
    run, asked = ask()
    other = measured_run()
    other.wait(minutes=5)
    statement = run.statement(asked, "sre1", "sre_lead")
    declined(other.judged(asked, statement, run.sign(statement, "sre1")), "A12")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("approval.voided", "voided"),
        ("approval.expired", "over"),
        ("approval.consumed", "used"),
        ("run.closed", "closed"),
    ],
)
def test_a12_a_round_that_is_over_takes_no_answer(kind: str, words: str) -> None:
    run, asked = ask()
    run.append(kind, {"round": run.round})
    assert words in declined(judged(run, asked), "A12").reason


def test_a12_a_challenge_issued_twice_counts_for_nobody() -> None:
    run, asked = ask()
    run.append("approval.requested", dict(run.entries[-1].data))
    declined(judged(run, asked), "A12")


def test_a13_expiry_counts_by_the_later_of_clock_and_log() -> None:
    run, asked = ask()
    run.wait(hours=72)
    assert "expired" in declined(judged(run, asked), "A13").reason
    run.append("agent.called", {})
    statement = run.statement(asked, "sre1", "sre_lead")
    early = Occasion(run.log, run.now - timedelta(hours=71))
    rule = run.rule("production", Kind.APPROVAL)
    declined(accept(statement, run.sign(statement, "sre1"), asked, run.ring, rule, early), "A13")


def test_a13_a_signature_from_another_time_and_a_too_long_request_are_declined() -> None:
    run, asked = ask()
    statement = run.statement(asked, "sre1", "sre_lead")
    signature = run.sign(statement, "sre1")
    run.wait(minutes=11)
    assert "set the clock right" in declined(run.judged(asked, statement, signature), "A13").next_step
    ring = people()
    short = replace(ring.decisions["production"], valid_for=timedelta(hours=1))
    run, asked = ask(replace(ring, decisions={"production": short}))
    assert "longer than its rule" in declined(judged(run, asked), "A13").reason


def test_a13_a_request_that_is_not_open_yet_is_declined() -> None:
    run = measured_run()
    facts = run.facts("production", Kind.APPROVAL)
    asked = run.ask_with(replace(facts, not_before=run.now + timedelta(hours=1)))
    declined(judged(run, asked), "A13")


def test_a14_a_young_request_cannot_be_answered_where_the_rule_wants_time_to_read() -> None:
    ring = people()
    slow = replace(ring.decisions["production"], min_age=timedelta(minutes=10))
    run, asked = ask(replace(ring, decisions={"production": slow}))
    declined(judged(run, asked), "A14")
    run.wait(minutes=5)
    assert isinstance(judged(run, asked), Accepted)


@pytest.mark.req("EVS-16")
def test_a15_a_log_that_was_rewritten_below_the_request_declines() -> None:
    changes: tuple[dict[str, object], ...] = (
        {"head": digest_of(b"x")},
        {"root": "A" * 43 + "="},
        {"size": 0},
        {"size": 99},
        {"origin": "acme/eu2/other"},
    )
    for change in changes:
        run = measured_run()
        facts = run.facts("production", Kind.APPROVAL)
        asked = run.ask_with(replace(facts, checkpoint=replace(facts.checkpoint, **change)))  # type: ignore[arg-type]  # one field each
        declined(judged(run, asked), "A15")


@pytest.mark.req("REV-08", "WVR-06")
def test_a16_nobody_approves_their_own_change_or_request() -> None:
    run, asked = ask(authors=("dev1", "sre1"))
    found = declined(judged(run, asked), "A16")
    assert "sre1 made changes" in found.reason
    assert "sre2 (sre_lead)" in found.next_step
    run, asked = ask(requested_by="sre1")
    assert "cannot also approve" in declined(judged(run, asked), "A16").reason
    run, asked = ask(owner="sre1")
    assert "owns the agent" in declined(judged(run, asked), "A16").reason


@pytest.mark.req("REV-08")
def test_a16_whoever_opened_the_run_cannot_approve_what_an_agent_asked_for() -> None:
    run = Run(requested_by="sre1").open()
    run.seal("prerequisites-validation.json", b"{}\n")
    run.requested_by = "agent:claude"
    asked = run.ask()
    declined(judged(run, asked), "A16")


def test_a16_an_author_whom_nobody_knows_blocks_unless_the_rule_allows_it() -> None:
    run, asked = ask(authors=("unmapped:ab12",))
    assert "identities" in declined(judged(run, asked), "A16").next_step
    ring = people()
    open_rule = replace(ring.decisions["production"], unmapped_authors_block=False)
    run, asked = ask(replace(ring, decisions={"production": open_rule}), authors=("unmapped:ab12",))
    assert isinstance(judged(run, asked), Accepted)


def test_a16_a_project_of_one_person_can_say_so_in_its_rules() -> None:
    ring = people()
    alone = DecisionRule(all_of=(RequiredRole("sre_lead"),), not_author=False, not_requester=False, allow_owner=True)
    run, asked = ask(
        replace(ring, decisions={"production": alone}), authors=("sre1",), requested_by="sre1", owner="sre1"
    )
    assert isinstance(judged(run, asked), Accepted)


@pytest.mark.req("FRZ-04")
def test_a_stakeholder_acknowledges_the_freeze_and_nobody_else() -> None:
    run = measured_run()
    window = {"from": "2026-03-02T10:00:00Z", "to": "2026-03-02T18:00:00Z"}
    lock = {"repository": "web", "branch": "main", "probe_sha256": "d" * 64}
    asked = run.ask("freeze", Kind.FREEZE_ACK, {"window": window, "branch_lock": lock})
    for handle, role, rule in [("po1", "product_owner", ""), ("sre1", "sre_lead", "A5")]:
        statement = run.statement(asked, handle, role, {})
        signature = run.sign(statement, handle, Kind.FREEZE_ACK)
        found = run.judged(asked, statement, signature, "freeze", Kind.FREEZE_ACK)
        assert (found.rule if isinstance(found, Declined) else "") == rule


# A18: at the instant of the act every recorded statement is judged again.


def approved() -> tuple[Run, Asked, list[tuple[bytes, bytes]]]:
    run, asked = ask()
    said = []
    for handle, role in [("sre1", "sre_lead"), ("po1", "product_owner")]:
        statement = run.statement(asked, handle, role)
        signature = run.sign(statement, handle)
        accepted = run.judged(asked, statement, signature)
        assert isinstance(accepted, Accepted)
        run.record(accepted, statement)
        said.append((statement, signature))
    return run, asked, said


def judged_again(run: Run, asked: Asked, said: list[tuple[bytes, bytes]], ring: Ring | None = None) -> list[Accepted | Declined]:
    """The recorded statements with the people, bytes and time of now."""
    rule = run.rule("production", Kind.APPROVAL)
    records = {entry.data["statement_sha256"]: entry for entry in run.log if entry.type == "approval.recorded"}
    return [
        accept(statement, signature, asked, ring or run.ring, rule, Occasion(run.log, run.now, records[digest_of(statement)]))
        for statement, signature in said
    ]


@pytest.mark.req("APR-03")
def test_a18_an_approval_is_used_when_everything_still_holds() -> None:
    run, asked, said = approved()
    run.wait(hours=71)
    standing = [one for one in judged_again(run, asked, said) if isinstance(one, Accepted)]
    found = quorum(run.rule("production", Kind.APPROVAL), standing, {"security_impact": "no"}, run.ring)
    assert found.met
    assert found.people == ("po1", "sre1")


@pytest.mark.req("APR-03")
def test_a18_an_approver_removed_after_signing_no_longer_counts() -> None:
    run, asked, said = approved()
    ring = replace(run.ring, people=tuple(one for one in run.ring.people if one.handle != "po1"))
    stays, goes = judged_again(run, asked, said, ring)
    declined(goes, "A6")
    assert isinstance(stays, Accepted)
    found = quorum(run.rule("production", Kind.APPROVAL), [stays], {"security_impact": "no"}, ring)
    assert any("sponsor or product_owner" in words for words in found.missing)


def test_a18_an_expired_voided_or_overtaken_approval_is_not_used() -> None:
    run, asked, said = approved()
    run.wait(hours=72)
    assert [declined(one, "A13").rule for one in judged_again(run, asked, said)] == ["A13", "A13"]
    run, asked, said = approved()
    run.seal("staging-test-results.json", b"other bytes\n")
    assert [declined(one, "A11").rule for one in judged_again(run, asked, said)] == ["A11", "A11"]
    run, asked, said = approved()
    run.append("approval.consumed", {"round": run.round, "task": "x", "attempt": 1})
    assert [declined(one, "A12").rule for one in judged_again(run, asked, said)] == ["A12", "A12"]


def test_a_go_with_conditions_is_withheld_and_a_no_go_is_accepted_as_such() -> None:
    run, asked = ask()
    for says, decision in [(GO | {"conditions": ["load test repeated"]}, "withheld"), (NO_GO, "no_go")]:
        statement = run.statement(asked, "sre1", "sre_lead", says)
        found = run.judged(asked, statement, run.sign(statement, "sre1"))
        assert isinstance(found, Accepted)
        assert found.decision == decision


def test_every_person_here_has_a_key_of_their_own() -> None:
    keys = {private_key(one.handle).public_key().public_bytes_raw() for one in people().people}
    assert len(keys) == len(people().people)
    assert isinstance(private_key("x"), ed25519.Ed25519PrivateKey)
    assert person("x", "y").keys
