"""Plain SSH signatures (type and bytes, as in RFC 4253 and RFC 5656) over data, by keys that are no security keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gonogo.evidence.sshkeys import CURVES, Opened
from gonogo.evidence.wire import BadSignature, positive, strings, take_string

CURVE_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "nistp256": hashes.SHA256(),
    "nistp384": hashes.SHA384(),
    "nistp521": hashes.SHA512(),
}
RSA_HASHES: Final[Mapping[bytes, hashes.HashAlgorithm]] = {
    b"rsa-sha2-256": hashes.SHA256(),
    b"rsa-sha2-512": hashes.SHA512(),
}
AGAIN: Final = "hand in the .sig file exactly as ssh-keygen -Y sign wrote it"


def verify_raw(opened: Opened, signature: bytes, data: bytes) -> str:
    """The algorithm of `signature` over `data`. Raises BadSignature or InvalidSignature where it does not fit."""
    cut = take_string(signature, "the signature type")
    algorithm, key = cut.value, opened.key
    match opened.material:
        case ed25519.Ed25519PublicKey() as material:
            expect(algorithm, b"ssh-ed25519")
            (raw,) = strings(cut.rest, 1, "the signature")
            material.verify(sized(raw), data)
        case ec.EllipticCurvePublicKey() as material:
            expect(algorithm, key.type.encode())
            (raw,) = strings(cut.rest, 1, "the signature")
            verify_ecdsa(material, key.type.removeprefix("ecdsa-sha2-"), raw, data)
        case rsa.RSAPublicKey() as material:
            _verify_rsa(material, algorithm, cut.rest, data)
    return algorithm.decode()


def expect(algorithm: bytes, wanted: bytes) -> None:
    """Raises BadSignature where a signature is of another type than its key makes."""
    if algorithm != wanted:
        raise BadSignature(f"a signature of type {algorithm[:64]!r} by a key of type {wanted!r}", next_step=AGAIN)


def sized(raw: bytes) -> bytes:
    """`raw` as an Ed25519 signature. Raises BadSignature for another length."""
    if len(raw) != 64:
        raise BadSignature("an Ed25519 signature has 64 bytes", next_step=AGAIN)
    return raw


def verify_ecdsa(material: ec.EllipticCurvePublicKey, curve: str, raw: bytes, data: bytes) -> None:
    """Raises BadSignature or InvalidSignature where two mpints are no ECDSA signature over `data`."""
    r, s = (positive(number, "a number of the signature") for number in strings(raw, 2, "the signature"))
    order = CURVES[curve][1]
    if r >= order or s >= order:
        raise BadSignature("a number of the signature is out of range", next_step=AGAIN)
    material.verify(encode_dss_signature(r, s), data, ec.ECDSA(CURVE_HASHES[curve]))


def _verify_rsa(material: rsa.RSAPublicKey, algorithm: bytes, rest: bytes, data: bytes) -> None:
    if algorithm not in RSA_HASHES:
        raise BadSignature(f"a signature of type {algorithm[:64]!r} does not count", next_step="sign with rsa-sha2-512")
    (raw,) = strings(rest, 1, "the signature")
    if len(raw) != (material.key_size + 7) // 8:
        raise BadSignature("the RSA signature has another length than its key", next_step=AGAIN)
    material.verify(raw, data, padding.PKCS1v15(), RSA_HASHES[algorithm])
