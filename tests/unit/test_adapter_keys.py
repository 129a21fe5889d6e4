"""The engine's key file, and signing by a person's own ssh-keygen with a file and with an agent."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gonogo.adapters.keys import FileEngineKey, sign_with_ssh_keygen
from gonogo.errors import BadInput, Broken, GonogoError, Refused
from gonogo.evidence.sshkeys import open_key, public_key
from gonogo.evidence.sshsig import verify
from worlds import MemoryKey

NAMESPACE = "gonogo/approval/v1/production"
SIGNS = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (openssh-client)")


@pytest.fixture(params=["memory", "file"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryKey | FileEngineKey:
    return MemoryKey() if request.param == "memory" else FileEngineKey(tmp_path / "keys" / "engine")


def test_an_engine_key_signs_with_the_key_that_it_shows(key: MemoryKey | FileEngineKey) -> None:
    opened = open_key(public_key(key.public_line()).blob)
    signature = key.sign(b"statement")
    assert len(signature) == 64
    opened.material.verify(signature, b"statement")  # type: ignore[call-arg] # it is an Ed25519 key


def test_the_key_is_made_once_for_its_user_only_and_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "engine"
    line = FileEngineKey(path).public_line()
    assert FileEngineKey(path).public_line() == line
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["engine"]


MAKER = "import sys; from pathlib import Path; from gonogo.adapters.keys import FileEngineKey as K;"
MAKER += "print(K(Path(sys.argv[1])).public_line())"


def test_engines_that_start_together_use_one_key(tmp_path: Path) -> None:
    makers = [
        subprocess.Popen([sys.executable, "-c", MAKER, str(tmp_path / "engine")], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert len({maker.communicate()[0] for maker in makers}) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    FileEngineKey(tmp_path / "engine").public_line()
    (tmp_path / "engine").chmod(0o640)
    with pytest.raises(Refused, match="others may read the engine's key"):
        FileEngineKey(tmp_path / "engine").sign(b"")


@pytest.mark.parametrize("data", [b"", b"not a key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_damaged_key_is_broken_and_never_replaced_by_a_new_one(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "engine").write_bytes(data)
    (tmp_path / "engine").chmod(0o600)
    with pytest.raises(Broken, match="cannot be used") as broken:
        FileEngineKey(tmp_path / "engine").sign(b"x")
    assert "restore" in broken.value.next_step
    assert (tmp_path / "engine").read_bytes() == data


def make_key(path: Path, *more: str) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path), *more]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@SIGNS
@pytest.mark.req("APR-02")
@pytest.mark.parametrize("as_file", [False, True])
def test_a_key_file_signs_bytes_or_a_file_and_leaves_nothing_behind(tmp_path: Path, *, as_file: bool) -> None:
    key = make_key(tmp_path / "id")
    (tmp_path / "statement.json").write_bytes(b"{}\n")
    signature = sign_with_ssh_keygen(tmp_path / "statement.json" if as_file else b"{}\n", NAMESPACE, key)
    assert verify(signature, b"{}\n", NAMESPACE) == public_key((tmp_path / "id.pub").read_text().strip())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["id", "id.pub", "statement.json"]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
    yield {**os.environ, "SSH_AUTH_SOCK": str(socket)}
    process.terminate()
    process.wait()


@SIGNS
@pytest.mark.req("APR-02")
def test_an_agent_signs_for_the_public_file_of_its_key(tmp_path: Path, agent: Mapping[str, str]) -> None:
    key = make_key(tmp_path / "id")
    subprocess.run(["ssh-add", "-q", str(key)], check=True, env=agent)
    key.unlink()
    signature = sign_with_ssh_keygen(b"statement", NAMESPACE, tmp_path / "id.pub", env=agent)
    assert verify(signature, b"statement", NAMESPACE) == public_key((tmp_path / "id.pub").read_text().strip())


@SIGNS
def test_a_public_file_without_its_private_half_anywhere_is_refused_with_advice(
    tmp_path: Path, agent: Mapping[str, str]
) -> None:
    make_key(tmp_path / "id").unlink()
    alone = {name: value for name, value in agent.items() if name != "SSH_AUTH_SOCK"}
    for env in (agent, alone):
        with pytest.raises(Refused) as refused:
            sign_with_ssh_keygen(b"statement", NAMESPACE, tmp_path / "id.pub", env=env)
        assert refused.value.next_step
        assert "ssh-keygen" in str(refused.value)


@SIGNS
def test_a_passphrase_that_nobody_can_type_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "long enough", "-f", str(key)], check=True)
    env = {**os.environ, "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}
    heard: list[str] = []
    with pytest.raises(Refused, match="passphrase"):
        sign_with_ssh_keygen(b"statement", NAMESPACE, key, words=heard.append, env=env)
    assert heard


@SIGNS
def test_a_key_whose_public_file_is_of_another_key_is_refused(tmp_path: Path) -> None:
    key, other = make_key(tmp_path / "id"), make_key(tmp_path / "other")
    (tmp_path / "id.pub").write_bytes(other.with_name("other.pub").read_bytes())
    with pytest.raises(GonogoError) as refused:
        sign_with_ssh_keygen(b"statement", NAMESPACE, key)
    assert refused.value.next_step


def test_what_is_no_key_is_a_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such key"):
        sign_with_ssh_keygen(b"", NAMESPACE, tmp_path / "missing")
    with pytest.raises(BadInput, match="statement to sign is not there"):
        sign_with_ssh_keygen(tmp_path / "missing", NAMESPACE, tmp_path / "missing")
    if shutil.which("ssh-keygen"):
        (tmp_path / "text").write_text("hello")
        (tmp_path / "text").chmod(0o600)
        with pytest.raises(Refused) as refused:
            sign_with_ssh_keygen(b"", NAMESPACE, tmp_path / "text", env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"})
        assert refused.value.next_step


def test_without_ssh_keygen_the_message_says_how_to_sign_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "id").touch()
    with pytest.raises(Broken, match="is not installed") as broken:
        sign_with_ssh_keygen(b"", NAMESPACE, tmp_path / "id", env={"PATH": str(tmp_path / "empty")})
    assert ".sig" in broken.value.next_step


def test_a_program_that_makes_a_false_signature_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "id").touch()
    program = tmp_path / "ssh-keygen"
    program.write_text('#!/bin/sh\nfor last; do :; done\necho rubbish > "$last.sig"\n')
    program.chmod(0o755)
    with pytest.raises(Broken, match="does not verify"):
        sign_with_ssh_keygen(b"", NAMESPACE, tmp_path / "id", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
