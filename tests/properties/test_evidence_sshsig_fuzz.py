"""Mutated signatures against stock ssh-keygen: what we accept it accepts; we may be stricter, never laxer (A1)."""

from __future__ import annotations

import base64
import random
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from trust_devices import device_blob, device_signature, passkey_blob, passkey_signature
from trust_world import private_key, ssh_key

from gonogo.errors import GonogoError
from gonogo.evidence.sshkeys import PublicKey, open_key
from gonogo.evidence.sshsig import armour, sign, signed_data, unarmoured, verify, wrapped
from gonogo.evidence.wire import mpint, string

NAMESPACE = "gonogo/approval/v1/production"
MESSAGE = b'{"x":1}\n'
KEYGEN = shutil.which("ssh-keygen")


def by_ed25519() -> tuple[PublicKey, bytes]:
    return ssh_key(private_key("sre1")), sign(private_key("sre1"), MESSAGE, NAMESPACE)


def by_ecdsa() -> tuple[PublicKey, bytes]:
    private = ec.derive_private_key(1234567, ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    public = string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(point)
    r, s = decode_dss_signature(private.sign(signed_data(NAMESPACE, MESSAGE), ec.ECDSA(hashes.SHA256())))
    inner = string(b"ecdsa-sha2-nistp256") + string(mpint(r) + mpint(s))
    return open_key(public).key, armour(wrapped(public, NAMESPACE, inner))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


def by_rsa() -> tuple[PublicKey, bytes]:
    numbers = rsa_key().public_key().public_numbers()
    public = string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)
    raw = rsa_key().sign(signed_data(NAMESPACE, MESSAGE), padding.PKCS1v15(), hashes.SHA512())
    return open_key(public).key, armour(wrapped(public, NAMESPACE, string(b"rsa-sha2-512") + string(raw)))


def by_device() -> tuple[PublicKey, bytes]:
    return open_key(device_blob()).key, device_signature(MESSAGE, 5, 7)


def by_passkey() -> tuple[PublicKey, bytes]:
    return open_key(passkey_blob()).key, passkey_signature(MESSAGE)


KINDS = [by_ed25519, by_ecdsa, by_rsa, by_device, by_passkey]


def mutated(signature: bytes, chance: random.Random) -> bytes:
    """One of many small changes, mostly inside the binary form, where readers differ."""
    blob = bytearray(unarmoured(signature))
    place = chance.randrange(len(blob))
    match chance.randrange(8):
        case 0:
            blob[place] ^= 1 << chance.randrange(8)
        case 1:
            blob[place] = chance.randrange(256)
        case 2:
            del blob[place : place + chance.randrange(1, 5)]
        case 3:
            blob[place:place] = bytes(chance.randrange(1, 5))
        case 4:
            start = chance.randrange(len(blob))
            blob[place:place] = blob[start : start + chance.randrange(1, 9)]
        case 5:
            length = int.from_bytes(blob[place : place + 4], "big") + chance.choice([-1, 1, 2])
            blob[place : place + 4] = (length & 0xFFFFFFFF).to_bytes(4, "big")
        case 6:
            text = bytearray(signature)
            text[chance.randrange(len(text))] = chance.choice(b"\n\r =-A/+b\x00")
            return bytes(text)
        case _:
            text = bytearray(signature)
            position = chance.randrange(len(text))
            text[position:position] = chance.choice([b"\n", b" ", b"\t", b"A", b"="])
            return bytes(text)
    return armour(bytes(blob))


def we_accept(signature: bytes) -> bool:
    try:
        verify(signature, MESSAGE, NAMESPACE)
    except GonogoError:
        return False
    return True


def keygen_accepts(signature: bytes, folder: Path) -> bool:
    assert KEYGEN is not None, "install openssh-client"
    (folder / "s.sig").write_bytes(signature)
    argv = [KEYGEN, "-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(folder / "s.sig")]
    return subprocess.run(argv, input=MESSAGE, capture_output=True, check=False).returncode == 0


def compare(make: Callable[[], tuple[PublicKey, bytes]], count: int, folder: Path, seed: int) -> tuple[int, int]:
    """Accepted by us, and refused by ssh-keygen although we accept; the unchanged signature is in it."""
    _, good = make()
    chance = random.Random(seed)
    ours = laxer = 0
    for number in range(count):
        candidate = good if number == 0 else mutated(good, chance)
        if we_accept(candidate):
            ours += 1
            laxer += not keygen_accepts(candidate, folder)
    return ours, laxer


@pytest.mark.req("REV-03", "t29_malleable")
@pytest.mark.parametrize("make", KINDS)
def test_nothing_is_accepted_that_ssh_keygen_refuses(
    make: Callable[[], tuple[PublicKey, bytes]], tmp_path: Path
) -> None:
    ours, laxer = compare(make, 400, tmp_path, 1)
    assert ours >= 1
    assert laxer == 0


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS)
def test_nothing_is_accepted_that_ssh_keygen_refuses_in_ten_thousand_mutants(
    make: Callable[[], tuple[PublicKey, bytes]], tmp_path: Path
) -> None:
    ours, laxer = compare(make, 10_000, tmp_path, 2)
    assert ours >= 1
    assert laxer == 0


def test_we_accept_no_mutant_at_all() -> None:
    """A second spelling of a signature would be a second approval with another digest."""
    for make in (by_ed25519, by_ecdsa, by_device, by_passkey):
        _, good = make()
        chance = random.Random(3)
        assert not any(we_accept(item) for item in (mutated(good, chance) for _ in range(600)) if item != good)


def test_a_line_of_base64_is_not_taken_for_a_signature() -> None:
    assert not we_accept(base64.b64encode(unarmoured(by_ed25519()[1])))
