"""Layout edits never lose or move an obligation without an error, and spelling variants mean the same."""

from __future__ import annotations

import random

import pytest
from document_cases import PROTOCOLS, errors, inventory, mutated, printed, protocol_of, read, text_of
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.document.blocks import blocks
from gonogo.document.reading import read_document
from gonogo.document.text import open_source
from gonogo.protocol.change import any_weaker
from gonogo.protocol.comparing import compare
from gonogo.protocol.rules.bypass import bypass_phrases

PIECES = (
    "# PROTOCOL 42: LAMP CHANGE\n", "## LAMP WORKFLOW\n", "## QUALITY GATES\n", "## HANDOFF CHECKLIST\n", "### STEP 1: Dark\n",
    "### PHASE 2: Light\n", "1. **`[MUST]` Warn:**\n", "2. **Trim:**\n", "   * **2.1. Lower:**\n", "   * **Action:** Do it.\n",
    "   * **Halt condition:** Stop if x.\n", "   * **Evidence:** `a/b.json`\n", "   **[REASONING]:**\n", "   - **Evidence:** y\n",
    "  1. **Root Cause:** z\n", "**Evidence Collection:**\n", "- Flame → `c.png`\n", "**Quality Gate: Flame Gate**\n",
    "### Gate 1: Flame Gate\n", "- **Criteria:** 0 cracks\n", "- **Pass Threshold**: a ≥ 90%; b = 0\n", "- **Waiver:** Not permitted\n",
    "```bash\n", "```\n", "---\n", "> \"said\"\n", "| a | b |\n", "|---|---|\n", "- [x] done\n", "- [ ] open\n", "\n", "\t", "    ",
    "<!-- ", " -->\n", "[a]: b\n", "`", "**", ":", "\u00a0", "\u200b", "â‰¤", "≤", "\r", "\r\n", "text\n", "{SCRIPT: a --b}\n", "<b>",
)  # fmt: skip


def lost_in_silence(text: str, damaged: str) -> list[tuple[str, ...]]:
    """What `text` binds, `damaged` does not, and no new error tells."""
    before, after = read(text), read(damaged)
    assert before.protocol is not None
    if errors(after) - errors(before):
        return []
    if after.protocol is None:
        return [("refused without an error",)]
    return list(inventory(before.protocol) - inventory(after.protocol))


@pytest.mark.req("DOC-08")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_one_to_three_layout_edits_lose_nothing_in_silence(name: str) -> None:
    text = text_of(name)
    for seed in range(60):
        damaged = mutated(text, random.Random(f"{name}{seed}"))
        assert lost_in_silence(text, damaged) == [], seed


@pytest.mark.slow
@pytest.mark.req("DOC-08")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_two_thousand_layout_edits_lose_nothing_in_silence(name: str) -> None:
    text = text_of(name)
    for seed in range(2_000):
        damaged = mutated(text, random.Random(f"long {name}{seed}"))
        assert lost_in_silence(text, damaged) == [], seed


@pytest.mark.req("DOC-06", "DOC-08")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_spelling_variants_of_the_same_document_mean_the_same(name: str) -> None:
    text = text_of(name)
    expected = inventory(protocol_of(text))
    variants = {
        "crlf": text.replace("\n", "\r\n"),
        "cr": text.replace("\n", "\r"),
        "mark": "\ufeff" + text,
        "colons": text.replace(":**", "**:"),
        "bullets": text.replace("\n- ", "\n+ "),
        "trailing": text.replace("\n", "  \n"),
        "no final newline": text.rstrip("\n"),
        "tabs": text.replace("\n     > ", "\n\t > "),
    }
    for kind, variant in variants.items():
        assert inventory(protocol_of(variant)) == expected, kind


@pytest.mark.req("DOC-08", "DOC-27")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_deleting_a_line_is_an_error_or_a_weaker_line_of_the_difference(name: str) -> None:
    text = text_of(name)
    lines = text.split("\n")
    old = read(text)
    assert old.protocol is not None
    whole = inventory(old.protocol)
    for at in range(1, len(lines), 2):
        new = read("\n".join(lines[:at] + lines[at + 1 :]))
        if errors(new) - errors(old):
            continue
        assert new.protocol is not None
        if whole - inventory(new.protocol):
            assert any_weaker(compare(old.protocol, new.protocol)), lines[at]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_no_arrangement_of_fragments_crashes_the_reader(text: str) -> None:
    reading = read_document(text.encode(), "lamp.md")
    assert reading.protocol is not None or reading.findings
    classes = reading.coverage
    if reading.protocol is not None:
        counted = (
            classes.structure,
            classes.obligation,
            classes.note,
            classes.decoration,
            classes.comment,
            classes.ignored,
        )
        unclaimed = [item for item in reading.findings if item.code == "GN0004"]
        assert sum(counted) == classes.lines or unclaimed


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_no_text_crashes_the_reader(text: str) -> None:
    assert read_document(text.encode("utf-8", "replace"), "lamp.md").encoding


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    assert read_document(data, "lamp.md").source_digest


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_printing_the_blocks_of_any_text_gives_it_back(text: str) -> None:
    source = open_source(text.encode(), "lamp.md").source
    if source is not None:
        found = blocks(source)
        assert printed(source, found) == source.text
        assert sum(block.line1 - block.line0 for block in found) == len(source.raw)


@pytest.mark.slow
@settings(max_examples=100_000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_printing_the_blocks_of_a_hundred_thousand_texts_gives_them_back(text: str) -> None:
    source = open_source(text.encode(), "lamp.md").source
    assert source is None or printed(source, blocks(source)) == source.text


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PROTOCOLS), st.data())
def test_every_place_of_a_finding_lies_in_the_file(name: str, data: st.DataObject) -> None:
    text = mutated(text_of(name), random.Random(data.draw(st.integers(0, 10_000))))
    size = len(text.encode())
    for item in read(text).findings:
        assert 0 <= item.primary.byte0 <= item.primary.byte1 <= size
        assert 1 <= item.primary.line <= text.count("\n") + 1


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_bypass_phrases_are_places_in_their_text(text: str) -> None:
    for phrase in bypass_phrases(text):
        assert text[phrase.start : phrase.end] == phrase.text
