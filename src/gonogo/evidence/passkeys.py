"""Passkey signatures inside SSHSIG (`webauthn-sk-ecdsa-sha2-nistp256@openssh.com`; W3C Web Authentication level 3).

The browser signs a challenge that is the data to be signed itself. The client data has to have one exact beginning, so
that nothing can be hidden in a second `challenge` or `origin`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.evidence.wire import BadSignature, nothing_left, string, take, take_string
from gonogo.values import dataclass

ATTESTED_DATA: Final = 0x40
EXTENSIONS: Final = 0x80
MOST_CLIENT_DATA: Final = 8 * 1024

_ADVICE: Final = "sign on the command line with: gonogo approve"


@dataclass(frozen=True, slots=True)
class Spoken:
    """The parts of a passkey signature whose client data is in order."""

    signature: bytes
    flags: int
    counter: int
    origin: str
    client_data: bytes
    extensions: bytes

    def signed_by(self, application: str) -> bytes:
        """The bytes that the device signed: authenticator data of `application`, and the digest of the client data."""
        data = hashlib.sha256(application.encode()).digest() + bytes([self.flags]) + self.counter.to_bytes(4, "big")
        return data + self.extensions + hashlib.sha256(self.client_data).digest()


def read(rest: bytes, challenge: bytes) -> Spoken:
    """The passkey signature in `rest` (after its type) over `challenge`. Raises BadSignature for any irregularity."""
    signature = take_string(rest, "the signature")
    flags = take(signature.rest, 1, "the flags")
    counter = take(flags.rest, 4, "the counter")
    origin = take_string(counter.rest, "the origin")
    client_data = take_string(origin.rest, "the client data")
    extensions = take_string(client_data.rest, "the extensions")
    nothing_left(extensions.rest, "the extensions")
    spoken = Spoken(
        signature.value,
        flags.value[0],
        int.from_bytes(counter.value, "big"),
        _plain_origin(origin.value),
        client_data.value,
        extensions.value,
    )
    check(spoken, challenge)
    return spoken


def check(spoken: Spoken, challenge: bytes) -> None:
    """Raises BadSignature where flags or client data are not those of a plain assertion over `challenge`."""
    if spoken.flags & ATTESTED_DATA:
        raise BadSignature("the passkey signature carries attested data", next_step=_ADVICE)
    if bool(spoken.flags & EXTENSIONS) != bool(spoken.extensions):
        raise BadSignature("the extension flag of the passkey does not fit its extensions", next_step=_ADVICE)
    begin = beginning(challenge, spoken.origin)
    if not spoken.client_data.startswith(begin) or spoken.client_data[len(begin) : len(begin) + 1] not in (b",", b"}"):
        raise BadSignature("the browser's client data does not begin as expected", next_step=_ADVICE)
    try:
        fields = read_object(spoken.client_data, name="client data", limit=MOST_CLIENT_DATA)
    except BadInput as error:
        raise BadSignature(f"the browser's client data cannot be read: {error.what}", next_step=_ADVICE) from error
    if fields.get("crossOrigin", False) is not False or "topOrigin" in fields:
        raise BadSignature("the passkey was asked from inside another page", next_step="open the approval page itself")


def beginning(challenge: bytes, origin: str) -> bytes:
    """How the client data has to begin: type, challenge, origin, in this order and spelling."""
    text = base64.urlsafe_b64encode(challenge).rstrip(b"=")
    return b'{"type":"webauthn.get","challenge":"' + text + b'","origin":"' + origin.encode() + b'"'


def inner(spoken: Spoken) -> bytes:
    """The signature part of an SSHSIG blob, from what the browser answered."""
    head = string(b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com") + string(spoken.signature) + bytes([spoken.flags])
    tail = string(spoken.origin.encode()) + string(spoken.client_data) + string(spoken.extensions)
    return head + spoken.counter.to_bytes(4, "big") + tail


def _plain_origin(origin: bytes) -> str:
    text = origin.decode("ascii", errors="replace")
    if not text or not all("!" <= mark <= "~" and mark not in '"\\' for mark in text):
        raise BadSignature("the origin of the passkey signature is not plain ASCII", next_step=_ADVICE)
    return text
