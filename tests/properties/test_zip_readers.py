"""The zip reader against unzip and Python's zipfile: what we read, they read as the same bytes; nothing is read two ways."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from gonogo.errors import GonogoError
from gonogo.evidence.package import write_package
from gonogo.evidence.package_reading import open_package
from gonogo.library import verify

FILES = {
    "SHA256SUMS": b"x\n",
    "evidence/a/report.json": b'{"a": 1}\n' * 60,
    "evidence/a/empty.txt": b"",
    "evidence/b/r.bin": bytes(range(256)) * 2,
    "log/log.jsonl": b'{"seq":0}\n{"seq":1}\n',
}


def honest(*, compact: bool) -> bytes:
    out = io.BytesIO()
    write_package(FILES, out, compact=compact)
    return out.getvalue()


def places_of_structure(data: bytes) -> list[int]:
    """Where headers and records lie: most of the mutations go there, where readers differ."""
    marks = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"]
    found = [at for mark in marks for at in range(len(data) - 3) if data[at : at + 4] == mark]
    return [place for at in found for place in range(at, min(at + 50, len(data)))]


def mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    structure = places_of_structure(data)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        place = chance.choice(structure) if chance.random() < 0.8 and structure else chance.randrange(len(changed))
        place = min(place, len(changed) - 1)
        match chance.randrange(8):
            case 0:
                changed[place] ^= 1 << chance.randrange(8)
            case 1:
                changed[place] = chance.choice([0, 1, 8, 9, 12, 20, 45, 255, chance.randrange(256)])
            case 2:
                changed[place : place + 4] = struct.pack("<I", chance.choice([0, 1, len(data), 0xFFFFFFFF, chance.randrange(1 << 12)]))
            case 3:
                del changed[place : place + chance.randrange(1, 40)]
            case 4:
                changed[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 30)))
            case 5:
                start = chance.randrange(len(changed))
                changed[place:place] = changed[start : start + chance.randrange(1, 120)]
            case 6:
                changed += data if chance.random() < 0.5 else bytes(chance.randrange(1, 30))
            case _:
                changed[:0] = data if chance.random() < 0.5 else b"#!/bin/sh\n"
    return bytes(changed)


def read_by_us(data: bytes) -> dict[str, bytes] | None:
    try:
        package = open_package(data)
        return {path: package.read(path) for path in package.members}
    except GonogoError:
        return None


def read_by_the_stand_alone_verifier(data: bytes) -> dict[str, bytes] | None:
    try:
        return dict(verify.unpacked(data))
    except (verify.Refused, zlib.error):
        return None


def read_by_python(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        return {name: archive.read(name) for name in names}


def read_by_unzip(data: bytes, folder: Path) -> dict[str, bytes]:
    unzip = shutil.which("unzip")
    assert unzip is not None, "install unzip"
    (folder / "p.zip").write_bytes(data)
    shutil.rmtree(folder / "out", ignore_errors=True)
    said = subprocess.run([unzip, "-qq", str(folder / "p.zip"), "-d", str(folder / "out")], capture_output=True, check=False)
    assert (said.returncode, said.stderr) == (0, b""), said
    return {str(path.relative_to(folder / "out")): path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}


def compare(count: int, seed: int, folder: Path) -> int:
    """How many mutants we read; each of them every reader reads as the same bytes."""
    chance = random.Random(seed)
    originals = [honest(compact=False), honest(compact=True)]
    ours = 0
    for number in range(count):
        data = originals[number % 2]
        data = data if number < 2 else mutated(data, chance)
        read = read_by_us(data)
        alone = read_by_the_stand_alone_verifier(data)
        assert read == alone, "gonogo and verify.py disagree"
        if read is not None:
            ours += 1
            assert read_by_python(data) == read
            assert read_by_unzip(data, folder) == read
    return ours


@pytest.mark.req("PKG-03", "t43_parser_differential", "t40_bombs")
def test_what_we_read_unzip_and_python_read_as_the_same_bytes(tmp_path: Path) -> None:
    assert compare(3000, 1, tmp_path) >= 2


@pytest.mark.slow
def test_what_we_read_unzip_and_python_read_as_the_same_bytes_in_a_hundred_thousand_mutants(tmp_path: Path) -> None:
    assert compare(100_000, 2, tmp_path) >= 2


def test_most_mutants_are_read_by_some_other_reader() -> None:
    """The comparison is worth something: what we refuse others often read, and not always as what was packed."""
    chance = random.Random(3)
    whole, others, otherwise = honest(compact=False), 0, 0
    for _ in range(400):
        data = mutated(whole, chance)
        if read_by_us(data) is None:
            try:
                read = read_by_python(data)
            except Exception:  # noqa: BLE001 - whatever that reader raises, it did not read it
                continue
            others += 1
            otherwise += read != FILES
    assert others > 50
    assert otherwise > 0
