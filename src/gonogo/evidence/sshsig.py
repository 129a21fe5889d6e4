"""SSH signatures over files (SSHSIG, OpenSSH's PROTOCOL.sshsig): the one form in which people sign (REV-03, APR-02).

What is accepted here `ssh-keygen -Y verify` accepts too; the reverse does not hold, because this reader admits one
spelling only: canonical armour of at most 16 KiB, no bytes to spare at any level, SHA-256 or SHA-512, keys of
`sshkeys`. Presence (flags of a security key) is reported, and judged by whoever knows the rules.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gonogo.evidence import passkeys
from gonogo.evidence.sshcerts import Certificate, is_certificate, open_certificate
from gonogo.evidence.sshkeys import SK_ECDSA, SK_ED25519, Opened, PublicKey, open_key, public_key
from gonogo.evidence.sshraw import AGAIN, expect, sized, verify_ecdsa, verify_raw
from gonogo.evidence.wire import BadSignature, nothing_left, string, strings, take, take_string
from gonogo.values import dataclass

__all__ = [
    "BadSignature",
    "DoesNotFit",
    "PublicKey",
    "Signed",
    "Touch",
    "WrongNamespace",
    "armour",
    "examine",
    "public_key",
    "sign",
    "signature_from",
    "signed_data",
    "verify",
]

MAGIC: Final = b"SSHSIG"
MOST_BYTES: Final = 16 * 1024
LINE: Final = 70
BEGIN: Final = b"-----BEGIN SSH SIGNATURE-----\n"
END: Final = b"-----END SSH SIGNATURE-----\n"
WEBAUTHN: Final = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"

_NAMESPACE: Final = re.compile(r"[a-z0-9][a-z0-9/._-]{0,127}")


class WrongNamespace(BadSignature):
    """A signature for another kind of statement, or for another environment."""


class DoesNotFit(BadSignature):
    """A well-formed signature over other bytes, or by another key."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What a security key says: its flags byte, its counter, and the web origin for a passkey (else empty)."""

    flags: int
    counter: int
    origin: str = ""

    @property
    def present(self) -> bool:
        """Somebody touched the device (flag UP)."""
        return bool(self.flags & 0x01)

    @property
    def verified(self) -> bool:
        """The device checked a PIN or a finger (flag UV)."""
        return bool(self.flags & 0x04)

    @property
    def backup_eligible(self) -> bool:
        """The key may be copied to other devices (flag BE), as synced passkeys are."""
        return bool(self.flags & 0x08)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that verified: by which key, by which algorithm, and what a security key said.

    With a `certificate` the key itself need not be listed; whether its issuer is believed is for others to judge.
    """

    key: PublicKey
    algorithm: str
    touch: Touch | None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    opened: Opened
    namespace: str
    hash_name: bytes
    inner: bytes
    certificate: Certificate | None = None


def verify(armoured: bytes, message: bytes, namespace: str) -> PublicKey:
    """The listed key that signed `message` for `namespace`. Raises BadSignature, also for certificates, saying why."""
    signed = examine(armoured, message, namespace)
    if signed.certificate is not None:
        raise BadSignature("this was signed with a certificate", next_step="sign with the key that is listed for you")
    return signed.key


def examine(armoured: bytes, message: bytes, namespace: str) -> Signed:
    """Like `verify`, for certificates too, and with what a security key said about presence."""
    parts = _parts(armoured)
    if parts.namespace != namespace:
        raise WrongNamespace(
            f"signed for {parts.namespace!r}, needed for {namespace!r}",
            next_step=f"sign the file with: ssh-keygen -Y sign -n {namespace} -f KEY FILE",
        )
    try:
        return _check(parts, signed_data(namespace, message, parts.hash_name.decode()))
    except InvalidSignature as error:
        raise DoesNotFit(
            "the signature does not fit these bytes and this key",
            next_step="sign the exact bytes that were handed out, unchanged",
        ) from error


def signed_data(namespace: str, message: bytes, hash_name: str = "sha512") -> bytes:
    """The bytes that a key signs for `message` in `namespace`. Raises BadSignature for other hashes or namespaces."""
    if hash_name not in ("sha256", "sha512"):
        raise BadSignature(f"the hash {hash_name!r} does not count", next_step="sign with sha512, the default")
    if not _NAMESPACE.fullmatch(namespace):
        raise BadSignature(f"{namespace[:128]!r} is no namespace of gonogo", next_step="sign with the namespace shown")
    digest = hashlib.new(hash_name, message).digest()
    return MAGIC + string(namespace.encode()) + string(b"") + string(hash_name.encode()) + string(digest)


def armour(blob: bytes) -> bytes:
    """`blob` as text: base64 in lines of 70 between the two marks, LF after each line."""
    text = base64.b64encode(blob)
    lines = b"".join(text[start : start + LINE] + b"\n" for start in range(0, len(text), LINE))
    return BEGIN + lines + END


def unarmoured(armoured: bytes) -> bytes:
    """The binary form. Raises BadSignature for anything but the one spelling that `armour` writes."""
    if len(armoured) > MOST_BYTES:
        raise BadSignature(f"the signature has {len(armoured)} bytes, more than {MOST_BYTES}", next_step=AGAIN)
    if not (armoured.startswith(BEGIN) and armoured.endswith(END)):
        raise BadSignature("this is not an armoured SSH signature and nothing else", next_step=AGAIN)
    try:
        blob = base64.b64decode(armoured[len(BEGIN) : -len(END)].replace(b"\n", b""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignature("the armour of the signature is not base64", next_step=AGAIN) from error
    if armour(blob) != armoured:
        raise BadSignature("the armour of the signature was rewritten", next_step=AGAIN)
    return blob


def sign(key: ed25519.Ed25519PrivateKey, message: bytes, namespace: str) -> bytes:
    """An armoured signature by a key that this process holds: the seal of the engine. People's keys never get here."""
    public = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
    inner = string(b"ssh-ed25519") + string(key.sign(signed_data(namespace, message)))
    return armour(wrapped(public, namespace, inner))


def signature_from(key: PublicKey, namespace: str, raw: bytes) -> bytes:
    """The armoured signature from 64 bytes that an Ed25519 key elsewhere made over `signed_data`."""
    return armour(wrapped(key.blob, namespace, string(b"ssh-ed25519") + string(sized(raw))))


def wrapped(public: bytes, namespace: str, inner: bytes, hash_name: str = "sha512") -> bytes:
    """The binary form of a signature from its parts."""
    tail = string(namespace.encode()) + string(b"") + string(hash_name.encode()) + string(inner)
    return MAGIC + (1).to_bytes(4, "big") + string(public) + tail


def _parts(armoured: bytes) -> _Parts:
    head = take(unarmoured(armoured), len(MAGIC) + 4, "the head")
    if head.value != MAGIC + b"\x00\x00\x00\x01":
        raise BadSignature("this is not an SSH signature of version 1", next_step=AGAIN)
    public, namespace, reserved, hash_name, inner = strings(head.rest, 5, "the signature")
    if reserved:
        raise BadSignature("the reserved field is not empty", next_step=AGAIN)
    if hash_name not in (b"sha256", b"sha512"):
        raise BadSignature(f"the hash {hash_name[:32]!r} does not count", next_step="sign with sha512, the default")
    name = namespace.decode("ascii", errors="replace")
    if not _NAMESPACE.fullmatch(name):
        raise BadSignature(f"{namespace[:128]!r} is no namespace of gonogo", next_step="sign with the namespace shown")
    if is_certificate(public):
        found = open_certificate(public)
        return _Parts(found.opened, name, hash_name, inner, found.certificate)
    return _Parts(open_key(public), name, hash_name, inner)


def _check(parts: _Parts, data: bytes) -> Signed:
    key = parts.opened.key
    if key.type in (SK_ED25519, SK_ECDSA):
        cut = take_string(parts.inner, "the signature type")
        signed = _security_ed25519 if key.type == SK_ED25519 else _security_ecdsa
        return signed(parts, cut.value, cut.rest, data)
    return Signed(key, verify_raw(parts.opened, parts.inner, data), None, parts.certificate)


def _security_ed25519(parts: _Parts, algorithm: bytes, rest: bytes, data: bytes) -> Signed:
    key, material = parts.opened.key, parts.opened.material
    expect(algorithm, SK_ED25519.encode())
    raw, touch = _touched(rest)
    if isinstance(material, ed25519.Ed25519PublicKey):
        material.verify(sized(raw), _security_data(key, touch, data))
        return Signed(key, SK_ED25519, touch, parts.certificate)
    raise BadSignature("the key does not fit the signature", next_step=AGAIN)


def _security_ecdsa(parts: _Parts, algorithm: bytes, rest: bytes, data: bytes) -> Signed:
    key, material = parts.opened.key, parts.opened.material
    if not isinstance(material, ec.EllipticCurvePublicKey):
        raise BadSignature("the key does not fit the signature", next_step=AGAIN)
    if algorithm == WEBAUTHN.encode():
        spoken = passkeys.read(rest, data)
        touch = Touch(spoken.flags, spoken.counter, spoken.origin)
        verify_ecdsa(material, "nistp256", spoken.signature, spoken.signed_by(key.application))
        return Signed(key, WEBAUTHN, touch, parts.certificate)
    expect(algorithm, SK_ECDSA.encode())
    raw, touch = _touched(rest)
    verify_ecdsa(material, "nistp256", raw, _security_data(key, touch, data))
    return Signed(key, SK_ECDSA, touch, parts.certificate)


def _touched(rest: bytes) -> tuple[bytes, Touch]:
    cut = take_string(rest, "the signature")
    flags = take(cut.rest, 1, "the flags")
    counter = take(flags.rest, 4, "the counter")
    nothing_left(counter.rest, "the counter")
    return cut.value, Touch(flags.value[0], int.from_bytes(counter.value, "big"))


def _security_data(key: PublicKey, touch: Touch, data: bytes) -> bytes:
    head = hashlib.sha256(key.application.encode()).digest() + bytes([touch.flags])
    return head + touch.counter.to_bytes(4, "big") + hashlib.sha256(data).digest()
