"""Security keys and passkeys: origin, application and counter (rules A7 to A9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trust_devices import (
    ORIGIN,
    RP_ID,
    ask,
    device_blob,
    device_signature,
    passkey_blob,
    passkey_signature,
    ring_with,
    rule_of,
    statement_of,
)

from gonogo.evidence.acceptance import Accepted
from gonogo.evidence.signers import Assurance, Web
from gonogo.evidence.sshkeys import open_key


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
