"""The engine's key in a file, in a real SSH agent, and behind a signer by URI."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.adapters.engine_keys import engine_key
from gonogo.adapters.keys import FileEngineKey
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence.note import Checkpoint, NoteKey, verify_note, with_signature
from gonogo.evidence.sshkeys import open_key, public_key
from gonogo.evidence.sshsig import signature_from, signed_data, verify
from gonogo.evidence.wire import strings


def holds(key: object, line: str) -> None:
    """The key shows this public half and signs a seal and a checkpoint with it."""
    assert key.public_line() == line
    found = public_key(line)
    seal = signature_from(found, "gonogo/seal/v1/production", key.sign(signed_data("gonogo/seal/v1/production", b"x")))
    assert verify(seal, b"x", "gonogo/seal/v1/production") == found
    checkpoint = Checkpoint("acme/eu1", 3, bytes(32))
    note_key = NoteKey("acme/eu1", strings(found.blob, 2, "key")[1])
    assert verify_note(with_signature(checkpoint, note_key, key.sign(checkpoint.body)), note_key) == checkpoint


def test_without_a_word_the_key_is_the_file_of_the_project_and_a_file_may_be_named(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    assert engine_key({}, usual).public_line() == FileEngineKey(usual).public_line()
    other = FileEngineKey(tmp_path / "other").public_line()
    holds(engine_key({"GONOGO_ENGINE_KEY": f"file:{tmp_path / 'other'}"}, usual), other)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    place = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if place.exists():
                break
            process.poll()
            subprocess.run(["sleep", "0.02"], check=True)
        yield {**os.environ, "SSH_AUTH_SOCK": str(place)}
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.req("EVS-16")
def test_a_real_ssh_agent_signs_and_the_engine_never_sees_the_key(agent: Mapping[str, str], tmp_path: Path) -> None:
    for kind in ("rsa", "ecdsa", "ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(tmp_path / kind)], check=True)
        subprocess.run(["ssh-add", "-q", str(tmp_path / kind)], env=agent, check=True, capture_output=True)
        (tmp_path / kind).unlink()
    line = " ".join((tmp_path / "ed25519.pub").read_text().split()[:2])
    fingerprint = public_key(line).fingerprint
    holds(engine_key({**agent, "GONOGO_ENGINE_KEY": f"agent:{fingerprint}"}, tmp_path / "none"), line)
    assert not (tmp_path / "none").exists()
    with pytest.raises(Refused, match="does not hold"):
        engine_key({**agent, "GONOGO_ENGINE_KEY": "agent:SHA256:" + "A" * 43}, tmp_path).sign(b"x")
    other = public_key(" ".join((tmp_path / "ecdsa.pub").read_text().split()[:2])).fingerprint
    with pytest.raises(BadInput, match="has to be ssh-ed25519"):
        engine_key({**agent, "GONOGO_ENGINE_KEY": f"agent:{other}"}, tmp_path).sign(b"x")
    subprocess.run(["ssh-add", "-D"], env=agent, check=True, capture_output=True)
    with pytest.raises(Refused, match="does not hold"):
        engine_key({**agent, "GONOGO_ENGINE_KEY": f"agent:{fingerprint}"}, tmp_path).sign(b"x")


def test_no_agent_is_said(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="no SSH agent"):
        engine_key({"GONOGO_ENGINE_KEY": "agent:SHA256:x"}, tmp_path).sign(b"x")
    gone = {"GONOGO_ENGINE_KEY": "agent:SHA256:x", "SSH_AUTH_SOCK": str(tmp_path / "gone")}
    with pytest.raises(Broken, match="does not answer"):
        engine_key(gone, tmp_path).sign(b"x")


def stored(key: Ed25519PrivateKey, path: Path) -> tuple[str, str]:
    """URI and public line of a key for the file signer of securesystemslib."""
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(*form))
    public = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return f"file2:{path}", key.public_key().public_bytes(*public).decode()


def test_a_signer_by_uri_signs_with_the_key_that_it_is_said_to_have(tmp_path: Path) -> None:
    uri, line = stored(Ed25519PrivateKey.generate(), tmp_path / "key.pem")
    holds(engine_key({"GONOGO_ENGINE_KEY": uri, "GONOGO_ENGINE_PUBLIC": line}, tmp_path / "none"), line)
    _, other = stored(Ed25519PrivateKey.generate(), tmp_path / "other.pem")
    with pytest.raises(Broken, match="signer"):
        engine_key({"GONOGO_ENGINE_KEY": uri, "GONOGO_ENGINE_PUBLIC": other}, tmp_path).sign(b"x")
    with pytest.raises(Broken, match="does not sign"):
        engine_key({"GONOGO_ENGINE_KEY": "file2:/nonexistent", "GONOGO_ENGINE_PUBLIC": line}, tmp_path).sign(b"x")
    with pytest.raises(BadInput, match="public key"):
        engine_key({"GONOGO_ENGINE_KEY": uri}, tmp_path)
    assert open_key(public_key(line).blob)
