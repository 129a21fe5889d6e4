"""What a person sees is what runs: nothing invisible binds, and what binds is visible in a viewer (law 5)."""

from __future__ import annotations

import html
import re

import cmarkgfm  # type: ignore[import-untyped]  # the renderer ships no types
import pytest
from document_cases import PROTOCOLS, codes, errors, inventory, protocol_of, read, text_of

from gonogo.protocol.model import Protocol, all_steps

BASE = "d3_plain.md"
HALT = "* **Halt condition:** Stop if any ship has not answered."


def shown(text: str) -> str:
    """The text of the page that a viewer makes of `text`, without spaces."""
    page = cmarkgfm.github_flavored_markdown_to_html(text)
    return _bare(html.unescape(re.sub(r"<[^>]*>", " ", page)))


def _bare(text: str) -> str:
    return re.sub(r"[\s*`]+", "", text)


def binding_texts(protocol: Protocol) -> list[str]:
    """Titles, halts, evidence, thresholds, guardrails: every text that an execution goes by."""
    texts = [phase.title for phase in protocol.phases]
    for step in all_steps(protocol):
        texts.append(step.title)
        texts.extend(halt.text for halt in step.halts)
        texts.extend(ref.name for ref in step.evidence)
    for gate in protocol.gates:
        texts.append(gate.name)
        texts.extend(clause.metric for clause in (*gate.thresholds, *gate.booleans))
        texts.extend(gate.manual)
    texts.extend(message.text for message in protocol.guardrails)
    return texts


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_text_that_binds_is_visible_in_the_page(name: str) -> None:
    page = shown(text_of(name))
    for text in binding_texts(protocol_of(text_of(name))):
        if text != "Phase 2":
            assert _bare(text) in page, text


@pytest.mark.parametrize(
    "seen",
    [
        "* **Halt&nbsp;condition:** Stop if any ship has not answered.",
        "* **H&#97;lt condition:** Stop if any ship has not answered.",
        "* **[Halt condition](note.md):** Stop if any ship has not answered.",
        "* **Halt condition:** Stop if any <!-- small --> ship has not answered.",
        "* **Halt condition:** Stop if any ![boat](boat.png) ship has not answered.",
    ],
)
def test_what_looks_like_the_halt_is_the_halt(seen: str) -> None:
    text = text_of(BASE)
    assert inventory(protocol_of(text.replace(HALT, seen))) == inventory(protocol_of(text))


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- * **Halt condition:** Stop if any ship has not answered. -->",
        '* **Action:** [Call](x "Halt condition: Stop if any ship has not answered.")',
        "![Halt condition: Stop if any ship has not answered.](x.png)",
    ],
)
def test_what_nobody_sees_is_no_halt(hidden: str) -> None:
    protocol = protocol_of(text_of(BASE).replace(HALT, hidden))
    assert protocol.phases[0].steps[0].halts == ()


def test_a_file_that_only_a_link_target_names_is_no_evidence() -> None:
    text = text_of(BASE).replace("`.artifacts/lamp/ships-warned.json` with call signs", "[the list](ships-warned.json)")
    assert protocol_of(text).phases[0].steps[0].evidence == ()


@pytest.mark.parametrize(
    "escaped", [r"\* \*\*Halt condition:\*\* Stop if it rains.", r"**Halt condition\:** Stop if it rains."]
)
def test_an_escaped_halt_is_never_passed_over_in_silence(escaped: str) -> None:
    reading = read(text_of(BASE).replace(HALT, f"{HALT}\n\n{escaped}"))
    assert reading.protocol is not None
    halts = [halt.text for halt in reading.protocol.phases[0].steps[0].halts]
    assert errors(reading) or "Stop if it rains." in halts


def test_a_comment_that_is_never_closed_is_an_error_and_hides_nothing_from_the_reader() -> None:
    reading = read(text_of(BASE).replace(HALT, f"<!-- \n   {HALT}"))
    assert codes(reading)["GN0107"] == 1
    assert reading.protocol is not None
    assert len(reading.protocol.phases[0].steps[0].halts) == 1
