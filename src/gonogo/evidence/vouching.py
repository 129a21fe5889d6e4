"""Who vouches for a security key: attestations at enrolment, as ssh-keygen and browsers write them (assurance H1, H2).

An `sk-` key line proves no hardware: software can make one and set every flag. What proves it is a certificate of the
device's maker, chained to a root that the site pinned, whose key signed this very public key together with a challenge
of the site (W3C Web Authentication level 3 sections 6.5 and 8; OpenSSH PROTOCOL.u2f, `ssh-sk-attest-v01`). Pure: bytes
in, what they prove out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.evidence.cbor import Cbor, decode, read_cbor, read_map
from gonogo.evidence.signers import Assurance, Fido, Web
from gonogo.evidence.sshkeys import SK_ECDSA, SK_ED25519, PublicKey, open_key
from gonogo.evidence.wire import BadSignature, string, strings, take
from gonogo.values import dataclass

SSH_ATTESTATION: Final = b"ssh-sk-attest-v01"
PASSKEY_ATTESTATION: Final = b"gonogo-passkey-attest-v01"
"""How a registration by a browser is kept: this word, the attestation object and the client data, as SSH strings."""

CHALLENGE_BYTES: Final = 32
PRESENT, VERIFIED, BACKUP, ATTESTED, EXTENDED = 0x01, 0x04, 0x08, 0x40, 0x80
AAGUID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
NO_MODEL: Final = "0" * 32
MOST_CERTIFICATES: Final = 5

_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)
"""What the library raises for certificates that are cut, doubled or of unknown kinds."""

_ADVICE: Final = "make the key again: gonogo keys challenge FILE says how"
_PINNED: Final = "write its SHA-256 under `fido: {roots: [...]}` if you trust this maker"


@dataclass(frozen=True, slots=True)
class Attested:
    """A key, what its device proves at most, the model (AAGUID, hex) and the pinned root (SHA-256) that vouches.

    Where no root vouches, `why` says so.
    """

    key: PublicKey
    level: Assurance
    aaguid: str
    root: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Pins:
    """What a site believes: pinned roots as certificates by SHA-256, models for H2, and its own web pages."""

    fido: Fido
    roots: Mapping[str, bytes]
    web: Web


@dataclass(frozen=True, slots=True)
class _Made:
    """Authenticator data of a new key."""

    rp_hash: bytes
    flags: int
    aaguid: str
    credential: bytes
    key: Mapping[int | str, Cbor]
    whole: bytes


@dataclass(frozen=True, slots=True)
class _Signed:
    """What an attestation signs, with its certificates, the maker's first."""

    certificates: tuple[bytes, ...]
    signature: bytes
    data: bytes
    made: _Made


def attested(data: bytes, challenge: bytes, key: PublicKey | None, pins: Pins, at: datetime | None = None) -> Attested:
    """What the attestation file `data` proves of `key`, for a challenge that the site issued.

    `key` may be None for a passkey, whose public key only the registration names. With `at` the certificates have to be
    valid at that time. Raises BadSignature, saying why, where it proves nothing.
    """
    if len(challenge) != CHALLENGE_BYTES:
        raise BadSignature(f"the challenge has {len(challenge)} bytes, not {CHALLENGE_BYTES}", next_step=_ADVICE)
    kind = _word(data)
    if kind == SSH_ATTESTATION:
        if key is None:
            raise BadSignature("an attestation of ssh-keygen comes with its key", next_step="name the .pub file")
        signed = _of_ssh(data, challenge, key)
    elif kind == PASSKEY_ATTESTATION:
        signed, application = _of_passkey(data, challenge, pins.web)
        found = _passkey(signed.made, application)
        if key is not None and key.blob != found.blob:
            raise BadSignature("the registration is about another key", next_step=_ADVICE)
        key = found
    else:
        raise BadSignature("this is no attestation that gonogo knows", next_step=_ADVICE)
    try:
        root = _vouched(signed, pins, at)
    except _UNREADABLE as error:
        raise BadSignature(f"a certificate of the attestation cannot be used: {error}", next_step=_ADVICE) from error
    verifies = signed.made.aaguid in pins.fido.aaguids and not signed.made.flags & BACKUP
    return Attested(key, Assurance.H2 if verifies else Assurance.H1, signed.made.aaguid, root)


def passkey_registration(data: bytes) -> bytes:
    """The attestation file of a browser's answer: JSON with `attestationObject` and `clientDataJSON` in base64url."""
    fields = read_object(data, name="registration", limit=1 << 18)
    response = fields.get("response")
    parts = response if isinstance(response, Mapping) else fields
    found = []
    for name in ("attestationObject", "clientDataJSON"):
        text = parts.get(name)
        if not isinstance(text, str):
            raise BadInput(f"`{name}` is missing", where="registration", next_step=_ADVICE)
        found.append(unpadded(text))
    return string(PASSKEY_ATTESTATION) + string(found[0]) + string(found[1])


def unpadded(text: str) -> bytes:
    """The bytes of base64url without padding. Raises BadSignature for another spelling."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise BadSignature("this is not base64url", next_step=_ADVICE) from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise BadSignature("this is not base64url in its one spelling", next_step=_ADVICE)
    return data


def passkey_of(registration: bytes, challenge: bytes, web: Web) -> PublicKey:
    """The key of a registration for our challenge, on our page; nobody vouches for its device."""
    _, attestation, client = strings(registration, 3, "the registration")
    _client(client, challenge, web)
    made = _made(_bytes(read_map(attestation), "authData"))
    return _passkey(made, _application(made, web))


def certificate_digest(certificate: bytes) -> str:
    """The SHA-256 by which a root certificate (DER or PEM) is pinned. Raises BadSignature where it is none."""
    return hashlib.sha256(_certificate(certificate).public_bytes(Encoding.DER)).hexdigest()


def _of_ssh(data: bytes, challenge: bytes, key: PublicKey) -> _Signed:
    """`ssh-sk-attest-v01`: certificate, signature, authenticator data as CBOR bytes, reserved flags and string."""
    head = string(SSH_ATTESTATION)
    body = data[len(head) :]
    parts: list[bytes] = []
    for name in ("the certificate", "the signature", "the authenticator data"):
        size = int.from_bytes(take(body, 4, name).value, "big")
        found = take(body[4:], size, name)
        parts.append(found.value)
        body = found.rest
    if body != bytes(4) + string(b""):
        raise BadSignature("the reserved part of the attestation is not empty", next_step=_ADVICE)
    inner = read_cbor(parts[2])
    if not isinstance(inner, bytes):
        raise BadSignature("the authenticator data is no byte string", next_step=_ADVICE)
    made = _made(inner)
    if made.rp_hash != _hash(key.application.encode()):
        raise BadSignature(f"the attestation is for another application than {key.application}", next_step=_ADVICE)
    _same_key(made, key)
    return _Signed((parts[0],), parts[1], _signed_data(made, _hash(challenge)), made)


def _of_passkey(data: bytes, challenge: bytes, web: Web) -> tuple[_Signed, str]:
    _, attestation, client = strings(data, 3, "the registration")
    _client(client, challenge, web)
    body = read_map(attestation)
    statement = body.get("attStmt")
    if body.get("fmt") != "packed" or not isinstance(statement, Mapping) or not statement.get("x5c"):
        what = f"the passkey comes with the attestation {str(body.get('fmt'))[:32]!r}, which names no maker"
        raise BadSignature(what, next_step="enrol it for H0, or set `web: {synced_passkeys: H1}`")
    made = _made(_bytes(body, "authData"))
    application = _application(made, web)
    certificates = statement.get("x5c")
    chain = certificates if isinstance(certificates, tuple) else ()
    found = tuple(item for item in chain if isinstance(item, bytes))
    return _Signed(found, _bytes(statement, "sig"), made.whole + _hash(client), made), application


def _application(made: _Made, web: Web) -> str:
    """The site that a passkey was made for, with the person verified. Raises BadSignature where it is not ours."""
    found = next((name for name in sorted(web.rp_ids) if _hash(name.encode()) == made.rp_hash), "")
    if not found:
        raise BadSignature("the passkey was made for another site", next_step="add the site under `web: {rp_ids: ...}`")
    if not made.flags & VERIFIED:
        raise BadSignature("the person was not verified when the passkey was made", next_step=_ADVICE)
    return found


def _client(client: bytes, challenge: bytes, web: Web) -> None:
    """What the browser says: a registration, on one of our pages, for our challenge."""
    try:
        said = read_object(client, name="client data", limit=8 * 1024)
    except BadInput as error:
        raise BadSignature(f"the browser's client data cannot be read: {error.what}", next_step=_ADVICE) from error
    if said.get("type") != "webauthn.create" or said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise BadSignature("this is not a registration on a page of its own", next_step=_ADVICE)
    if said.get("origin") not in web.origins:
        raise BadSignature(
            f"the passkey was made on {said.get('origin')!r}", next_step="make it on the site's own page"
        )
    asked = said.get("challenge")
    if not isinstance(asked, str) or unpadded(asked) != challenge:
        raise BadSignature("the registration answers another challenge", next_step=_ADVICE)


def _made(data: bytes) -> _Made:
    head = take(data, 55, "the authenticator data")
    flags = head.value[32]
    if not flags & ATTESTED or not flags & PRESENT:
        raise BadSignature("the authenticator data holds no key, or nobody was present", next_step=_ADVICE)
    credential = take(head.rest, int.from_bytes(head.value[53:55], "big"), "the credential id")
    key = decode(credential.rest)
    rest = decode(key.rest).rest if flags & EXTENDED else key.rest
    if rest or not isinstance(key.value, Mapping):
        raise BadSignature("bytes stand behind the key of the authenticator data", next_step=_ADVICE)
    return _Made(head.value[:32], flags, head.value[37:53].hex(), credential.value, key.value, data)


def _signed_data(made: _Made, challenge: bytes) -> bytes:
    """What a device signs: since CTAP2 its data and the challenge; a U2F device, which has no model, an older form."""
    if made.aaguid != NO_MODEL:
        return made.whole + challenge
    point = b"\x04" + _bytes(made.key, -2) + _bytes(made.key, -3)
    return b"\x00" + made.rp_hash + challenge + made.credential + point


def _same_key(made: _Made, key: PublicKey) -> None:
    _, *parts = strings(key.blob, 3 if key.type == SK_ED25519 else 4, "the key")
    said = made.key
    if key.type == SK_ED25519:
        same = (said.get(1), said.get(3), said.get(-1)) == (1, -8, 6) and said.get(-2) == parts[0]
    else:
        point = b"\x04" + _bytes(said, -2) + _bytes(said, -3)
        same = key.type == SK_ECDSA and (said.get(1), said.get(3), said.get(-1)) == (2, -7, 1) and point == parts[1]
    if not same:
        raise BadSignature("the attestation is about another key", next_step=_ADVICE)


def _passkey(made: _Made, application: str) -> PublicKey:
    if (made.key.get(1), made.key.get(3), made.key.get(-1)) != (2, -7, 1):
        raise BadSignature("the passkey is not on P-256 (ES256)", next_step=_ADVICE)
    point = b"\x04" + _bytes(made.key, -2) + _bytes(made.key, -3)
    blob = string(SK_ECDSA.encode()) + string(b"nistp256") + string(point) + string(application.encode())
    return open_key(blob).key


def _vouched(signed: _Signed, pins: Pins, at: datetime | None) -> str:
    """The pinned root behind an attestation, after the maker's key verified and each certificate its issuer."""
    if not 0 < len(signed.certificates) <= MOST_CERTIFICATES:
        raise BadSignature("the attestation has no certificates, or too many", next_step=_ADVICE)
    chain = [_certificate(data) for data in signed.certificates]
    _check_maker(chain[0], signed.made)
    try:
        _verify(chain[0], signed.signature, signed.data)
        for lower, upper in pairwise(chain):
            _issued(lower, upper)
        root = _root(chain, pins)
        if root != _digest(chain[-1]):
            _issued(chain[-1], _certificate(pins.roots[root]))
    except InvalidSignature as error:
        raise BadSignature("a signature of the attestation does not fit", next_step=_ADVICE) from error
    for certificate in (*chain, _certificate(pins.roots[root])) if at is not None else ():
        if at is not None and not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise BadSignature("a certificate of the attestation is not valid at this time", next_step=_ADVICE)
    return root


def _root(chain: Sequence[x509.Certificate], pins: Pins) -> str:
    """The pinned root that issued the last certificate, or that it is."""
    last = chain[-1]
    for digest in sorted(pins.fido.roots & pins.roots.keys()):
        root = _certificate(pins.roots[digest])
        if _digest(root) == digest and (digest == _digest(last) or root.subject == last.issuer):
            return digest
    what = f"no pinned root vouches for it; its maker is {last.issuer.rfc4514_string()[:200]}"
    raise BadSignature(what, next_step=_PINNED)


def _issued(lower: x509.Certificate, upper: x509.Certificate) -> None:
    try:
        ca = upper.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        ca = False
    if not ca:
        raise BadSignature("a certificate that issued another may not issue any", next_step=_ADVICE)
    lower.verify_directly_issued_by(upper)


def _check_maker(certificate: x509.Certificate, made: _Made) -> None:
    """The maker's certificate is one for devices of this model (section 8.2.1: extension id-fido-gen-ce-aaguid)."""
    try:
        extension = certificate.extensions.get_extension_for_oid(AAGUID).value
    except x509.ExtensionNotFound:
        return
    value = extension.value if isinstance(extension, x509.UnrecognizedExtension) else b""
    if value != b"\x04\x10" + bytes.fromhex(made.aaguid):
        raise BadSignature("the certificate is for another model of device", next_step=_ADVICE)


def _verify(certificate: x509.Certificate, signature: bytes, data: bytes) -> None:
    match certificate.public_key():
        case ec.EllipticCurvePublicKey() as key:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PublicKey() as key:
            key.verify(signature, data)
        case rsa.RSAPublicKey() as key if key.key_size >= 2048:
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        case _:
            raise BadSignature("the maker's key is of a kind that does not count", next_step=_ADVICE)


def _certificate(data: bytes) -> x509.Certificate:
    try:
        return (
            x509.load_pem_x509_certificate(data) if data.startswith(b"-----") else x509.load_der_x509_certificate(data)
        )
    except ValueError as error:
        raise BadSignature(f"this is no certificate: {error}", next_step=_ADVICE) from error


def _digest(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _bytes(fields: Mapping[int | str, Cbor], name: int | str) -> bytes:
    value = fields.get(name)
    if not isinstance(value, bytes):
        raise BadSignature(f"the attestation lacks {name!r}", next_step=_ADVICE)
    return value


def _word(data: bytes) -> bytes:
    """The first SSH string of `data`, empty where there is none."""
    size = int.from_bytes(data[:4], "big") if len(data) >= 4 else 0
    return data[4 : 4 + size] if len(data) >= 4 + size else b""
