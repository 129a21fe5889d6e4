"""Security keys and passkeys: origin, application and counter (rules A7 to A9)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from trust_world import GO, Run, measured_run, people, private_key

from gonogo.evidence import passkeys
from gonogo.evidence.acceptance import Accepted, Asked, Declined
from gonogo.evidence.signers import Assurance, ListedKey, ListedPerson, Ring, Web
from gonogo.evidence.sshkeys import PublicKey, open_key
from gonogo.evidence.sshsig import armour, signed_data, wrapped
from gonogo.evidence.statements import Answer, Signer, statement_bytes, statement_id
from gonogo.evidence.wire import mpint, string

NAMESPACE = "gonogo/approval/v1/production"
ORIGIN = "https://gonogo.acme.example"
RP_ID = "gonogo.acme.example"
SCALAR = int.from_bytes(bytes(range(1, 33)), "big")


def device_blob(application: str = "ssh:gonogo") -> bytes:
    head = string(b"sk-ssh-ed25519@openssh.com") + string(private_key("fido").public_key().public_bytes_raw())
    return head + string(application.encode())


def device_signature(statement: bytes, flags: int, counter: int, application: str = "ssh:gonogo") -> bytes:
    tail = bytes([flags]) + counter.to_bytes(4, "big")
    digest = hashlib.sha256(signed_data(NAMESPACE, statement)).digest()
    raw = private_key("fido").sign(hashlib.sha256(application.encode()).digest() + tail + digest)
    inner = string(b"sk-ssh-ed25519@openssh.com") + string(raw) + tail
    return armour(wrapped(device_blob(application), NAMESPACE, inner))


def passkey_blob() -> bytes:
    numbers = ec.derive_private_key(SCALAR, ec.SECP256R1()).public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    head = string(b"sk-ecdsa-sha2-nistp256@openssh.com") + string(b"nistp256")
    return head + string(point) + string(RP_ID.encode())


def passkey_signature(statement: bytes, origin: str = ORIGIN) -> bytes:
    data = passkeys.beginning(signed_data(NAMESPACE, statement), origin) + b"}"
    spoken = passkeys.Spoken(b"", 5, 1, origin, data, b"")
    private = ec.derive_private_key(SCALAR, ec.SECP256R1())
    r, s = decode_dss_signature(private.sign(spoken.signed_by(RP_ID), ec.ECDSA(hashes.SHA256())))
    whole = replace(spoken, signature=mpint(r) + mpint(s))
    return armour(wrapped(passkey_blob(), NAMESPACE, passkeys.inner(whole)))


def ring_with(blob: bytes, level: Assurance = Assurance.H2) -> Ring:
    ring = people()
    holder = ListedPerson("sre1", "Name", frozenset({"sre_lead"}), (ListedKey(open_key(blob).key, level),))
    rule = replace(ring.decisions["production"], min_assurance={"production": Assurance.H1})
    others = tuple(one for one in ring.people if one.handle != "sre1")
    web = Web(frozenset({RP_ID}), frozenset({ORIGIN}))
    return replace(ring, people=(holder, *others), decisions={"production": rule}, web=web)


def ask(ring: Ring) -> tuple[Run, Asked]:
    run = measured_run()
    run.ring = ring
    asked = run.ask()
    run.wait(minutes=5)
    return run, asked


def statement_of(run: Run, asked: Asked, key: PublicKey) -> bytes:
    answer = Answer(statement_id(run.now, bytes(10)), run.now.replace(microsecond=0), "cli", GO)
    return statement_bytes(asked.request, Signer("sre1", "Name", "sre_lead", key.fingerprint), answer)


def rule_of(found: Accepted | Declined) -> str:
    return found.rule if isinstance(found, Declined) else found.level.name


@pytest.mark.req("REV-08")
@pytest.mark.parametrize(("flags", "answer"), [(0, "A7"), (1, "H1"), (4, "A7"), (5, "H2")])
def test_a7_flags_zero_are_not_a_touch_although_ssh_keygen_says_good(flags: int, answer: str) -> None:
    run, asked = ask(ring_with(device_blob()))
    statement = statement_of(run, asked, open_key(device_blob()).key)
    assert rule_of(run.judged(asked, statement, device_signature(statement, flags, 1))) == answer


def test_a7_a_security_key_listed_without_attestation_is_below_h1() -> None:
    run, asked = ask(ring_with(device_blob(), Assurance.H0))
    statement = statement_of(run, asked, open_key(device_blob()).key)
    assert rule_of(run.judged(asked, statement, device_signature(statement, 5, 1))) == "A7"


def test_a8_a_security_key_bound_to_a_web_site_does_not_sign_as_one_for_ssh() -> None:
    run, asked = ask(ring_with(device_blob(RP_ID)))
    statement = statement_of(run, asked, open_key(device_blob(RP_ID)).key)
    assert rule_of(run.judged(asked, statement, device_signature(statement, 5, 1, RP_ID))) == "A8"


@pytest.mark.req("REV-03")
def test_a8_a_passkey_counts_on_our_page_and_nowhere_else() -> None:
    run, asked = ask(ring_with(passkey_blob()))
    statement = statement_of(run, asked, open_key(passkey_blob()).key)
    assert rule_of(run.judged(asked, statement, passkey_signature(statement))) == "H2"
    phished = run.judged(asked, statement, passkey_signature(statement, "https://gonogo.acme.example.evil.example"))
    assert rule_of(phished) == "A8"
    run.ring = replace(run.ring, web=Web(frozenset({"other.example"}), frozenset({ORIGIN})))
    assert rule_of(run.judged(asked, statement, passkey_signature(statement))) == "A8"


def test_a9_a_counter_that_stands_still_or_falls_is_declined() -> None:
    run, asked = ask(ring_with(device_blob()))
    statement = statement_of(run, asked, open_key(device_blob()).key)
    first = run.judged(asked, statement, device_signature(statement, 5, 7))
    assert isinstance(first, Accepted)
    run.record(first, statement)
    for counter, answer in [(7, "A9"), (6, "A9"), (0, "A9"), (8, "H2")]:
        assert rule_of(run.judged(asked, statement, device_signature(statement, 5, counter))) == answer


def test_a9_a_device_that_does_not_count_may_stay_at_zero() -> None:
    run, asked = ask(ring_with(device_blob()))
    statement = statement_of(run, asked, open_key(device_blob()).key)
    first = run.judged(asked, statement, device_signature(statement, 5, 0))
    assert isinstance(first, Accepted)
    run.record(first, statement)
    assert rule_of(run.judged(asked, statement, device_signature(statement, 5, 0))) == "H2"
