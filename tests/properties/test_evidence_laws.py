"""Laws of canonical bytes, logs, trees, lists, packages and statements, on generated values."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.canonical import read_json, write_json, write_line
from gonogo.evidence.ledger import Entry, check_chain, next_entry, read_entry
from gonogo.evidence.manifest import path_problem, read_sums, sound_path, write_sums
from gonogo.evidence.merkle import (
    consistency_proof,
    consistent,
    included,
    inclusion_proof,
    leaf_digest,
    prefix_roots,
    root_of,
)
from gonogo.evidence.package import write_package
from gonogo.evidence.package_reading import open_package
from gonogo.evidence.showing import visible
from gonogo.terms import Engine, digest_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.from_regex(r"[a-z0-9_][a-z0-9._-]{0,8}(/[a-z0-9_][a-z0-9._-]{0,8}){0,3}", fullmatch=True)


@settings(max_examples=60)
@given(TREES)
def test_what_is_written_is_read_as_the_same_value_and_written_as_the_same_bytes(tree: object) -> None:
    data = write_json(tree)  # type: ignore[arg-type]  # generated
    again = read_json(data, name="x.json")
    assert again == tree
    assert write_json(again) == data
    assert data.endswith(b"\n")
    assert not data.endswith(b"\n\n")


@settings(max_examples=60)
@given(PLAIN)
def test_a_line_has_one_line_feed_and_means_the_same_to_every_reader(tree: object) -> None:
    line = write_line({"x": tree})  # type: ignore[dict-item]  # generated
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert json.loads(line) == {"x": tree}


@settings(max_examples=150)
@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"1e100")
@example(b"-1E+300")
@example(b"1." + b"7" * 390 + b"e-300")
def test_reading_arbitrary_bytes_gives_a_value_or_a_refusal(data: bytes) -> None:
    try:
        value = read_json(data, name="x.json")
    except BadInput as refusal:
        assert refusal.where.startswith("x.json")
    else:
        assert read_json(write_json(value), name="y.json") == value


@settings(max_examples=60)
@given(st.dictionaries(TEXT, PLAIN, max_size=4), st.integers(0, 5))
def test_a_log_line_is_read_back_and_any_other_byte_is_seen(data: dict[str, object], count: int) -> None:
    entries: list[Entry] = []
    for number in range(count + 1):
        entries.append(
            next_entry(
                entries[-1] if entries else None,
                ts=datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=number),
                type="task.finished",
                actor=Engine("eu1"),
                data=data,  # type: ignore[arg-type]  # generated
            )
        )
    assert [read_entry(entry.line) for entry in entries] == entries
    lines = [entry.line for entry in entries]
    assert check_chain(lines) == ()
    for index in range(len(lines) - 1):
        assert check_chain(lines[:index] + lines[index + 1 :])


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_proofs_hold_for_their_own_tree_only(lines: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_digest(line) for line in lines]
    root = root_of(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(leaves, index)
    assert included(leaves[index], index, len(leaves), proof, root)
    assert not included(leaf_digest(b"another leaf"), index, len(leaves), proof, root)
    old = data.draw(st.integers(1, len(leaves)))
    path = consistency_proof(leaves, old)
    roots = prefix_roots(leaves, [old])
    assert consistent(old, roots[old], len(leaves), root, path)
    assert not consistent(old, leaf_digest(b"another root"), len(leaves), root, path)


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_any_name_becomes_a_sound_path(name: str) -> None:
    path = sound_path(name)
    assert path_problem(path) == ""
    assert sound_path(path) == path


@settings(max_examples=40)
@given(st.dictionaries(PATHS, st.binary(max_size=8), min_size=1, max_size=6))
def test_lists_and_packages_hold_what_was_put_in(files: dict[str, bytes]) -> None:
    assume(not any(path_problem(path) for path in files))
    digests = {path: digest_of(data) for path, data in files.items()}
    assert {path: digest for digest, path in read_sums(write_sums(digests), name="x")} == digests
    out = io.BytesIO()
    write_package(files, out)
    package = open_package(out.getvalue())
    assert {path: package.read(path) for path in package.members} == files


@settings(max_examples=200)
@given(st.data())
def test_one_changed_byte_of_a_package_is_refused_or_changes_nothing_that_is_read(data: st.DataObject) -> None:
    files = {"a/b.json": b'{"x": 1}', "log": b"line\n" * 9}
    out = io.BytesIO()
    write_package(files, out, compact=data.draw(st.booleans()))
    whole = bytearray(out.getvalue())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        package = open_package(bytes(whole))
        read = {path: package.read(path) for path in package.members}
    except GonogoError:
        return
    # Deflate can say one thing in two ways; what was packed is what is read.
    assert read == files


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_shown_text_hides_nothing(text: str) -> None:
    shown = visible(text)
    assert all(character == "\n" or character.isprintable() for character in shown)
    assert visible(shown) == shown


def test_a_decimal_keeps_its_digits() -> None:
    assert write_json(read_json(b"0.10\n", name="x")) == b"0.10\n"
    assert write_json(Decimal("1E+3")) == b"1000\n"
