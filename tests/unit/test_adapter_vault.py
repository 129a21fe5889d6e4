"""The vault on disk beyond the contract: modes, limits, names, redaction, healing."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.adapters.sealed_names import is_plain, plain_path
from gonogo.adapters.supervisor import Redactor
from gonogo.adapters.vault import FolderVault, Limits
from gonogo.errors import BadInput, Broken, Refused
from gonogo.terms import Digest, Secret, digest_of


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.req("EVS-08")
def test_objects_are_read_only_under_their_digest_and_nothing_else_is_left(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    digest = vault.put(b"evidence")
    path = tmp_path / "vault" / "objects" / "sha256" / digest[:2] / digest
    assert vault.path(digest) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert [found for found in (tmp_path / "vault").rglob("*") if found.is_file()] == [path]


def test_putting_the_same_bytes_heals_an_object_that_was_changed(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    digest = vault.put(b"evidence")
    vault.path(digest).chmod(0o600)
    vault.path(digest).write_bytes(b"edited")
    vault.put(b"evidence")
    assert vault.read(digest) == b"evidence"


@pytest.mark.parametrize("text", ["", "../../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_digest_never_becomes_a_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="not a SHA-256 digest"):
        FolderVault(tmp_path).read(Digest(text))


def test_an_object_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    digest = vault.put(b"secret elsewhere")
    moved = tmp_path / "moved"
    vault.path(digest).rename(moved)
    vault.path(digest).symlink_to(moved)
    with pytest.raises(Broken, match="symbolic link"):
        vault.read(digest)


def test_more_files_than_the_limit_are_refused(tmp_path: Path, out: Path) -> None:
    vault = FolderVault(tmp_path / "vault", limits=Limits(files=2))
    for number in range(3):
        (out / str(number)).write_bytes(b"")
    with pytest.raises(Refused, match="more than 2 files"):
        vault.seal(out)


def test_more_bytes_than_the_limit_are_refused_also_for_a_sparse_file(tmp_path: Path, out: Path) -> None:
    vault = FolderVault(tmp_path / "vault", limits=Limits(size=1 << 21))
    with (out / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Refused, match=f"more than {1 << 21} bytes"):
        vault.seal(out)
    assert list((tmp_path / "vault" / "incoming").iterdir()) == []


def test_folders_nested_without_end_are_refused(tmp_path: Path, out: Path) -> None:
    deep = out
    for _ in range(80):
        deep = deep / "d"
        deep.mkdir()
    (deep / "x").touch()
    with pytest.raises(Refused, match="nested deeper"):
        FolderVault(tmp_path / "vault").seal(out)


def test_a_device_is_refused_without_being_opened(tmp_path: Path, out: Path) -> None:
    try:
        os.mknod(out / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        os.mkfifo(out / "zero")
    with pytest.raises(Refused, match="zero: is a"):
        FolderVault(tmp_path / "vault").seal(out)


def test_names_outside_the_grammar_are_mapped_and_the_original_is_kept(tmp_path: Path, out: Path) -> None:
    names = [".env", "über bericht.json", "CON.txt", "a" * 150 + ".log", "Report.txt", "report.txt", "trailing."]
    for name in names:
        (out / name).write_bytes(name.encode())
    with open(os.fsencode(out) + b"/\xff\xfe.bin", "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b"raw")
    sealed = FolderVault(tmp_path / "vault").seal(out)
    assert {entry.original for entry in sealed} == {*names, "\\xff\\xfe.bin"}
    assert all(is_plain(entry.path) for entry in sealed)
    assert len({entry.path.casefold() for entry in sealed}) == len(sealed)
    assert {entry.original: entry.path for entry in sealed}["Report.txt"] == "Report.txt"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=14), max_size=8))
def test_every_name_gets_a_plain_path_of_its_own(names: list[list[bytes]]) -> None:
    originals = sorted({b"/".join(part.replace(b"/", b"_").replace(b"\0", b"_") for part in name) for name in names})
    taken: set[str] = set()
    paths = [plain_path(original, taken) for original in originals]
    assert all(is_plain(path) for path in paths), paths
    assert len({path.casefold() for path in paths}) == len(originals)


def test_secrets_are_replaced_while_sealing_and_the_digest_is_that_of_what_is_kept(tmp_path: Path, out: Path) -> None:
    vault = FolderVault(tmp_path / "vault")
    (out / "log").write_bytes(b"token=hunter2-long end")
    (entry,) = vault.seal(out, {"TOKEN": Secret("hunter2-long")})
    assert vault.read(entry.digest) == b"token=[redacted:TOKEN] end"
    assert entry.digest == digest_of(b"token=[redacted:TOKEN] end")


@pytest.mark.parametrize("size", [1, 2, 7, 64, 4096])
def test_a_secret_is_replaced_in_every_form_and_across_every_border_of_chunks(size: int) -> None:
    value = "p@ss/wörd+42\nsecond line of the value"
    encoded = value.encode()
    forms = [
        encoded,
        base64.b64encode(b"user:" + encoded),
        base64.b64encode(b"u:" + encoded + b"xx"),
        encoded.hex().encode(),
        b"p%40ss%2Fw%C3%B6rd%2B42%0Asecond%20line%20of%20the%20value",
        b'"p@ss/w\\u00f6rd+42\\nsecond line of the value"',
        b"second line of the value",
    ]
    stream = b"\n--\n".join(forms)
    redactor = Redactor({"DB": value, "OTHER": "absent-value"})
    shown = b"".join(redactor.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + redactor.finish()
    assert redactor.count == len(forms)
    assert shown.count(b"[redacted:DB]") == len(forms)
    for part in (b"w\xc3\xb6rd", b"second", b"%40ss", encoded.hex()[8:20].encode()):
        assert part not in shown


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_without_a_secret_in_it_a_stream_stays_as_it_is(data: bytes, sizes: list[int]) -> None:
    redactor, shown, position = Redactor({"A": "♞ not in random bytes"}), b"", 0
    for size in [*sizes, len(data) + 1]:
        shown += redactor.feed(data[position : position + size])
        position += size
    assert shown + redactor.finish() == data


def test_without_secrets_nothing_is_held_back() -> None:
    redactor = Redactor({})
    assert (redactor.feed(b"abc"), redactor.finish(), redactor.count) == (b"abc", b"", 0)
