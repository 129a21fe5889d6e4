"""What machines say: in-toto Statement v1 inside DSSE, signed with Ed25519 (EVS-10, EVS-16).

DSSE signs `DSSEv1`, the payload type and the payload with their lengths. A verifier looks the key up by material;
`keyid` is decoration and the number of signatures means nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

from gonogo.errors import BadInput, Tampered
from gonogo.evidence.canonical import Tree, read_object, write_json, write_line
from gonogo.evidence.sshkeys import PublicKey
from gonogo.terms import Digest
from gonogo.values import dataclass

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "urn:gonogo:predicate:"
MOST_ENVELOPE: Final = 32 << 20

_LOOK: Final = "compare it with another copy; do not trust this one"


@dataclass(frozen=True, slots=True)
class Subject:
    """A file that a statement is about, by name and SHA-256."""

    name: str
    digest: Digest


def subjects_json(subjects: Iterable[Subject]) -> list[Tree]:
    """`subjects` as they stand in a statement."""
    return [{"name": subject.name, "digest": {"sha256": subject.digest}} for subject in subjects]


def machine_statement(kind: str, subjects: Sequence[Subject], predicate: Mapping[str, Tree]) -> bytes:
    """The payload of a machine statement; `kind` is e.g. `gate-judgement`. Raises BadInput without a subject."""
    return statement_of(f"{PREDICATE}{kind}:v1", subjects, predicate)


def statement_of(predicate_type: str, subjects: Sequence[Subject], predicate: Mapping[str, Tree]) -> bytes:
    """The payload of a statement with any predicate type. Raises BadInput without a subject."""
    if not subjects:
        raise BadInput(f"a {predicate_type} statement without subject says nothing", next_step="name what it is about")
    return write_json(
        {
            "_type": STATEMENT,
            "subject": subjects_json(subjects),
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def signing_bytes(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What DSSE signs (its pre-authentication encoding)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, signature: bytes, key: PublicKey) -> bytes:
    """The envelope file of `payload`, signed by `key` over `signing_bytes`."""
    return write_json(_envelope(payload, signature, key))


def envelope_line(payload: bytes, signature: bytes, key: PublicKey) -> bytes:
    """The same envelope as one line, for a file of many."""
    return write_line(_envelope(payload, signature, key))


def _envelope(payload: bytes, signature: bytes, key: PublicKey) -> Mapping[str, Tree]:
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.fingerprint, "sig": base64.b64encode(signature).decode()}],
    }


def open_envelope(data: bytes, keys: Iterable[bytes], *, name: str) -> bytes:
    """The payload of the envelope `data`, signed by one of the raw Ed25519 `keys`. Raises Tampered otherwise."""
    try:
        fields = read_object(data, name=name, limit=MOST_ENVELOPE)
    except BadInput as error:
        raise Tampered(error.what, where=error.where, next_step=_LOOK) from error
    payload, signatures = fields.get("payload"), fields.get("signatures")
    if set(fields) != {"payload", "payloadType", "signatures"} or fields["payloadType"] != PAYLOAD_TYPE:
        raise Tampered("is not an envelope of an in-toto statement", where=name, next_step=_LOOK)
    if not isinstance(payload, str) or not isinstance(signatures, list):
        raise Tampered("the envelope has no payload or no signatures", where=name, next_step=_LOOK)
    body = _decoded(payload, name)
    trusted = tuple(keys)
    for item in signatures:
        encoded = item.get("sig") if isinstance(item, Mapping) else None
        if isinstance(encoded, str) and any(_fits(key, _decoded(encoded, name), body) for key in trusted):
            return body
    raise Tampered("no listed key signed the envelope", where=name, next_step=_LOOK)


def _decoded(text: str, name: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Tampered("the envelope holds broken base64", where=name, next_step=_LOOK) from error
    if base64.b64encode(data).decode() != text:
        raise Tampered("the envelope holds base64 in a second spelling", where=name, next_step=_LOOK)
    return data


def _fits(key: bytes, signature: bytes, payload: bytes) -> bool:
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, signing_bytes(payload))
    except (InvalidSignature, ValueError):
        return False
    return True
