"""Merkle trees, signed checkpoints and DSSE envelopes."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from gonogo.errors import BadInput, Tampered
from gonogo.evidence.envelope import Subject, envelope, machine_statement, open_envelope, signing_bytes
from gonogo.evidence.merkle import (
    EMPTY,
    consistency_proof,
    consistent,
    included,
    inclusion_proof,
    leaf_digest,
    node_digest,
    prefix_roots,
    root_of,
)
from gonogo.evidence.note import Checkpoint, NoteKey, check_origin, read_note, read_vkey, verify_note
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.wire import string
from gonogo.terms import digest_of
from tests.packages import sign_checkpoint

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
OTHER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
# The test data of RFC 6962 implementations: eight leaves and the root over them.
KNOWN = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
KNOWN_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def leaves(count: int) -> list[bytes]:
    return [leaf_digest(b"line %d" % number) for number in range(count)]


def sealed_with(key: ed25519.Ed25519PrivateKey, payload: bytes) -> bytes:
    line = PublicKey("ssh-ed25519", string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw()))
    return envelope(payload, key.sign(signing_bytes(payload)), line)


def slow_root(items: list[bytes]) -> bytes:
    if len(items) == 1:
        return items[0]
    half = 1
    while half * 2 < len(items):
        half *= 2
    return node_digest(slow_root(items[:half]), slow_root(items[half:]))


def test_the_root_is_that_of_rfc_6962() -> None:
    assert root_of([leaf_digest(bytes.fromhex(text)) for text in KNOWN]).hex() == KNOWN_ROOT
    assert root_of([]) == EMPTY == hashlib.sha256(b"").digest()
    assert leaf_digest(b"x\n") == leaf_digest(b"x")


def test_roots_of_all_prefixes_come_from_one_pass() -> None:
    items = leaves(70)
    roots = prefix_roots(items, range(72))
    assert all(roots[size] == slow_root(items[:size]) for size in range(1, 71))
    assert 71 not in roots


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 31])
def test_inclusion_holds_for_every_leaf_and_for_no_other(size: int) -> None:
    items = leaves(size)
    root = root_of(items)
    for index in range(size):
        proof = inclusion_proof(items, index)
        assert included(items[index], index, size, proof, root)
        assert not included(leaf_digest(b"other"), index, size, proof, root)
        assert not included(items[index], index, size, [*proof, root], root)
        assert not included(items[index], size, size, proof, root)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 21])
def test_consistency_holds_for_every_prefix_and_not_for_a_fork(size: int) -> None:
    items = leaves(size)
    root = root_of(items)
    for old in range(1, size):
        proof = consistency_proof(items, old)
        assert consistent(old, root_of(items[:old]), size, root, proof)
        assert not consistent(old, root_of([*items[: old - 1], EMPTY]), size, root, proof)
        assert not consistent(old, root_of(items[:old]), size, EMPTY, proof)
    assert consistent(size, root, size, root, ())
    assert not consistent(0, EMPTY, size, root, ())


def test_a_checkpoint_is_a_note_that_its_key_line_verifies() -> None:
    checkpoint = Checkpoint("acme/eu1/run-1", 3, root_of(leaves(3)))
    key = NoteKey("acme/eu1", PUBLIC)
    note = sign_checkpoint(checkpoint, KEY, "acme/eu1")
    assert note.startswith(b"acme/eu1/run-1\n3\n")
    assert "\n\n— acme/eu1 " in note.decode()
    assert verify_note(note, key) == checkpoint
    assert read_vkey(key.vkey) == key
    assert key.vkey == f"acme/eu1+{key.id.hex()}+{base64.b64encode(bytes([1]) + PUBLIC).decode()}"


@pytest.mark.req("EVS-16")
def test_a_changed_checkpoint_and_a_foreign_key_are_refused() -> None:
    note = sign_checkpoint(Checkpoint("acme/eu1/run-1", 3, root_of(leaves(3))), KEY, "acme/eu1")
    with pytest.raises(Tampered, match="wrong"):
        verify_note(note.replace(b"\n3\n", b"\n2\n"), NoteKey("acme/eu1", PUBLIC))
    with pytest.raises(Tampered, match="not signed by"):
        verify_note(note, NoteKey("acme/eu1", OTHER.public_key().public_bytes_raw()))
    with pytest.raises(Tampered, match="not signed by"):
        verify_note(note, NoteKey("acme/eu2", PUBLIC))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"a\n1\n",
        b"a\n1\nAAAA\n\n",
        b"a\n01\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 a AAAA\n",
        b"\xff\xff",
        b"a\n1\n\n\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(note: bytes) -> None:
    with pytest.raises(Tampered):
        read_note(note)


@pytest.mark.parametrize("origin", ["SSHSIG", "DSSEv1 x", "cosignature/v1", "a b", "", "a\nb"])
def test_a_log_cannot_be_named_like_another_signed_form(origin: str) -> None:
    with pytest.raises(BadInput):
        check_origin(origin)


def test_a_key_line_whose_id_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput):
        read_vkey(NoteKey("acme", PUBLIC).vkey.replace("acme", "acmf"))
    with pytest.raises(BadInput):
        read_vkey("acme+00000000+!!")


def test_an_envelope_opens_with_the_key_that_sealed_it() -> None:
    payload = machine_statement("package", [Subject("SHA256SUMS", digest_of(b"x"))], {"counts": {"files": 1}})
    sealed = sealed_with(KEY, payload)
    assert open_envelope(sealed, [OTHER.public_key().public_bytes_raw(), PUBLIC], name="seal.dsse.json") == payload
    assert signing_bytes(b"{}") == b"DSSEv1 28 application/vnd.in-toto+json 2 {}"
    assert json.loads(payload)["predicateType"] == "urn:gonogo:predicate:package:v1"


def test_an_envelope_without_a_signature_of_a_listed_key_is_refused() -> None:
    sealed = sealed_with(KEY, machine_statement("package", [Subject("x", digest_of(b"x"))], {}))
    with pytest.raises(Tampered, match="no listed key"):
        open_envelope(sealed, [OTHER.public_key().public_bytes_raw()], name="seal.dsse.json")
    with pytest.raises(Tampered, match="no listed key"):
        open_envelope(sealed, [], name="seal.dsse.json")
    forged = json.loads(sealed)
    forged["payload"] = base64.b64encode(b"{}").decode()
    with pytest.raises(Tampered, match="no listed key"):
        open_envelope(json.dumps(forged).encode(), [PUBLIC], name="seal.dsse.json")
    for field, value in [("signatures", {}), ("payload", 1), ("payloadType", "text/plain"), ("payload", "!!")]:
        with pytest.raises(Tampered):
            open_envelope(json.dumps(json.loads(sealed) | {field: value}).encode(), [PUBLIC], name="x")
    with pytest.raises(Tampered):
        open_envelope(b"{", [PUBLIC], name="x")


def test_a_machine_statement_needs_a_subject() -> None:
    with pytest.raises(BadInput, match="subject"):
        machine_statement("package", [], {})
