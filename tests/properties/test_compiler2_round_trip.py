"""Laws over many documents: writing, formatting and comparing of mutated copies, generating of arbitrary forms."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gonogo.document.fixing import fix_document
from gonogo.document.formatting import format_document
from gonogo.document.generating import generate
from gonogo.document.reading import read_document
from gonogo.document.writing import write_protocol
from gonogo.errors import Refused
from gonogo.findings import forbids
from gonogo.protocol.change import any_weaker, sense
from gonogo.protocol.comparing import compare
from gonogo.protocol.sameness import without_places

RICH = (Path(__file__).parents[1] / "cases" / "written" / "lamp-rich.md").read_text(encoding="utf-8")
SEEDS = st.integers(0, 1 << 30)
QUIET = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)


def mutated(seed: int) -> str:
    """The rich document after one to three edits of the kind that people make."""
    chance = random.Random(seed)  # noqa: S311  test data
    lines = RICH.split("\n")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                del lines[at]
            case 1:
                lines[at] = " " * chance.randrange(8) + lines[at].lstrip()
            case 2:
                lines[at] = lines[at].replace("**", "", 1)
            case _:
                lines.insert(at, "")
    return "\n".join(lines)


def check_written(seed: int) -> None:
    """What is written loses no obligation, whatever the document was."""
    protocol = read_document(mutated(seed).encode(), "d.md").protocol
    if protocol is not None:
        again = read_document(write_protocol(protocol).encode(), "w.md").protocol
        assert again is not None
        assert not any_weaker(compare(protocol, again))


@pytest.mark.req("DOC-28")
@given(SEEDS)
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
def test_writing_a_mutated_document_loses_no_obligation(seed: int) -> None:
    check_written(seed)


@pytest.mark.slow
@pytest.mark.req("DOC-28")
@given(SEEDS)
@settings(max_examples=2000, deadline=None, suppress_health_check=QUIET)
def test_writing_two_thousand_mutated_documents_loses_no_obligation(seed: int) -> None:
    check_written(seed)


def check_formatted(seed: int) -> None:
    """The two equations of the formatter, and that a fixed text is never weaker."""
    text = mutated(seed)
    before = read_document(text.encode(), "d.md")
    if before.protocol is None:
        return
    fixed = read_document(fix_document(text.encode(), "d.md", review=True).text.encode(), "d.md").protocol
    assert fixed is not None
    assert not any_weaker(compare(before.protocol, fixed))
    try:
        formatted = format_document(text.encode(), "d.md").text
    except Refused:
        return
    after = read_document(formatted.encode(), "d.md").protocol
    assert after is not None
    assert without_places(after) == without_places(before.protocol)
    assert format_document(formatted.encode(), "d.md").text == formatted


@given(SEEDS)
@settings(max_examples=20, deadline=None, suppress_health_check=QUIET)
def test_formatting_and_fixing_keep_the_model(seed: int) -> None:
    check_formatted(seed)


@pytest.mark.slow
@given(SEEDS)
@settings(max_examples=1000, deadline=None, suppress_health_check=QUIET)
def test_formatting_and_fixing_keep_the_model_of_a_thousand_documents(seed: int) -> None:
    check_formatted(seed)


def check_deleted(at: int) -> None:
    """A line that carried an obligation cannot vanish without an error finding or a weaker line."""
    lines = RICH.split("\n")
    before = read_document(RICH.encode(), "d.md")
    after = read_document("\n".join((*lines[:at], *lines[at + 1 :])).encode(), "d.md")
    assert before.protocol is not None
    if after.protocol is None:
        assert forbids(after.findings)
        return
    lost = [change for change in compare(before.protocol, after.protocol) if change.before and not change.after]
    assert not lost or any_weaker(lost) or all(change.direction.value == "other" for change in lost)
    if without_places(before.protocol) != without_places(after.protocol):
        binds = any_weaker(compare(before.protocol, after.protocol))
        same_rules = all(change.direction.value != "weaker" for change in compare(before.protocol, after.protocol))
        assert binds or same_rules


@pytest.mark.req("DOC-27")
@given(st.integers(0, RICH.count("\n") - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_deleting_a_line_is_never_silent(at: int) -> None:
    check_deleted(at)


WORDS = st.text(alphabet=st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=40)
SENTENCES = st.one_of(
    WORDS,
    st.sampled_from(
        ["Stop if it smokes.", "a = 1; b >= 90%", "`x.json`, y", "# head", "- item", "1. one", "> q", "**b**"]
    ),
)


@pytest.mark.req("GEN-01")
@given(st.lists(SENTENCES, min_size=8, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_any_text_of_a_form_reads_back_or_is_asked_about(texts: list[str]) -> None:
    form = {
        "protocol_name": "Lamp Change",
        "protocol_number": 42,
        "ai_role": texts[0],
        "primary_guardrail": texts[1],
        "phases": [
            {
                "phase_name": "Darkening",
                "steps": [
                    {
                        "action_type": "MUST",
                        "action_title": "Warn",
                        "instructions": texts[2],
                        "communication_template": texts[3],
                        "halt_condition": texts[4],
                    }
                ],
                "evidence_collection": [{"evidence_item": texts[5], "storage_location": ".artifacts/a.json"}],
                "quality_gate": {"gate_name": "G", "criteria": texts[6], "failure_handling": texts[7]},
            }
        ],
    }
    made = generate(json.dumps(form, ensure_ascii=False).encode("utf-8", "ignore"), "f.yaml")
    if made.protocol is None or forbids(made.findings):
        assert made.findings
        return
    assert made.wanted is not None
    step, wanted = made.protocol.phases[0].steps[0], made.wanted.phases[0].steps[0]
    assert len(made.protocol.phases[0].steps) == len(made.protocol.gates) == 1
    assert [sense(halt.text) for halt in step.halts] == [sense(halt.text) for halt in wanted.halts]
