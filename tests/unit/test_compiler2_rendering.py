"""Findings as text, JSON, SARIF and GitHub annotations."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.document.display import shown, width_of, window_of
from gonogo.document.rendering import Canvas, counted, render_text
from gonogo.document.rendering_formats import render_github, render_json, render_sarif
from gonogo.findings import Applicability, Finding, Fix, Label, Level, Origin

LAMP = "\n".join(
    [
        "# PROTOCOL 42: LAMP CHANGE",
        "1. **`[MUST]` Lower the Old Lamp:**",
        "   * **Action:** Lower it.",
        "    1. **Root Cause:** find why",
        "   * **Halt Condition:** Pause if the rope jams without a spare.",
    ]
).encode()


def at(source: bytes, line: int, col: int, length: int, file: str = "lamp.md") -> Origin:
    """The place of `length` bytes at `line` and `col` of `source`."""
    begin = sum(len(part) + 1 for part in source.split(b"\n")[: line - 1]) + col - 1
    return Origin(file, line, col, begin, begin + length)


CAUSE = at(LAMP, 4, 5, 18)
MISPLACED = Finding(
    "GN0201",
    Level.ERROR,
    "`Halt condition` looks like part of step `Lower the Old Lamp`, but Markdown puts it outside",
    CAUSE,
    labels=(
        Label(at(LAMP, 2, 4, 32), "the step"),
        Label(CAUSE, "this item is indented too little"),
        Label(at(LAMP, 5, 6, 19), "belongs to the step by order, not by indent"),
    ),
    notes=("people and gonogo would read two documents",),
    fixes=(Fix("indent line 4 by 4", Applicability.REVIEW),),
)


def test_a_finding_shows_cause_consequences_note_and_fix_under_their_lines() -> None:
    assert render_text([MISPLACED], {"lamp.md": LAMP}) == (
        "error[GN0201]: `Halt condition` looks like part of step `Lower the Old Lamp`,"
        " but Markdown puts it outside\n"
        " --> lamp.md:4:5\n"
        "  |\n"
        "2 | 1. **`[MUST]` Lower the Old Lamp:**\n"
        "  |    -------------------------------- the step\n"
        "4 |     1. **Root Cause:** find why\n"
        "  |     ^^^^^^^^^^^^^^^^^^ this item is indented too little\n"
        "5 |    * **Halt Condition:** Pause if the rope jams without a spare.\n"
        "  |      ------------------- belongs to the step by order, not by indent\n"
        "  = note: people and gonogo would read two documents\n"
        "  = fix (review): indent line 4 by 4\n"
        "\n"
        "1 error\n"
    )


def test_a_file_without_source_still_gives_place_and_message() -> None:
    assert render_text([MISPLACED], {}).splitlines()[1] == " --> lamp.md:4:5"


def test_a_label_in_another_file_is_announced_with_that_file() -> None:
    other = Finding("GN0505", Level.ERROR, "round", Origin("a.md", 1), labels=(Label(Origin("b.md", 2), "and back"),))
    text = render_text([other], {"a.md": b"alpha", "b.md": b"x\nbeta"})
    assert " ::: b.md:2:1\n  |\n2 | beta\n  | ---- and back" in text


def test_colours_appear_only_on_request() -> None:
    assert "\x1b" not in render_text([MISPLACED], {"lamp.md": LAMP})
    coloured = render_text([MISPLACED], {"lamp.md": LAMP}, Canvas(colour=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render_text([MISPLACED], {"lamp.md": LAMP})


def test_terminal_escapes_and_hidden_characters_of_a_document_are_made_visible() -> None:
    source = "a\x1b[2J b\u200bc".encode()
    finding = Finding("GN0003", Level.ERROR, "hidden \u202e here", Origin("x.md", 1, 8, 9, 12))
    text = render_text([finding], {"x.md": source})
    assert "a<U+001B>[2J b<U+200B>c" in text
    assert "hidden <U+202E> here" in text


def test_wide_characters_and_tabs_keep_the_mark_under_its_word() -> None:
    source = "灯\tlamp".encode()
    finding = Finding("GN0004", Level.WARNING, "m", Origin("x.md", 1, 3, 4, 8))
    assert "1 | 灯    lamp\n  |       ^^^^\n" in render_text([finding], {"x.md": source})


def test_bytes_that_are_not_utf8_do_not_break_the_rendering() -> None:
    finding = Finding("GN0006", Level.ERROR, "byte 0xFF is not UTF-8", Origin("x.md", 1, 2, 1, 2))
    assert "1 | a\ufffdb" in render_text([finding], {"x.md": b"a\xffb"})


def test_a_long_line_is_scrolled_so_that_the_mark_shows() -> None:
    source = ("x" * 500 + " HERE " + "y" * 500).encode()
    finding = Finding("GN0401", Level.ERROR, "m", Origin("x.md", 1, 502, 501, 505))
    lines = render_text([finding], {"x.md": source}).splitlines()
    start = lines[4].index("^")
    assert lines[3][start : start + 4] == "HERE"
    assert max(width_of(line) for line in lines) <= 110


@given(st.text(max_size=300), st.integers(0, 320), st.integers(0, 320), st.integers(20, 120))
@settings(max_examples=150)
def test_a_window_fits_and_its_mark_lies_inside(line: str, start: int, length: int, room: int) -> None:
    window = window_of(line, start, start + length, room)
    assert width_of(window.text) <= room
    assert window.before >= 0
    assert window.before + window.under <= max(room, 1) + 1


@given(st.text())
def test_nothing_shown_can_move_the_cursor(text: str) -> None:
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", shown(text))


def test_equal_findings_are_shown_once_and_in_file_order() -> None:
    first = Finding("GN0301", Level.WARNING, "b", Origin("a.md", 2))
    second = Finding("GN0302", Level.ERROR, "a", Origin("a.md", 10))
    text = render_text([second, first, first], {})
    assert text.index("GN0301") < text.index("GN0302")
    assert text.count("GN0301") == 1
    assert counted([first, second]) == "1 error, 1 warning"


def test_no_findings_say_so() -> None:
    assert render_text([], {}) == "no findings\n"


def test_json_holds_every_part_of_a_finding() -> None:
    document = json.loads(render_json([MISPLACED]))
    assert document["counts"] == {"error": 1, "info": 0, "warning": 0}
    only = document["findings"][0]
    assert (only["code"], only["primary"]["line"], only["labels"][0]["text"]) == ("GN0201", 4, "the step")
    assert only["fixes"][0]["applicability"] == "review"


def test_sarif_names_rule_region_and_related_places() -> None:
    log = json.loads(render_sarif([MISPLACED], {"GN0201": "misplaced field"}, "0.1.0"))
    run = log["runs"][0]
    result = run["results"][0]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"] == [{"id": "GN0201", "shortDescription": {"text": "misplaced field"}}]
    assert result["ruleId"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"], region["byteLength"]) == (4, 5, 18)
    assert len(result["relatedLocations"]) == 3


def test_a_github_annotation_cannot_be_broken_out_of() -> None:
    evil = Finding("GN0401", Level.ERROR, "100%\n::set-output name=x::y", Origin("a,b:c.md", 3))
    line = render_github([evil])
    assert line == "::error file=a%2Cb%3Ac.md,line=3,col=1,title=GN0401::100%25%0A::set-output name=x::y\n"


@pytest.mark.parametrize("level", list(Level))
def test_each_level_has_its_word_in_every_format(level: Level) -> None:
    finding = Finding("GN0110", level, "m", Origin("a.md", 1))
    word = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}[level]
    assert render_text([finding], {}).startswith(f"{word}[GN0110]")
    assert json.loads(render_sarif([finding], {}, "1.0.0"))["runs"][0]["results"][0]["level"] == word
    assert render_github([finding]).startswith("::" + {"note": "notice"}.get(word, word))
