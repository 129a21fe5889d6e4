"""The contract of the vault, on memory, on disk and in PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.adapters.vault import FolderVault
from gonogo.adapters.vault_postgres import PostgresVault
from gonogo.errors import BadInput, Refused, Tampered
from gonogo.ports import Sealed
from gonogo.terms import Digest, digest_of
from postgres_server import emptied_database
from worlds import MemoryVault

AnyVault = MemoryVault | FolderVault | PostgresVault


@pytest.fixture(params=["memory", "disk", "postgres"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyVault]:
    if request.param == "memory":
        yield MemoryVault()
    elif request.param == "disk":
        yield FolderVault(tmp_path / "vault")
    else:
        with emptied_database() as database:
            yield PostgresVault(database, FolderVault(tmp_path / "vault"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def change(vault: AnyVault, digest: Digest, data: bytes) -> None:
    if isinstance(vault, MemoryVault):
        vault.objects[digest] = data
        return
    vault.path(digest).chmod(0o600)
    vault.path(digest).write_bytes(data)


@pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff" * 3_000_000], ids=["empty", "small", "six megabytes"])
def test_bytes_that_were_put_are_read_by_their_digest(vault: AnyVault, data: bytes) -> None:
    digest = vault.put(data)
    assert digest == digest_of(data)
    assert vault.read(digest) == data
    assert vault.put(data) == digest


@pytest.mark.req("EVS-16")
@pytest.mark.parametrize("data", [b"PASS", b"", b"FAIL and more"])
def test_changed_bytes_are_tampered_and_never_returned(vault: AnyVault, data: bytes) -> None:
    digest = vault.put(b"FAIL")
    change(vault, digest, data)
    with pytest.raises(Tampered, match=digest):
        vault.read(digest)


def test_absent_bytes_are_a_bad_input_that_names_the_digest(vault: AnyVault) -> None:
    with pytest.raises(BadInput, match=digest_of(b"never")):
        vault.read(digest_of(b"never"))


def test_more_bytes_than_the_limit_are_not_read(vault: AnyVault) -> None:
    digest = vault.put(b"12345")
    assert vault.read(digest, limit=5) == b"12345"
    with pytest.raises(BadInput, match="more than 4 bytes"):
        vault.read(digest, limit=4)


def test_sealing_stores_every_file_with_its_path_digest_and_size(vault: AnyVault, out: Path) -> None:
    (out / "logs").mkdir()
    (out / "empty").mkdir()
    (out / "result.json").write_bytes(b"{}")
    (out / "logs" / "run.log").write_bytes(b"line\n")
    assert vault.seal(out) == (
        Sealed("logs/run.log", digest_of(b"line\n"), 5, "logs/run.log"),
        Sealed("result.json", digest_of(b"{}"), 2, "result.json"),
    )
    assert vault.read(digest_of(b"line\n")) == b"line\n"


def test_an_empty_folder_seals_nothing(vault: AnyVault, out: Path) -> None:
    assert vault.seal(out) == ()


def link(out: Path) -> None:
    (out / "x").symlink_to("/etc/hostname")


def folder_link(out: Path) -> None:
    (out / "x").symlink_to("/etc")


def hard_link(out: Path) -> None:
    (out.parent / "elsewhere").write_bytes(b"1")
    os.link(out.parent / "elsewhere", out / "x")


def pipe(out: Path) -> None:
    os.mkfifo(out / "x")


@pytest.mark.parametrize("make", [link, folder_link, hard_link, pipe], ids=lambda make: make.__name__)
def test_what_can_change_behind_its_digest_is_refused_by_name(vault: AnyVault, out: Path, make: object) -> None:
    assert callable(make)
    make(out)
    with pytest.raises(Refused, match=r"x: .*cannot become evidence"):
        vault.seal(out)
