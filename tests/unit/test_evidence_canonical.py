"""JSON is written one way and read strictly."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Found, Missing, Tree, read_json, resolve_pointer, write_json, write_line


def test_a_file_has_sorted_keys_indent_one_and_one_line_feed() -> None:
    written = write_json({"b": [1, {"x": "ü"}], "a": Decimal("0.90"), "c": {}, "d": []})
    assert written == b'{\n "a": 0.90,\n "b": [\n  1,\n  {\n   "x": "\xc3\xbc"\n  }\n ],\n "c": {},\n "d": []\n}\n'


def test_a_log_line_has_no_blanks_and_only_ascii() -> None:
    assert write_line({"b": True, "a": ["ü", None]}) == b'{"a":["\\u00fc",null],"b":true}\n'


def test_a_file_equals_what_the_standard_library_writes_where_both_can() -> None:
    value: Tree = {"z": [1, [], {}, None, True], "a": {"q": '"\\\n\x00'}}
    assert write_json(value).decode() == json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("value", [1.0, float("nan"), Decimal("NaN"), Decimal("Infinity"), b"x", {1: 2}, {"a": {3}}])
def test_floats_and_foreign_values_are_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        write_json(value)  # type: ignore[arg-type]  # the point of the test


def test_a_fraction_is_not_written_into_a_log_line() -> None:
    with pytest.raises(TypeError):
        write_line({"a": Decimal("0.5")})


def test_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(BadInput, match="utf-8"):
        write_json("\ud800")


HOSTILE = {
    "duplicate key": b'{"a":1,"a":2}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "not UTF-8": b'{"a":"\xff"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "half a surrogate pair": b'{"a":["\\ud800"]}',
    "half a surrogate pair in a key": b'{"\\udfff":1}',
    "huge number": b'{"a":1e309}',
    "tiny number": b'{"a":1e-309}',
    "absurd exponent": b'{"a":1e99999999999999999999}',
    "integer of 20 digits": b'{"a":12345678901234567890}',
    "long literal": b'{"a":0.' + b"1" * 500 + b"}",
    "deep": b"[" * 65 + b"]" * 65,
    "deep and never closed": b"[" * 100_000,
    "half a file": b'{"a":',
    "empty": b"",
    "something after the value": b'{"a":1} x',
    "two values": b'{"a":1}{"b":2}',
    "raw control character in text": b'{"a":"\x01"}',
    "single quotes": b"{'a':1}",
    "trailing comma": b'{"a":1,}',
    "comment": b'{"a":1 /* no */}',
    "leading zero": b'{"a":01}',
    "too large": b'"' + b"x" * (1 << 20) + b'"',
}


@pytest.mark.req("EVS-16")
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_json_that_can_be_read_two_ways_is_refused(name: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read_json(HOSTILE[name], name="report.json")
    assert refusal.value.where.startswith("report.json")
    assert refusal.value.next_step


def test_a_hostile_run_of_escaped_quotes_is_read_in_linear_time() -> None:
    with pytest.raises(BadInput):
        read_json(b'"' + b'\\"' * 400_000, name="x.json")


def test_numbers_are_integers_or_exact_decimals() -> None:
    value = read_json(b'{"a":1,"b":0.10,"c":1e2,"d":-0,"e":1234567890123456789}', name="x.json")
    assert value == {"a": 1, "b": Decimal("0.10"), "c": Decimal("1e2"), "d": 0, "e": 1234567890123456789}
    assert isinstance(value, dict)
    assert str(value["b"]) == "0.10"


def test_brackets_inside_text_are_not_nesting() -> None:
    assert read_json(b'"' + b"[" * 1000 + b'"', name="x.json") == "[" * 1000


def test_a_pointer_finds_members_and_items() -> None:
    tree: Tree = {"a/b": {"m~n": [10, 20]}, "": 7}
    assert resolve_pointer(tree, "") == Found(tree)
    assert resolve_pointer(tree, "/a~1b/m~0n/1") == Found(20)
    assert resolve_pointer(tree, "/") == Found(7)


@pytest.mark.parametrize("pointer", ["/a/9", "/a/-", "/a/01", "/a/0/x", "/b", "/a/x"])
def test_a_pointer_to_nothing_says_why(pointer: str) -> None:
    missing = resolve_pointer({"a": [1]}, pointer)
    assert isinstance(missing, Missing)
    assert missing.pointer == pointer
    assert missing.why


@pytest.mark.parametrize("pointer", ["a", "a/b", "/~2", "/~"])
def test_a_malformed_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(BadInput):
        resolve_pointer({}, pointer)
