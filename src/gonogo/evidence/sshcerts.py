"""Short-lived SSH certificates as signing keys (OpenSSH PROTOCOL.certkeys): who may sign, until when, by whose word.

Accepted is what `ssh-keygen -Y verify` accepts by a `cert-authority` line, and less: user certificates only, with named
principals, no critical options, no reserved bytes, signed by a key of `sshkeys` with a strong hash (REV-08).
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature

from gonogo.evidence.sshkeys import Opened, PublicKey, open_key, public_key
from gonogo.evidence.sshraw import verify_raw
from gonogo.evidence.wire import BadSignature, nothing_left, string, strings, take, take_string
from gonogo.values import dataclass

SUFFIX: Final = b"-cert-v01@openssh.com"
USER: Final = 1
MOST_PRINCIPALS: Final = 256
LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)

_PARTS: Final = {
    b"ssh-ed25519": 1,
    b"ecdsa-sha2-nistp256": 2,
    b"ecdsa-sha2-nistp384": 2,
    b"ecdsa-sha2-nistp521": 2,
    b"ssh-rsa": 2,
    b"sk-ssh-ed25519@openssh.com": 2,
    b"sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
"""Each type of key that counts, and how many strings make it up behind its name."""

_ADVICE: Final = "have a new certificate issued, or sign with a listed key"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate whose signature verified: the key it is about, who may use it, when, and who issued it.

    `until` is the first moment at which it is over.
    """

    key: PublicKey
    authority: PublicKey
    serial: int
    key_id: str
    principals: tuple[str, ...]
    since: datetime
    until: datetime

    @property
    def lifetime(self) -> timedelta:
        """How long it is good for in all."""
        return self.until - self.since


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate with the material of its key."""

    certificate: Certificate
    opened: Opened


def is_certificate(blob: bytes) -> bool:
    """Whether a key blob is a certificate."""
    size = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + size].endswith(SUFFIX)


def open_certificate(blob: bytes) -> Certified:
    """The certificate in `blob`, its issuer's signature verified. Raises BadSignature, saying why."""
    head = take_string(blob, "the certificate")
    name = head.value.removesuffix(SUFFIX)
    if not head.value.endswith(SUFFIX) or name not in _PARTS:
        raise BadSignature(f"certificates of type {head.value[:64]!r} do not count", next_step=_ADVICE)
    rest = take_string(head.rest, "the nonce").rest
    parts = []
    for _ in range(_PARTS[name]):
        cut = take_string(rest, "the key of the certificate")
        parts.append(cut.value)
        rest = cut.rest
    opened = open_key(string(name) + b"".join(string(part) for part in parts))
    body = take(rest, 12, "the serial number")
    if int.from_bytes(body.value[8:], "big") != USER:
        raise BadSignature("this is the certificate of a host, not of a person", next_step=_ADVICE)
    key_id = take_string(body.rest, "the key id")
    principals = take_string(key_id.rest, "the principals")
    times = take(principals.rest, 16, "the times of the certificate")
    options, extensions, reserved, authority, signature = strings(times.rest, 5, "the certificate")
    _check_options(options, extensions, reserved)
    issuer = _issued(blob[: len(blob) - 4 - len(signature)], authority, signature)
    found = Certificate(
        key=opened.key,
        authority=issuer,
        serial=int.from_bytes(body.value[:8], "big"),
        key_id=key_id.value.decode("utf-8", "replace"),
        principals=_principals(principals.value),
        since=_moment(times.value[:8]),
        until=_moment(times.value[8:]),
    )
    return Certified(found, opened)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What a `.pub` file names: a key, and the certificate that vouches for it where the file holds one."""

    key: PublicKey
    certificate: Certificate | None = None


def signing_key(line: str) -> SigningKey:
    """The key in a line `type base64 [comment]`, also where it is a certificate. Raises BadSignature otherwise."""
    parts = line.split(None, 2)
    if len(parts) < 2 or not parts[0].endswith(SUFFIX.decode()):
        return SigningKey(public_key(line))
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignature("the certificate is not base64", where=line[:40], next_step=_ADVICE) from error
    found = open_certificate(blob)
    return SigningKey(found.opened.key, found.certificate)


def _issued(signed: bytes, authority: bytes, signature: bytes) -> PublicKey:
    if is_certificate(authority):
        raise BadSignature("a certificate was issued by a certificate", next_step=_ADVICE)
    issuer = open_key(authority)
    if issuer.key.application:
        raise BadSignature("an authority that lives in a device is not supported", next_step=_ADVICE)
    try:
        verify_raw(issuer, signature, signed)
    except InvalidSignature as error:
        raise BadSignature(
            "the certificate was not issued by the authority that it names", next_step=_ADVICE
        ) from error
    return issuer.key


def _check_options(options: bytes, extensions: bytes, reserved: bytes) -> None:
    if options:
        raise BadSignature("the certificate has critical options, which nothing here honours", next_step=_ADVICE)
    if reserved:
        raise BadSignature("the reserved field of the certificate is not empty", next_step=_ADVICE)
    while extensions:
        extensions = take_string(take_string(extensions, "an extension").rest, "an extension").rest
    nothing_left(extensions, "the extensions")


def _principals(data: bytes) -> tuple[str, ...]:
    found: list[str] = []
    while data and len(found) <= MOST_PRINCIPALS:
        cut = take_string(data, "a principal")
        found.append(cut.value.decode("ascii", "replace"))
        data = cut.rest
    if not found or data:
        raise BadSignature("the certificate names nobody, or too many", next_step="issue it with -n PERSON")
    return tuple(found)


def _moment(data: bytes) -> datetime:
    seconds = int.from_bytes(data, "big")
    return LATEST if seconds >= LATEST.timestamp() else datetime.fromtimestamp(seconds, UTC)
