"""Packages: the same input gives the same bytes, stock tools open them, and there is one way to read them."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from gonogo.errors import BadInput, Broken, GonogoError, Tampered
from gonogo.evidence import package as form
from gonogo.evidence.package import Content, Placed, Source, write_package
from gonogo.evidence.package_reading import open_package

FILES: dict[str, Content] = {
    "SHA256SUMS": b"x\n",
    "evidence/a/report.json": b'{"a": 1}\n' * 400,
    "evidence/a/empty.txt": b"",
    "log/log.jsonl": bytes(range(256)) * 20,
}


def packed(files: dict[str, Content] | None = None, *, compact: bool = False) -> bytes:
    out = io.BytesIO()
    size = write_package(FILES if files is None else files, out, compact=compact)
    assert size == len(out.getvalue())
    return out.getvalue()


@pytest.mark.req("PKG-01")
def test_two_builds_of_one_package_have_one_digest() -> None:
    turned = dict(reversed(FILES.items()))
    assert packed() == packed(turned)
    whole = b"".join([b'{"a": 1}\n'] * 400)
    streamed = Source(len(whole), lambda: iter([whole[:1000], whole[1000:]]))
    assert packed(FILES | {"evidence/a/report.json": streamed}) == packed()
    assert hashlib.sha256(packed()).hexdigest() == "9605370f2af7e4cc8b9bbd1b3cf1d74f021ec70895641697740a9196278231f4"


@pytest.mark.parametrize("compact", [False, True])
def test_what_was_packed_is_read_again(*, compact: bool) -> None:
    package = open_package(packed(compact=compact))
    assert {path: package.read(path) for path in package.members} == FILES
    assert package.digest("log/log.jsonl") == hashlib.sha256(bytes(range(256)) * 20).hexdigest()


def test_a_compact_package_deflates_only_what_saves_space() -> None:
    package = open_package(packed(compact=True))
    assert package.members["evidence/a/report.json"].method == form.DEFLATED
    assert package.members["SHA256SUMS"].method == form.STORED
    assert len(packed(compact=True)) < len(packed())


@pytest.mark.req("ARC-01")
@pytest.mark.parametrize("compact", [False, True])
def test_stock_unzip_and_the_standard_library_open_it(tmp_path: Path, *, compact: bool) -> None:
    (tmp_path / "p.zip").write_bytes(packed(compact=compact))
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    unzip = shutil.which("unzip")
    assert unzip is not None, "install unzip"
    answer = subprocess.run([unzip, "-tqq", str(tmp_path / "p.zip")], capture_output=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


def test_two_members_can_be_read_side_by_side() -> None:
    package = open_package(packed())
    pairs = zip(package.chunks("SHA256SUMS"), package.chunks("log/log.jsonl"), strict=True)
    assert [(len(one), len(other)) for one, other in pairs] == [(2, 5120)]


def test_a_source_that_changes_its_size_is_broken() -> None:
    with pytest.raises(Broken, match="has 2 bytes, not 3"):
        packed({"a": Source(3, lambda: [b"xx"])})


@pytest.mark.parametrize(
    "path",
    ["../x", "/x", "a//b", "a/./b", "a\\b", "C:x", "a/.hidden", "con.txt", "a/NUL", "x.", "", "ä", "a b", "-r"]
    + ["a/" * 10 + "b", "x" * 120],
)
def test_an_unsound_path_is_neither_written_nor_read(path: str) -> None:
    with pytest.raises(BadInput):
        packed({path: b"x"})
    with pytest.raises(Tampered):
        open_package(forged([(path.encode(), b"x")]))


def test_two_names_for_one_file_are_refused() -> None:
    with pytest.raises(BadInput, match="one file on some systems"):
        packed({"a/Report.json": b"x", "a/report.json": b"y"})
    with pytest.raises(Tampered):
        open_package(forged([(b"a/Report.json", b"x"), (b"a/report.json", b"y")]))
    with pytest.raises(Tampered, match="twice"):
        open_package(forged([(b"a", b"x"), (b"a", b"y")]))


def forged(files: list[tuple[bytes, bytes]], method: int = 0, crc: int | None = None) -> bytes:
    """A package by the writer's own parts, without its checks."""
    out, placed = b"", []
    for name, content in files:
        body = content
        if method == form.DEFLATED:
            squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
            body = squeezer.compress(content) + squeezer.flush()
        entry = Placed(name, method, zlib.crc32(content) if crc is None else crc, len(body), len(content), len(out))
        out += form.local_header(entry) + body
        placed.append(entry)
    directory = b"".join(map(form.central_header, placed))
    return out + directory + form.end_records(len(placed), len(directory), len(out))


def spoiled() -> dict[str, bytes]:
    whole = packed()
    start = struct.unpack("<I", whole[-6:-2])[0]
    local_name = whole.index(b"SHA256SUMS")
    return {
        "bytes before": b"#!/bin/sh\n" + whole,
        "bytes after": whole + b"\x00",
        "a comment": whole[:-2] + b"\x05\x00hello",
        "two packages": whole + packed({"other": b"x"}),
        "cut": whole[:-1],
        "empty": b"",
        "local name differs": whole[:local_name] + b"SHA256SUMT" + whole[local_name + 10 :],
        "local flags": whole[:6] + b"\x08\x00" + whole[8:],
        "directory mode": whole[: start + 38] + struct.pack("<I", 0o120777 << 16) + whole[start + 42 :],
        "directory comment": whole[: start + 32] + b"\x01\x00" + whole[start + 34 :],
        "directory date": whole[: start + 14] + b"\x22\x00" + whole[start + 16 :],
        "count too small": whole[:-14] + struct.pack("<HH", 3, 3) + whole[-10:],
        "count too large": whole[:-14] + struct.pack("<HH", 5, 5) + whole[-10:],
        "counts differ": whole[:-14] + struct.pack("<HH", 4, 3) + whole[-10:],
        "second disk": whole[:-18] + b"\x01\x00" + whole[-16:],
        "directory elsewhere": whole[:-6] + struct.pack("<I", start - 1) + whole[-2:],
        "hole before directory": whole[:start] + b"\x00" + whole[start:-6] + struct.pack("<I", start + 1) + whole[-2:],
        "no entries": form.end_records(0, 0, 0),
        "zip64 without need": whole[:-14] + b"\xff\xff\xff\xff" + whole[-10:],
    }


@pytest.mark.req("PKG-03")
@pytest.mark.parametrize("name", sorted(spoiled()))
def test_a_package_that_can_be_read_two_ways_is_refused_with_the_offset(name: str) -> None:
    with pytest.raises(Tampered) as refusal:
        open_package(spoiled()[name])
    assert "byte" in refusal.value.where


def test_entries_that_overlap_are_refused() -> None:
    first = Placed(b"a", 0, zlib.crc32(b"x"), 1, 1, 0)
    second = Placed(b"b", 0, zlib.crc32(b"x"), 1, 1, 0)
    body = form.local_header(first) + b"x"
    directory = form.central_header(first) + form.central_header(second)
    with pytest.raises(Tampered, match="does not begin where"):
        open_package(body + directory + form.end_records(2, len(directory), len(body)))


@pytest.mark.parametrize("method", [0, 8])
def test_a_damaged_entry_is_refused_when_it_is_read(method: int) -> None:
    package = open_package(forged([(b"a", b"hello " * 50)], method, crc=1))
    with pytest.raises(Tampered, match="damaged"):
        package.read("a")


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(Tampered, match="would grow more than 200 times"):
        open_package(forged([(b"a", b"\x00" * (4 << 20))], form.DEFLATED))


def test_an_entry_that_grows_beyond_its_header_is_stopped() -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = squeezer.compress(b"x" * 100_000) + squeezer.flush()
    entry = Placed(b"a", 8, 0, len(body), 1000, 0)
    directory = form.central_header(entry)
    whole = form.local_header(entry) + body + directory
    package = open_package(whole + form.end_records(1, len(directory), len(body) + len(form.local_header(entry))))
    with pytest.raises(Tampered, match="longer than its header"):
        package.read("a")


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"", b"\x03\x00rest"])
def test_broken_deflate_data_is_refused(body: bytes) -> None:
    entry = Placed(b"a", 8, 0, len(body), 0, 0)
    directory = form.central_header(entry)
    whole = form.local_header(entry) + body + directory
    package = open_package(whole + form.end_records(1, len(directory), len(body) + len(form.local_header(entry))))
    with pytest.raises(GonogoError):
        package.read("a")


def test_other_methods_and_stored_entries_with_two_sizes_are_refused() -> None:
    for entry in (Placed(b"a", 12, 0, 1, 1, 0), Placed(b"a", 0, 0, 1, 2, 0)):
        directory = form.central_header(entry)
        whole = form.local_header(entry) + b"x" + directory
        with pytest.raises(Tampered):
            open_package(whole + form.end_records(1, len(directory), len(form.local_header(entry)) + 1))


def test_more_than_65534_entries_use_zip64_records_and_stock_tools_read_them() -> None:
    whole = packed({f"d/{number}": b"" for number in range(65_536)})
    assert len(open_package(whole).members) == 65_536
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert len(archive.namelist()) == 65_536
    with pytest.raises(Tampered):
        open_package(whole[:-42] + b"\x00" + whole[-41:])


def test_what_is_absent_or_too_large_is_said_by_name() -> None:
    package = open_package(packed())
    with pytest.raises(BadInput, match="nothing.txt"):
        package.read("nothing.txt")
    with pytest.raises(BadInput, match="more than 10"):
        package.read("log/log.jsonl", limit=10)


def test_a_package_of_nothing_is_not_written() -> None:
    with pytest.raises(BadInput):
        packed({})
