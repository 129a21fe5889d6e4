"""A model that is written and read again is the same; formatting and fixing never change what a text means."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from gonogo.document.fixing import apply_edits, fix_document
from gonogo.document.formatting import format_document
from gonogo.document.reading import read_document
from gonogo.document.writing import workflow_name, write_protocol
from gonogo.errors import Refused
from gonogo.findings import Applicability, Edit, Finding, Span
from gonogo.protocol.change import any_weaker
from gonogo.protocol.comparing import compare
from gonogo.protocol.model import Protocol
from gonogo.protocol.sameness import without_places

RICH = (Path(__file__).parents[1] / "cases" / "written" / "lamp-rich.md").read_bytes()
BUILT_IN = ("pre-deployment", "production-deployment", "deployment-automation")


def read(data: bytes) -> Protocol:
    """The model of a document."""
    protocol = read_document(data, "d.md").protocol
    assert protocol is not None
    return protocol


def document(name: str) -> bytes:
    """A built-in document, or the example that has every part."""
    return RICH if name == "rich" else files("gonogo.library").joinpath(f"{name}.md").read_bytes()


@pytest.mark.req("DOC-28")
@pytest.mark.parametrize("name", ["rich", *BUILT_IN])
def test_reading_what_was_written_gives_the_same_model(name: str) -> None:
    protocol = read(document(name))
    assert without_places(read(write_protocol(protocol).encode())) == without_places(protocol)


@pytest.mark.req("DOC-28")
@pytest.mark.parametrize("name", ["rich", *BUILT_IN])
def test_writing_is_stable_and_no_revision(name: str) -> None:
    written = write_protocol(read(document(name)))
    assert write_protocol(read(written.encode())) == written
    assert compare(read(document(name)), read(written.encode())) == ()


def test_the_example_has_every_part_that_can_be_written() -> None:
    protocol = read(RICH)
    filled = [name for name in Protocol.__slots__ if getattr(protocol, name)]
    assert set(Protocol.__slots__) - set(filled) <= {"halts", "rule"}
    assert any(step.substeps for phase in protocol.phases for step in phase.steps)


def test_the_workflow_is_named_after_the_domain() -> None:
    assert workflow_name(read(RICH)) == "MARITIME EXECUTION WORKFLOW"


MESSY = RICH.decode()
for old, new in (
    ("   * **Action:** Call", "   + **Action**: Call"),
    ("**Halt condition:** Stop if any", "**Halt Condition**: Stop if any"),
    ("- [ ] Lamp burns", "- [ ]   Lamp burns"),
    ("| `night.log` | `.artifacts/lamp/night.log` | watch |", "|`night.log`|`.artifacts/lamp/night.log`|watch|"),
):
    assert old in MESSY
    MESSY = MESSY.replace(old, new)


@pytest.mark.parametrize("name", ["rich", "messy", *BUILT_IN])
def test_formatting_keeps_the_model_and_is_done_after_once(name: str) -> None:
    data = MESSY.encode() if name == "messy" else document(name)
    formatted = format_document(data, "d.md").text
    assert without_places(read(formatted.encode())) == without_places(read(data))
    again = format_document(formatted.encode(), "d.md")
    assert (again.text, again.diff) == (formatted, "")


def test_formatting_spells_labels_bullets_boxes_and_tables_one_way() -> None:
    text = format_document(MESSY.encode(), "d.md").text
    assert "   * **Action:** Call" in text
    assert "   * **Halt condition:** Stop if any" in text
    assert "- [ ] Lamp burns" in text
    assert "| `night.log`         | `.artifacts/lamp/night.log` | watch   |" in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_formatting_touches_no_prose_no_numbers_and_no_fence() -> None:
    marked = MESSY.replace("# all gates", "# + **Lamp**: in a fence")
    text = format_document(marked.encode(), "d.md").text
    assert "# + **Lamp**: in a fence" in text
    assert "## 42. QUALITY GATES" in text


def test_formatting_shows_what_it_would_do_as_a_difference() -> None:
    diff = format_document(MESSY.encode(), "d.md").diff
    assert "-   + **Action**: Call every ship on the register." in diff
    assert "+   * **Action:** Call every ship on the register." in diff


def test_windows_line_ends_stay() -> None:
    data = MESSY.replace("\n", "\r\n").encode()
    assert b"\n" not in format_document(data, "d.md").text.encode().replace(b"\r\n", b"")


MISPLACED = """# PROTOCOL 42: LAMP CHANGE

## 1. LAMP WORKFLOW

### STEP 1: Darkening

1. **`[MUST]` Do the Change:**
   * **Action:** Lower it.
   * **Problem-Solving:** If the rope jams:
  1. **Root Cause:** find why
   * **Halt Condition:** Pause if the rope jams.
   * **Evidence:** `.artifacts/lamp/rope.json`
"""


def test_a_document_that_cannot_be_read_surely_is_not_formatted() -> None:
    with pytest.raises(Refused, match="GN0201"):
        format_document(MISPLACED.encode(), "d.md")
    with pytest.raises(Refused, match="GN0101"):
        format_document(b"# Lamps\n\nProse.\n", "d.md")


def codes(findings: tuple[Finding, ...]) -> set[str]:
    """The codes of findings."""
    return {finding.code for finding in findings}


@pytest.mark.req("DOC-08")
def test_a_reviewed_fix_repairs_the_layout_and_keeps_the_model() -> None:
    before = read_document(MISPLACED.encode(), "d.md")
    assert "GN0201" in codes(before.findings)
    fixed = fix_document(MISPLACED.encode(), "d.md", review=True)
    after = read_document(fixed.text.encode(), "d.md")
    assert fixed.applied
    assert "GN0201" not in codes(after.findings)
    assert without_places(read(fixed.text.encode())) == without_places(read(MISPLACED.encode()))


def test_without_review_only_machine_fixes_are_applied() -> None:
    findings = read_document(MISPLACED.encode(), "d.md").findings
    kinds = {fix.applicability for finding in findings for fix in finding.fixes}
    assert kinds == {Applicability.REVIEW}
    assert fix_document(MISPLACED.encode(), "d.md").text == MISPLACED


@pytest.mark.req("DOC-20")
def test_a_tick_in_the_text_is_opened_by_the_machine() -> None:
    ticked = RICH.decode().replace("- [ ] Lamp burns", "- [x] Lamp burns")
    fixed = fix_document(ticked.encode(), "d.md", review=True)
    assert not any_weaker(compare(read(ticked.encode()), read(fixed.text.encode())))


def test_edits_are_made_from_the_end_so_that_places_stay_true() -> None:
    edits = [Edit(Span(0, 1), "AA"), Edit(Span(2, 3), ""), Edit(Span(4, 4), "!")]
    assert apply_edits("abcd", edits) == "AAbd!"
