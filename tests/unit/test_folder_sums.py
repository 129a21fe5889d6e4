"""Lists of folders: those of sha256sum byte for byte, fast, and nothing that a package could not hold."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.adapters import vault as vaults
from gonogo.adapters.folder_sums import folder_sums
from gonogo.adapters.vault import FolderVault
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence import package as form
from gonogo.evidence.manifest import check_paths, path_problem, read_sums, write_sums
from gonogo.evidence.package import write_package
from gonogo.evidence.package_reading import open_package
from gonogo.terms import Digest, Secret, digest_of

PARTS = ["a", "A", "_", "-", ".", "/", "con", "NUL", "com1", ".txt", "x" * 60, "é", " ", "\n", "1", "\u212a"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "evidence"
    for number in range(40):
        place = top / f"step-{number % 7}" / ("logs" if number % 2 else "Reports")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file-{number}.json").write_bytes(b"x" * (number * 997))
    (top / "empty").write_bytes(b"")
    (top / "large.bin").write_bytes(os.urandom(700_000))
    return top


@pytest.mark.req("EVS-10", "EVS-12")
def test_a_list_is_that_of_find_sort_and_sha256sum_byte_for_byte(folder: Path) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    piped = "find . -type f | sed 's|^\\./||' | LC_ALL=C sort | xargs sha256sum"
    listed = subprocess.run([shell, "-c", piped], cwd=folder, capture_output=True, check=True).stdout
    assert folder_sums(folder) == listed
    assert len(read_sums(listed, name="SHA256SUMS")) == 42
    assert gonogo("sums", str(folder)).out.encode() == listed
    (folder.parent / "list").write_bytes(listed)
    checked = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "../list"], cwd=folder, check=False)
    assert checked.returncode == 0


@pytest.mark.req("t39_links")
@pytest.mark.parametrize("kind", ["link", "folder link", "pipe"])
def test_a_list_follows_no_link_and_waits_for_no_pipe(folder: Path, kind: str) -> None:
    odd = folder / "step-1" / "odd"
    os.mkfifo(odd) if kind == "pipe" else odd.symlink_to("/etc/hostname" if kind == "link" else "/etc")
    with pytest.raises(Refused, match="step-1/odd"):
        folder_sums(folder)


def test_names_that_no_package_can_hold_are_not_listed(folder: Path) -> None:
    (folder / "empty").rename(folder / "EMPTY")
    (folder / "empty").write_bytes(b"")
    with pytest.raises(BadInput, match="one file on some systems"):
        folder_sums(folder)
    (folder / "EMPTY").rename(folder / "two words")
    with pytest.raises(BadInput, match="two words"):
        folder_sums(folder)


def test_an_absent_or_empty_folder_gives_no_list(tmp_path: Path) -> None:
    with pytest.raises(Broken):
        folder_sums(tmp_path / "nothing")
    said = gonogo("sums", str(tmp_path))
    assert (said.code, said.out) == (2, "")
    assert "there is no file to list" in said.err


def test_many_paths_at_once_are_judged_as_each_by_itself() -> None:
    chance = random.Random(11)
    sound = 0
    for _ in range(6000):
        paths = ["".join(chance.choices(PARTS, k=chance.randrange(1, 12))) for _ in range(chance.randrange(1, 4))]
        fine = not any(map(path_problem, paths)) and len({path.casefold() for path in paths}) == len(paths)
        sound += fine
        try:
            check_paths(paths)
        except BadInput:
            assert not fine, paths
        else:
            assert fine, paths
    assert sound > 100


@pytest.mark.req("EVS-12", "t44_toctou")
def test_a_large_file_is_hashed_while_it_is_written_and_the_digest_is_that_of_the_stored_bytes(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    data = os.urandom(1 << 20) * 9 + b"token-value-of-nobody" + bytes(3000)
    assert len(data) >= vaults.LARGE
    (tmp_path / "out" / "large.bin").write_bytes(data)
    vault = FolderVault(tmp_path / "vault")
    (plain,) = vault.seal(tmp_path / "out")
    assert plain.digest == digest_of(data)
    (redacted,) = vault.seal(tmp_path / "out", {"TOKEN": Secret("token-value-of-nobody")})
    stored = vault.read(redacted.digest)
    assert b"[redacted:TOKEN]" in stored
    assert b"token-value" not in stored
    assert digest_of(stored) == redacted.digest


@pytest.mark.req("ARC-01")
def test_a_compact_package_is_small_names_its_codec_and_is_read_as_it_was_written(tmp_path: Path) -> None:
    text = b"2026-11-21T10:00:00Z the gate passed because every clause holds\n"
    files = {f"logs/{number}.log": text * (50 + number) for number in range(30)}
    with (tmp_path / "p.zip").open("w+b") as out:
        size = write_package(files, out, compact=True)
        package = open_package(out)
        assert {path: package.read(path) for path in package.members} == files
    assert size < sum(map(len, files.values())) / 5
    assert form.codec().split()[0] in {"isal", "zlib"}


def test_a_list_of_digests_is_sorted_by_bytes() -> None:
    digests = {path: Digest("0" * 64) for path in ["b", "a/b", "a.b", "a-b", "_", "Z/z"]}
    paths = [line[66:] for line in write_sums({**digests}).decode().splitlines()]
    assert paths == sorted(paths, key=str.encode)
