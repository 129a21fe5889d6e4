"""Manifests row by row: the same reading as that of the whole file, in any spelling and in pieces of any size."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object, write_json
from gonogo.evidence.manifest_rows import ROWS, read_manifest

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["}", "\n  }", '"', "  {\n", ROWS, " \"artifacts\": [\n"])
ROW = st.fixed_dictionaries(
    {"sealed_seq": st.integers(0, 99), "paths": st.lists(NAMES, max_size=2), "sha256": NAMES, "name": NAMES},
    optional={"status": NAMES, "required": st.booleans(), "more": st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=2)},
)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@settings(max_examples=80, deadline=None)
@given(st.lists(ROW, max_size=5), st.dictionaries(NAMES, NAMES, max_size=3), st.integers(1, 40), st.booleans())
def test_rows_are_those_of_the_whole_file(
    rows: list[dict[str, object]], rest: dict[str, str], size: int, spelled: bool
) -> None:
    tree = {**rest, ROWS: rows}
    data = write_json(tree) if spelled else json.dumps(tree).encode()  # type: ignore[arg-type]  # generated
    found = read_manifest(pieces(data, size))
    assert [(row.sealed_seq, row.paths, row.sha256, row.name, row.required) for row in found.rows] == [
        (row["sealed_seq"], row["paths"], row["sha256"], row["name"], row.get("required", False)) for row in rows
    ]
    assert {name: value for name, value in found.rest.items() if name != ROWS} == {k: v for k, v in rest.items() if k != ROWS}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_manifest_is_refused_or_means_what_the_whole_file_means(data: st.DataObject) -> None:
    """Nothing is accepted row by row that a reader of the whole file would refuse, or read otherwise."""
    tree = {ROWS: [{"name": f"n{number}", "paths": ["p"], "sealed_seq": number} for number in range(3)], "missing": ["x"]}
    text = bytearray(write_json(tree))  # type: ignore[arg-type]  # generated
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(["cut", "put", "move"])):
            case "cut":
                del text[place : place + data.draw(st.integers(1, 12))]
            case "put":
                text[place:place] = data.draw(st.sampled_from([b",", b"}", b"{", b"\n", b"  {\n", b"\n  }", b" ", b"]", b'"']))
            case _:
                text[place:place] = text[: data.draw(st.integers(1, 60))]
    try:
        found = read_manifest(pieces(bytes(text), data.draw(st.integers(1, 50))))
    except BadInput:
        return
    whole = read_object(bytes(text), name="evidence-manifest.json")
    rows = whole.get(ROWS)
    wanted = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    assert [(row.name, row.sealed_seq) for row in found.rows] == [(str(row.get("name")), row.get("sealed_seq")) for row in wanted]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"  },\n", b"  }\n"), (b"  }\n ]", b"  },\n ]"), (b" ],\n", b"\n"), (b'"name": "b"', b'"name": "b", "name": "c"')],
)
def test_what_is_no_json_as_a_whole_is_refused_row_by_row(old: bytes, new: bytes) -> None:
    data = write_json({ROWS: [{"name": "a"}, {"name": "b"}], "missing": []})
    assert old in data
    with pytest.raises(BadInput):
        read_object(data.replace(old, new, 1), name="x")
    with pytest.raises(BadInput):
        read_manifest([data.replace(old, new, 1)])
