"""From a filled form to a document, a sidecar skeleton, an analysis and an acceptance."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from gonogo.document.generating import Generated, generate
from gonogo.document.reading import read_document
from gonogo.findings import Level, forbids
from gonogo.plan.sidecar import read_sidecar
from gonogo.protocol.acceptance import Expected, Item, accept, accepted
from gonogo.protocol.layers import Layer, analyse, report
from gonogo.protocol.model import Handoff, Phase, Protocol, all_steps
from gonogo.protocol.sameness import without_places
from gonogo.terms import Obligation

FORMS = Path(__file__).parents[1] / "cases" / "forms"
WHOLE = ("lamp-phases", "lamp-aliases", "lamp-nested", "lamp-hard")
LIBRARY = files("gonogo.library").joinpath("form-production-deployment.yaml").read_bytes()
SCRIPTS = frozenset(
    f"scripts/{name}" for name in ("validation_gates.py", "deploy_backend.sh", "rollback_backend.sh", "collect_perf.py")
)


def generated(name: str, scripts: frozenset[str] | None = None) -> Generated:
    """What comes of one of the example forms."""
    return generate((FORMS / f"{name}.yaml").read_bytes(), f"{name}.yaml", scripts)


def production() -> tuple[Protocol, Protocol, str]:
    """The built-in form's protocol, its form's model, its document."""
    made = generate(LIBRARY, "form.yaml", SCRIPTS)
    assert made.protocol is not None
    assert made.wanted is not None
    return made.protocol, made.wanted, made.markdown


def sections(markdown: str) -> tuple[str, ...]:
    """The names of the numbered sections in order."""
    return tuple(re.findall(r"^## \d+\. (.*)$", markdown, re.MULTILINE))


@pytest.mark.req("GEN-01")
@pytest.mark.parametrize("name", WHOLE)
def test_a_filled_form_gives_a_document_without_a_question(name: str) -> None:
    made = generated(name)
    assert [str(finding) for finding in made.findings if finding.level is not Level.INFO] == []
    assert made.protocol is not None


@pytest.mark.req("GEN-01")
@pytest.mark.parametrize("name", WHOLE)
def test_the_same_form_gives_the_same_bytes(name: str) -> None:
    assert generated(name) == generated(name)


@pytest.mark.req("GEN-01", "DOC-28")
@pytest.mark.parametrize("name", WHOLE)
def test_the_model_of_the_document_is_the_model_of_the_form(name: str) -> None:
    made = generated(name)
    assert made.protocol is not None
    assert made.wanted is not None
    assert [(s.id, s.obligation, [h.text for h in s.halts]) for s in all_steps(made.protocol)] == [
        (s.id, s.obligation, [h.text for h in s.halts]) for s in all_steps(made.wanted)
    ]
    assert [gate.criteria for gate in made.protocol.gates] == [gate.criteria for gate in made.wanted.gates]
    # A blank line inside a message is layout; every word and mark of it is kept.
    assert [m.text.split() for m in made.protocol.prompts] == [m.text.split() for m in made.wanted.prompts]


@pytest.mark.req("GEN-01")
@pytest.mark.parametrize("name", WHOLE)
def test_halts_instructions_commands_and_prompts_stand_in_the_document_verbatim(name: str) -> None:
    made = generated(name)
    assert made.wanted is not None
    texts = [halt.text for step in all_steps(made.wanted) for halt in step.halts]
    texts += [line for step in all_steps(made.wanted) for line in step.action.split("\n")]
    texts += [message.text for message in made.wanted.prompts]
    texts += [command.text for command in made.wanted.hooks]
    texts += [part for gate in made.wanted.gates for part in gate.criteria]
    assert [text for text in texts if text not in made.markdown] == []


@pytest.mark.req("RDY-05")
def test_the_generated_phase_of_readiness_has_its_inputs_and_its_audit_as_evidence() -> None:
    protocol, _, _ = production()
    ready = protocol.phases[0]
    given = {name: exchange.protocol for exchange in protocol.inputs for name in exchange.artifacts}
    assert {name for name, slug in given.items() if "pre-deployment" in slug} >= {
        "staging-test-results.json", "deployment-checklist.md", "rollback-plan.md", "PRE-DEPLOYMENT-PACKAGE.zip",
    }  # fmt: skip
    assert "quality-audit" in given["QUALITY-AUDIT-PACKAGE.zip"]
    assert [step.title for step in ready.steps] == ["Verify Release Inputs", "Decide Go or No-Go"]
    assert all(step.obligation is Obligation.MUST and step.halts for step in ready.steps)
    assert "readiness-audit.json" in named_in(ready)


@pytest.mark.req("ROL-07")
def test_the_generated_phase_of_deployment_prepares_executes_watches_and_keeps_its_logs() -> None:
    protocol, _, markdown = production()
    phase = protocol.phases[1]
    assert [step.title for step in phase.steps] == ["Deploy the Release", "Confirm Rollback Readiness", "Report Progress"]
    commands = {command.text.split()[1]: command for command in (*phase.commands, *protocol.hooks, *(c for s in phase.steps for c in s.commands))}
    assert commands["scripts/deploy_backend.sh"].expected_output == ".artifacts/deployment/production-deployment-report.json"
    assert commands["scripts/rollback_backend.sh"].conditional
    assert {"production-deployment-report.json", "deployment-health-log.md"} <= named_in(phase)
    assert "bash scripts/deploy_backend.sh" in markdown


@pytest.mark.req("PDV-07")
def test_the_generated_phase_after_the_release_checks_tells_archives_and_has_health_metrics() -> None:
    protocol, _, _ = production()
    phase = protocol.phases[2]
    assert [step.title for step in phase.steps] == ["Validate the Release", "Archive Evidence and Inform"]
    assert {"post-deployment-validation.json", "communications.jsonl", "DEPLOYMENT-EVIDENCE.zip"} <= named_in(phase)
    assert "health metrics" in phase.steps[0].action
    assert [message.text for message in phase.steps[1].says] == [
        "[PHASE 3 COMPLETE] - Release validated. Evidence: DEPLOYMENT-EVIDENCE.zip."
    ]
    scripts = {command.text.split()[1] for command in (*phase.commands, *protocol.hooks, *(c for s in phase.steps for c in s.commands))}
    assert "scripts/collect_perf.py" in scripts


def named_in(phase: Phase) -> set[str]:
    """The evidence files of a phase and of its steps."""
    return {ref.name for ref in (*phase.evidence, *(ref for step in phase.steps for ref in step.evidence))}


@pytest.mark.req("GEN-08", "GEN-04", "GEN-05", "GEN-06", "GEN-07", "NG-01", "NG-03", "IOP-06")
def test_the_built_in_form_gives_the_production_protocol_in_its_shape() -> None:
    protocol, _, markdown = production()
    title = "# PROTOCOL 11: PRODUCTION DEPLOYMENT & RELEASE MANAGEMENT (RELEASE MANAGEMENT COMPLIANT)"
    assert markdown.splitlines()[0] == title
    assert sections(markdown) == (
        "AI ROLE AND MISSION",
        "RELEASE EXECUTION WORKFLOW",
        "INTEGRATION POINTS",
        "QUALITY GATES",
        "COMMUNICATION PROTOCOLS",
        "AUTOMATION HOOKS",
        "HANDOFF CHECKLIST",
    )
    assert [phase.title for phase in protocol.phases] == [
        "Release Readiness Confirmation",
        "Controlled Production Deployment",
        "Post-Release Validation & Communication",
    ]
    assert [gate.name for gate in protocol.gates] == [
        "Go/No-Go Gate",
        "Deployment Success Gate",
        "Post-Release Validation Gate",
    ]
    assert protocol.role == "Release Manager"
    assert all(gate.thresholds for gate in protocol.gates)


@pytest.mark.req("GEN-09", "GEN-10")
def test_evidence_commands_and_conditional_rollback_are_placed_as_required() -> None:
    protocol, _, markdown = production()
    paths = [ref.path for step in all_steps(protocol) for ref in step.evidence]
    paths += [ref.path for phase in protocol.phases for ref in phase.evidence]
    assert all(path.startswith(".artifacts/deployment/") for path in paths)
    assert any(path.endswith(".zip") for path in paths)
    commands = [command for phase in protocol.phases for command in phase.commands]
    assert all(command.expected_output for command in commands)
    assert [c.conditional for c in commands if "rollback" in c.text] == [True]
    for command in commands:
        assert f"```bash\n{command.text}\n```" in markdown


@pytest.mark.req("SHP-01", "GEN-15")
def test_the_generated_production_protocol_is_read_without_findings() -> None:
    _, _, markdown = production()
    assert read_document(markdown.encode(), "p.md").findings == ()
    assert generate(LIBRARY, "form.yaml", SCRIPTS).findings == ()


@pytest.mark.req("GEN-01")
def test_the_sidecar_skeleton_has_every_name_and_cannot_run_unfilled() -> None:
    made = generate(LIBRARY, "form.yaml", SCRIPTS)
    read = read_sidecar(made.sidecar.encode(), "p.gonogo.yaml")
    assert made.protocol is not None
    assert set(read.sidecar.steps) == {step.id for step in all_steps(made.protocol)}
    assert read.sidecar.steps["release-readiness-confirmation/decide-go-or-no-go"].does == "approval"
    assert forbids(read.findings)
    assert {finding.code for finding in read.findings} <= {"GN1004", "GN0702"}


@pytest.mark.req("GEN-14", "GEN-03")
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("faulty-omission", "GN0901", "which phases"),
        ("faulty-script", "GN0602", "is `scripts/strike.sh` meant?"),
        ("faulty-gate", "GN0303", "which number"),
        ("faulty-integration", "GN0503", "which protocol has it?"),
    ],
)
def test_a_faulty_form_asks_its_question_and_may_not_be_written(name: str, code: str, words: str) -> None:
    made = generated(name, frozenset({"scripts/strike.sh"}))
    asked = [finding for finding in made.findings if finding.code == code]
    assert asked
    assert words in " ".join(asked[0].notes)
    assert forbids(made.findings)


@pytest.mark.parametrize("name", ["blank", "interview", "faulty-omission"])
def test_an_unfilled_form_gives_no_protocol(name: str) -> None:
    made = generated(name)
    assert (made.protocol, made.markdown, made.sidecar) == (None, "", "")


@pytest.mark.req("GEN-13")
def test_a_halt_that_was_removed_is_found_by_the_analysis_and_is_back_when_the_form_is_generated_again() -> None:
    _, wanted, markdown = production()
    removed = "   * **Halt condition:** Stop if a required artifact is missing or expired.\n"
    assert removed in markdown
    broken = read_document(markdown.replace(removed, "").encode(), "production.md").protocol
    assert broken is not None
    analysis = analyse(broken, wanted)
    assert analysis.missing_layers() == (Layer.GATES,)
    assert "required artifact is missing or expired" in report(analysis)
    again, _, _ = production()
    assert analyse(again, wanted).whole


@pytest.mark.req("GEN-13")
def test_the_analysis_reports_each_layer_that_has_nothing() -> None:
    protocol, wanted, _ = production()
    empty = replace(protocol, role="", gates=(), phases=(), error_messages=())
    assert set(analyse(empty, wanted).missing_layers()) == set(Layer) - {Layer.LEARNING}
    assert "not whole" in report(analyse(empty, wanted))


def judged(
    protocol: Protocol, names: tuple[str, ...] | None = None, expected: Expected | None = None
) -> dict[str, Item]:
    """The acceptance items by name."""
    _, wanted, markdown = production()
    expected = expected or Expected(wanted=wanted, scripts=SCRIPTS)
    return {item.id: item for item in accept(protocol, names or sections(markdown), expected)}


@pytest.mark.req("GEN-11", "GEN-12", "NG-02", "COM-27", "HND-13", "HND-12")
def test_the_generated_production_protocol_is_accepted() -> None:
    protocol, _, _ = production()
    assert {name: item.detail for name, item in judged(protocol).items() if not item.ok} == {}
    assert accepted(tuple(judged(protocol).values()))


@pytest.mark.req("APR-06")
def test_the_generated_protocol_asks_before_deployment_and_before_the_handoff_to_monitoring() -> None:
    protocol, _, markdown = production()
    texts = [prompt.text for prompt in protocol.prompts]
    assert any("GO/NO-GO" in text and "production" in text for text in texts)
    assert any("monitoring" in text for text in texts)
    assert all(text in markdown for text in texts), "both stand in the document that people read"
    without = replace(protocol, prompts=tuple(prompt for prompt in protocol.prompts if "monitoring" not in prompt.text))
    assert not judged(without)["prompts"].ok


def broken(item: str) -> Protocol:
    """The accepted protocol with one item of the checklist broken."""
    protocol, _, _ = production()
    first = protocol.phases[0]
    gates = tuple(replace(gate, criteria=("errors = 0",), thresholds=(), manual=()) for gate in protocol.gates)
    changes: dict[str, Protocol] = {
        "header": replace(protocol, tag=""),
        "steps": replace(protocol, phases=(replace(first, steps=(replace(first.steps[0], says=()),)),)),
        "integration": replace(protocol, outputs=protocol.outputs[:1]),
        "form": replace(protocol, gates=protocol.gates[:2]),
        "commands": replace(protocol, hooks=(replace(first.commands[0], text="bash scripts/other.sh"),)),
        "prompts": replace(protocol, prompts=protocol.prompts[:1]),
        "success gate": replace(protocol, gates=gates),
        "checklist": replace(protocol, handoff=replace(protocol.handoff, items=protocol.handoff.items[:1])),
        "completion": replace(protocol, handoff=Handoff(protocol.handoff.items)),
    }
    return changes[item]


@pytest.mark.req("GEN-11", "GEN-12")
@pytest.mark.parametrize(
    "item",
    ["header", "steps", "integration", "form", "commands", "prompts", "success gate", "checklist", "completion"],
)
def test_each_broken_item_is_refused_and_says_what_is_wrong(item: str) -> None:
    found = judged(broken(item))
    assert not found[item].ok
    assert found[item].detail


@pytest.mark.req("GEN-11")
def test_missing_and_disordered_sections_are_refused() -> None:
    protocol, _, markdown = production()
    names = sections(markdown)
    assert "HANDOFF is missing" in judged(protocol, names[:-1])["sections"].detail
    assert "out of order" in judged(protocol, (names[1], names[0], *names[2:]))["sections"].detail


def test_nothing_judged_is_nothing_accepted() -> None:
    assert not accepted(())


def test_what_a_form_says_between_the_fields_is_kept_for_people() -> None:
    made = generated("lamp-hard")
    for words in (
        "warns: all",
        "Feeling of the keepers",
        "the log book",
        "before: the flame",
        "Ships come first",
        "E7",
    ):
        assert words in made.markdown
    assert made.protocol is not None
    commands = [c.text for step in all_steps(made.protocol)[:1] for c in step.commands]
    assert commands == ["python scripts/call.py --all --retry 3", "bash scripts/horn.sh"]
    assert [len(step.halts) for step in all_steps(made.protocol)] == [1, 0, 0]
    assert all_steps(made.protocol)[2].id == "phase-1-darkening/warn-all-ships-2"


def test_a_guideline_of_the_form_stays_a_guideline() -> None:
    protocol, _, _ = production()
    guidelines = [step.title for step in all_steps(protocol) if step.obligation is Obligation.GUIDELINE]
    assert guidelines == ["Report Progress"]


def test_generating_twice_from_its_own_model_changes_nothing() -> None:
    protocol, _, markdown = production()
    again = read_document(markdown.encode(), "p.md").protocol
    assert again is not None
    assert without_places(again) == without_places(protocol)
