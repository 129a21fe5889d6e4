"""Trust files are generated, compared and linted; a policy moves forward only, by its admins."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from trust_world import START, people, person, private_key, ssh_key

from gonogo.errors import BadInput
from gonogo.evidence.policy import POLICY_NAMESPACE, policy_bytes, read_policy
from gonogo.evidence.showing import confusable, lookalikes, visible
from gonogo.evidence.signers import (
    Assurance,
    DecisionRule,
    EngineKey,
    ListedKey,
    ListedPerson,
    RequiredRole,
    Revocation,
    RevocationReason,
    Ring,
    allowed_signers,
    revoked_keys,
)
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.sshsig import sign
from gonogo.evidence.trusting import NextPolicy, differing, lint, narrowed, trust_files, version_problems
from gonogo.evidence.wire import string
from gonogo.findings import Level
from gonogo.plan.approvers import read_approvers
from gonogo.terms import digest_of

ENVIRONMENTS = ("production", "staging")


def codes(ring: Ring, level: Level = Level.ERROR) -> set[str]:
    return {finding.code for finding in lint(ring, START) if finding.level is level}


@pytest.mark.req("CFG-04")
def test_a_policy_is_read_as_the_ring_it_was_made_from() -> None:
    ring = replace(
        people(),
        expires=START + timedelta(days=300),
        revoked=(Revocation(ssh_key(private_key("x")).fingerprint, START, RevocationReason.LOST),),
    )
    data = trust_files(ring, ENVIRONMENTS)["policy.json"]
    assert read_policy(data) == ring
    assert b"identities_sha256" in data


def test_commit_addresses_leave_the_file_only_as_digests() -> None:
    text = (
        f'schema: gonogo/approvers/1\npeople:\n- {{id: rm1, roles: [release_manager], identities: [Somebody@acme.example],'
        f' keys: ["{ssh_key(private_key("rm1")).line}"]}}\ndecisions: {{}}\n'
    )
    ring = read_approvers(text.encode(), "approvers.yaml").ring
    data = trust_files(ring, ENVIRONMENTS)["policy.json"]
    assert read_policy(data) == ring
    assert b"omebody" not in data
    assert digest_of(b"somebody@acme.example").encode() in data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"schema": "gonogo/policy/1"', b'"schema": "gonogo/policy/2"'),
        (b'"quorum": 2', b'"quorum": "2"'),
        (b'"not_author": true', b'"not_author": 1'),
        (b'"site": ', b'"extra": 1,\n "site": '),
        (b'"assurance": "H0"', b'"assurance": "H9"'),
        (b'"id": "rm1"', b'"id": "agent:rm1"'),
    ],
)
def test_a_policy_with_other_fields_is_refused(before: bytes, after: bytes) -> None:
    data = trust_files(people(), ENVIRONMENTS)["policy.json"]
    assert before in data
    with pytest.raises(BadInput):
        read_policy(data.replace(before, after, 1))


@pytest.mark.req("CFG-02")
def test_tl01_files_edited_by_hand_are_seen() -> None:
    generated = trust_files(people(), ENVIRONMENTS)
    assert differing(generated, generated) == ()
    edited = {**generated, "allowed_signers": generated["allowed_signers"] + b"\n"}
    assert {finding.code for finding in differing(generated, edited)} >= {"TL01"}
    assert [finding.code for finding in differing(generated, {})].count("TL01") == 3


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('* namespaces="gonogo/approval/v1/production" ssh-ed25519 AAAA', "TL02"),
        ('rm1 namespaces="gonogo/*" ssh-ed25519 AAAA', "TL02"),
        ("rm1 ssh-ed25519 AAAA", "TL03"),
        ('rm1 cert-authority,namespaces="x" ssh-ed25519 AAAA', "TL10"),
    ],
)
def test_tl02_tl03_tl10_wide_lines_are_errors(line: str, code: str) -> None:
    assert code in {finding.code for finding in differing({}, {"allowed_signers": line.encode() + b"\n"})}


def test_a_sound_ring_has_no_errors() -> None:
    assert codes(people()) == set()
    assert "TL13" in codes(people(), Level.WARNING)


@pytest.mark.req("CFG-04")
def test_tl04_tl05_one_key_for_two_people_or_for_an_engine() -> None:
    ring = people()
    twin = ListedPerson("rm9", "", frozenset({"release_manager"}), ring.people[0].keys)
    assert "TL04" in codes(replace(ring, people=(*ring.people, twin)))
    engine = EngineKey("eu1", ring.people[0].keys[0].key)
    assert "TL05" in codes(replace(ring, engines=(engine,)))
    assert "TL05" in codes(replace(ring, people=(*ring.people, person("ci-deploy", "sre_lead"))))


def test_tl06_tl07_a_claim_of_hardware_needs_attestation_and_a_fitting_application() -> None:
    ring = people()
    plain = ListedPerson("rm9", "", frozenset({"x"}), (ListedKey(ssh_key(private_key("rm9")), Assurance.H1),))
    assert "TL06" in codes(replace(ring, people=(*ring.people, plain)))
    blob = string(b"sk-ssh-ed25519@openssh.com") + string(bytes(32)) + string(b"evil.example")
    key = PublicKey("sk-ssh-ed25519@openssh.com", blob, "evil.example")
    device = ListedPerson("rm9", "", frozenset({"x"}), (ListedKey(key, Assurance.H2),))
    ring = replace(ring, people=(*ring.people, device))
    assert {"TL06", "TL07"} <= codes(ring)
    assert "TL06" not in {finding.code for finding in lint(ring, START, {key.fingerprint: Assurance.H2})}


def test_tl08_handles_that_look_alike() -> None:
    ring = people()
    assert "TL08" in codes(replace(ring, people=(*ring.people, person("po-l", "x"), person("po-i", "x"))))
    assert "TL08" in codes(replace(ring, people=(*ring.people, person("Rm2", "x"))))


def test_tl11_tl12_rules_that_nobody_can_meet() -> None:
    ring = people()
    rule = DecisionRule(all_of=(RequiredRole("astronaut"),))
    assert "TL11" in codes(replace(ring, decisions={"production": rule}))
    assert "TL12" in codes(replace(ring, decisions={"production": rule}), Level.WARNING)
    assert "TL11" in codes(replace(ring, decisions={"x": DecisionRule(any_of=("sre_lead",), quorum=9)}))
    assert "TL11" in codes(ring, Level.WARNING), "only po1 is a product owner"
    assert "TL12" in codes(replace(ring, freeze_stakeholders=("ghost",)))


def test_tl14_tl15_admins_and_expiry() -> None:
    assert "TL14" in codes(replace(people(), admin_threshold=2))
    assert "TL14" in codes(replace(people(), admins=("rm1", "sre1")), Level.WARNING)
    assert "TL15" in codes(replace(people(), expires=START))


def following(ring: Ring, before: bytes, *, version: int = 8) -> bytes:
    signers, revoked = allowed_signers(ring, ENVIRONMENTS), revoked_keys(ring)
    return policy_bytes(replace(ring, version=version), signers, revoked, digest_of(before))


def signed(data: bytes, *handles: str) -> NextPolicy:
    return NextPolicy(data, {handle: sign(private_key(handle), data, POLICY_NAMESPACE) for handle in handles})


@pytest.mark.req("CFG-02")
def test_a_new_policy_counts_when_an_admin_of_the_old_one_signed_it() -> None:
    ring = people()
    before = trust_files(ring, ENVIRONMENTS)["policy.json"]
    after = following(ring, before)
    assert version_problems(before, signed(after, "rm1"), START) == ()


@pytest.mark.req("CFG-02")
def test_a_replayed_skipped_unsigned_or_foreign_policy_is_refused() -> None:
    ring = people()
    before = trust_files(ring, ENVIRONMENTS)["policy.json"]
    after = following(ring, before)
    for coming in (
        signed(following(ring, before, version=6), "rm1"),
        signed(following(ring, before, version=7), "rm1"),
        signed(following(ring, before, version=9), "rm1"),
        signed(following(ring, b"another version"), "rm1"),
        signed(following(replace(ring, expires=START), before), "rm1"),
        signed(after),
        signed(after, "sre1"),
        NextPolicy(after, {"rm1": sign(private_key("sre1"), after, POLICY_NAMESPACE)}),
        NextPolicy(after, {"rm1": sign(private_key("rm1"), before, POLICY_NAMESPACE)}),
        NextPolicy(after, {"rm1": sign(private_key("rm1"), after, "gonogo/approval/v1/production")}),
    ):
        problems = version_problems(before, coming, START)
        assert {finding.code for finding in problems} == {"TL15"}


@pytest.mark.req("APR-03")
def test_later_removals_and_revocations_act_on_a_run_and_nothing_else_does() -> None:
    pinned = people()
    revocation = Revocation(ssh_key(private_key("po1")).fingerprint, START, RevocationReason.LOST)
    latest = replace(
        pinned,
        people=(*(one for one in pinned.people if one.handle != "sre1"), person("new1", "sre_lead")),
        decisions={},
        revoked=(revocation,),
    )
    found = narrowed(pinned, latest)
    assert [one.handle for one in found.people] == ["rm1", "sre2", "po1", "sec1"]
    assert found.decisions == pinned.decisions
    assert found.revoked == (revocation,)
    assert narrowed(pinned, pinned) == pinned


def test_allowed_signers_is_what_ssh_keygen_reads(tmp_path: Path) -> None:
    keygen = shutil.which("ssh-keygen")
    assert keygen is not None, "install openssh-client"
    ring = people()
    until = replace(ring.people[0].keys[0], since=START, until=START + timedelta(days=9))
    ring = replace(ring, people=(replace(ring.people[0], keys=(until,)), *ring.people[1:]))
    (tmp_path / "allowed").write_bytes(allowed_signers(ring, ENVIRONMENTS))
    message = b"a statement\n"
    space = "gonogo/approval/v1/production"
    (tmp_path / "s.sig").write_bytes(sign(private_key("rm1"), message, space))

    def good(who: str, at: str, namespace: str = space) -> bool:
        argv = [keygen or "", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", who, "-n", namespace]
        argv += ["-s", str(tmp_path / "s.sig"), "-O", f"verify-time={at}"]
        return subprocess.run(argv, input=message, capture_output=True, check=False).returncode == 0

    assert good("rm1", "20260305000000Z")
    assert good("role:release_manager", "20260305000000Z")
    assert not good("role:sre_lead", "20260305000000Z")
    assert not good("sre1", "20260305000000Z")
    assert not good("rm1", "20260301000000Z")
    assert not good("rm1", "20260401000000Z")
    assert not good("role:*", "20260305000000Z")


def test_allowed_signers_has_one_sorted_line_a_key_and_no_wildcard() -> None:
    lines = allowed_signers(people(), ENVIRONMENTS).decode().splitlines()
    assert lines == sorted(lines)
    assert len(lines) == 6
    assert not any(mark in line for line in lines for mark in "*?!")
    assert any("gonogo/policy/v1" in line for line in lines if line.startswith("rm1,"))
    assert not any("gonogo/policy/v1" in line for line in lines if line.startswith("po1,"))


def test_only_compromised_keys_are_revoked_for_everything() -> None:
    ring = people()
    for reason, count in [(RevocationReason.COMPROMISED, 2), (RevocationReason.LOST, 1)]:
        fingerprint = ring.people[0].keys[0].key.fingerprint
        assert revoked_keys(replace(ring, revoked=(Revocation(fingerprint, START, reason),))).count(b"\n") == count


@pytest.mark.req("REV-01")
def test_text_that_hides_is_written_out() -> None:
    assert visible("go\u202eon\x1b[2J\u200b\r\n") == "go‹U+202E›on‹U+001B›[2J‹U+200B›‹U+000D›\n"
    assert visible("Grüße — 100 %") == "Grüße — 100 %"
    assert lookalikes("pаypal paypal") == ("pаypal",)
    assert confusable("rml", frozenset({"rm1", "po1"})) == "rm1"
