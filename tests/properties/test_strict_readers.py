"""The strict readers of JSON, log lines and YAML: what they accept has one meaning, and every other reader shares it."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.document.yaml_nodes import MOST_DEPTH as MOST_YAML_DEPTH
from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.errors import BadInput
from gonogo.evidence.canonical import MOST_DEPTH, read_json, read_line, write_line

ODD = st.sampled_from(['"', "\\", "[[[", "]}", '\\"', "{", "\n", "\u2028", "é", "\U0001f512", "", "NaN", "\x7f", "][", '"[', ']"'])
TEXT = st.lists(ODD | st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=4).map("".join)
LEAVES = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | TEXT
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=10)
FRAGMENTS = st.sampled_from(
    [b"NaN", b"-Infinity", b"1e999", b"01", b"-0", b"1.0", b"1E2", b'"a":1,"a":1', b"\\ud800", b"\\u0000", b"\xff", b"\xef\xbb\xbf", b"[" * 70]
    + [b"9" * 25, b"\x00", b"/*x*/", b"'", b",", b"]", b"}", b":", b" ", b"true", b"True", b"null", b"\xc2\x85", b"\t", b'\\"', b"{}"]
)


def depth_of(value: object) -> int:
    match value:
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case _:
            return 0


def nested(value: object, levels: int) -> object:
    for number in range(levels):
        value = [value] if number % 2 else {"]": value}
    return value


def plain_loads(data: bytes) -> object:
    """What an ordinary reader makes of it, with the places where ordinary readers differ made visible."""
    pairs: list[tuple[str, object]] = []

    def hook(found: list[tuple[str, object]]) -> dict[str, object]:
        pairs.extend(found)
        assert len(dict(found)) == len(found), "a key twice"
        return dict(found)

    def constant(literal: str) -> object:
        raise AssertionError(literal)

    value = json.loads(data.decode("utf-8"), object_pairs_hook=hook, parse_float=Decimal, parse_constant=constant)
    assert depth_of(value) <= MOST_DEPTH
    json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")  # no half of a surrogate pair
    return value


def mutate(data: st.DataObject, text: bytes) -> bytes:
    changed = bytearray(text)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed)))
        match data.draw(st.integers(0, 3)):
            case 0:
                changed[place:place] = data.draw(FRAGMENTS)
            case 1:
                del changed[place : place + data.draw(st.integers(1, 6))]
            case 2:
                changed[place : place + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case _:
                changed[place:place] = changed[: data.draw(st.integers(1, 30))]
    return bytes(changed)


@pytest.mark.req("t49_hostile_json", "EVS-16")
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_t49_hostile_json(data: st.DataObject) -> None:
    """Whatever is accepted, an ordinary reader reads as the same value, and none of the traps is in it."""
    text = mutate(data, json.dumps(data.draw(TREES), ensure_ascii=data.draw(st.booleans())).encode())
    try:
        value = read_json(text, name="x.json")
    except BadInput:
        return
    assert repr(value) == repr(plain_loads(text))


@settings(max_examples=150, deadline=None)
@given(TREES, st.integers(60, 70), st.booleans())
def test_depth_is_counted_outside_of_texts_and_the_limit_is_exact(tree: object, levels: int, escaped: bool) -> None:
    value = nested(tree, levels)
    text = json.dumps(value, ensure_ascii=escaped).encode()
    if depth_of(value) <= MOST_DEPTH:
        assert read_json(text, name="x.json") == value
    else:
        with pytest.raises(BadInput, match="nested deeper"):
            read_json(text, name="x.json")


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_line_is_read_exactly_when_it_is_what_would_be_written(data: st.DataObject) -> None:
    line = write_line({"data": data.draw(TREES), "seq": 1})  # type: ignore[dict-item]  # generated
    line = mutate(data, line) if data.draw(st.booleans()) else line
    try:
        value = read_json(line, name="x", limit=1 << 20)
        wanted = isinstance(value, dict) and write_line(value) == line
    except (BadInput, TypeError):
        wanted = False
    try:
        found = read_line(line, name="x", limit=1 << 20)
    except (BadInput, TypeError):
        assert not wanted, line
    else:
        assert wanted, line
        assert repr(found) == repr(value)


SETTINGS = b"""schema: gonogo/project/1
version: 1.10
answer: no
list:
  - one: 1
    two: "2"
  - {three: [a, b], four: ~}
text: |
  several
  lines
"""
YAML_FRAGMENTS = st.sampled_from(
    [b"&a ", b"*a", b"!!python/object/apply:os.system ['id']", b"!!str ", b"<<: {x: 1}", b"%YAML 1.1\n---\n", b"---\n", b"...\n", b"version: 2\n"]
    + [b"? ", b"[" * 30, b"{" * 30, b"- " * 30, b"\t", b": ", b"#", b"'", b'"', b"|", b">", b"\x00", b"\xff", b"\xe2\x80\xa8", b"\n", b"  "]
)


def texts_of(node: Node) -> object:
    match node:
        case Scalar(text=text):
            return text
        case Items(items=items):
            return [texts_of(item) for item in items]
        case Pairs(values=values):
            return {key: texts_of(value) for key, value in values.items()}


@pytest.mark.req("t55_hostile_yaml", "CFG-01")
@settings(max_examples=250, deadline=None)
@given(st.data())
def test_t55_hostile_yaml(data: st.DataObject) -> None:
    """Whatever is accepted is one document of texts, lists and maps, as an ordinary reader without types reads it."""
    text = bytearray(SETTINGS)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        text[place : place + data.draw(st.integers(0, 4))] = data.draw(YAML_FRAGMENTS)
    try:
        node = read_yaml(bytes(text), "gonogo.yaml")
    except BadInput as refusal:
        assert refusal.where.startswith("gonogo.yaml")
        return
    events = list(yaml.parse(bytes(text).decode("utf-8-sig")))
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]
    assert not [event for event in events if getattr(event, "anchor", None) or getattr(event, "tag", None)]
    assert sum(isinstance(event, yaml.DocumentStartEvent) for event in events) == 1
    assert texts_of(node) == yaml.load(bytes(text).decode("utf-8-sig"), Loader=yaml.BaseLoader)
    assert depth_of(texts_of(node)) <= MOST_YAML_DEPTH + 1


@pytest.mark.parametrize(
    "text",
    [b"a: " + b"[" * 19_000, b"- " * 60_000, b"a: &x [1]\nb: " + b"*x " * 9000, b"{" * 200_000, b"x" * 300_000, b"? " * 20_000],
)
def test_hostile_yaml_is_refused_in_little_time(text: bytes) -> None:
    began = time.process_time()
    with pytest.raises(BadInput):
        read_yaml(text, "gonogo.yaml")
    assert time.process_time() - began < 3


def test_words_and_numbers_stay_text() -> None:
    node = read_yaml(SETTINGS, "gonogo.yaml")
    assert texts_of(node) == {
        "schema": "gonogo/project/1",
        "version": "1.10",
        "answer": "no",
        "list": [{"one": "1", "two": "2"}, {"three": ["a", "b"], "four": "~"}],
        "text": "several\nlines\n",
    }
