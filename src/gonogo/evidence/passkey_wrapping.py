"""A browser's answer as an SSH signature: the same `.sig` file that ssh-keygen writes and verifies (REV-03, APR-02).

The page asks `navigator.credentials.get` with the data to be signed itself as challenge (`sshsig.signed_data`), for the
passkey of one person, with user verification and without extensions. Nothing that our own verifier refuses is wrapped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gonogo.errors import BadInput
from gonogo.evidence import passkeys
from gonogo.evidence.canonical import read_object
from gonogo.evidence.signers import Web
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.sshsig import armour, examine, signed_data, wrapped
from gonogo.evidence.vouching import unpadded
from gonogo.evidence.wire import BadSignature, mpint, take
from gonogo.values import dataclass

_ADVICE = "sign again on the approval page, or on the command line with: gonogo approve"


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """What `navigator.credentials.get` gave: client data, authenticator data, and the signature in DER."""

    client_data: bytes
    authenticator_data: bytes
    signature: bytes


def read_answer(data: bytes) -> BrowserAnswer:
    """The answer in JSON as a page sends it, each part in base64url. Raises BadInput or BadSignature otherwise."""
    fields = read_object(data, name="browser's answer", limit=1 << 16)
    response = fields.get("response")
    parts = response if isinstance(response, Mapping) else fields
    found = []
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        text = parts.get(name)
        if not isinstance(text, str):
            raise BadInput(f"`{name}` is missing", where="browser's answer", next_step=_ADVICE)
        found.append(unpadded(text))
    return BrowserAnswer(*found)


def signature_of(answer: BrowserAnswer, key: PublicKey, message: bytes, namespace: str, web: Web) -> bytes:
    """The armoured SSH signature of `message` by a passkey. Raises BadSignature where anything is out of order."""
    if key.application not in web.rp_ids:
        raise BadSignature(f"{key.fingerprint} is no passkey of this site", next_step=_ADVICE)
    head = take(answer.authenticator_data, 37, "the authenticator data")
    if head.value[:32] != hashlib.sha256(key.application.encode()).digest():
        raise BadSignature(f"the browser asked for another site than {key.application}", next_step=_ADVICE)
    spoken = passkeys.Spoken(
        signature=_numbers(answer.signature),
        flags=head.value[32],
        counter=int.from_bytes(head.value[33:], "big"),
        origin=_origin(answer.client_data, web),
        client_data=answer.client_data,
        extensions=head.rest,
    )
    passkeys.check(spoken, signed_data(namespace, message))
    signature = armour(wrapped(key.blob, namespace, passkeys.inner(spoken)))
    examine(signature, message, namespace)
    return signature


def _origin(client_data: bytes, web: Web) -> str:
    try:
        said = read_object(client_data, name="client data", limit=passkeys.MOST_CLIENT_DATA).get("origin")
    except BadInput as error:
        raise BadSignature(f"the browser's client data cannot be read: {error.what}", next_step=_ADVICE) from error
    if not isinstance(said, str) or said not in web.origins:
        raise BadSignature(f"the signature was made on {said!r}", next_step=_ADVICE)
    return said


def _numbers(der: bytes) -> bytes:
    """The two numbers of a DER signature as mpints; one spelling only."""
    try:
        r, s = decode_dss_signature(der)
    except ValueError as error:
        raise BadSignature("the signature of the passkey is not DER", next_step=_ADVICE) from error
    if encode_dss_signature(r, s) != der or r < 1 or s < 1:
        raise BadSignature("the signature of the passkey is not DER in its one spelling", next_step=_ADVICE)
    return mpint(r) + mpint(s)
