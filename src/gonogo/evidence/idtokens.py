"""ID tokens of OpenID Connect: signature, issuer, audience, nonce and time, from bytes alone (Core 3.1.3.7).

Two algorithms and no other: RS256 and ES256, with a key that the provider publishes. `none` and HMAC are refused before
anything is looked at, so that no public key can be taken for a secret.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree, read_object
from gonogo.values import dataclass

MOST_TOKEN: Final = 1 << 16
SKEW: Final = timedelta(seconds=60)
OLDEST: Final = timedelta(minutes=10)
LEAST_RSA_BITS: Final = 2048
_AGAIN: Final = "sign in again; where it stays so, sign in with a passkey or an SSH key"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say: who made it, for whom, for which sign-in."""

    issuer: str
    client: str
    nonce: str
    now: datetime


def claims_of(token: str, keys: Sequence[Mapping[str, Tree]], expected: Expected) -> Mapping[str, Tree]:
    """What a token claims. Refused for anything else than a sound, fresh token."""
    if len(token) > MOST_TOKEN or token.count(".") != 2:
        raise _no("it has no three parts")
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    header = _object(head)
    if not _is_signed(header, keys, signed.encode("ascii", "replace"), _bytes(signature)):
        raise _no("no key of the provider made its signature")
    claims = _object(body)
    _check(claims, expected)
    return claims


def email_of(claims: Mapping[str, Tree], told: Mapping[str, Tree]) -> str:
    """The verified e-mail address of whoever signed in, in lower case; Refused without one.

    `told` is what the provider says at its UserInfo endpoint, where the token names no address (Core 5.4: there it may
    say it there only); it counts only if it is about the very subject of the token (Core 5.3.2).
    """
    said = claims
    if "email" not in claims:
        subject = claims.get("sub")
        said = told if isinstance(subject, str) and subject and told.get("sub") == subject else {}
    email = said.get("email")
    if not isinstance(email, str) or said.get("email_verified") is not True:
        raise _no("it names no verified e-mail address")
    return email.strip().lower()


def _check(claims: Mapping[str, Tree], expected: Expected) -> None:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else list(audience) if isinstance(audience, Sequence) else []
    if claims.get("iss") != expected.issuer:
        raise _no("another provider made it")
    if expected.client not in audiences or (len(audiences) > 1 and claims.get("azp") != expected.client):
        raise _no("it was made for somebody else")
    if not expected.nonce or claims.get("nonce") != expected.nonce:
        raise _no("it belongs to another sign-in")
    now = Decimal(int(expected.now.timestamp()))
    skew, oldest = int(SKEW.total_seconds()), int(OLDEST.total_seconds())
    ends, made = _number(claims, "exp"), _number(claims, "iat")
    if now >= ends + skew or made > now + skew or now - made > oldest:
        raise _no("its time is over, or has not come")


def _number(claims: Mapping[str, Tree], name: str) -> Decimal:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _no(f"`{name}` is no time")
    return Decimal(value)


def _is_signed(header: Mapping[str, Tree], keys: Sequence[Mapping[str, Tree]], signed: bytes, signature: bytes) -> bool:
    algorithm, name = header.get("alg"), header.get("kid")
    if "crit" in header:
        return False
    fitting = [key for key in keys if name is None or key.get("kid") == name]
    fitting = [key for key in fitting if key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm]
    match algorithm:
        case "RS256":
            return any(_by_rsa(key, signed, signature) for key in fitting if key.get("kty") == "RSA")
        case "ES256":
            return any(_by_ec(key, signed, signature) for key in fitting if key.get("crv") == "P-256")
        case _:
            return False


def _by_rsa(key: Mapping[str, Tree], signed: bytes, signature: bytes) -> bool:
    modulus, exponent = (int.from_bytes(_bytes(str(key.get(name, ""))), "big") for name in ("n", "e"))
    if modulus.bit_length() < LEAST_RSA_BITS:
        return False
    try:
        public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _by_ec(key: Mapping[str, Tree], signed: bytes, signature: bytes) -> bool:
    x, y = (int.from_bytes(_bytes(str(key.get(name, ""))), "big") for name in ("x", "y"))
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _object(text: str) -> Mapping[str, Tree]:
    try:
        return read_object(_bytes(text), name="ID token", limit=MOST_TOKEN)
    except BadInput as error:
        raise _no(f"a part of it is no JSON: {error.what}") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no("a part of it is no base64url") from error


def _no(why: str) -> Refused:
    return Refused(f"the token of the identity provider does not count: {why}", next_step=_AGAIN)
