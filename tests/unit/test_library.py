"""The built-in documents, their sidecars and the annotated examples (SHP-01..10, PG, DG, AG, CFG-04, CFG-11)."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypedDict

import pytest

from gonogo.document.formatting import format_document
from gonogo.document.reading import read_document
from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.evidence.canonical import Tree
from gonogo.findings import Finding, Level
from gonogo.plan.activities import ACTIVITIES
from gonogo.plan.approvers import read_approvers
from gonogo.plan.bindings import read_project
from gonogo.plan.compiling import compile_plan
from gonogo.plan.sources import Source, Sources
from gonogo.plan.model import Decide, Plan
from gonogo.plan.sidecar import Sidecar, metric_key, read_sidecar
from gonogo.protocol.artifacts import follow
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
from gonogo.protocol.rules.checking import lint
from gonogo.protocol.threshold import Clause, Number, Ref, Word
from gonogo.terms import Obligation, digest_of

NAMES = ("pre-deployment", "production-deployment", "deployment-automation")

MANIFEST = b"""{"release": {"id": "shop-v2", "version": "2.0.0"}, "services": [{"name": "web", "artifact": "web.tar",
"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "version": "2.0.0", "owner": "sam",
"rollback": "scripts/rollback_web.sh"}], "changes": [{"id": "c1", "title": "search", "security_impact": "no"}]}"""


class GateCase(TypedDict):
    """What a gate has to be: each clause as `file/pointer operator limit`, its evidence, whom it tells."""

    name: str
    id: str
    clauses: list[str]
    evidence: list[str]
    notified: list[str]


class DocumentCase(TypedDict):
    """What a built-in document has to be; `phases` has an M for each MUST step and a G for each GUIDELINE step."""

    phases: list[str]
    artifacts: list[str]
    approvals: int
    states: list[str]
    gates: list[GateCase]
    outputs: dict[str, list[str]]
    scripts: list[str]


CASES: dict[str, DocumentCase] = json.loads(
    (Path(__file__).parent.parent / "cases" / "library" / "documents.json").read_text(encoding="utf-8")
)
"""By the name of the built-in document."""

EXTERNAL = frozenset(
    {
        "QUALITY-AUDIT-PACKAGE.zip",
        "INTEGRATION-EVIDENCE.zip",
        "UAT-CLOSURE-PACKAGE.zip",
        "uat-approval-record.json",
        "script-compliance.json",
        "environment-validation-report.json",
        "release-manifest.json",
        "audit-report.json",
        "test-coverage.json",
        "security-scan-results.json",
    }
)
"""Artifacts that other protocols make and that are therefore declared as coming from outside."""


@cache
def stored(name: str) -> bytes:
    """The bytes of a file of the library, as they are installed."""
    return resources.files("gonogo.library").joinpath(name).read_bytes()


@cache
def document(name: str) -> Protocol:
    """The built-in document as it is read."""
    found = read_document(stored(f"{name}.md"), f"{name}.md").protocol
    assert found is not None
    return found


@cache
def binding(name: str) -> Sidecar:
    """The sidecar beside a built-in document."""
    return read_sidecar(stored(f"{name}.gonogo.yaml"), f"{name}.gonogo.yaml").sidecar


def heavy(findings: tuple[Finding, ...]) -> list[str]:
    """Errors and warnings, as text."""
    return [str(finding) for finding in findings if finding.level is not Level.INFO]


def marks(steps: tuple[Step, ...]) -> str:
    """M for each MUST step, G for each GUIDELINE step."""
    return "".join("M" if step.obligation is Obligation.MUST else "G" for step in steps)


def limit_of(clause: Clause) -> str:
    """The limit as it is compared: percentages as ratios."""
    match clause.limit:
        case Number(value):
            return f"{value.normalize():f}"
        case Word(text):
            return text
        case Ref(name):
            return name
        case _:
            return str(clause.limit)


@pytest.mark.req("SHP-01")
@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_document_is_read_without_an_error_or_a_warning(name: str) -> None:
    reading = read_document(stored(f"{name}.md"), f"{name}.md")
    assert heavy(reading.findings) == []
    assert reading.protocol is not None
    assert reading.protocol.slug == name
    assert reading.encoding == "utf-8"
    assert heavy(lint(reading.protocol, bound=frozenset(binding(name).refs))) == []


@pytest.mark.req("SHP-01")
@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_document_is_formatted_already(name: str) -> None:
    assert format_document(stored(f"{name}.md"), f"{name}.md").diff == ""


@pytest.mark.req("SHP-02", "SHP-03", "SHP-04", "SHP-05", "SHP-06", "SHP-07", "SHP-08", "SHP-09", "SHP-10")
@pytest.mark.parametrize("name", NAMES)
def test_phases_hold_the_required_steps_in_order_and_each_phase_has_its_gate(name: str) -> None:
    protocol = document(name)
    assert [marks(phase.steps) for phase in protocol.phases] == CASES[name]["phases"]
    assert [gate.name for gate in protocol.gates] == [gate["name"] for gate in CASES[name]["gates"]]
    assert all(step.stated and not step.conditional and not step.substeps for step in all_steps(protocol))


@pytest.mark.req("DOC-08", "SHP-01")
@pytest.mark.parametrize("name", NAMES)
def test_every_binding_step_says_what_is_done_what_is_said_when_to_stop_and_what_proves_it(name: str) -> None:
    for step in all_steps(document(name)):
        if step.obligation is not Obligation.MUST:
            continue
        assert step.action, step.id
        assert step.says, step.id
        assert len(step.halts) == 1, step.id
        assert step.halts[0].known, step.halts[0].text
        assert step.evidence, step.id


@pytest.mark.req("C43", "C44", "C83", "C84")
@pytest.mark.parametrize(
    ("name", "activity"),
    [
        ("pre-deployment", "baseline"),
        ("pre-deployment", "operations"),
        ("pre-deployment", "checklist"),
        ("production-deployment", "retrospective"),
        ("deployment-automation", "performance"),
    ],
)
def test_steps_whose_evidence_a_gate_or_a_handoff_needs_bind(name: str, activity: str) -> None:
    bound = {step.id: step for step in all_steps(document(name))}
    (found,) = [bound[key] for key, way in binding(name).steps.items() if way.does == activity]
    assert found.obligation is Obligation.MUST


@pytest.mark.req("ARB-01", "ARB-02", "SOK-02", "FRZ-04", "APR-03")
@pytest.mark.parametrize(
    ("name", "activity", "effect"),
    [
        ("pre-deployment", "intake", HaltEffect.STOP),
        ("pre-deployment", "parity", HaltEffect.PAUSE),
        ("pre-deployment", "review", HaltEffect.PAUSE),
        ("production-deployment", "freeze", HaltEffect.HOLD),
        ("production-deployment", "approval", HaltEffect.HOLD),
        ("production-deployment", "rollout", HaltEffect.ROLLBACK),
        ("production-deployment", "post_checks", HaltEffect.ROLLBACK),
        ("production-deployment", "health_window", HaltEffect.ESCALATE),
        ("production-deployment", "release_report", HaltEffect.HOLD),
        ("deployment-automation", "connectivity", HaltEffect.HOLD),
        ("deployment-automation", "staging_deploy", HaltEffect.HOLD),
        ("deployment-automation", "approval", HaltEffect.HOLD),
        ("deployment-automation", "rollout", HaltEffect.ROLLBACK),
        ("deployment-automation", "smoke", HaltEffect.ROLLBACK),
    ],
)
def test_halts_have_the_effect_that_the_step_needs(name: str, activity: str, effect: HaltEffect) -> None:
    bound = {step.id: step for step in all_steps(document(name))}
    (found,) = [bound[key] for key, way in binding(name).steps.items() if way.does == activity]
    assert effect in {kind for halt in found.halts for kind in halt.effects}


@pytest.mark.req("PRE-02", "PRE-03", "PRE-04", "PRE-05", "PRE-13", "PRE-14", "PRE-15", "PRE-16", "PRE-17", "PRE-24")
@pytest.mark.parametrize("name", NAMES)
def test_prerequisites_name_every_artifact_and_none_is_optional(name: str) -> None:
    found = [item for item in document(name).prerequisites if isinstance(item, ArtifactRequired)]
    assert [item.name for item in found] == CASES[name]["artifacts"]
    assert not any(item.optional for item in found)
    assert all(item.source for item in found)


@pytest.mark.req("PRE-07", "PRE-08", "PRE-09", "PRE-18", "PRE-19", "PRE-20", "PRE-10", "PRE-12", "PRE-21", "PRE-22")
@pytest.mark.parametrize("name", NAMES)
def test_every_required_approval_has_a_decision_point_and_every_required_state_a_probe(name: str) -> None:
    approvals = [item for item in document(name).prerequisites if isinstance(item, ApprovalRequired)]
    states = [item for item in document(name).prerequisites if isinstance(item, StateRequired)]
    assert len(approvals) == len(binding(name).approvals) == CASES[name]["approvals"]
    assert len(states) == len(binding(name).states)
    assert list(binding(name).states) == CASES[name]["states"]


@pytest.mark.req("PG1-02", "PG1-03", "PG2-02", "PG2-03", "PG3-02", "PG3-03", "PG4-02", "PG4-03", "DG1-02", "DG2-02")
@pytest.mark.req("DG3-02", "DG4-02", "AG1-01", "AG2-01", "AG3-01", "C37", "GAT-09")
@pytest.mark.parametrize("name", NAMES)
def test_every_clause_of_every_gate_is_a_comparison_of_one_value_in_one_file(name: str) -> None:
    metrics = binding(name).metrics
    found = {}
    for gate in document(name).gates:
        clauses = (*gate.thresholds, *gate.booleans)
        bound = [(clause, metrics[metric_key(clause.metric)]) for clause in clauses]
        found[gate.id] = [f"{at.file}{at.pointer} {clause.op.value} {limit_of(clause)}" for clause, at in bound]
        assert gate.manual == ()
    assert found == {gate["id"]: gate["clauses"] for gate in CASES[name]["gates"]}


@pytest.mark.req("PG1-04", "PG2-04", "PG3-04", "PG4-04", "DG1-03", "DG2-03", "DG3-03", "DG4-03", "AG1-02", "AG2-02")
@pytest.mark.parametrize("name", NAMES)
def test_gates_judge_files_that_a_binding_step_writes(name: str) -> None:
    protocol = document(name)
    written = {ref.name for step in all_steps(protocol) if marks((step,)) == "M" for ref in step.evidence}
    found = [[ref.name for ref in gate.evidence] for gate in protocol.gates]
    assert found == [gate["evidence"] for gate in CASES[name]["gates"]]
    assert {file for files in found for file in files} <= written
    assert {at.file for at in binding(name).metrics.values()} <= written


@pytest.mark.req("PG1-01", "PG2-01", "PG3-01", "PG4-01", "PG1-06", "PG2-06", "PG3-06", "PG4-06", "DG3-04", "DG4-04")
@pytest.mark.parametrize("name", NAMES)
def test_every_gate_has_a_type_a_purpose_named_metrics_and_a_way_on_after_a_failure(name: str) -> None:
    for gate in document(name).gates:
        assert gate.kind.casefold() in {"prerequisite", "execution", "completion"}, gate.id
        assert gate.purpose, gate.id
        assert gate.metrics, gate.id
        assert gate.on_fail or gate.rollback, gate.id


@pytest.mark.req("PG1-05", "PG2-05", "PG3-05", "PG4-05")
@pytest.mark.parametrize("name", NAMES)
def test_clauses_compare_units_that_fit_their_limits(name: str) -> None:
    for gate in document(name).gates:
        for clause in (*gate.thresholds, *gate.booleans):
            unit = binding(name).metrics[metric_key(clause.metric)].unit
            match clause.limit:
                case Word(text):
                    assert unit in {"word", "severity", "flag"}, clause.written
                    assert (unit == "flag") == (text in {"true", "false"}), clause.written
                case Ref():
                    assert unit == "duration", clause.written
                case _:
                    assert unit in {"ratio", "count"}, clause.written


@pytest.mark.req("PG1-07", "PG2-07", "PG3-07", "PG4-07", "DG-11", "AG1-03", "AG2-03")
@pytest.mark.parametrize("name", NAMES)
def test_every_gate_names_whom_to_tell(name: str) -> None:
    told = [[group.casefold() for group in gate.notify] for gate in document(name).gates]
    assert told == [gate["notified"] for gate in CASES[name]["gates"]]


@pytest.mark.req("PG1-08", "PG2-08", "PG3-08", "PG4-08", "DG-10", "NG-04", "C67")
@pytest.mark.parametrize("name", NAMES)
def test_only_two_gates_of_pre_deployment_can_be_waived(name: str) -> None:
    rules = {gate.id: gate.waiver for gate in document(name).gates}
    intake = rules.pop("intake-confirmation-gate", None)
    security = rules.pop("rollback-security-gate", None)
    assert all(isinstance(rule, WaiverForbidden) for rule in rules.values())
    if name != "pre-deployment":
        return
    assert isinstance(intake, WaiverByRoles)
    assert isinstance(security, WaiverByRoles)
    assert [role.casefold().replace(" ", "_") for role in intake.roles] == ["release_manager"]
    assert [role.casefold() for role in security.roles] == ["ciso", "cto"]
    assert intake.needs
    assert security.needs


@pytest.mark.req("RGD-01", "RGD-02", "RGD-03", "RGD-04", "RGD-06")
@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("pre-deployment", "Release Engineer"),
        ("production-deployment", "Release Manager"),
        ("deployment-automation", "DevOps Engineer"),
    ],
)
def test_role_mission_and_guardrail_stand_in_the_document_and_the_role_in_its_binding(name: str, role: str) -> None:
    protocol = document(name)
    assert protocol.role == role == binding(name).role
    assert protocol.mission
    assert len(protocol.guardrails) == 1
    assert "DO NOT" in protocol.guardrails[0].text


@pytest.mark.req("IOP-01", "IOP-02", "IOP-03", "IOP-04", "IOP-05", "HND-12")
@pytest.mark.parametrize("name", NAMES)
def test_outputs_go_to_the_protocols_that_are_named_and_artifacts_flow_between_the_three(name: str) -> None:
    for exchange in document(name).outputs:
        (target,) = [slug for slug in CASES[name]["outputs"] if slug.replace("-", " ") in exchange.protocol.casefold()]
        assert list(exchange.artifacts) == CASES[name]["outputs"][target]
    assert len(document(name).outputs) == len(CASES[name]["outputs"])
    assert binding(name).next_protocol in CASES[name]["outputs"]
    flow = follow([document(other) for other in NAMES], EXTERNAL)
    assert [str(finding) for finding in flow.findings] == []
    assert ("pre-deployment", "production-deployment", "PRE-DEPLOYMENT-PACKAGE.zip") in {
        (transfer.source, transfer.target, transfer.artifact) for transfer in flow.transfers
    }


@pytest.mark.req("COM-03", "COM-04", "COM-09", "COM-10", "COM-16", "COM-22")
@pytest.mark.parametrize("name", NAMES)
def test_every_phase_announces_its_start_and_its_end(name: str) -> None:
    protocol = document(name)
    said = "\n".join(message.text for message in protocol.announcements)
    starts, ends = (
        (r"\[DEPLOYMENT PHASE (\d)\] - ", r"\[DEPLOYMENT PHASE (\d) COMPLETE\] - ")
        if name == "deployment-automation"
        else (
            r"\[MASTER RAY™ \| PHASE (\d) START\] - ",
            r"\[MASTER RAY™ \| PHASE (\d) COMPLETE\] - .* Evidence: \S+\.$",
        )
    )
    numbers = [str(index) for index, _ in enumerate(protocol.phases, start=1)]
    assert re.findall(starts, said) == numbers
    assert re.findall(ends, said, re.MULTILINE) == numbers
    assert protocol.prompts
    assert protocol.error_messages


@pytest.mark.req("HND-01", "HND-04", "DOC-20")
@pytest.mark.parametrize("name", NAMES)
def test_boxes_of_the_handoff_checklist_are_open_and_the_evidence_table_lists_what_steps_write(name: str) -> None:
    protocol = document(name)
    assert len(protocol.handoff.items) == (6 if name == "deployment-automation" else 7)
    assert not any(item.ticked_in_text for item in protocol.handoff.items)
    listed = {ref.name for ref in protocol.evidence_table}
    judged = {ref.name for gate in protocol.gates for ref in gate.evidence}
    twins = {name for name in judged if name.endswith(".json")} - listed
    assert judged - twins <= listed


@pytest.mark.req("CMD-01", "CMD-21", "CMD-31", "CMD-41", "CMD-42", "CMD-43", "CMD-44")
@pytest.mark.parametrize("name", NAMES)
def test_automation_hooks_name_the_commands_of_the_protocol(name: str) -> None:
    hooks = [command.text for command in document(name).hooks]
    assert [re.findall(r"scripts/(\w+)\.py", hook) for hook in hooks] == [[script] for script in CASES[name]["scripts"]]


@pytest.mark.req("CFG-11", "SHP-01")
@pytest.mark.parametrize("name", NAMES)
def test_a_sidecar_binds_every_step_to_an_activity_and_nothing_else(name: str) -> None:
    reading = read_sidecar(stored(f"{name}.gonogo.yaml"), f"{name}.gonogo.yaml")
    assert heavy(reading.findings) == []
    sidecar = reading.sidecar
    assert sidecar.protocol == sidecar.name == name
    assert list(sidecar.steps) == [step.id for step in all_steps(document(name))]
    assert {step.does for step in sidecar.steps.values()} <= set(ACTIVITIES)
    used = {metric_key(clause.metric) for gate in document(name).gates for clause in (*gate.thresholds, *gate.booleans)}
    named = {metric_key(metric) for gate in document(name).gates for metric in gate.metrics}
    assert used <= set(sidecar.metrics) <= used | named
    assert set(sidecar.rollback_gates) <= {gate.id for gate in document(name).gates}


@pytest.mark.req("C1", "C9")
def test_numbers_are_aliases_and_no_number_means_two_built_in_protocols() -> None:
    aliases = [alias for name in NAMES for alias in binding(name).aliases]
    assert aliases == ["10", "14", "11", "15", "6"]
    assert [document(name).number for name in NAMES] == ["14", "11", "6"]


@pytest.mark.req("DG3-04", "AG2-03", "AG3-03")
def test_a_failed_launch_rolls_production_back_and_staging_protocols_never_do() -> None:
    assert binding("pre-deployment").rollback_gates == ()
    assert binding("production-deployment").rollback_gates == ("production-launch-gate",)
    assert binding("deployment-automation").rollback_gates == (
        "deployment-success-gate",
        "post-deployment-validation-gate",
    )


def compiled(name: str, project: bytes) -> tuple[Plan | None, list[str]]:
    """A built-in protocol bound to a project and to the example of the approvers."""
    sources = Sources(
        Source(f"{name}.md", stored(f"{name}.md")),
        Source(f"{name}.gonogo.yaml", stored(f"{name}.gonogo.yaml")),
        Source("gonogo.yaml", project),
        Source("release-manifest.json", MANIFEST),
        Source("release-approvers.yaml", stored("release-approvers.example.yaml")),
        {"scripts/deploy_web.sh": digest_of(b"deploy"), "scripts/rollback_web.sh": digest_of(b"rollback")},
    )
    compilation = compile_plan(sources)
    return compilation.plan, heavy(compilation.findings)


@pytest.mark.req("SHP-01", "CFG-11", "DOC-13")
@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_protocol_compiles_with_the_example_project_into_a_plan(name: str) -> None:
    plan, findings = compiled(name, stored("gonogo.example.yaml"))
    assert findings == []
    assert plan is not None
    assert {gate: len(rule.clauses) for gate, rule in plan.gates.items()} == {
        gate["id"]: len(gate["clauses"]) for gate in CASES[name]["gates"]
    }
    asked = {task.act.point for stage in plan.stages for task in stage.tasks if isinstance(task.act, Decide)}
    assert set(binding(name).approvals) <= asked


@pytest.mark.req("RBK-04", "COM-12")
def test_without_a_recovery_time_objective_pre_deployment_does_not_compile() -> None:
    project = stored("gonogo.example.yaml").replace(b"  rto: 10m", b"  recovery: 10m")
    plan, findings = compiled("pre-deployment", project)
    assert plan is None
    assert any("GN0304" in finding and "RTO" in finding for finding in findings)


@pytest.mark.req("CFG-11")
def test_the_annotated_project_example_is_read_without_a_finding() -> None:
    reading = read_project(stored("gonogo.example.yaml"), "gonogo.yaml")
    assert [str(finding) for finding in reading.findings] == []


@pytest.mark.req("CFG-04")
def test_the_example_of_the_approvers_is_read_without_a_finding_and_covers_every_decision() -> None:
    reading = read_approvers(stored("release-approvers.example.yaml"), "release-approvers.yaml")
    assert [str(finding) for finding in reading.findings] == []
    wanted = {
        "audit_recommendation scope staging_clearance readiness authorisation monitoring_coverage security_signoff",
        "scope_confirmation production resume",
    }
    assert set(" ".join(wanted).split()) <= set(reading.ring.decisions)
    assert reading.ring.freeze_stakeholders


def comments_above(text: str) -> dict[str, bool]:
    """For each line of the example that opens a key: whether a comment stands right above it or above its list.

    A key that goes together with none of the others is shown as a comment of its own: `# batch: 25%`.
    """
    explained: dict[str, bool] = {}
    previous = ""
    for line in text.splitlines():
        found = re.match(r"\s*(?:- |# )?([a-z_]+):", line)
        if found:
            explained[found[1]] = explained.get(found[1], False) or previous.lstrip(" -").startswith("#")
        previous = line
    return explained


def spoilt(node: Node) -> Tree:
    """The same tree with a key in each mapping that nobody knows; JSON is YAML, so it can be read again."""
    match node:
        case Pairs(values):
            return {"nobody_knows_this": "x"} | {key: spoilt(value) for key, value in values.items()}
        case Items(items):
            return [spoilt(item) for item in items]
        case Scalar(text):
            return text


@pytest.mark.req("CFG-11")
def test_the_project_example_shows_and_explains_every_key_that_the_reader_knows() -> None:
    data = stored("gonogo.example.yaml")
    reading = read_project(json.dumps(spoilt(read_yaml(data, "gonogo.yaml"))).encode(), "gonogo.yaml")
    unknown = [finding for finding in reading.findings if finding.code == "GN1003"]
    known = {key for finding in unknown for key in finding.notes[0].removeprefix("known here: ").split(", ")}
    explained = comments_above(data.decode())
    assert {"scans", "at_most", "repeatable", "digest_header"} <= known
    assert sorted(key for key in known if not explained.get(key)) == []
