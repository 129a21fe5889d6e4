"""Files of other protocols: nothing, cut off, hostile, of another time, wrong inside; only what holds is verified."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import BadInput
from gonogo.measure.archive import MOST_BYTES, open_archive
from gonogo.measure.upstream import read_upstream
from tests.projects import upstream_bytes

NAME = "UAT-CLOSURE-PACKAGE.zip"
GOOD = upstream_bytes(NAME)
Build = Callable[[zipfile.ZipFile], None]


def zipped(*files: tuple[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files:
            archive.writestr(path, text)
    return made.getvalue()


def listed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def link() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo("evidence.json")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return made.getvalue()


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    return data.replace(old, new)


def encrypted() -> bytes:
    data = bytearray(zipped(("a.txt", "x")))
    data[6] |= 1
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


@pytest.mark.req("PRE-02", "INT-02")
def test_a_zip_of_a_usual_tool_with_matching_checksums_is_verified() -> None:
    said = read_upstream(NAME, GOOD)
    assert (said.verified, said.detail) == (True, "1 files match its checksums")


HOSTILE = {
    "nothing": b"",
    "no zip": b"QUALITY AUDIT: everything is fine\n",
    "the report of another tool": json.dumps({"results": []}).encode(),
    "cut off": GOOD[:-10],
    "cut off in the middle": GOOD[: len(GOOD) // 2],
    "something before it": b"#!/bin/sh\nexit 0\n" + GOOD,
    "something after it": GOOD + b"more",
    "a name that leads out": zipped(("../../etc/cron.d/x", "x")),
    "an absolute name": zipped(("/etc/passwd", "x")),
    "a name of another system": renamed(zipped(("C_/x.txt", "x")), b"C_/x", b"C:\\x"),
    "the same name twice": renamed(zipped(("a.txt", "good"), ("b.txt", "evil")), b"b.txt", b"a.txt"),
    "names that differ by case": zipped(("A.txt", "good"), ("a.txt", "evil")),
    "a link": link(),
    "an encrypted file": encrypted(),
    "a bomb": zipped(("zeros.bin", b"\0" * (40 << 20))),
    "a header that is not its directory's": GOOD.replace(b"note.txt", b"evil.txt", 1),
    "one flipped byte inside": bytes([*GOOD[:60], GOOD[60] ^ 1, *GOOD[61:]]),
}


@pytest.mark.req("PRE-02", "INT-02", "PRE-03", "PRE-04")
@pytest.mark.parametrize("kind", HOSTILE)
def test_an_archive_that_is_not_plain_and_honest_is_not_verified_and_the_reason_names_it(kind: str) -> None:
    said = read_upstream(NAME, HOSTILE[kind])
    assert not said.verified, kind
    assert NAME in said.detail or "checksums" in said.detail


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_flipped_byte_of_the_contents_goes_unnoticed(at: int, flip: int) -> None:
    """Times, attributes and versions are not content; everything that decides what a file holds is checked."""
    changed = bytearray(GOOD)
    changed[at] ^= flip
    said = read_upstream(NAME, bytes(changed))
    if said.verified:
        archive = open_archive(bytes(changed), NAME)
        assert archive.read("note.txt") == open_archive(GOOD, NAME).read("note.txt")
        assert set(archive.members) == {"note.txt", "SHA256SUMS"}


@given(st.binary(max_size=300))
def test_foreign_bytes_never_break_the_reader(data: bytes) -> None:
    assert not read_upstream(NAME, data).verified


def test_an_archive_that_is_too_large_is_not_opened() -> None:
    with pytest.raises(BadInput, match="more than 256 MiB"):
        open_archive(bytes(MOST_BYTES + 1), NAME)


@pytest.mark.req("PRE-02", "INT-03")
def test_a_manifest_inside_has_to_match_and_its_times_and_release_count() -> None:
    text = "passed\n"
    about = {
        "produced_at": "2026-11-20T10:00:00Z",
        "expires_at": "2026-12-20T10:00:00Z",
        "release": {"digest": "ab" * 32},
        "artifacts": [{"name": "results.txt", "paths": ["evidence/results.txt"], "sha256": listed(text)}],
    }
    said = read_upstream(NAME, zipped(("manifest.json", json.dumps(about)), ("evidence/results.txt", text)))
    assert said.verified, said.detail
    assert said.produced_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert said.expires_at == datetime(2026, 12, 20, 10, tzinfo=UTC)
    assert said.release_digest == "ab" * 32
    changed = read_upstream(NAME, zipped(("manifest.json", json.dumps(about)), ("evidence/results.txt", "failed\n")))
    assert (changed.verified, changed.detail) == (False, "evidence/results.txt is not the file of its list of checksums")
    lacking = read_upstream(NAME, zipped(("manifest.json", json.dumps(about))))
    assert lacking.detail == "evidence/results.txt is on its list of checksums and not in it"


@pytest.mark.req("INT-03")
def test_a_file_beside_the_list_and_an_archive_without_a_list_are_told_as_what_they_are() -> None:
    beside = zipped(("SHA256SUMS", f"{listed('a')}  a.txt\n"), ("a.txt", "a"), ("b.txt", "b"))
    assert read_upstream(NAME, beside).detail == "1 files match its checksums; 1 more are not on the list"
    assert "it brings no checksums" in read_upstream(NAME, zipped(("a.txt", "a"))).detail
    broken = zipped(("SHA256SUMS", "not a checksum\n"), ("a.txt", "a"))
    assert not read_upstream(NAME, broken).verified


@pytest.mark.req("PRE-07", "INT-01")
def test_a_verdict_is_read_only_where_the_project_says_where_it_stands() -> None:
    report = zipped(("audit-report.json", json.dumps({"recommendation": "ready", "passed": True})))
    said = read_upstream("A.zip", report, ("audit-report.json#/recommendation", "audit-report.json#/passed", "x.json#/a"))
    assert dict(said.verdicts) == {"audit-report.json#/recommendation": "ready", "audit-report.json#/passed": "true"}
    assert dict(read_upstream("A.zip", report).verdicts) == {}
    record = json.dumps({"uat": {"verdict": "accepted"}}).encode()
    assert dict(read_upstream("uat-signoff.json", record, ("/uat/verdict",)).verdicts) == {"/uat/verdict": "accepted"}


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'"text"', b'{"a": 1, "a": 2}', b'{"produced_at": "yesterday"}', b'{"generated_at": "2026-11-20T10:00:00"}', b"\xff\xfe"],
)
def test_json_that_is_no_strict_object_or_has_no_usable_time_is_not_verified(data: bytes) -> None:
    said = read_upstream("audit-report.json", data)
    assert not said.verified
    assert said.detail
