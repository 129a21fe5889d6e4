"""Security keys and passkeys made in software, as the device itself would sign: real keys, real signatures."""

from __future__ import annotations

import hashlib
from dataclasses import replace

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
