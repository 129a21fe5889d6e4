"""SSH public keys: which ones count, and what is in them.

Accepted: Ed25519, ECDSA on P-256, P-384, P-521, RSA from 3072 bit, and the two kinds of security key (FIDO). DSA,
shorter RSA, certificates and unknown kinds are refused (REV-08).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gonogo.evidence.wire import BadSignature, mpint, positive, string, strings, take_string
from gonogo.values import dataclass

SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
SK_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"
LEAST_RSA_BITS: Final = 3072
MOST_RSA_BITS: Final = 16384
MOST_KEY_LINE: Final = 16 * 1024

_ADVICE: Final = "use an Ed25519, ECDSA, security key or RSA (3072 bit or more) key made by ssh-keygen"

Material: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: `blob` is its binary form, `application` what a security key is bound to."""

    type: str
    blob: bytes
    application: str = ""

    @property
    def fingerprint(self) -> str:
        """`SHA256:` and base64 without padding, as ssh-keygen prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def short(self) -> str:
        """The first eight hex digits of the SHA-256 of the blob, used in file names."""
        return hashlib.sha256(self.blob).hexdigest()[:8]

    @property
    def line(self) -> str:
        """Type and base64, without comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    def __str__(self) -> str:
        return self.fingerprint


@dataclass(frozen=True, slots=True)
class Opened:
    """A key with the material that verifies."""

    key: PublicKey
    material: Material


CURVES: Final = {
    "nistp256": (ec.SECP256R1, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    "nistp384": (
        ec.SECP384R1,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    "nistp521": (
        ec.SECP521R1,
        0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
    ),
}
"""Name of each accepted curve, with its order."""


def public_key(line: str) -> PublicKey:
    """The key in a line `type base64 [comment]`. Raises BadSignature for a key that does not count."""
    parts = line.split(None, 2)
    if len(parts) < 2 or len(line) > MOST_KEY_LINE or "\n" in line.strip("\n"):
        raise BadSignature("this is not a public key line", where=line[:40], next_step=_ADVICE)
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSignature("the key is not base64", where=line[:40], next_step=_ADVICE) from error
    key = open_key(blob).key
    if key.line != f"{parts[0]} {parts[1]}":
        raise BadSignature(f"the line says {parts[0]}, the key in it {key.type}", next_step=_ADVICE)
    return key


def open_key(blob: bytes) -> Opened:
    """The key in `blob`. Raises BadSignature for a key that does not count or has two spellings."""
    kind = take_string(blob, "the key type").value
    try:
        match kind:
            case b"ssh-ed25519":
                return _ed25519(blob)
            case b"ssh-rsa":
                return _rsa(blob)
            case b"sk-ssh-ed25519@openssh.com":
                return _security_ed25519(blob)
            case b"sk-ecdsa-sha2-nistp256@openssh.com":
                return _security_ecdsa(blob)
            case b"ecdsa-sha2-nistp256" | b"ecdsa-sha2-nistp384" | b"ecdsa-sha2-nistp521":
                return _ecdsa(blob)
            case _:
                raise BadSignature(f"keys of type {kind[:64]!r} do not count", next_step=_ADVICE)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSignature(f"the key cannot be used: {error}", next_step=_ADVICE) from error


def _ed25519(blob: bytes) -> Opened:
    _, point = strings(blob, 2, "the Ed25519 key")
    return Opened(PublicKey("ssh-ed25519", blob), ed25519.Ed25519PublicKey.from_public_bytes(point))


def _security_ed25519(blob: bytes) -> Opened:
    _, point, application = strings(blob, 3, "the security key")
    key = PublicKey(SK_ED25519, blob, _application(application))
    return Opened(key, ed25519.Ed25519PublicKey.from_public_bytes(point))


def _ecdsa(blob: bytes) -> Opened:
    kind, curve, point = strings(blob, 3, "the ECDSA key")
    if kind != b"ecdsa-sha2-" + curve:
        raise BadSignature("the key names two different curves", next_step=_ADVICE)
    return Opened(PublicKey(kind.decode(), blob), _point(curve.decode(), point))


def _security_ecdsa(blob: bytes) -> Opened:
    _, curve, point, application = strings(blob, 4, "the security key")
    if curve != b"nistp256":
        raise BadSignature("a security key of this type is on P-256", next_step=_ADVICE)
    return Opened(PublicKey(SK_ECDSA, blob, _application(application)), _point("nistp256", point))


def _point(curve: str, point: bytes) -> ec.EllipticCurvePublicKey:
    kind, order = CURVES[curve]
    size = (kind().key_size + 7) // 8
    if len(point) != 1 + 2 * size or point[0] != 4:
        raise BadSignature("the key is not an uncompressed point", next_step=_ADVICE)
    # OpenSSH refuses these coordinates as well; a key that only one of us takes would be read two ways.
    for coordinate in (int.from_bytes(point[1 : 1 + size], "big"), int.from_bytes(point[1 + size :], "big")):
        if coordinate.bit_length() <= order.bit_length() // 2 or coordinate >= order - 1:
            raise BadSignature("the key is not a sound point", next_step=_ADVICE)
    return ec.EllipticCurvePublicKey.from_encoded_point(kind(), point)


def _rsa(blob: bytes) -> Opened:
    _, exponent, modulus = strings(blob, 3, "the RSA key")
    e, n = positive(exponent, "the RSA exponent"), positive(modulus, "the RSA modulus")
    if not LEAST_RSA_BITS <= n.bit_length() <= MOST_RSA_BITS:
        raise BadSignature(f"an RSA key of {n.bit_length()} bit does not count", next_step=_ADVICE)
    if blob != string(b"ssh-rsa") + mpint(e) + mpint(n):
        raise BadSignature("the RSA key is not in its shortest form", next_step=_ADVICE)
    return Opened(PublicKey("ssh-rsa", blob), rsa.RSAPublicNumbers(e, n).public_key())


def _application(name: bytes) -> str:
    text = name.decode("ascii", errors="replace")
    if not text or not all("!" <= character <= "~" for character in text):
        raise BadSignature("the application of the security key is not plain ASCII", next_step=_ADVICE)
    return text
