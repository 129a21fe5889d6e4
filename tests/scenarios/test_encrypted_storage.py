"""Where the policy asks for encryption nothing is stored plain, everything can be read again, and without a key nothing begins."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization

from gonogo.adapters.age_cipher import AgeCipher
from gonogo.adapters.vault import FolderVault
from gonogo.adapters.views import Views
from gonogo.errors import BadInput, GonogoError, Refused
from gonogo.terms import RunId, Secret, digest_of
from tests.command_line import gonogo
from tests.projects import Project, public_line, small_project
from tests.worlds_http import place

HEADER = b"age-encryption.org/v1\n"


def new_identity(folder: Path, name: str = "identity") -> tuple[Path, str]:
    """A new age key in a file, and its public half."""
    made = pyrage.x25519.Identity.generate()
    path = folder / name
    path.write_text(f"# made for a test\n{made}\n")
    return path, str(made.to_public())


def encrypted(project: Project, *recipients: str) -> Project:
    config = project.root / "gonogo.yaml"
    config.write_text(f"{config.read_text()}encryption:\n  recipients: {json.dumps(recipients)}\n")
    return project


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, RunId]]:
    root = tmp_path_factory.mktemp("sealed")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        path, public = new_identity(root)
        project = small_project(root / "project", staging, production)
        project = replace(project, environ={**project.environ, "GONOGO_IDENTITY": str(path)})
        encrypted(project, public, public_line(project.keys["sec1"]))
        run = project.release("pre-deployment")
        assert project.state(run).outcome == "ready", project.view(run).halt
        yield project, run


def written(project: Project) -> list[Path]:
    """Every file that gonogo wrote: its own folder and the views."""
    folders = (project.root / ".gonogo", project.root / ".artifacts")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.req("SEC-09")
def test_with_the_policy_no_plain_artifact_is_on_disk(ready: tuple[Project, RunId]) -> None:
    project, run = ready
    state = project.state(run)
    evidence = {item.digest for item in state.evidence.values()} | {item.sha256 for item in state.packages.values()}
    assert len(evidence) > 15
    assert [path for path in written(project) if sha256(path.read_bytes()).hexdigest() in evidence] == []
    objects = [path for path in (project.root / ".gonogo/vault/objects").rglob("*") if path.is_file()]
    views = [path for path in (project.root / ".artifacts").rglob("*") if path.is_file()]
    assert {path.read_bytes()[: len(HEADER)] for path in objects + views} == {HEADER}
    assert {path.suffix for path in views} == {".age"}
    assert not any((project.root / ".gonogo/effects").rglob("std*"))


@pytest.mark.req("SEC-09")
def test_what_is_encrypted_is_read_by_gates_people_and_verifiers(ready: tuple[Project, RunId], tmp_path: Path) -> None:
    project, run = ready
    environ = {"GONOGO_IDENTITY": project.environ["GONOGO_IDENTITY"], "RECORD": str(project.record)}
    where = ("--project", project.root)
    assert gonogo("gate", run, "rollback-security-gate", *where, **environ).code == 0
    shown = gonogo("evidence", "show", "staging-test-results.json", "--run", run, *where, **environ)
    assert json.loads(shown.out)["test_execution"]["status"] == "pass"
    assert "edited" not in gonogo("status", run, *where, **environ).out
    package = project.root / ".artifacts/pre-deployment/PRE-DEPLOYMENT-PACKAGE.zip.age"
    found = gonogo("verify", package, "--no-anchor-needed", "--json", **environ).json()
    assert found["exit_code"] in {0, 3}, found
    assert all(check["ok"] for check in found["checks"] if check["name"] in {"container", "files", "manifest"})
    key = project.keys["sec1"]
    plain = serialization.NoEncryption()
    data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, plain)
    opened = pyrage.decrypt(package.read_bytes(), [pyrage.ssh.Identity.from_buffer(data)])
    assert digest_of(opened) == project.state(run).packages["readiness"].sha256


@pytest.mark.req("SEC-09", "C2")
def test_an_edited_encrypted_view_is_found(ready: tuple[Project, RunId]) -> None:
    project, run = ready
    view = project.root / ".artifacts/pre-deployment/staging-test-results.json.age"
    before = view.read_bytes()
    try:
        view.unlink()
        view.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert [str(item) for item in project.view(run).edited] == [
            "pre-deployment/staging-test-results.json was edited by hand"
        ]
    finally:
        view.unlink()
        view.write_bytes(before)


@pytest.mark.req("SEC-09")
def test_a_policy_without_a_usable_key_is_refused_before_anything_is_stored(
    ready: tuple[Project, RunId], tmp_path: Path
) -> None:
    original, _ = ready
    project = small_project(tmp_path / "project", original.staging, original.production)
    path, public = new_identity(tmp_path)
    other, _ = new_identity(tmp_path, "other")
    (tmp_path / "none").write_text("# empty\n")
    encrypted(project, public)
    wrong = {
        "": "GONOGO_IDENTITY names no key",
        str(other): "none of the recipients",
        str(tmp_path / "none"): "without any key",
        str(tmp_path / "nix"): "is not there",
        str(project.root / "gonogo.yaml"): "without a key that can be used",
    }
    for named, words in wrong.items():
        with pytest.raises(GonogoError, match=words) as caught:
            replace(project, environ={"GONOGO_IDENTITY": named}).begin("pre-deployment")
        assert caught.value.next_step
    said = gonogo("doctor", "--project", project.root, GONOGO_IDENTITY=str(other))
    assert "none of the recipients" in said.out + said.err
    assert [item for item in written(project) if "/vault/objects/" in str(item) or ".artifacts" in str(item)] == []
    assert replace(project, environ={"GONOGO_IDENTITY": str(path)}).begin("pre-deployment")


@pytest.mark.req("SEC-09", "CFG-11")
def test_recipients_that_are_none_are_named_with_their_line(ready: tuple[Project, RunId], tmp_path: Path) -> None:
    original, _ = ready
    for recipients, words in (((), "names no recipient"), (("me",), "is not an age recipient")):
        project = small_project(tmp_path / words.replace(" ", ""), original.staging, original.production)
        encrypted(project, *recipients)
        said = gonogo("plan", "pre-deployment", "--release", "v2", "--project", project.root)
        assert said.code == 2
        assert words in said.err + said.out
        assert "gonogo.yaml:" in said.err + said.out


def cipher(tmp_path: Path) -> AgeCipher:
    path, public = new_identity(tmp_path)
    return AgeCipher((public,), {"GONOGO_IDENTITY": str(path)}, "gonogo.yaml:1")


@pytest.mark.req("SEC-09", "EVS-16")
def test_a_sealed_folder_is_encrypted_in_pieces_and_redacted_and_keeps_its_plain_digests(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    big = os.urandom(3 << 20)
    (folder / "big.bin").write_bytes(big)
    (folder / "log.txt").write_bytes(b"the token is s3cret-token")
    vault = FolderVault(tmp_path / "vault", cipher=cipher(tmp_path))
    first, second = vault.seal(folder, {"TOKEN": Secret("s3cret-token")})
    assert (first.digest, first.size) == (digest_of(big), len(big))
    assert vault.read(first.digest) == big
    assert vault.read(second.digest) == b"the token is [redacted:TOKEN]"
    with pytest.raises(BadInput, match="more than 10 bytes"):
        vault.read(first.digest, limit=10)
    with pytest.raises(BadInput, match="stored encrypted"):
        FolderVault(tmp_path / "vault").read(second.digest)
    path = vault.path(second.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Refused, match="cannot be decrypted"):
        vault.read(second.digest)


@pytest.mark.req("SEC-09")
def test_what_was_stored_plain_before_the_policy_can_be_read_and_its_plain_view_is_taken_away(tmp_path: Path) -> None:
    old = FolderVault(tmp_path / "vault")
    digest = old.put(b"plain")
    Views(tmp_path / "views", old).write({"a/x.json": digest})
    asked = cipher(tmp_path)
    vault = FolderVault(tmp_path / "vault", cipher=asked)
    assert vault.read(digest) == b"plain"
    views = Views(tmp_path / "views", vault, asked)
    views.write({"a/x.json": digest})
    assert [path.name for path in (tmp_path / "views/a").iterdir()] == ["x.json.age"]
    assert views.read_bytes("a/x.json") == b"plain"
    assert vault.put(b"plain") == digest
    assert vault.path(digest).read_bytes().startswith(HEADER)
