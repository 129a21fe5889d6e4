"""Filled forms: every alias is read, every fault is asked back with its line, nothing is invented."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.document.form import Form
from gonogo.document.form_fields import split_list
from gonogo.document.form_reading import FormReading, read_form
from gonogo.findings import Applicability, Level, forbids

FORMS = Path(__file__).parents[1] / "cases" / "forms"


def reading(name: str) -> FormReading:
    """The reading of one of the example forms."""
    return read_form((FORMS / f"{name}.yaml").read_bytes(), f"{name}.yaml")


def form(name: str) -> Form:
    """The form of a reading that has no error."""
    found = reading(name)
    assert not forbids(found.findings), [str(finding) for finding in found.findings]
    assert found.form is not None
    return found.form


@pytest.mark.req("GEN-01")
def test_the_usual_shape_is_read_whole() -> None:
    read = form("lamp-phases")
    assert (read.number.text, read.name.text, read.domain.text) == ("42", "Lamp Change & Relighting", "Maritime")
    assert [phase.title.text for phase in read.phases] == ["Darkening", "Relighting"]
    assert [step.obligation for step in read.phases[0].steps] == ["MUST", "GUIDELINE"]
    assert read.phases[0].steps[1].halts == ()
    assert [gate.name.text for gate in read.gates] == ["Darkness Gate", "Flame Gate"]
    assert [name.text for name in read.inputs[0].artifacts] == ["LAMP-AUDIT.zip", "stock-list.json"]
    assert len(read.announcements) == 3
    assert read.errors[0].recovery[1].text == "Send the boat"


@pytest.mark.req("GEN-01")
def test_every_other_name_of_a_field_is_read_and_named() -> None:
    read = form("lamp-aliases")
    assert read.role.text == "Horn Keeper"
    (phase,) = read.phases
    assert phase.title.text == "Horn Test"
    assert [text.text for text in phase.steps[0].instructions] == [
        "Prepare the horn.",
        "Fill the tank",
        "Open the valve",
    ]
    assert len(phase.steps[0].halts) == 2
    assert phase.steps[1].obligation == "MUST"
    assert [entry.protocol.text for entry in read.outputs] == ["08-log-keeping", "09-museum"]
    assert [prompt.template.text for prompt in read.prompts] == ["[CONFIRM] Did everybody hear it?"]
    assert [error.name.text for error in read.errors] == ["Valve stuck", "E1"]
    assert read.handoff_messages[1].text == "Write the log."
    renamed = [finding for finding in reading("lamp-aliases").findings if finding.code == "GN0902"]
    assert any("`aio_role` read as `ai_role`" in finding.message for finding in renamed)
    assert {fix.applicability for finding in renamed for fix in finding.fixes} == {Applicability.MACHINE}


@pytest.mark.req("GEN-01")
def test_the_nested_shape_is_read_whole() -> None:
    read = form("lamp-nested")
    assert (read.number.text, read.name.text) == ("11", "Beacon Release")
    assert [text.text for text in read.gates[0].clauses] == ["hours = 10", "outages = 0"]
    assert read.gates[0].waiver.text == "Not permitted"
    assert [hook.conditional_on.text for hook in read.phases[0].hooks] == ["", "the beacon smokes"]


def test_a_rename_fix_puts_the_known_name_in_place() -> None:
    data = b"protocol_name: X\naio_role: Keeper\n"
    found = next(finding for finding in read_form(data, "f.yaml").findings if finding.code == "GN0902")
    edit = found.fixes[0].edits[0]
    text = data.decode()
    assert text[: edit.span.start] + edit.text + text[edit.span.end :] == "protocol_name: X\nai_role: Keeper\n"


@pytest.mark.req("GEN-14")
@pytest.mark.parametrize("name", ["blank", "interview", "faulty-omission"])
def test_a_form_that_is_not_filled_gives_questions(name: str) -> None:
    found = reading(name).findings
    assert forbids(found)
    assert all(finding.notes for finding in found if finding.level is Level.ERROR)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("halt_conditon: x", "GN0903", "did you mean"),
        ("protocol_name: [a, b]", "GN0901", "must be a text"),
        ("phases: x", "GN0901", "list of mappings"),
        ("completion_checklist: {a: b}", "GN0901", "list of texts"),
        ("inputs_from: {protocol: x}", "GN0901", "must be a list"),
    ],
)
def test_a_wrong_kind_or_unknown_key_is_named_with_its_line(line: str, code: str, words: str) -> None:
    found = read_form(f"ai_role: Keeper\n{line}\nhalt_condition_texts: {{}}\n".encode(), "f.yaml").findings
    hits = [f for f in found if f.code == code and f.primary.line == 2]
    assert hits, [str(f) for f in found]
    assert words in " ".join((hits[0].message, *hits[0].notes)) or code == "GN0903"


def test_two_names_of_one_field_are_not_chosen_between() -> None:
    found = read_form(b"ai_role: A\naio_role: B\n", "f.yaml").findings
    assert any("same field" in finding.message and finding.primary.line == 2 for finding in found)


def test_a_gate_stated_twice_must_agree() -> None:
    data = b"""
protocol_name: X
ai_role: Y
phases:
  - phase_name: P
    steps: [{action_title: S, action_type: MUST}]
    quality_gate: {gate_name: G, criteria: a = 1}
quality_gates_summary:
  - {gate_name: G, criteria: a = 2}
  - H
"""
    found = [finding for finding in read_form(data, "f.yaml").findings if finding.code == "GN0113"]
    assert [finding.primary.line for finding in found] == [9, 10]


@pytest.mark.parametrize("data", [b"", b"- a", b"a: &x b", b"\xff", b"a: [", b"x"])
def test_what_is_no_form_is_a_finding_and_never_a_crash(data: bytes) -> None:
    found = read_form(data, "f.yaml")
    assert forbids(found.findings)
    assert found.form is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_never_crash_the_form_reader(data: bytes) -> None:
    assert isinstance(read_form(data, "f.yaml"), FormReading)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.zip, b.json", ("a.zip", "b.json")),
        ("report (size, date), `a, b`.md", ("report (size, date)", "`a, b`.md")),
        ("", ()),
        ("one", ("one",)),
        ("a) , b", ("a)", "b")),
    ],
)
def test_commas_in_brackets_or_ticks_do_not_split(text: str, parts: tuple[str, ...]) -> None:
    assert split_list(text) == parts
