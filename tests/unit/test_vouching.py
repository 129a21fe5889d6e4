"""Attestations of security keys and passkeys: what a device's maker vouches for, and everything that proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from authenticator import MODEL, Device, Maker, cbor, maker
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.evidence.cbor import read_cbor
from gonogo.evidence.signers import Assurance, Fido, Web
from gonogo.evidence.vouching import Pins, attested, certificate_digest, passkey_of, passkey_registration
from gonogo.evidence.wire import BadSignature, string

CHALLENGE = bytes(range(32))
ORIGIN, SITE = "https://gonogo.acme.example", "gonogo.acme.example"
WEB = Web(frozenset({SITE}), frozenset({ORIGIN}))
MADE_BY = maker()
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def pins(made_by: Maker = MADE_BY, *models: bytes) -> Pins:
    fido = Fido(frozenset({made_by.pin}), frozenset(model.hex() for model in models))
    return Pins(fido, {made_by.pin: made_by.root_bytes}, WEB)


def why(data: bytes, device: Device, given_pins: Pins, challenge: bytes = CHALLENGE, at: datetime | None = None) -> str:
    with pytest.raises(BadSignature) as caught:
        attested(data, challenge, device.public, given_pins, at)
    assert caught.value.next_step
    return caught.value.what


@pytest.mark.parametrize("curve", ["ed25519", "p256"])
@pytest.mark.req("REV-08", "t23_fake_fido")
def test_a_key_is_h1_by_its_makers_word_and_h2_where_the_site_lists_its_model(curve: str) -> None:
    device = Device(MADE_BY, curve=curve)
    found = attested(device.attestation(CHALLENGE), CHALLENGE, device.public, pins(), NOW)
    assert (found.level, found.root, found.aaguid) == (Assurance.H1, MADE_BY.pin, MODEL.hex())
    assert attested(device.attestation(CHALLENGE), CHALLENGE, device.public, pins(MADE_BY, MODEL)).level is Assurance.H2


def test_an_older_device_without_a_model_signs_the_older_form_and_is_h1_at_most() -> None:
    made_by = maker(model=None)
    device = Device(made_by, curve="p256", model=bytes(16))
    found = attested(device.attestation(CHALLENGE), CHALLENGE, device.public, pins(made_by, MODEL))
    assert found.level is Assurance.H1


@pytest.mark.req("t23_fake_fido")
def test_software_without_a_pinned_maker_proves_nothing() -> None:
    forger = maker("Forger")
    device = Device(forger)
    assert "no pinned root vouches" in why(device.attestation(CHALLENGE), device, pins())
    namesake = maker()
    device = Device(namesake)
    assert "does not fit" in why(device.attestation(CHALLENGE), device, pins()), "the same names, another key"
    unpinned = Pins(Fido(), {MADE_BY.pin: MADE_BY.root_bytes}, WEB)
    device = Device(MADE_BY)
    assert "no pinned root" in why(device.attestation(CHALLENGE), device, unpinned)
    exchanged = Pins(Fido(frozenset({MADE_BY.pin})), {MADE_BY.pin: forger.root_bytes}, WEB)
    assert "no pinned root" in why(device.attestation(CHALLENGE), device, exchanged)


def test_an_attestation_is_about_one_key_one_challenge_one_application_and_one_model() -> None:
    device, other = Device(MADE_BY), Device(MADE_BY)
    data = device.attestation(CHALLENGE)
    assert "another key" in why(data, other, pins())
    assert "does not fit" in why(data, device, pins(), challenge=bytes(32))
    assert "not 32" in why(data, device, pins(), challenge=bytes(16))
    elsewhere = Device(MADE_BY, application="ssh:other")
    elsewhere.secret = device.secret
    assert "another application" in why(data, elsewhere, pins())
    twin = Device(MADE_BY, model=bytes(15) + b"\x01")
    assert "another model" in why(twin.attestation(CHALLENGE), twin, pins())
    p256 = Device(MADE_BY, curve="p256")
    assert "another key" in why(p256.attestation(CHALLENGE), Device(MADE_BY, curve="p256"), pins())
    assert "another key" in why(p256.attestation(CHALLENGE), device, pins())


def test_a_certificate_that_may_not_issue_or_has_run_out_vouches_for_nothing() -> None:
    no_authority = maker(ca=False)
    device = Device(no_authority)
    assert "may not issue" in why(device.attestation(CHALLENGE), device, pins(no_authority))
    expired = maker(days=10)
    device = Device(expired)
    assert "not valid at this time" in why(device.attestation(CHALLENGE), device, pins(expired), at=NOW)


def test_a_pinned_certificate_may_be_the_makers_own() -> None:
    device = Device(MADE_BY)
    own = device.made_by.certificate
    digest = certificate_digest(own.public_bytes(encoding_pem()))
    found = attested(
        device.attestation(CHALLENGE), CHALLENGE, device.public, Pins(Fido(frozenset({digest})), {digest: own.public_bytes(encoding_pem())}, WEB)
    )
    assert found.root == digest


def encoding_pem() -> object:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.PEM


@pytest.mark.parametrize(
    "change",
    [
        lambda device: device.attestation(CHALLENGE) + b"\x00",
        lambda device: device.attestation(CHALLENGE)[:-1],
        lambda device: device.attestation(CHALLENGE)[:-8] + b"\x00\x00\x00\x01" + bytes(4),
        lambda device: device.attestation(CHALLENGE, data=device.data() + b"\x01"),
        lambda device: device.attestation(CHALLENGE, data=device.data()[:40]),
        lambda device: device.attestation(CHALLENGE, signature=b"\x30\x00"),
        lambda device: string(b"ssh-sk-attest-v00") + device.attestation(CHALLENGE)[21:],
        lambda device: b"",
        lambda device: string(b"ssh-sk-attest-v01"),
    ],
)
def test_a_file_of_another_form_is_refused(change: object) -> None:
    device = Device(MADE_BY)
    why(change(device), device, pins())  # type: ignore[operator]


def test_an_attestation_without_a_touch_or_with_extensions_left_over_is_refused() -> None:
    device = Device(MADE_BY, flags=0)
    assert "nobody was present" in why(device.attestation(CHALLENGE), device, pins())
    device = Device(MADE_BY)
    extended = device.attestation(CHALLENGE, data=device.data(extensions=cbor({"credProtect": 2})))
    assert attested(extended, CHALLENGE, device.public, pins()).level is Assurance.H1
    why(device.attestation(CHALLENGE, data=device.data(extensions=cbor({"credProtect": 2}) + b"\x00")), device, pins())


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # which is below zero where its first bit was changed
@given(st.integers(0, 600), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
@pytest.mark.req("t23_fake_fido")
def test_no_changed_byte_of_an_attestation_leaves_it_as_proof(place: int, change: int) -> None:
    device = FIXED
    data = bytearray(FIXED_DATA)
    data[place % len(data)] ^= change
    try:
        found = attested(bytes(data), CHALLENGE, device.public, pins())
    except BadSignature:
        return
    # A second spelling of the same DER signature would be the only way; the key and its maker are still the same.
    assert (found.key, found.root) == (device.public, MADE_BY.pin)


FIXED = Device(MADE_BY)
FIXED_DATA = FIXED.attestation(CHALLENGE)


# Passkeys: the same, in the words of a browser.


def registered(device: Device, **more: str) -> bytes:
    return passkey_registration(device.registration(CHALLENGE, more.pop("origin", ORIGIN), **more))  # type: ignore[arg-type]


@pytest.mark.req("REV-08")
def test_a_passkey_is_enrolled_with_its_makers_word() -> None:
    device = Device(MADE_BY, application=SITE, curve="p256")
    found = attested(registered(device), CHALLENGE, None, pins(MADE_BY, MODEL), NOW)
    assert found.key == device.public
    assert found.level is Assurance.H2
    assert attested(registered(device), CHALLENGE, device.public, pins()).level is Assurance.H1


def test_a_passkey_that_may_be_copied_is_h1_at_most() -> None:
    device = Device(MADE_BY, application=SITE, curve="p256", flags=0x0D)
    assert attested(registered(device), CHALLENGE, None, pins(MADE_BY, MODEL)).level is Assurance.H1


@pytest.mark.parametrize(
    ("device", "more", "words"),
    [
        ({}, {"origin": "https://evil.example"}, "made on 'https://evil.example'"),
        ({}, {"said": "webauthn.get"}, "not a registration"),
        ({}, {"fmt": "none"}, "names no maker"),
        ({"application": "evil.example"}, {}, "another site"),
        ({"flags": 0x01}, {}, "not verified"),
        ({"curve": "ed25519"}, {}, "not on P-256"),
    ],
)
@pytest.mark.req("t25_phished_passkey")
def test_a_registration_from_elsewhere_or_without_the_person_is_refused(
    device: dict[str, object], more: dict[str, str], words: str
) -> None:
    made = Device(MADE_BY, **{"application": SITE, "curve": "p256", **device})  # type: ignore[arg-type]
    with pytest.raises(BadSignature, match=words):
        attested(registered(made, **more), CHALLENGE, None, pins())


def test_a_registration_for_another_challenge_is_refused_also_without_attestation() -> None:
    device = Device(MADE_BY, application=SITE, curve="p256")
    assert passkey_of(registered(device, fmt="none"), CHALLENGE, WEB) == device.public
    for read in (lambda: attested(registered(device), bytes(32), None, pins()), lambda: passkey_of(registered(device), bytes(32), WEB)):
        with pytest.raises(BadSignature, match="another challenge"):
            read()


# CBOR: one spelling.


@given(st.recursive(st.integers(-(2**63), 2**63) | st.binary(max_size=40) | st.text(max_size=20) | st.booleans(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-9, 9) | st.text(max_size=3), inner, max_size=4), max_leaves=12))
@settings(max_examples=80, deadline=None)
def test_cbor_is_read_as_it_was_written(value: object) -> None:
    assert repr(plain(read_cbor(cbor(value)))) == repr(plain(value))


def plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if hasattr(value, "items") else value


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x18\x17", b"\x19\x00\xff", b"\x1f", b"\x5f\x41\x00\xff", b"\xc0\x00", b"\xf9\x3c\x00", b"\xf6", b"\x42\x00",
        b"\xa2\x01\x00\x01\x00", b"\xa1\x41\x00\x00", b"\xa1\xf5\x00", b"\x61\xff", b"\x00\x00", b"\x98\xff", b"\x81" * 20 + b"\x00",
    ],
)
def test_cbor_in_a_second_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(BadSignature):
        read_cbor(data)


def test_a_registration_that_is_no_answer_of_a_browser_is_refused(tmp_path: Path) -> None:
    for body in (b"{}", b'{"response": {"attestationObject": "x="}}', b"[]"):
        with pytest.raises(Exception, match=r"missing|base64url|object"):
            passkey_registration(body)
