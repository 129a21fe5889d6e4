"""Bytes as text: encodings, damage, limits, line ends, hidden characters, places."""

from __future__ import annotations

import time

import pytest
from document_cases import codes, inventory, lines_of, printed, protocol_of, read, text_of

from gonogo.document.blocks import blocks
from gonogo.document.mojibake import Doubtful, Mended, Sound, mend
from gonogo.document.reading import read_document
from gonogo.document.text import MOST_BYTES, open_source
from gonogo.findings import Level
from gonogo.protocol.model import all_steps
from gonogo.terms import digest_of

CLEAN = text_of("d2_generated.md")


def damaged(text: str, page: str) -> str:
    """`text` as it looks after its UTF-8 bytes were read through `page`."""
    if page == "mac_roman":
        return text.encode().decode("mac_roman")
    return "".join(_cp1252(byte) for byte in text.encode())


def _cp1252(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


@pytest.mark.req("DOC-22")
@pytest.mark.parametrize("page", ["mac_roman", "cp1252"])
@pytest.mark.parametrize("name", ["d2_generated.md", "d3_plain.md", "d5_reasoned.md", "rule.md", "odd_strict.md"])
def test_a_damaged_copy_is_read_as_the_clean_one_and_keeps_its_own_digest(name: str, page: str) -> None:
    text = text_of(name)
    clean, copy = read(text), read(damaged(text, page))
    assert clean.protocol is not None
    assert copy.protocol is not None
    assert inventory(copy.protocol) == inventory(clean.protocol)
    assert copy.text == text
    if not text.isascii():
        assert copy.encoding == f"utf-8 read as {page}"
        assert lines_of(copy, "GN0001")
        assert copy.source_digest == digest_of(damaged(text, page).encode()) != clean.source_digest


@pytest.mark.req("DOC-22")
def test_places_in_a_damaged_copy_are_places_of_its_own_bytes() -> None:
    data = damaged(text_of("d3_plain.md"), "cp1252").encode()
    protocol = read_document(data, "lamp.md").protocol
    assert protocol is not None
    for gate in protocol.gates:
        for clause in gate.thresholds:
            piece = data[clause.origin.byte0 : clause.origin.byte1].decode()
            assert clause.metric in piece
            assert data.split(b"\n")[clause.origin.line - 1].find(piece.encode()) > 0


@pytest.mark.req("DOC-22")
def test_text_that_is_damaged_in_part_is_refused() -> None:
    reading = read(damaged(CLEAN, "cp1252").replace("Air the Room", "Air the Café"))
    assert reading.protocol is None
    assert codes(reading)["GN0002"] == 1


@pytest.mark.req("DOC-22")
@pytest.mark.parametrize("text", ["plain", "Café – 10 ms ≤ 20 ms", "flickers\u00a0≤ 2", "naïve façade ™ © → ✓"])
def test_sound_text_is_left_alone(text: str) -> None:
    assert mend(text) == Sound()


def test_damage_is_turned_back_once_and_only_as_a_whole() -> None:
    assert mend("sea â‰¤ low") == Mended("sea ≤ low", "cp1252", 1, 4)
    assert isinstance(mend("sea â‰¤ low – now"), Doubtful)


def test_bytes_that_are_no_utf8_are_refused_with_their_place() -> None:
    finding = read_document(b"# A\n\nab\xffcd\n", "lamp.md").findings[0]
    assert (finding.code, finding.primary.line, finding.primary.col) == ("GN0006", 3, 3)
    assert "0xFF" in finding.message


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 5 * MOST_BYTES])
def test_a_document_over_the_limit_is_refused(size: int) -> None:
    reading = read_document(b"a" * size, "lamp.md")
    assert reading.protocol is None
    assert codes(reading)["GN0005"] == 1


def test_a_line_over_the_limit_is_refused() -> None:
    assert codes(read(text_of("d3_plain.md") + "a" * 70_000))["GN0005"] == 1


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_change_nothing_but_bytes(ending: str) -> None:
    for name in ("d3_plain.md", "d6_nested.md", "rule.md"):
        text = text_of(name)
        other = protocol_of("\ufeff" + text.replace("\n", ending))
        assert inventory(other) == inventory(protocol_of(text))
        assert [item.origin.line for item in all_steps(other)] == [
            item.origin.line for item in all_steps(protocol_of(text))
        ]


@pytest.mark.parametrize("char", ["\u2028", "\x0b", "\x0c", "\x85"])
def test_only_lf_crlf_and_cr_end_a_line(char: str) -> None:
    opened = open_source(f"a{char}b\nc".encode(), "lamp.md")
    assert opened.source is not None
    assert len(opened.source.raw) == 2


@pytest.mark.parametrize("char", ["\u200b", "\u202e", "\ufeff", "\u00ad", "\x00"])
def test_a_hidden_character_is_an_error_and_hides_nothing(char: str) -> None:
    text = text_of("d3_plain.md")
    hidden = text.replace("**Halt condition:** Stop if any", f"**Halt {char}condition:** Stop if any")
    reading = read(hidden)
    assert codes(reading)["GN0003"] == 1
    assert reading.protocol is not None
    assert inventory(reading.protocol) == inventory(protocol_of(text))


def test_a_look_alike_space_is_an_error_where_structure_is_due_and_nowhere_else() -> None:
    text = text_of("d3_plain.md")
    label = read(text.replace("* **Halt condition:** Stop if any", "*\u00a0**Halt condition:** Stop if any"))
    prose = read(text.replace("Stop if any ship", "Stop if any\u00a0ship"))
    assert codes(label)["GN0003"] == 1
    assert codes(prose)["GN0003"] == 0
    assert prose.protocol is not None
    assert prose.protocol.phases[0].steps[0].halts[0].text == "Stop if any ship has not answered."


@pytest.mark.parametrize("name", ["d3_plain.md", "d6_nested.md", "d7_appended.md", "odd_columns.md"])
def test_printing_the_blocks_gives_back_the_text(name: str) -> None:
    source = open_source(text_of(name).encode(), name).source
    assert source is not None
    found = blocks(source)
    assert printed(source, found) == source.text
    assert [block.line0 for block in found[1:]] == [block.line1 for block in found[:-1]]


def _many(times: int, piece: str) -> str:
    return piece * times


HEAD = "# PROTOCOL 1: X\n\n## WORKFLOW\n\n### STEP 1: A\n\n1. **`[MUST]` T:**\n   * **Halt condition:** Stop if x.\n"
PATHOLOGICAL = {
    "quotes": ">" * 10_000 + " a\n",
    "nested lists": "".join(" " * (2 * depth) + "- a\n" for depth in range(700)),
    "lists on one line": "- " * 2_000 + "a\n",
    "brackets": "[" * 50_000 + "\n",
    "links": "[a](" * 10_000 + "\n",
    "wide table": "|" + "a|" * 2_000 + "\n|" + "-|" * 2_000 + "\n" + ("|" + "a|" * 2_000 + "\n") * 100,
    "blank lines": "\n" * MOST_BYTES,
    "open fence": "```\n" + _many(20_000, "a\n"),
    "nul": "\0" * 5_000 + "\n",
    "stars": "*" * 60_000 + "\n",
    "stars and colons": "**a:" * 10_000 + "\n",
    "ticks": "`a" * 20_000 + "\n",
    "headings": _many(10_000, "# a\n"),
    "open comments": _many(10_000, "<!--\n"),
    "half a tag": "<a " * 20_000 + "\n",
    "setext": _many(10_000, "a\n") + "---\n",
    "twins": _many(3_000, "1. **`[MUST]` a:**\n"),
    "dotted twins": _many(3_000, "1.1.1. **a:**\n"),
    "halts": _many(3_000, "   * **Halt condition:** Stop if a, b, c and d or e; f.\n"),
    "clauses": "## QUALITY GATES\n### Gate 1: A\n- **Pass Threshold**: " + "a = 1; " * 5_000 + "\n",
    "connectors": "## QUALITY GATES\n### Gate 1: A\n- **Pass Threshold**: " + "a and " * 8_000 + "\n",
    "definitions": _many(5_000, "[a]: b\n"),
    "tabs": "\t" * 60_000 + "a\n",
    "carriage returns": "\r" * 60_000,
    "paths": "   * **Evidence:** " + "a/" * 30_000 + "\n",
    "dots": "   * **Evidence:** " + "a." * 30_000 + "\n",
    "pipes": _many(10_000, "|\n"),
    "damage": "â‰¤ " * 50_000,
    "conditions": "   * **Halt condition:** If " + "if " * 20_000 + "\n",
    "bypasses": "proceed with " * 5_000 + "\n",
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_a_hostile_document_is_read_or_refused_in_time(name: str) -> None:
    for head in ("", HEAD):
        data = (head + PATHOLOGICAL[name]).encode()[:MOST_BYTES]
        begun = time.process_time()
        reading = read_document(data, "lamp.md")
        assert time.process_time() - begun < 2
        assert reading.protocol is not None or any(item.level is Level.ERROR for item in reading.findings)
