"""The traps that real documents hold, and what has to come out of each (compiler section 8)."""

from __future__ import annotations

import pytest
from document_cases import codes, errors, inventory, lines_of, protocol_of, read, text_of

from gonogo.findings import Edit
from gonogo.protocol.model import all_steps
from gonogo.protocol.rules.bypass import bypass_phrases
from gonogo.protocol.rules.checking import lint

BYPASSES = (
    "mark as `LATE` and proceed tentatively",
    "proceed with known drift",
    "proceed anyway",
    "continue despite failing checks",
    "continue regardless",
    "go ahead with the open findings",
    "carry on regardless",
    "move on without waiting",
    "proceed without approval",
    "deploy even if the checks are red",
    "skip the gate",
    "skip failing tests",
    "bypass the halt condition",
    "ignore failed checks",
    "ignore the drift",
    "override the halt",
    "disable the quality gates",
    "relax the thresholds",
    "waive the gate",
    "--strict=false",
    "--quality-gates relaxed",
    "--no-verify",
    "--skip-checks",
    "--force",
    "run without `--output-manifest`",
    "continue-on-error: true",
    "winch.sh || true",
    "mark it as passed anyway",
    "assume approval after ten minutes",
    "errors may be ignored",
    "the gate may be skipped",
    "it is fine to proceed",
    "it is acceptable to skip the horn",
    "in an emergency deploy without the second keeper",
    "auto-approve the request",
    "self-approve the change",
    "evidence is optional if the tide turns",
    "approval can be obtained later",
    "lower the threshold until it passes",
    "downgrade failures to warnings",
    "treat failures as warnings",
    "log the failure and continue",
    "If the horn fails, continue",
)


@pytest.mark.req("DOC-08")
def test_t2_an_under_indented_list_is_one_finding_at_the_line_that_causes_it() -> None:
    reading = read(text_of("d6_nested.md"))
    found = [item for item in reading.findings if item.code == "GN0201"]
    lines = text_of("d6_nested.md").split("\n")
    assert [lines[item.primary.line - 1].strip() for item in found] == [
        "1. **Root Cause:** Look where it rubs",
        "1. **Root Cause:** find why",
    ]
    assert all("`halt condition`" in item.message for item in found)


@pytest.mark.req("DOC-08")
def test_t2_the_offered_repair_changes_the_layout_and_not_the_meaning() -> None:
    text = text_of("d6_nested.md")
    edits = [edit for item in read(text).findings if item.code == "GN0201" for fix in item.fixes for edit in fix.edits]
    repaired = _applied(text, edits)
    assert not lines_of(read(repaired), "GN0201")
    assert inventory(protocol_of(repaired)) == inventory(protocol_of(text))


def _applied(text: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, key=lambda item: item.span.start, reverse=True):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


@pytest.mark.req("DOC-19")
def test_t3_rows_that_lost_their_header_are_no_evidence_and_the_text_after_them_is_read() -> None:
    reading = read(text_of("d7_appended.md"))
    assert len(lines_of(reading, "GN0105")) == 1
    assert reading.protocol is not None
    assert reading.protocol.evidence_table == ()
    assert len(reading.protocol.gates) == 2


@pytest.mark.req("DOC-19", "DOC-20")
def test_t4_the_same_section_twice_binds_by_both_and_an_open_box_stays_open() -> None:
    reading = read(text_of("d7_appended.md"))
    assert codes(reading)["GN0111"] == 3
    assert reading.protocol is not None
    items = {item.text: item.ticked_in_text for item in reading.protocol.handoff.items}
    assert items == {"Light burns": False, "Stairs swept": True, "Book signed": False}


@pytest.mark.req("DOC-20")
def test_t5_every_ticked_box_is_found_and_can_be_opened_by_machine() -> None:
    text = text_of("d7_appended.md")
    found = [item for item in read(text).findings if item.code == "GN0402"]
    assert len(found) == 2
    opened = _applied(text, [edit for item in found for fix in item.fixes for edit in fix.edits])
    assert codes(read(opened))["GN0402"] == 0
    assert opened.count("- [ ]") == text.count("- [ ]") + 2


@pytest.mark.req("DOC-26")
@pytest.mark.parametrize("phrase", BYPASSES)
def test_t6_a_bypass_phrase_is_found_wherever_it_is_inserted(phrase: str) -> None:
    text = text_of("d3_plain.md")
    lines = text.split("\n")
    for at in (6, 24, 38, 48, 92, 101, 116, 139, 152):
        damaged = "\n".join([*lines[:at], f"{lines[at]} {phrase}.".rstrip(), *lines[at + 1 :]])
        found = codes(read(damaged))
        assert found["GN0401"] + found["GN0405"] > 0, (at, lines[at])


@pytest.mark.req("DOC-26")
@pytest.mark.parametrize("name", ["d2_generated.md", "d6_nested.md", "rule.md"])
def test_t6_a_bypass_phrase_on_a_line_of_its_own_is_found_at_every_place(name: str) -> None:
    lines = text_of(name).split("\n")
    begin = next(at for at, line in enumerate(lines) if line.startswith("## "))
    for at in range(begin + 1, len(lines), 2):
        phrase = BYPASSES[at % len(BYPASSES)]
        found = codes(read("\n".join([*lines[:at], f"- {phrase}", *lines[at:]])))
        assert found["GN0401"] + found["GN0405"] > 0, (at, phrase)


@pytest.mark.req("DOC-26")
@pytest.mark.parametrize(
    "sentence",
    [
        "Do not go on without a recorded yes.",
        "Never proceed with known drift.",
        "The keeper must not skip the gate.",
        "Stop if any check fails.",
        "Proceed to the next step when the gate has passed.",
        "The run does not continue while a gate is red.",
    ],
)
def test_a_prohibition_of_a_bypass_is_no_bypass(sentence: str) -> None:
    assert list(bypass_phrases(sentence)) == []


def test_t6_a_bypass_over_a_line_end_is_found() -> None:
    text = text_of("d3_plain.md").replace(
        "write\n     down each answer.", "write down each answer, or proceed\n     with known drift."
    )
    assert codes(read(text))["GN0401"] == 1


@pytest.mark.req("DOC-09")
def test_t7_steps_outside_the_workflow_make_no_state() -> None:
    reading = read(text_of("d7_appended.md"))
    assert len(lines_of(reading, "GN0112")) == 2
    assert reading.protocol is not None
    assert [phase.title for phase in reading.protocol.phases] == ["Lowering", "Raising"]


@pytest.mark.req("DOC-25")
def test_t8_foreign_numbers_are_found_at_their_lines() -> None:
    text = text_of("d3_plain.md")
    foreign = text.replace("validate_prerequisites_42", "validate_prerequisites_11")
    assert codes(read(foreign))["GN0501"] == 1
    twice = text.replace("- **Protocol 43**: `watch-book.json`", "- **Protocol 41**: `watch-book.json`")
    assert codes(read(twice))["GN0503"] == 1


@pytest.mark.req("DOC-16")
def test_t9_a_gate_that_needs_what_only_an_optional_step_writes_cannot_pass() -> None:
    text = text_of("d3_plain.md").replace("`ships-warned.json`, `horn-test.log`", "`polish.md`")
    found = [item for item in lint(protocol_of(text)) if item.code == "GN0305"]
    assert [item.labels[0].text for item in found] == ["step `Polish the Glass`"]


@pytest.mark.req("DOC-13")
@pytest.mark.parametrize("limit", ["Relight time ≤ RTO", "Metrics within SLO tolerances", "all fine"])
def test_t10_a_limit_that_nothing_defines_is_an_error(limit: str) -> None:
    text = text_of("d3_plain.md").replace("Answers = 100%; sea state ≤ low", limit)
    found = lint(protocol_of(text))
    assert "GN0304" in {item.code for item in found}
    assert "GN0304" not in {item.code for item in lint(protocol_of(text), bound={"RTO", "SLO"}, attested={"all fine"})}


@pytest.mark.req("DOC-21")
@pytest.mark.parametrize(
    "command", ["bash strike_*.sh", "strike.sh | tee log", "strike.sh --lamp ${LAMP}", "strike.sh {lamp}"]
)
def test_t11_what_only_a_shell_could_run_is_an_error(command: str) -> None:
    text = text_of("d2_generated.md").replace("bash scripts/strike.sh --lamp main", f"bash {command}")
    assert "GN0601" in {item.code for item in lint(protocol_of(text))}


@pytest.mark.req("DOC-23")
def test_t12_grammar_inside_a_fence_is_never_read_and_always_told() -> None:
    text = text_of("d3_plain.md").replace(
        "### STEP 2: Relighting", "```\n* **Halt condition:** Stop at once.\n```\n\n### STEP 2: Relighting"
    )
    reading = read(text)
    assert codes(reading)["GN0104"] == 1
    assert reading.protocol is not None
    assert "Stop at once." not in {halt.text for item in all_steps(reading.protocol) for halt in item.halts}


@pytest.mark.req("DOC-06")
def test_t14_labels_inside_reasoning_are_notes() -> None:
    reading = read(text_of("d5_reasoned.md"))
    assert codes(reading)["GN0204"] == 1
    assert reading.protocol is not None
    evidence = [ref.path for item in all_steps(reading.protocol) for ref in item.evidence]
    assert evidence == [".artifacts/lamp/permission.json", ".artifacts/lamp/supper.md", ".artifacts/lamp/light.json"]


def test_t14_evidence_that_fell_into_a_note_block_is_an_error() -> None:
    text = text_of("d5_reasoned.md").replace(
        "   * **Evidence:** `.artifacts/lamp/supper.md`", "        * **Evidence:** `.artifacts/lamp/supper.md`"
    )
    assert "GN0202" in {code for code, _ in errors(read(text))}


@pytest.mark.req("C34")
def test_t15_a_prompt_is_no_approval_unless_signatures_are_waited_for() -> None:
    asked = text_of("d3_plain.md").replace("Striking the lamp...", "Approve relighting? (yes/no)", 1)
    assert "GN0404" not in {item.code for item in lint(protocol_of(text_of("d3_plain.md")))}
    assert "GN0404" in {item.code for item in lint(protocol_of(asked))}
    signed = asked.replace("if the flame smokes", "if a signature is missing")
    assert "GN0404" not in {item.code for item in lint(protocol_of(signed))}


@pytest.mark.req("C29")
def test_t16_a_gate_script_may_not_write_what_the_gate_judges() -> None:
    text = text_of("d6_nested.md").replace(
        "rope.py --ropes all", "rope.py --output .artifacts/protocol-42/rope-check.json"
    )
    assert "GN0603" in {item.code for item in lint(protocol_of(text))}


def test_t17_all_the_right_words_without_structure_are_refused() -> None:
    assert codes(read(text_of("negative_salad.md")))["GN0108"] == 1


def test_a_label_of_two_wrong_letters_is_named_with_the_right_one() -> None:
    text = text_of("d3_plain.md").replace("**Halt condition:** Stop", "**Halt-condtion:** Stop")
    found = [item for item in read(text).findings if item.code == "GN0114"]
    assert len(found) == 1
    assert "Halt condition" in found[0].message


def test_a_field_before_any_phase_has_no_owner() -> None:
    text = text_of("d3_plain.md").replace(
        "### STEP 1: Darkening", "* **Evidence:** `ships.json`\n\n### STEP 1: Darkening"
    )
    assert codes(read(text))["GN0203"] == 1


@pytest.mark.req("DOC-24")
def test_leftovers_are_found_and_are_errors_where_something_depends_on_them() -> None:
    text = text_of("d5_reasoned.md")
    prose = read(text.replace("Slack water", "[Define who to call]"))
    binding = read(text.replace("Ask the harbour master.", "[Define what to ask]"))
    assert codes(prose)["GN0115"] == codes(binding)["GN0115"] == 1
    assert ("GN0115", "leftover placeholder text: [Define what to ask]") in errors(binding)
    assert not [code for code, _ in errors(prose) if code == "GN0115"]


def test_raw_html_is_refused_and_comments_are_not() -> None:
    text = text_of("d3_plain.md").replace("Sound the horn three times.", "Sound the horn <b>three</b> times.")
    assert codes(read(text))["GN0107"] == 1
    ticked = text_of("d3_plain.md").replace("Sound the horn three times.", "Sound the horn `<n>` times.")
    assert codes(read(ticked))["GN0107"] == 0


def test_a_link_definition_is_not_silently_dropped() -> None:
    text = text_of("d3_plain.md") + "\n[halt]: stop-if-it-rains\n"
    assert codes(read(text))["GN0004"] == 1


@pytest.mark.req("C32")
def test_a_waiver_that_is_forbidden_here_and_offered_there_is_an_error() -> None:
    text = text_of("d6_nested.md") + (
        "\n## 7. COMMUNICATION PROTOCOLS\n\n### Error Handling\n```\nGate 'Lowering Gate' failed. Request gate waiver?\n```\n"
    )
    assert "GN0403" in {item.code for item in lint(protocol_of(text))}
