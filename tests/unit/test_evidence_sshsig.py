"""SSH signatures: what ssh-keygen makes verifies, everything else is refused with a reason."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gonogo.evidence import passkeys
from gonogo.evidence.sshsig import (
    BadSignature,
    armour,
    examine,
    public_key,
    sign,
    signed_data,
    unarmoured,
    verify,
    wrapped,
)
from gonogo.evidence.wire import mpint, string

NAMESPACE = "gonogo/approval/v1/production"
MESSAGE = b'{"vector":1}\n'
KEYGEN = shutil.which("ssh-keygen")


def engine_key(seed: int = 1) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def key_line(key: ed25519.Ed25519PrivateKey) -> str:
    blob = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


@pytest.mark.req("REV-03")
def test_a_signature_names_the_key_that_made_it() -> None:
    signature = sign(engine_key(), MESSAGE, NAMESPACE)
    assert verify(signature, MESSAGE, NAMESPACE) == public_key(key_line(engine_key()))
    assert verify(signature, MESSAGE, NAMESPACE).line == key_line(engine_key())
    assert verify(signature, MESSAGE, NAMESPACE).fingerprint.startswith("SHA256:")


@pytest.mark.req("REV-03", "APR-02")
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-3072"])
def test_what_ssh_keygen_signs_verifies(kind: str, tmp_path: Path) -> None:
    assert KEYGEN is not None, "install openssh-client"
    name, _, bits = kind.partition("-")
    argv = [KEYGEN, "-q", "-t", name, "-N", "", "-C", "rm1", "-f", str(tmp_path / "key")]
    subprocess.run(argv + (["-b", bits] if bits else []), check=True)
    (tmp_path / "m").write_bytes(MESSAGE)
    for extra in ([], ["-O", "hashalg=sha256"]):
        (tmp_path / "m.sig").unlink(missing_ok=True)
        subprocess.run(
            [KEYGEN, "-q", "-Y", "sign", "-n", NAMESPACE, *extra, "-f", str(tmp_path / "key"), str(tmp_path / "m")],
            check=True,
            capture_output=True,
        )
        key = verify((tmp_path / "m.sig").read_bytes(), MESSAGE, NAMESPACE)
        assert key == public_key((tmp_path / "key.pub").read_text())
    printed = subprocess.run([KEYGEN, "-l", "-f", str(tmp_path / "key.pub")], check=True, capture_output=True).stdout
    assert key.fingerprint in printed.decode()


def test_what_the_engine_signs_verifies_with_ssh_keygen(tmp_path: Path) -> None:
    assert KEYGEN is not None, "install openssh-client"
    (tmp_path / "s.sig").write_bytes(sign(engine_key(), MESSAGE, NAMESPACE))
    (tmp_path / "allowed").write_text(f'rm1 namespaces="{NAMESPACE}" {key_line(engine_key())}\n')
    answer = subprocess.run(
        [KEYGEN, "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "rm1", "-n", NAMESPACE]
        + ["-s", str(tmp_path / "s.sig")],
        check=True,
        capture_output=True,
        input=MESSAGE,
    )
    assert b"Good" in answer.stdout


@pytest.mark.req("REV-03")
def test_changed_bytes_and_another_namespace_are_refused() -> None:
    signature = sign(engine_key(), MESSAGE, NAMESPACE)
    with pytest.raises(BadSignature, match="does not fit"):
        verify(signature, MESSAGE + b" ", NAMESPACE)
    with pytest.raises(BadSignature, match="needed for 'gonogo/approval/v1/staging'") as refusal:
        verify(signature, MESSAGE, "gonogo/approval/v1/staging")
    assert "ssh-keygen -Y sign -n gonogo/approval/v1/staging" in refusal.value.next_step
    with pytest.raises(BadSignature):
        verify(sign(engine_key(), MESSAGE, "git"), MESSAGE, NAMESPACE)


def respelled(signature: bytes) -> dict[str, bytes]:
    blob = unarmoured(signature)
    text = base64.b64encode(blob).decode()
    wide = "-----BEGIN SSH SIGNATURE-----\n" + text + "\n-----END SSH SIGNATURE-----\n"
    return {
        "blank before": b" " + signature,
        "blank after": signature + b" ",
        "second line feed": signature + b"\n",
        "no line feed at the end": signature[:-1],
        "carriage returns": signature.replace(b"\n", b"\r\n"),
        "one long line": wide.encode(),
        "byte after the blob": armour(blob + b"\x00"),
        "version 2": armour(blob[:9] + b"\x02" + blob[10:]),
        "two signatures": signature + signature,
        "nothing": b"",
        "no content": b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        "another armour": signature.replace(b"SSH SIGNATURE", b"PGP SIGNATURE"),
        "too long": armour(blob + b"\x00" * 17_000),
        "not base64": signature.replace(text[:4].encode(), b"****"),
    }


@pytest.mark.parametrize("name", sorted(respelled(sign(engine_key(), MESSAGE, NAMESPACE))))
def test_a_second_spelling_of_a_good_signature_is_refused(name: str) -> None:
    with pytest.raises(BadSignature):
        verify(respelled(sign(engine_key(), MESSAGE, NAMESPACE))[name], MESSAGE, NAMESPACE)


@pytest.mark.parametrize("hash_name", ["md5", "sha1", "sha384", ""])
def test_weak_and_unusual_hashes_are_refused(hash_name: str) -> None:
    key = engine_key()
    public = string(b"ssh-ed25519") + string(key.public_key().public_bytes_raw())
    digest = hashlib.new(hash_name or "md5", MESSAGE).digest()
    data = b"SSHSIG" + string(NAMESPACE.encode()) + string(b"") + string(hash_name.encode()) + string(digest)
    inner = string(b"ssh-ed25519") + string(key.sign(data))
    with pytest.raises(BadSignature, match="hash"):
        verify(armour(wrapped(public, NAMESPACE, inner, hash_name)), MESSAGE, NAMESPACE)
    with pytest.raises(BadSignature):
        signed_data(NAMESPACE, MESSAGE, hash_name)


def test_a_padded_number_in_an_ecdsa_signature_is_refused() -> None:
    private = ec.derive_private_key(7, ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    public = string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(point)
    r, s = decode_dss_signature(private.sign(signed_data(NAMESPACE, MESSAGE), ec.ECDSA(hashes.SHA256())))

    def armoured(first: bytes) -> bytes:
        inner = string(b"ecdsa-sha2-nistp256") + string(first + mpint(s))
        return armour(wrapped(public, NAMESPACE, inner))

    assert verify(armoured(mpint(r)), MESSAGE, NAMESPACE).type == "ecdsa-sha2-nistp256"
    padded = string(b"\x00\x00" + r.to_bytes(32, "big"))
    with pytest.raises(BadSignature, match="shortest form"):
        verify(armoured(padded), MESSAGE, NAMESPACE)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    with pytest.raises(BadSignature, match="range"):
        verify(armoured(mpint(r + order)), MESSAGE, NAMESPACE)


KEYS = {
    "no base64": "ssh-ed25519 ****",
    "one word": "ssh-ed25519",
    "type differs": "ssh-rsa " + key_line(engine_key()).split()[1],
    "two lines": key_line(engine_key()) + "\n" + key_line(engine_key(2)),
    "DSA": "ssh-dss " + base64.b64encode(string(b"ssh-dss") + mpint(5)).decode(),
    "short RSA": "ssh-rsa " + base64.b64encode(string(b"ssh-rsa") + mpint(65537) + mpint((1 << 2047) + 1)).decode(),
    "bytes after": "ssh-ed25519 "
    + base64.b64encode(base64.b64decode(key_line(engine_key()).split()[1]) + b"\x00").decode(),
    "empty": "",
    "point not on the curve": "ecdsa-sha2-nistp256 "
    + base64.b64encode(
        string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\x04" + b"\x7f" * 32 + b"\x7e" * 32)
    ).decode(),
}


@pytest.mark.parametrize("name", sorted(KEYS))
def test_keys_that_do_not_count_are_refused(name: str) -> None:
    with pytest.raises(BadSignature):
        public_key(KEYS[name])


def test_the_comment_of_a_key_line_is_dropped() -> None:
    assert public_key(key_line(engine_key()) + " somebody@example").line == key_line(engine_key())


# A passkey signature: made by a browser, carried as SSHSIG.

SCALAR = int.from_bytes(bytes(range(1, 33)), "big")
RP_ID = "gonogo.example"
ORIGIN = "https://gonogo.example"
R = 0x166D1C4EA4745C35CAB002993CBAB2EACDC5DEE6D43F7BCE5224F1880336325D
S = 0xBE306CF4E127135685195298735D4827EDD34F27A2FDE09167F4E48697B07E97


def passkey_blob() -> bytes:
    numbers = ec.derive_private_key(SCALAR, ec.SECP256R1()).public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    head = string(b"sk-ecdsa-sha2-nistp256@openssh.com") + string(b"nistp256")
    return head + string(point) + string(RP_ID.encode())


def client_data(challenge: bytes, tail: bytes = b',"crossOrigin":false}', origin: str = ORIGIN) -> bytes:
    return passkeys.beginning(challenge, origin) + tail


def passkey_signature(tail: bytes = b',"crossOrigin":false}', flags: int = 5, extensions: bytes = b"") -> bytes:
    challenge = signed_data(NAMESPACE, MESSAGE)
    spoken = passkeys.Spoken(b"", flags, 7, ORIGIN, client_data(challenge, tail), extensions)
    private = ec.derive_private_key(SCALAR, ec.SECP256R1())
    r, s = decode_dss_signature(private.sign(spoken.signed_by(RP_ID), ec.ECDSA(hashes.SHA256())))
    whole = passkeys.Spoken(mpint(r) + mpint(s), flags, 7, ORIGIN, spoken.client_data, extensions)
    return armour(wrapped(passkey_blob(), NAMESPACE, passkeys.inner(whole)))


@pytest.mark.req("REV-03")
def test_the_published_passkey_vector_is_made_and_verified_byte_for_byte(tmp_path: Path) -> None:
    challenge = signed_data(NAMESPACE, MESSAGE)
    assert len(challenge) == 121
    assert hashlib.sha256(challenge).hexdigest() == "94a4ab595da423893da65dd1f1ffb0d7399bf47d62d69f4aca5bfc18f0613f48"
    data = client_data(challenge)
    assert hashlib.sha256(data).hexdigest() == "dcd4cf879d4770528a77e0e1b2a7bd27538ea596c8a1406afa7ca6e95f7f8324"
    inner = passkeys.inner(passkeys.Spoken(mpint(R) + mpint(S), 5, 7, ORIGIN, data, b""))
    blob = wrapped(passkey_blob(), NAMESPACE, inner)
    assert (len(inner), len(blob)) == (417, 619)
    assert hashlib.sha256(blob).hexdigest() == "244f6c79e0424f1e473a881d3f3743b510b54b85b1a649c2174b5d10d378de41"
    signature = armour(blob)
    assert hashlib.sha256(signature).hexdigest() == "e96a26ed2120cc153c5d177ee2ea7e7d278052f941814d0f5917fadfa0109344"
    signed = examine(signature, MESSAGE, NAMESPACE)
    assert signed.key.fingerprint == "SHA256:vN1DuGKKUGxphERi/LGA6PjZyHfolSzqSi//q1db3ZY"
    assert signed.touch is not None
    assert (signed.touch.present, signed.touch.verified, signed.touch.counter) == (True, True, 7)
    assert signed.touch.origin == ORIGIN
    assert not signed.touch.backup_eligible

    assert KEYGEN is not None, "install openssh-client"
    (tmp_path / "s.sig").write_bytes(signature)
    (tmp_path / "allowed").write_text(f'rm1 namespaces="{NAMESPACE}" {signed.key.line}\n')
    argv = [KEYGEN, "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "rm1", "-n", NAMESPACE]
    subprocess.run([*argv, "-s", str(tmp_path / "s.sig")], check=True, capture_output=True, input=MESSAGE)


def test_a_passkey_signature_in_order_verifies() -> None:
    assert verify(passkey_signature(), MESSAGE, NAMESPACE).application == RP_ID
    assert verify(passkey_signature(b"}"), MESSAGE, NAMESPACE).application == RP_ID


@pytest.mark.parametrize(
    ("tail", "flags", "extensions"),
    [
        (b',"crossOrigin":true}', 5, b""),
        (b',"crossOrigin":0}', 5, b""),
        (b',"crossOrigin":false,"topOrigin":"https://evil.example"}', 5, b""),
        (b',"origin":"https://evil.example"}', 5, b""),
        (b',"challenge":"x"}', 5, b""),
        (b"", 5, b""),
        (b',"crossOrigin":false} ', 0x45, b""),
        (b',"crossOrigin":false}', 0x85, b""),
        (b',"crossOrigin":false}', 5, b"\xa0"),
        (b' ,"crossOrigin":false}', 5, b""),
    ],
)
def test_an_irregular_passkey_signature_is_refused(tail: bytes, flags: int, extensions: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(passkey_signature(tail, flags, extensions), MESSAGE, NAMESPACE)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_security_key_reports_flags_and_counter(kind: str) -> None:
    data = hashlib.sha256(signed_data(NAMESPACE, MESSAGE)).digest()
    said = hashlib.sha256(b"ssh:gonogo").digest() + b"\x01" + (9).to_bytes(4, "big") + data
    if kind == "ed25519":
        key = engine_key()
        name = b"sk-ssh-ed25519@openssh.com"
        public = string(name) + string(key.public_key().public_bytes_raw()) + string(b"ssh:gonogo")
        raw = key.sign(said)
    else:
        private = ec.derive_private_key(SCALAR, ec.SECP256R1())
        name = b"sk-ecdsa-sha2-nistp256@openssh.com"
        public = passkey_blob().replace(string(RP_ID.encode()), string(b"ssh:gonogo"))
        r, s = decode_dss_signature(private.sign(said, ec.ECDSA(hashes.SHA256())))
        raw = mpint(r) + mpint(s)
    inner = string(name) + string(raw) + b"\x01" + (9).to_bytes(4, "big")
    signed = examine(armour(wrapped(public, NAMESPACE, inner)), MESSAGE, NAMESPACE)
    assert signed.touch is not None
    assert (signed.touch.flags, signed.touch.counter, signed.touch.verified) == (1, 9, False)
    forged = string(name) + string(raw) + b"\x05" + (9).to_bytes(4, "big")
    with pytest.raises(BadSignature, match="does not fit"):
        verify(armour(wrapped(public, NAMESPACE, forged)), MESSAGE, NAMESPACE)
