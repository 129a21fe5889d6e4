"""A FIDO authenticator in software: it makes keys, attestations and signatures, byte for byte as devices do.

That software can do all this is the point of attestation: only the maker's certificate tells it from hardware, and the
maker here is one that the tests pin, or do not.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gonogo.evidence.passkeys import Spoken, beginning
from gonogo.evidence.sshkeys import PublicKey, open_key
from gonogo.evidence.sshsig import armour, signed_data, wrapped
from gonogo.evidence.wire import mpint, string

MODEL = bytes(range(1, 17))
AAGUID = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def cbor(value: object) -> bytes:
    """CBOR of ints, bytes, texts, lists and dicts, in canonical form."""
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int() if value < 0:
            return _head(1, -1 - value)
        case int():
            return _head(0, value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case list() | tuple():
            return _head(4, len(value)) + b"".join(cbor(item) for item in value)
        case dict():
            return _head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())
    raise TypeError(type(value))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << (8 * size))
    return bytes([major << 5 | 24 + size.bit_length() - 1]) + number.to_bytes(size, "big")


@dataclass(frozen=True)
class Maker:
    """A maker of devices: a root certificate, and one for a model."""

    root_key: ec.EllipticCurvePrivateKey
    root: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pin(self) -> str:
        return hashlib.sha256(self.root.public_bytes(Encoding.DER)).hexdigest()

    @property
    def root_bytes(self) -> bytes:
        return self.root.public_bytes(Encoding.DER)


def maker(name: str = "Maker", *, model: bytes | None = MODEL, ca: bool = True, days: int = 9000) -> Maker:
    """A new maker; its root may be no CA, and its certificates may have run out."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    above = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} Root")])
    root = _certificate(above, above, root_key, root_key, days).add_extension(x509.BasicConstraints(ca, None), critical=True)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name} Batch"),
        ]
    )
    built = _certificate(subject, above, key, root_key, days).add_extension(x509.BasicConstraints(False, None), critical=True)
    if model is not None:
        built = built.add_extension(x509.UnrecognizedExtension(AAGUID, b"\x04\x10" + model), critical=False)
    return Maker(root_key, root.sign(root_key, hashes.SHA256()), key, built.sign(root_key, hashes.SHA256()))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    del signer
    start = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return start.serial_number(7).not_valid_before(BEGAN).not_valid_after(BEGAN + timedelta(days=days))


@dataclass
class Device:
    """A device with one key. `curve` is what the key is made of; `flags` what it says of the person by default."""

    made_by: Maker
    application: str = "ssh:gonogo"
    curve: str = "ed25519"
    model: bytes = MODEL
    flags: int = 0x05
    counter: int = 0
    secret: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self.secret = (
            ed25519.Ed25519PrivateKey.generate() if self.curve == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        )

    @property
    def public(self) -> PublicKey:
        application = string(self.application.encode())
        if isinstance(self.secret, ed25519.Ed25519PrivateKey):
            blob = string(b"sk-ssh-ed25519@openssh.com") + string(self.secret.public_key().public_bytes_raw())
        else:
            blob = string(b"sk-ecdsa-sha2-nistp256@openssh.com") + string(b"nistp256") + string(self.point)
        return open_key(blob + application).key

    @property
    def point(self) -> bytes:
        assert isinstance(self.secret, ec.EllipticCurvePrivateKey)
        numbers = self.secret.public_key().public_numbers()
        return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    def data(self, *, extensions: bytes = b"") -> bytes:
        """Authenticator data of the new key."""
        if isinstance(self.secret, ed25519.Ed25519PrivateKey):
            cose = {1: 1, 3: -8, -1: 6, -2: self.secret.public_key().public_bytes_raw()}
        else:
            cose = {1: 2, 3: -7, -1: 1, -2: self.point[1:33], -3: self.point[33:]}
        flags = self.flags | 0x40 | (0x80 if extensions else 0)
        head = hashlib.sha256(self.application.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")
        credential = b"credential-of-the-device"
        return head + self.model + len(credential).to_bytes(2, "big") + credential + cbor(cose) + extensions

    def attestation(self, challenge: bytes, **parts: bytes) -> bytes:
        """`ssh-keygen -O write-attestation`: the file that OpenSSH writes."""
        data = parts.get("data") or self.data()
        hashed = hashlib.sha256(challenge).digest()
        if self.model == bytes(16):
            body = b"\x00" + data[:32] + hashed + b"credential-of-the-device" + self.point
        else:
            body = data + hashed
        signature = parts.get("signature") or self.made_by.key.sign(body, ec.ECDSA(hashes.SHA256()))
        certificate = self.made_by.certificate.public_bytes(Encoding.DER)
        head = string(b"ssh-sk-attest-v01") + string(certificate) + string(signature) + string(cbor(data))
        return head + bytes(4) + string(b"")

    def registration(self, challenge: bytes, origin: str, *, fmt: str = "packed", said: str = "webauthn.create") -> bytes:
        """What a page gets from `navigator.credentials.create`, as JSON."""
        encoded = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        client = json.dumps({"type": said, "challenge": encoded, "origin": origin, "crossOrigin": False}).encode()
        data = self.data()
        signature = self.made_by.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        statement = {"alg": -7, "sig": signature, "x5c": [self.made_by.certificate.public_bytes(Encoding.DER)]}
        body = cbor({"fmt": fmt, "attStmt": statement if fmt == "packed" else {}, "authData": data})
        parts = {"attestationObject": body, "clientDataJSON": client}
        return json.dumps(
            {"response": {name: base64.urlsafe_b64encode(part).rstrip(b"=").decode() for name, part in parts.items()}}
        ).encode()

    def sign(self, message: bytes, namespace: str) -> bytes:
        """An armoured SSH signature, as `ssh-keygen -Y sign` makes it with a device."""
        self.counter += 1
        tail = bytes([self.flags]) + self.counter.to_bytes(4, "big")
        head = hashlib.sha256(self.application.encode()).digest() + tail
        data = head + hashlib.sha256(signed_data(namespace, message)).digest()
        if isinstance(self.secret, ed25519.Ed25519PrivateKey):
            inner = string(b"sk-ssh-ed25519@openssh.com") + string(self.secret.sign(data))
        else:
            r, s = decode_dss_signature(self.secret.sign(data, ec.ECDSA(hashes.SHA256())))
            inner = string(b"sk-ecdsa-sha2-nistp256@openssh.com") + string(mpint(r) + mpint(s))
        return armour(wrapped(self.public.blob, namespace, inner + tail))

    def answer(self, challenge: bytes, origin: str) -> bytes:
        """What a page gets from `navigator.credentials.get`, as JSON."""
        client = beginning(challenge, origin) + b',"crossOrigin":false}'
        spoken = Spoken(b"", self.flags, 3, origin, client, b"")
        assert isinstance(self.secret, ec.EllipticCurvePrivateKey)
        signature = self.secret.sign(spoken.signed_by(self.application), ec.ECDSA(hashes.SHA256()))
        data = hashlib.sha256(self.application.encode()).digest() + bytes([self.flags]) + (3).to_bytes(4, "big")
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return json.dumps({name: base64.urlsafe_b64encode(part).rstrip(b"=").decode() for name, part in parts.items()}).encode()
