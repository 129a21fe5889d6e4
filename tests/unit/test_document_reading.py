"""What every dialect of protocol documents is read as."""

from __future__ import annotations

import pytest
from document_cases import (
    CLEAN,
    NEGATIVES,
    PROTOCOLS,
    codes,
    errors,
    inventory,
    lines_of,
    protocol_of,
    read,
    text_of,
)

from gonogo.document.kinds import DocumentKind
from gonogo.findings import Level
from gonogo.protocol.model import (
    ApprovalRequired,
    ArtifactRequired,
    HaltEffect,
    Protocol,
    StateRequired,
    Step,
    WaiverByRoles,
    WaiverForbidden,
    all_steps,
)
from gonogo.terms import Obligation

COUNTS = {
    # phases, steps, sub-steps, MUST (stated), GUIDELINE, unmarked, halts of steps, gates, prerequisites
    "d2_generated.md": (2, 5, 0, 2, 1, 2, 2, 2, 0),
    "d3_plain.md": (2, 5, 0, 4, 1, 0, 4, 2, 7),
    "d4_reflective.md": (1, 2, 0, 2, 0, 0, 2, 1, 0),
    "d5_reasoned.md": (2, 3, 0, 2, 1, 0, 2, 2, 3),
    "d6_nested.md": (1, 2, 3, 5, 0, 0, 3, 2, 3),
    "d7_appended.md": (2, 2, 0, 2, 0, 0, 2, 2, 0),
    "legacy.md": (2, 3, 0, 1, 0, 2, 1, 1, 0),
    "odd_columns.md": (2, 3, 0, 2, 1, 0, 3, 2, 0),
    "odd_strict.md": (2, 4, 0, 2, 1, 1, 2, 0, 0),
    "rule.md": (2, 3, 0, 2, 1, 0, 2, 2, 1),
}


def case(name: str) -> Protocol:
    return protocol_of(text_of(name))


def step(protocol: Protocol, identity: str) -> Step:
    return next(item for item in all_steps(protocol) if item.id == identity)


@pytest.mark.req("DOC-01", "DOC-05", "DOC-07", "DOC-09")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_each_dialect_yields_the_counts_of_a_hand_count(name: str) -> None:
    protocol = case(name)
    steps = all_steps(protocol)
    top = sum(len(phase.steps) for phase in protocol.phases)
    stated = [item for item in steps if item.stated]
    assert (
        len(protocol.phases),
        top,
        len(steps) - top,
        sum(item.obligation is Obligation.MUST for item in stated),
        sum(item.obligation is Obligation.GUIDELINE for item in stated),
        len(steps) - len(stated),
        sum(len(item.halts) for item in steps),
        len(protocol.gates),
        len(protocol.prerequisites),
    ) == COUNTS[name]


@pytest.mark.parametrize("name", CLEAN)
def test_a_well_written_document_has_no_error(name: str) -> None:
    assert not errors(read(text_of(name)))


@pytest.mark.req("DOC-23")
@pytest.mark.parametrize("name", NEGATIVES)
def test_what_is_no_protocol_is_refused_and_says_what_it_is(name: str) -> None:
    reading = read(text_of(name))
    assert reading.protocol is None
    assert codes(reading)["GN0101"] + codes(reading)["GN0108"] == 1


@pytest.mark.req("DOC-23")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("negative_form.yaml", DocumentKind.FORM),
        ("negative_generator.md", DocumentKind.GENERATOR),
        ("negative_report.md", DocumentKind.PROSE),
        ("negative_template.md", DocumentKind.TEMPLATE),
        ("rule.md", DocumentKind.RULE),
        ("d3_plain.md", DocumentKind.PROTOCOL),
    ],
)
def test_the_kind_is_decided_before_reading(name: str, kind: DocumentKind) -> None:
    assert read(text_of(name)).kind is kind


@pytest.mark.req("DOC-02")
@pytest.mark.parametrize(
    ("title", "name", "number", "tag", "slug"),
    [
        ("# PROTOCOL 42: LAMP CHANGE (MARITIME COMPLIANT)", "LAMP CHANGE", "42", "MARITIME COMPLIANT", "lamp-change"),
        ("# PROTOCOL 42 : LAMP CHANGE", "LAMP CHANGE", "42", "", "lamp-change"),
        ("# PROTOCOL 05B: LAMP & HORN (DevOps Compliant)", "LAMP & HORN", "05B", "DevOps Compliant", "lamp-horn"),
        ("# PROTOCOL SR: LAMP CHANGE", "LAMP CHANGE", "SR", "", "lamp-change"),
        ("# 🗼 PROTOCOL 7: LAMP CHANGE v2.1", "LAMP CHANGE v2.1", "7", "", "lamp-change"),
        ("# PROTOCOL: LAMP CHANGE", "LAMP CHANGE", "", "", "lamp-change"),
        ("# Rule: Protocol 42 - Lamp Change", "Lamp Change", "42", "", "lamp-change"),
    ],
)
def test_title_number_tag_and_slug_are_kept_apart(title: str, name: str, number: str, tag: str, slug: str) -> None:
    body = text_of("rule.md").split("# Rule: Protocol 42 - Lamp Change")[1]
    protocol = protocol_of(title + body)
    assert (protocol.title, protocol.number, protocol.tag, protocol.slug) == (name, number, tag, slug)


@pytest.mark.req("DOC-03")
def test_the_banner_is_no_heading_and_changes_no_part_but_the_brand() -> None:
    text = text_of("d3_plain.md")
    without = text.split("---\n", 2)[2]
    first, second = protocol_of(text), protocol_of(without)
    assert first.brand == "BEACON WORKS(tm)"
    assert second.brand == ""
    assert [item.id for item in all_steps(first)] == [item.id for item in all_steps(second)]
    assert codes(read(text))["GN0102"] == 1


def test_unknown_keys_of_the_front_matter_are_refused_by_name() -> None:
    text = text_of("rule.md").replace("revision: 3", "bypass: true")
    assert lines_of(read(text), "GN0103") == [5]


@pytest.mark.req("DOC-06", "DOC-08")
def test_every_field_of_a_step_has_its_step() -> None:
    protocol = case("d3_plain.md")
    first = step(protocol, "darkening/warn-all-ships")
    assert first.action.startswith("Call every ship")
    assert [halt.text for halt in first.halts] == ["Stop if any ship has not answered."]
    assert [ref.path for ref in first.evidence] == [".artifacts/lamp/ships-warned.json"]
    assert [message.text for message in first.says] == ["[BEACON | PHASE 1 START] - Going dark at slack water..."]
    polish = step(protocol, "darkening/polish-the-glass")
    assert [(command.example, command.text.split()[1]) for command in polish.commands] == [(True, "scripts/polish.py")]
    horn = step(protocol, "darkening/check-the-horn")
    assert [ref.name for ref in horn.evidence] == ["horn-test.log", "horn-sketch.png"]


@pytest.mark.req("DOC-07", "DOC-08")
def test_fields_after_an_under_indented_list_stay_with_their_sub_step() -> None:
    protocol = case("d6_nested.md")
    owners = {item.id: len(item.halts) for item in all_steps(protocol)}
    assert owners == {
        "lowering/check-the-rope": 1,
        "lowering/do-the-change": 0,
        "lowering/do-the-change/lower-the-old-lamp": 1,
        "lowering/do-the-change/raise-the-new-lamp": 1,
        "lowering/do-the-change/sweep-the-stairs": 0,
    }
    assert all(item.obligation is Obligation.MUST and item.stated for item in all_steps(protocol))


@pytest.mark.req("DOC-10", "DOC-12")
def test_phase_evidence_inline_gates_and_hooks_with_outputs_are_read() -> None:
    protocol = case("d2_generated.md")
    dark, light = protocol.phases
    assert [ref.path for ref in dark.evidence] == [".artifacts/lamp/rope-record.json", ".artifacts/lamp/room.csv"]
    assert [command.expected_output for command in light.commands] == [
        "one line a minute in `.artifacts/lamp/flame.csv`"
    ]
    gates = {gate.id: gate for gate in protocol.gates}
    assert set(gates) == {"darkness-gate", "flame-gate"}
    assert gates["darkness-gate"].phase == "darkening"
    assert gates["darkness-gate"].number == "1"
    assert len(gates["darkness-gate"].origins) == 2
    douse = step(protocol, "relighting/douse")
    assert (douse.conditional, douse.stated) == (True, False)


@pytest.mark.req("DOC-12")
def test_two_statements_of_a_gate_that_differ_are_an_error_with_both_lines() -> None:
    text = text_of("d2_generated.md")
    at = text.rindex("- **Criteria:** Flame steady")
    reading = read(text[:at] + "- **Criteria:** Flame yellow" + text[at + len("- **Criteria:** Flame steady") :])
    finding = next(item for item in reading.findings if item.code == "GN0113")
    assert finding.primary.line > finding.labels[0].origin.line
    assert reading.protocol is not None
    flame = next(gate for gate in reading.protocol.gates if gate.id == "flame-gate")
    assert flame.criteria == ("Flame steady", "Flame yellow")


@pytest.mark.req("DOC-11")
def test_structured_gates_keep_type_purpose_checks_rollback_notice_and_waiver() -> None:
    first, second = case("d6_nested.md").gates
    assert (first.kind, first.purpose) == ("prerequisite", "Nobody stands under a bad rope.")
    assert [clause.metric for clause in first.thresholds] == ["Rope score", "crew metric"]
    assert [clause.metric for clause in first.booleans] == ["rope_check.status", "crew.status"]
    assert first.rollback == "Raise the old lamp."
    assert first.notify == ("Tell the harbour master when a check fails.",)
    assert first.commands[0].text == "python3 scripts/rope.py --ropes all"
    assert isinstance(first.waiver, WaiverForbidden)
    assert first.waiver_written
    assert second.waiver == WaiverByRoles(("Harbour Master", "Pilot"), ("a written risk note",))


@pytest.mark.req("DOC-11")
def test_gates_as_rows_of_a_table_are_gates() -> None:
    dark, flame = case("rule.md").gates
    assert (dark.id, dark.number, [ref.name for ref in dark.evidence]) == ("darkness", "1", ["ships-warned.json"])
    assert flame.commands[0].text == "python scripts/flame.py --all"
    assert [clause.written for clause in flame.thresholds] == ["flickers ≤ 2"]


def test_a_gate_that_is_written_as_a_step_is_a_gate_of_its_phase() -> None:
    gate = case("legacy.md").gates[0]
    assert (gate.id, gate.phase, gate.on_fail) == ("flame-gate", "lighting", "Light the old lamp")
    assert [clause.written for clause in gate.thresholds] == ["flickers ≤ 2"]


def test_script_directives_belong_to_the_step_above_them() -> None:
    wait = step(case("legacy.md"), "darkening/wait-for-slack-water")
    assert [command.text for command in wait.commands] == ["python scripts/dark.py --all"]


def test_a_workflow_wide_halt_list_is_owned_by_the_workflow() -> None:
    protocol = case("odd_columns.md")
    assert [halt.effects for halt in protocol.halts] == [frozenset({HaltEffect.STOP})] * 2
    climb = step(protocol, "getting-ready/climb-the-tower")
    assert [sorted(effect.value for effect in halt.effects) for halt in climb.halts] == [["stop"], ["escalate", "stop"]]


def test_halting_branches_of_a_decision_tree_are_halts_of_the_phase() -> None:
    phase = case("d6_nested.md").phases[0]
    assert [(halt.branch, halt.known) for halt in phase.halts] == [(True, True)]
    assert phase.halts[0].text.startswith("ELSE IF the rope frays")


@pytest.mark.req("DOC-01", "DOC-20")
def test_prerequisites_are_artifacts_approvals_and_states_with_source_and_option() -> None:
    items = case("d3_plain.md").prerequisites
    kinds = [type(item) for item in items]
    assert kinds == [ArtifactRequired] * 3 + [ApprovalRequired] * 2 + [StateRequired] * 2
    assert [item.optional for item in items] == [False, True, False, False, False, False, False]
    audit, _, ropes = (item for item in items if isinstance(item, ArtifactRequired))
    assert (audit.name, audit.source, audit.why) == ("LAMP-AUDIT.zip", "Protocol 41", "proof of stock")
    assert (ropes.name, ropes.also) == ("scripts/rope_*.sh", ("scripts/winch_*.sh",))


@pytest.mark.req("DOC-01", "RGD-01", "RGD-06")
def test_role_mission_guardrails_and_purpose_are_read() -> None:
    protocol = case("d5_reasoned.md")
    assert (protocol.role, protocol.mission) == ("Lamp Keeper", "keep the light")
    assert protocol.purpose == "Change the lamp without losing a ship."
    assert [message.text for message in protocol.guardrails] == ["DO NOT darken the tower while a convoy is in sight."]


@pytest.mark.req("DOC-01", "IOP-01")
def test_exchanges_hooks_messages_and_handoff_are_read() -> None:
    protocol = case("d3_plain.md")
    assert [(item.protocol, item.artifacts) for item in protocol.inputs] == [
        ("Protocol 41", ("LAMP-AUDIT.zip",)),
        ("Protocol 40", ("ROPE-RECORD.json",)),
    ]
    assert [item.protocol for item in protocol.outputs] == ["Protocol 43", "Protocol 44"]
    assert protocol.hooks[1].text == "python scripts/validate_gate_42_dark.py --ships all"
    assert (len(protocol.announcements), len(protocol.prompts), len(protocol.error_messages)) == (3, 1, 1)
    assert [item.text for item in protocol.handoff.items] == [
        "All ships were told that the lamp is lit",
        "The old lamp is stored",
    ]
    assert [command.text for command in protocol.handoff.next_commands] == ["@apply procedures/43-horn-service.md"]
    assert [ref.path for ref in protocol.evidence_table] == [
        ".artifacts/lamp/ships-warned.json",
        ".artifacts/lamp/strike-report.json",
    ]


@pytest.mark.req("DOC-18")
def test_numbers_of_headings_mean_nothing() -> None:
    text = text_of("d3_plain.md")
    numbered = text.replace("## 42. ", "## 7. ")
    bare = text.replace("## 42. ", "## ")
    assert inventory(protocol_of(numbered)) == inventory(protocol_of(text))
    assert inventory(protocol_of(bare)) == inventory(protocol_of(text))


@pytest.mark.req("DOC-04")
def test_comments_mean_nothing_but_a_pinned_name() -> None:
    text = text_of("d5_reasoned.md")
    pinned = text.replace("1. **`[MUST]` Light It:**", "1. **`[MUST]` Light It:** <!-- gn:id=light -->")
    assert [item.id for item in all_steps(protocol_of(pinned))][-1] == "lighting/light"
    hidden = text.replace(
        "1. **`[MUST]` Light It:**", "<!-- **Halt condition:** Stop always. -->\n1. **`[MUST]` Light It:**"
    )
    assert [item.halts[0].text for item in all_steps(protocol_of(hidden)) if item.halts] == [
        item.halts[0].text for item in all_steps(protocol_of(text)) if item.halts
    ]


def test_twins_of_one_title_get_names_of_their_own() -> None:
    text = (
        text_of("d7_appended.md")
        .replace("Raise the Lamp", "Lower the Lamp")
        .replace("PHASE 2: Raising", "PHASE 2: Lowering")
    )
    assert [item.id for item in all_steps(protocol_of(text))] == [
        "lowering/lower-the-lamp",
        "lowering-2/lower-the-lamp",
    ]


@pytest.mark.req("DOC-01")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_line_has_exactly_one_class(name: str) -> None:
    reading = read(text_of(name))
    counts = reading.coverage
    classes = (counts.structure, counts.obligation, counts.note, counts.decoration, counts.comment, counts.ignored)
    assert sum(classes) == counts.lines == sum(1 for line in text_of(name).split("\n") if line.strip())


@pytest.mark.req("DOC-01")
def test_places_are_lines_columns_and_bytes_of_the_original_file() -> None:
    data = text_of("d3_plain.md").encode()
    halt = step(case("d3_plain.md"), "darkening/warn-all-ships").halts[0]
    assert data[halt.origin.byte0 : halt.origin.byte1] == b"Stop if any ship has not answered."
    assert data.split(b"\n")[halt.origin.line - 1][halt.origin.col - 1 :].startswith(b"Stop if")


def test_findings_stand_in_the_order_of_the_document() -> None:
    for name in PROTOCOLS:
        found = [(item.primary.line, item.primary.col) for item in read(text_of(name)).findings]
        assert found == sorted(found)
        assert all(isinstance(item.level, Level) for item in read(text_of(name)).findings)
