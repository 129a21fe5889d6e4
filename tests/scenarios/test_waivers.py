"""A gate that did not pass: who may accept that, for what, how often, and how it is called ever after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gonogo.control.schemas import faults_of
from gonogo.engine.stating import OwnWord
from gonogo.engine.waiving import Wish, covering, waived_findings
from gonogo.errors import BadInput, Refused
from gonogo.evidence.canonical import Tree
from gonogo.evidence.signers import EngineKey, Kind, namespace
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import sign as sign_bytes
from gonogo.evidence.statements import Answer, Signer, statement_bytes, statement_id
from gonogo.evidence.verifying import TrustFiles, verify_package
from gonogo.evidence.verifying_people import gate_course_problems
from gonogo.reports.messages import messages_for
from gonogo.run.events import GateJudged, Recorded
from gonogo.control.run_reports import card_of
from gonogo.run.choosing import ways_on
from gonogo.run.gate import SealedFile, Subject, judge
from gonogo.run.machine import Over, Parked, UseWaiver, decide
from gonogo.run.state import RunState
from gonogo.run.waiving import why_not
from gonogo.terms import Digest, Person, RunId
from tests.command_line import gonogo
from tests.packages import files_of
from tests.prepared import copy_of
from tests.projects import Project, public_line, small_project
from tests.worlds import SimulatedClock
from tests.worlds_http import Place, place

PRE, PRODUCTION = "pre-deployment", "production-deployment"
GATE = "rollback-security-gate"
FINDING = (
    '[{"issue_severity": "HIGH", "issue_confidence": "HIGH", "test_id": "B602", "test_name": "shell",'
    ' "filename": "app.py", "line_number": 3, "issue_text": "shell=True", "code": "x", "line_range": [3],'
    ' "more_info": "https://bandit.example"}]'
)
WISH = Wish(
    justification="the shell is never reached in production",
    risk_assessment="low",
    controls=("the port is closed",),
    risk_owner="sec1",
    follow_up="T-1",
    due=datetime(2030, 1, 1, tzinfo=UTC),
)
ASKER = Person("dev2")


def failing_at_the_gate(root: Path, staging: Place, production: Place) -> Project:
    project = small_project(root / "project", staging, production)
    project.edit("scripts/scan.sh", '"results": []', f'"results": {FINDING}')
    people = "config/release-approvers.yaml"
    project.edit(people, "roles: [product_owner]", "roles: [product_owner, ciso]")
    project.edit(people, "roles: [sre_lead]", "roles: [sre_lead, cto]")
    project.edit(people, "  resume:", f"  waiver_{GATE}: {{all_of: [ciso, cto], quorum: 2}}\n  resume:")
    return project


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, RunId]]:
    root = tmp_path_factory.mktemp("waivers")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = failing_at_the_gate(root, staging, production)
        run = project.release(PRE)
        assert project.view(run).halt.startswith("gate_failed"), project.view(run).halt
        yield project, run


@pytest.fixture
def project(halted: tuple[Project, RunId], tmp_path: Path) -> Project:
    """A copy of the project whose run stands at the gate; nothing of the world is touched from there on."""
    return copy_of(halted[0], tmp_path / "project")


@pytest.fixture
def run(halted: tuple[Project, RunId]) -> RunId:
    return halted[1]


def stored(project: Project, digest: Digest) -> bytes:
    return project.door().world.vault.read(digest)


def ask(project: Project, run: RunId, wish: Wish = WISH) -> str:
    return project.door().ask_waiver(run, GATE, wish, ASKER)


def sign(project: Project, run: RunId, name: str, handle: str, role: str, decision: str = "go") -> None:
    """Let a person answer the request in one of their roles."""
    hand_in(project, run, name, (handle, role), {"decision": decision, "reason": "read and weighed"})


def hand_in(project: Project, run: RunId, name: str, who: tuple[str, str], says: dict[str, Tree]) -> None:
    door = project.door()
    asked, request, _ = door.request(run, name)
    key = project.keys[who[0]]
    now = datetime.now(UTC)
    signer = Signer(who[0], who[0], who[1], public_key(public_line(key)).fingerprint)
    answer = Answer(statement_id(now, os.urandom(10)), now.replace(microsecond=0), "ssh-keygen", says)
    statement = statement_bytes(request, signer, answer)
    signature = sign_bytes(key, statement, namespace(asked.kind, door.load(run).plan.environment))
    door.record(run, name, statement, signature, Person(who[0]))


def grant(project: Project, run: RunId) -> str:
    name = ask(project, run)
    sign(project, run, name, "po1", "ciso")
    sign(project, run, name, "sre1", "cto")
    return name


@pytest.mark.req("GAT-03", "GAT-06")
def test_a_clause_that_failed_says_who_puts_it_right_and_at_which_step(halted: tuple[Project, RunId]) -> None:
    project, run = halted
    door = project.door()
    rows = card_of(door, door.load(run), GATE).clauses
    assert {row.who for row in rows if row.result == "fail"} == {"Security team, Release Manager, at the step “complete security and compliance checks”"}
    assert {row.who for row in rows if row.result == "pass"} == {""}
    planned = card_of(door, door.load(run), "readiness-approval-gate").clauses
    assert all(", at the step “" in row.who for row in planned), [row.who for row in planned]


@pytest.mark.req("WVR-01", "WVR-02", "WVR-04")
def test_a_waived_gate_lets_the_run_go_on_and_is_called_waived_everywhere(project: Project, run: RunId) -> None:
    assert isinstance(project.door().drive(run, patient=False, listener=lambda state, entry: None), Parked)
    name = grant(project, run)
    assert project.go_on(run) == Over("ready"), project.view(run).halt
    state = project.state(run)
    assert state.judgements[GATE].verdict == "waived"
    assert state.rounds[name].status == "used"
    gates = {gate.id: gate.verdict for gate in project.view(run).gates}
    assert gates[GATE] == "waived"
    assert "waived" in (project.root / ".artifacts/pre-deployment/RUN-REPORT.md").read_text()
    said = (project.root / ".gonogo/announcements.jsonl").read_text()
    assert "Rollback & Security Gate passed" not in said
    waivers = project.evidence(run, "gate-waivers.json")["waivers"]
    assert faults_of("gate-waivers", stored(project, state.evidence["gate-waivers.json"].digest), "w") == ()
    assert faults_of("gate-judgement", stored(project, state.judgements[GATE].digest), "j") == ()
    (accepted,) = waivers[0]["findings"]
    assert (accepted["severity"], accepted["component"]) == ("high", "app.py:3")
    door = project.door()
    assert waived_findings(door.world, state) == {accepted["fingerprint"]: name}
    later = replace(door.world, clock=SimulatedClock(door.world.clock.now() + timedelta(days=4)))
    assert waived_findings(later, state) == {}, "a waiver ends, and its findings are open again"
    assert [(item["id"], item["state"], item["requested_by"]) for item in waivers] == [(name, "granted", "dev2")]
    assert {item["person"] for item in waivers[0]["signatures"]} == {"po1", "sre1"}
    assert waivers[0]["judgement_sha256"] == state.judgements[GATE].digest


@pytest.mark.req("REV-02", "F8")
def test_the_review_lists_the_accepted_risk_and_who_owes_what_until_when(project: Project, run: RunId) -> None:
    name = grant(project, run)
    project.go_until(run, "readiness")
    asked = next(item for item in project.door().requests(run) if item.point == "readiness")
    says = {"decision": "go", "reason": "fine", "risks_accepted": [{"id": "R-7", "text": "peak load is not tried", "owner": "rm1"}]}
    project.sign(run, asked, "rm1", **says)
    assert project.go_on(run) == Over("ready")
    body = project.evidence(run, "readiness-approval.json")
    risks = [(row["id"], row["state"], row["accepted_by"]) for row in body["risks"]]
    assert risks == [("R-7", "accepted", "rm1"), (name, "accepted", "po1, sre1")]
    assert body["risks"][1]["mitigation"] == "the port is closed"
    items = [(row["text"], row["owner"], row["due"], row["state"]) for row in body["action_items"]]
    assert items == [(f"T-1: put gate {GATE} right", "sec1", "2030-01-01T00:00:00Z", "open")]
    assert body["readiness_approval"]["status"] == "approved"


@pytest.mark.req("WVR-01")
def test_the_package_of_a_waived_run_verifies_and_shows_the_waiver(project: Project, run: RunId) -> None:
    grant(project, run)
    project.go_on(run)
    data, trust = handoff(project, run)
    found = verify_package(data, trust, datetime.now(UTC), anchor_needed=False)
    assert found.exit_code == 0, str(found)
    assert [path for path in files_of(data) if path.endswith("gate-waivers.json")]
    assert [path for path in files_of(data) if path.startswith(f"approvals/waiver_{GATE}-1/")]


def handoff(project: Project, run: RunId) -> tuple[bytes, TrustFiles]:
    door = project.door()
    data = door.world.vault.read(door.load(run).state.packages["handoff"].sha256, limit=1 << 30)
    engine = EngineKey("local", public_key(door.world.key.public_line()))
    return data, TrustFiles(replace(door.world.ring(), engines=(engine,)))


@pytest.mark.req("WVR-05")
def test_production_accepts_a_granted_waiver_and_says_that_it_is_one(project: Project, run: RunId) -> None:
    grant(project, run)
    project.go_on(run)
    after = project.begin(PRODUCTION)
    project.go_until(after, "production")
    body = project.evidence(after, "deployment-readiness-checklist.json")
    waived = {item["name"]: item for item in body["items"] if "waived" in item}
    assert set(waived) == {"security-compliance-report.json"}
    assert waived["security-compliance-report.json"]["rejudged"] == "fail"
    assert waived["security-compliance-report.json"]["waived"] == f"waiver_{GATE}-1"


@pytest.mark.req("WVR-04", "WVR-05")
def test_a_waiver_covers_nothing_for_production_once_its_time_is_over_or_a_value_changed(
    project: Project, run: RunId
) -> None:
    name = grant(project, run)
    project.go_on(run)
    door = project.door()
    loaded = door.load(run)
    files = {
        item.name: SealedFile(item.name, item.digest, door.world.vault.read(item.digest), item.stage, item.status)
        for item in loaded.state.evidence.values()
    }
    now = door.world.clock.now()
    judged = judge(loaded.plan.gates[GATE], files, Subject(run, loaded.plan.release.digest), now)
    assert covering(door.world, loaded.state, judged, now) == name
    assert covering(door.world, loaded.state, judged, now + timedelta(days=4)) == ""
    worse = replace(judged, clauses=tuple(replace(item, measured="critical") for item in judged.clauses))
    assert covering(door.world, loaded.state, worse, now) == ""


@pytest.mark.req("WVR-05")
def test_a_run_with_a_pending_request_goes_nowhere(project: Project, run: RunId) -> None:
    name = ask(project, run)
    sign(project, run, name, "po1", "ciso")
    assert isinstance(project.door().drive(run, patient=False, listener=lambda state, entry: None), Parked)
    assert project.view(run).waiting[0].missing == ("cto (sre1)",)
    with pytest.raises(Refused, match="is open already"):
        ask(project, run)


@pytest.mark.req("WVR-06", "t61_waiver_abuse")
def test_who_asked_for_a_waiver_or_opened_the_run_cannot_grant_it(project: Project, run: RunId) -> None:
    name = project.door().ask_waiver(run, GATE, WISH, Person("po1"))
    with pytest.raises(Refused, match="rule A16"):
        sign(project, run, name, "po1", "ciso")
    refused = [entry for entry in project.door().world.journal.entries(run) if entry.type == "approval.refused"]
    assert refused[-1].data["rule"] == "A16"
    assert refused[-1].data["kind"] == "waiver"


@pytest.mark.req("WVR-02")
def test_nobody_but_the_roles_of_the_rule_grants_a_waiver(project: Project, run: RunId) -> None:
    name = ask(project, run)
    with pytest.raises(Refused, match="rule A5"):
        sign(project, run, name, "rm1", "release_manager")


@pytest.mark.req("WVR-01")
def test_a_refused_waiver_stays_on_record_and_another_one_may_be_asked_for(project: Project, run: RunId) -> None:
    first = ask(project, run)
    sign(project, run, first, "po1", "ciso", "no_go")
    assert isinstance(project.door().drive(run, patient=False, listener=lambda state, entry: None), Parked)
    second = grant(project, run)
    assert project.go_on(run) == Over("ready")
    waivers = project.evidence(run, "gate-waivers.json")["waivers"]
    assert [(item["id"], item["state"]) for item in waivers] == [(first, "refused"), (second, "granted")]


@pytest.mark.req("t61_waiver_abuse")
def test_a_waiver_dies_when_the_gate_is_judged_anew(project: Project, run: RunId) -> None:
    name = ask(project, run)
    sign(project, run, name, "po1", "ciso")
    project.lift(run)
    assert isinstance(project.go_on(run), Parked)
    state = project.state(run)
    assert state.rounds[name].status == "voided"
    assert state.judgements[GATE].attempt == 2
    with pytest.raises(Refused, match="voided"):
        sign(project, run, name, "sre1", "cto")


@pytest.mark.req("t61_waiver_abuse")
def test_an_expired_waiver_carries_nothing_although_everybody_signed(project: Project, run: RunId) -> None:
    grant(project, run)
    loaded = project.door().load(run)
    now = loaded.state.at
    assert now is not None
    assert isinstance(decide(loaded.plan, loaded.state, now), UseWaiver)
    assert isinstance(decide(loaded.plan, loaded.state, now + timedelta(days=4)), Parked)


@pytest.mark.req("t61_waiver_abuse")
def test_a_waiver_whose_signer_was_removed_meanwhile_is_void_at_use(project: Project, run: RunId) -> None:
    name = grant(project, run)
    text = (project.root / "config/release-approvers.yaml").read_text()
    project.write("config/release-approvers.yaml", text.replace("roles: [sre_lead, cto]", "roles: [sre_lead]"))
    assert isinstance(project.door().drive(run, patient=False, listener=lambda state, entry: None), Parked)
    assert project.state(run).rounds[name].status == "voided"


@pytest.mark.req("WVR-02", "C32")
def test_each_of_the_four_gates_is_waived_as_its_document_permits_and_by_nobody_else(
    project: Project, run: RunId
) -> None:
    plan = project.door().load(run).plan
    rules = {rule.id: why_not(rule, plan.ring) for rule in plan.gates.values()}
    assert rules[GATE] == ""
    assert "is not in the approvers file" in rules["intake-confirmation-gate"]
    assert "permits no waiver" in rules["deployment-rehearsal-gate"]
    assert "permits no waiver" in rules["readiness-approval-gate"]
    decision = plan.ring.decisions[f"waiver_{GATE}"]
    alone = replace(plan.ring, decisions={f"waiver_{GATE}": replace(decision, all_of=decision.all_of[:1])})
    assert "asks for CTO" in why_not(plan.gates[GATE], alone)


@pytest.mark.req("WVR-01")
def test_what_the_document_asks_for_has_to_be_in_the_request(project: Project, run: RunId) -> None:
    with pytest.raises(BadInput, match="compensating controls"):
        ask(project, run, replace(WISH, controls=()))
    with pytest.raises(BadInput, match="justification"):
        ask(project, run, replace(WISH, justification=" "))


def test_a_gate_at_which_the_run_does_not_stand_cannot_be_waived(project: Project, run: RunId) -> None:
    with pytest.raises(Refused, match="stands at gate"):
        project.door().ask_waiver(run, "intake-confirmation-gate", WISH, ASKER)


@pytest.mark.req("WVR-03", "C32")
def test_the_message_of_a_failed_gate_offers_a_waiver_only_where_one_is_possible(project: Project, run: RunId) -> None:
    halt = project.view(run).halt
    assert f"gonogo waive {run} {GATE} --justification" in halt
    assert "request gate waiver with justification" in (project.root / ".gonogo/announcements.jsonl").read_text()
    plan = project.door().load(run).plan
    alone = replace(plan, ring=replace(plan.ring, decisions={}))
    told = GateJudged(GATE, 1, "fail", Digest("0" * 64))
    found = messages_for(alone, RunState(), Recorded(1, datetime.now(UTC), Person("x"), told))
    assert "no waiver: `decisions.waiver_" in found[0].text
    assert "request gate waiver" not in found[0].text


def test_an_objection_is_signed_shown_and_stops_nothing(project: Project, run: RunId) -> None:
    name = project.door().ask_own(run, OwnWord(Kind.DISSENT, "release"), Person("qe1"))
    hand_in(project, run, name, ("qe1", "quality_engineer"), {"reason": "too early"})
    waiver = ask(project, run)
    _, _, shown = project.door().request(run, waiver)
    assert "objection on record: qe1" in shown.decode()
    sign(project, run, waiver, "po1", "ciso")
    sign(project, run, waiver, "sre1", "cto")
    assert project.go_on(run) == Over("ready")
    data, trust = handoff(project, run)
    assert verify_package(data, trust, datetime.now(UTC), anchor_needed=False).exit_code == 0


@pytest.mark.req("t61_waiver_abuse", "C20")
def test_a_run_that_went_on_from_a_failed_gate_is_found_in_its_log(project: Project, run: RunId) -> None:
    grant(project, run)
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    entries = project.door().world.journal.entries(run)
    assert gate_course_problems(entries) == []
    without = [entry for entry in entries if entry.type != "approval.consumed"]
    assert "went on although gate/rollback-security-gate#judge was fail" in gate_course_problems(without)[0]
    unjudged = [entry for entry in entries if entry.type != "gate.judged"]
    assert "was not judged" in gate_course_problems(unjudged)[0]


@pytest.mark.req("t61_waiver_abuse")
def test_the_stand_alone_verifier_takes_a_package_with_a_waiver(project: Project, run: RunId, tmp_path: Path) -> None:
    grant(project, run)
    project.go_on(run)
    data, trust = handoff(project, run)
    folder = tmp_path / "trust"
    folder.mkdir()
    for name in ("policy.json", "allowed_signers", "revoked_keys"):
        (folder / name).write_bytes(files_of(data)[f"trust/{name}"])
    assert trust.ring.engines
    (tmp_path / "p.zip").write_bytes(data)
    (tmp_path / "verify.py").write_bytes(files_of(data)["verify.py"])
    command = [sys.executable, "-I", "verify.py", "p.zip", "--trust", "trust", "--no-anchor-needed"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_waiver_is_asked_for_and_answered_from_the_command_line(project: Project, run: RunId) -> None:
    here = ("-C", project.root)
    said = gonogo("waive", run, GATE, "--justification", "why", "--control", "c", "--as", "dev2", "--json", *here)
    assert said.code == 0, said.err
    assert json.loads(said.out)["round"] == f"waiver_{GATE}-1"
    assert gonogo("waive", run, GATE, *here).code == 64
    status = gonogo("status", run, *here).out
    assert f"gonogo waive {run} {GATE} --key" in status


@pytest.mark.req("COM-13")
def test_a_halted_run_asks_for_a_decision_with_options_pros_and_cons_and_the_choice_is_an_event(
    project: Project, run: RunId, tmp_path: Path
) -> None:
    door = project.door()
    loaded = door.load(run)
    said = [
        (str(entry.data["prefix"]), door.world.vault.read(Digest(str(entry.data["text_sha256"]))).decode())
        for entry in loaded.entries
        if entry.type == "message.announced"
    ]
    asked = dict(said)["[RAY DECISION REQUIRED]"]
    shown = gonogo("decide", run, "--project", project.root, "--json").json()
    assert [option["option"] for option in shown["options"]] == ["A", "B", "C", "D"]
    for option in shown["options"]:
        assert option["description"] and option["pros"] and option["cons"]
        assert f"{option['option']}: {option['description']} (for: {option['pros']}; against: {option['cons']})" in asked
    key = tmp_path / "rm1"
    form = serialization.PrivateFormat.OpenSSH
    key.write_bytes(project.keys["rm1"].private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    key.chmod(0o600)
    Path(f"{key}.pub").write_text(f"{public_line(project.keys['rm1'])}\n")
    who = ("--key", key, "--yes", "--as", "dev2", "--project", project.root)
    assert gonogo("decide", run, "E", "--reason", "x", *who).code == 64
    assert gonogo("decide", run, "B", *who).code == 64
    done = gonogo("decide", run, "b", "--reason", "the port is closed anyway", *who)
    assert done.code == 0, done.err
    assert f"gonogo waive {run} {GATE}" in done.out
    entries = project.door().load(run).entries
    event = next(entry for entry in reversed(entries) if entry.type == "approval.recorded")
    assert (event.data["person"], event.data["round"]) == ("rm1", "resume_way-1")
    listed = gonogo("decide", run, "--project", project.root, "--json").json()["chosen"]
    assert [(item["choice"], item["person"], item["reason"]) for item in listed] == [("B", "rm1", "the port is closed anyway")]
    assert project.state(run).halted is not None, "a choice moves nothing by itself"
    assert "resume_way" not in gonogo("status", run, "--project", project.root).out, "nobody is waited for"


@pytest.mark.req("COM-13", "C32")
def test_a_gate_that_nobody_may_waive_offers_no_waiver(project: Project, run: RunId) -> None:
    loaded = project.door().load(run)
    without = replace(loaded.plan, ring=replace(loaded.plan.ring, decisions={}))
    assert [way.letter for way in ways_on(without, loaded.state)] == ["A", "B", "C"]
    assert not any("waiver" in way.text for way in ways_on(without, loaded.state))
    assert ways_on(loaded.plan, replace(loaded.state, halted=None)) == ()
