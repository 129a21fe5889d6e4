"""What a real release leaves behind, row by row of the requirements on packages, gates and evidence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from gonogo.control.trust.checkpoints_held import checkpoints_held
from gonogo.control.learning.quality import completeness, integrity
from gonogo.evidence.ledger import Entry, next_entry
from gonogo.evidence.note import NoteKey, verify_note
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.tlog_proof import read_proof
from gonogo.evidence.wire import strings
from gonogo.evidence.retention import ACTIVE, ARCHIVED_YEARS
from gonogo.reports.quality import quality
from gonogo.run.events import GateJudged, Recorded
from gonogo.run.machine import AwaitPeople
from gonogo.run.state import RunState
from gonogo.terms import RunId, digest_of
from tests.command_line import gonogo
from tests.packages import files_of
from tests.prepared import Rehearsed
from tests.projects import Project, small_project
from tests.worlds_http import place

FINDING = (
    '[{"issue_severity": "HIGH", "issue_confidence": "HIGH", "test_id": "B602", "test_name": "shell",'
    ' "filename": "app.py", "line_number": 3, "issue_text": "shell=True", "code": "x", "line_range": [3],'
    ' "more_info": "https://bandit.example"}]'
)


@dataclass(frozen=True)
class Left:
    """A finished pre-deployment run, its messages, and the files of its last package."""

    project: Project
    run: RunId
    messages: tuple[str, ...]
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def left(rehearsal: Rehearsed, tmp_path_factory: pytest.TempPathFactory) -> Left:
    project, run = rehearsal.copy(tmp_path_factory.mktemp("rows") / "project"), rehearsal.run
    door = project.door()
    data = door.world.vault.read(door.load(run).state.packages["handoff"].sha256, limit=1 << 30)
    lines = (project.root / ".gonogo/announcements.jsonl").read_text().splitlines()
    said = tuple(f"{row['prefix']} {row['text']}" for row in map(json.loads, lines))
    return Left(project, run, said, files_of(data))


@pytest.mark.req("PKG-05", "REV-06")
def test_phase_four_is_announced_when_it_begins_when_people_are_asked_and_when_it_ends(left: Left) -> None:
    wanted = ("[MASTER RAY™ | PHASE 4 START]", "[APPROVAL REQUEST] readiness review", "[MASTER RAY™ | PHASE 4 COMPLETE]")
    places = [next(at for at, text in enumerate(left.messages) if text.startswith(word)) for word in wanted]
    assert places == sorted(places)


@pytest.mark.req("GAT-03")
def test_each_judgement_records_its_clauses_with_values_limits_and_digests(left: Left) -> None:
    judgements = [json.loads(data) for path, data in left.files.items() if path.startswith("gates/")]
    assert {body["type"] for body in judgements} == {"prerequisite", "execution", "completion"}
    digests = [path for path in left.files if path.startswith("evidence/")]
    assert digests
    for body in judgements:
        assert body["purpose"]
        assert body["judged_at"]
        assert body["producer"]["kind"] == "engine"
        assert all(re.fullmatch(r"[0-9a-f]{64}", row["sha256"]) for row in body["evidence"])
        for clause in body["clauses"]:
            assert {"text", "origin", "measured", "operator", "limit", "unit", "limit_from", "result"} <= clause.keys()


@pytest.mark.req("GAT-06")
def test_the_plan_of_a_failed_gate_names_the_clause_and_the_step_that_can_turn_it(left: Left, tmp_path: Path) -> None:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        project = small_project(tmp_path / "project", staging, production)
        project.edit("scripts/scan.sh", '"results": []', f'"results": {FINDING}')
        run = project.release("pre-deployment")
        body = project.evidence(run, "gate-rollback-security-gate.json")
    plan = body["plan"]
    assert isinstance(plan, list)
    assert plan
    failing = {row["text"] for row in body["clauses"] if row["result"] != "pass"}
    assert {row["clause"] for row in plan} == failing
    assert {row["who"] for row in plan} == {
        "rollback-security-and-operational-readiness/complete-security-and-compliance-checks"
    }
    assert left.run != run


@pytest.mark.req("EVS-04")
def test_the_manifest_names_who_uses_each_artifact_afterwards(left: Left) -> None:
    manifest = json.loads(left.files["evidence-manifest.json"])
    consumers = {row["name"]: " ".join(row["consumers"]) for row in manifest["artifacts"]}
    gates = {row["name"]: row.get("gate") for row in manifest["artifacts"]}
    assert gates["intake-validation-report.json"] == "intake-confirmation-gate"
    assert gates["staging-parity-report.json"] == "intake-confirmation-gate"
    assert "Monitoring" in consumers["staging-test-results.json"]
    assert "Incident Response" in consumers["rollback-verification-report.json"]
    downstream = {(row["artifact"], row["protocol"]) for row in manifest["dependencies"]["downstream"]}
    assert ("PRE-DEPLOYMENT-PACKAGE.zip", "Protocol 15 (Production Deployment)") in downstream


@pytest.mark.req("EVS-09")
def test_every_artifact_is_named_by_a_name_and_one_extension(left: Left) -> None:
    manifest = json.loads(left.files["evidence-manifest.json"])
    names = [row["name"] for row in manifest["artifacts"]]
    assert names
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9-]+\.[a-z0-9]+", name.rpartition("/")[2])] == []


def test_the_manifest_is_a_summary_of_each_artifact_with_place_gate_and_consumers(left: Left) -> None:
    manifest = json.loads(left.files["evidence-manifest.json"])
    for row in manifest["artifacts"]:
        assert {"name", "paths", "sha256", "size", "consumers", "gate", "required", "producer"} <= row.keys()
        assert all(path in left.files for path in row["paths"])


def envelopes(files: dict[str, bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in files["attestations.intoto.jsonl"].splitlines()]


def said(envelope: Envelope) -> dict[str, object]:
    found = json.loads(envelope.payload)
    assert isinstance(found, dict)
    return found


def read_by_another_library(left: Left) -> dict[str, list[dict[str, object]]]:
    """Every machine statement by predicate type, each verified by a library that knows nothing of ours."""
    line = left.project.door().world.key.public_line()
    # That library picks the key by its id, which for us is decoration.
    key = SSlibKey.from_crypto(load_ssh_public_key(line.encode()), keyid=public_key(line).fingerprint)
    found: dict[str, list[dict[str, object]]] = {}
    for row in envelopes(left.files):
        envelope = Envelope.from_dict(row)
        assert envelope.payload_type == "application/vnd.in-toto+json"
        assert len(envelope.verify([key], 1)) == 1
        statement = said(envelope)
        found.setdefault(str(statement["predicateType"]), []).append(statement)
    return found


@pytest.mark.req("EVS-16")
def test_another_library_reads_and_verifies_every_machine_statement(left: Left) -> None:
    found = read_by_another_library(left)
    judged = found["urn:gonogo:predicate:gate-judgement:v1"]
    assert [row["predicate"]["verdict"] for row in judged] == ["pass"] * 4
    assert {row["predicate"]["gate"] for row in judged} == {
        json.loads(data)["gate"] for path, data in left.files.items() if path.startswith("gates/")
    }
    for row in judged:
        names = {subject["name"]: subject["digest"]["sha256"] for subject in row["subject"]}
        assert names["release-manifest.json"] == digest_of(left.files["release/release-manifest.json"])
        assert set(names) > {evidence["name"] for evidence in row["predicate"]["evidence"]}
        assert all({"id", "unit", "sha256"} <= clause.keys() for clause in row["predicate"]["clauses"])
        assert {"run_id", "state", "protocol", "policy", "evaluator", "checkpoint"} <= row["predicate"].keys()
    line = left.project.door().world.key.public_line()
    other = SSlibKey.from_crypto(Ed25519PrivateKey.generate().public_key(), keyid=public_key(line).fingerprint)
    with pytest.raises(VerificationError):
        Envelope.from_dict(envelopes(left.files)[0]).verify([other], 1)


def test_other_tools_find_the_standard_predicates_about_the_artefacts(left: Left) -> None:
    found = read_by_another_library(left)
    manifest = json.loads(left.files["release/release-manifest.json"])
    digests = {service["digest"] for service in manifest["services"]}
    for kind in ("test-result/v0.1", "vulns/v0.2", "svr/v0.2"):
        (statement,) = found[f"https://in-toto.io/attestation/{kind}"]
        assert {subject["digest"]["sha256"] for subject in statement["subject"]} == digests
    tests = found["https://in-toto.io/attestation/test-result/v0.1"][0]["predicate"]
    assert (tests["result"], tests["failedTests"]) == ("PASSED", [])
    assert tests["passedTests"]
    assert all(re.fullmatch("[0-9a-f]{64}", row["digest"]["sha256"]) for row in tests["configuration"])
    vulns = found["https://in-toto.io/attestation/vulns/v0.2"][0]["predicate"]
    assert vulns["scanner"]["result"] == []
    assert vulns["metadata"]["scanFinishedOn"].endswith("Z")
    parts = found["https://cyclonedx.org/bom"][0]["predicate"]
    assert parts["bomFormat"] == "CycloneDX"
    svr = found["https://in-toto.io/attestation/svr/v0.2"][0]["predicate"]
    assert svr["verifier"]["policies"]
    assert svr["properties"] == [
        "GONOGO_REHEARSED",
        "GONOGO_ROLLBACK_WITHIN_RTO",
        "GONOGO_SECURITY_CLEAR",
        "GONOGO_STAGING_PARITY",
    ]


@pytest.mark.req("P9")
def test_the_package_shows_that_its_run_is_one_of_the_population(left: Left) -> None:
    door = left.project.door()
    ring = door.load(left.run).plan.ring
    raw = strings(public_key(door.world.key.public_line()).blob, 2, "the engine key")[1]
    proven = read_proof(left.files["proofs/opened.tlog-proof"], [NoteKey(ring.site, raw)], name="opened")
    assert proven.entry == door.world.journal.site()[proven.entry.seq]
    assert proven.entry.data["run"] == left.run
    assert json.loads(left.files["seal.json"])["predicate"]["site_log"] == {"origin": ring.site, "index": proven.entry.seq}


POINTS = ("gate.judged", "approval.requested", "approval.recorded", "task.intended")


@pytest.mark.req("EVS-16", "A15")
def test_the_log_is_signed_at_each_judgement_request_record_and_intent_and_at_its_close(left: Left) -> None:
    door = left.project.door()
    entries = door.load(left.run).entries
    made = {entry.data["size"] for entry in entries if entry.type == "checkpoint.made"}
    for kind in POINTS:
        points = [entry for entry in entries if entry.type == kind]
        assert points, kind
        for point in points:
            signed = next(entry for entry in entries[point.seq :] if entry.type == "checkpoint.made")
            between = {entry.type for entry in entries[point.seq + 1 : signed.seq]}
            assert between <= {"task.finished"}, f"{kind}: {between}"
            assert signed.data["size"] == signed.seq
    (closed,) = [entry for entry in door.world.journal.site() if entry.type == "run.closed"]
    ring = door.load(left.run).plan.ring
    raw = strings(public_key(door.world.key.public_line()).blob, 2, "the engine key")[1]
    note = verify_note(door.world.vault.read(closed.data["checkpoint_sha256"]), NoteKey(ring.site, raw))
    (end,) = [entry for entry in entries if entry.type == "run.closed"]
    assert (note.size, note.origin) == (end.seq + 1, f"{ring.site}/{left.run}")
    assert len(made) > 10


@pytest.mark.req("EVS-16", "t05_rewrite_log")
def test_a_log_that_was_written_anew_differs_from_what_was_signed(left: Left) -> None:
    door = left.project.door()
    opened = door.load(left.run)
    site = opened.plan.ring.site
    whole = checkpoints_held(door, left.run, site, opened.entries)
    assert whole.ok, whole.detail
    anew: list[Entry] = []
    for entry in opened.entries:
        data = {**entry.data, "host": "another"} if entry.type == "run.opened" else entry.data
        last = anew[-1] if anew else None
        anew.append(next_entry(last, ts=entry.ts, type=entry.type, actor=entry.actor, data=data))
    found = checkpoints_held(door, left.run, site, anew)
    assert not found.ok
    assert "differs from what was signed" in found.detail
    assert not checkpoints_held(door, left.run, "another-site", opened.entries).ok


@pytest.mark.req("EVS-01", "EVS-02")
def test_the_summary_tells_of_each_artifact_where_it_lies_what_for_for_whom_and_what_was_measured(left: Left) -> None:
    body = json.loads(gonogo("evidence", "list", "--run", left.run, "--json", "-C", left.project.root).out)
    rows = {row["name"]: row for row in body["evidence"]}
    parity = rows["staging-parity-report.json"]
    assert parity["purpose"] == "Differences of the two environments"
    assert parity["gate"] == "intake-confirmation-gate"
    assert "Performance" in parity["consumers"]
    assert all((left.project.root / place).is_file() for row in rows.values() for place in row["location"])
    assert any("parity" in name.lower() for name in parity["metrics"])
    assert all(value is not None for value in parity["metrics"].values())
    text = gonogo("evidence", "list", "--run", left.run, "-C", left.project.root).out
    assert "used by" in text
    assert "required artifacts are present and verified" in text


@pytest.mark.req("EVS-07")
def test_runs_scans_and_sign_offs_have_folders_of_their_own(left: Left) -> None:
    for folder in ("pre-deployment", "protocol-14"):
        place = left.project.root / ".artifacts" / folder
        for sub, name in (
            ("staging-logs", "staging-deployment-run.log"),
            ("security-scans", "security-compliance-report.json"),
            ("approvals", "readiness-approval.json"),
        ):
            assert (place / sub / name).read_bytes() == (place / name).read_bytes()


@pytest.mark.req("EVS-17")
def test_completeness_and_integrity_name_the_gap(left: Left) -> None:
    door = left.project.door()
    opened = door.load(left.run)
    whole, joined = completeness(door, opened), integrity(door, opened)
    assert whole.good == whole.whole > 5, whole.lacking
    assert joined.good == joined.whole > 3, joined.lacking
    path = door.world.vault.path(opened.state.evidence["rehearsal-report.json"].digest)
    kept = path.read_bytes()
    path.unlink()
    try:
        gap = completeness(door, opened)
        assert (gap.good, gap.lacking) == (whole.good - 1, ("rehearsal-report.json",))
        assert quality("x", Decimal(1), [gap]).status == "missed"
    finally:
        path.write_bytes(kept)
    upstream = left.project.root / next(iter(opened.plan.project.artifacts.values())).path
    moved = upstream.rename(upstream.with_suffix(".away"))
    try:
        assert any(words.startswith("input ") for words in integrity(door, opened).lacking)
    finally:
        moved.rename(upstream)


@pytest.mark.req("EVS-05", "C17")
def test_quality_over_runs_has_target_actual_and_status(left: Left) -> None:
    body = json.loads(gonogo("metrics", "quality", "--json", "-C", left.project.root).out)["quality"]
    rows = {row["metric"]: row for row in body}
    assert {name: row["target"] for name, row in rows.items()} == {
        "pre-deployment gate 2 pass rate": "0.95",
        "production gate 3 pass rate": "0.98",
        "evidence completeness": "1",
        "integration integrity": "1",
    }
    assert rows["pre-deployment gate 2 pass rate"]["status"] == "met"
    assert rows["production gate 3 pass rate"] | {"counts": []} == {
        "metric": "production gate 3 pass rate",
        "target": "0.98",
        "actual": None,
        "status": "nothing to measure",
        "counts": [],
    }
    assert "target 95 %" in gonogo("metrics", "quality", "-C", left.project.root).out


@pytest.mark.req("ARC-08")
def test_the_handoff_package_says_how_it_is_archived(left: Left) -> None:
    page = left.files["reports/archival-strategy.md"].decode()
    assert f"{ACTIVE.days} days" in page
    assert f"{ARCHIVED_YEARS} years" in page
    assert "closure of the project" in page
    names = set(left.files)
    assert {"packages/PRE-DEPLOYMENT-PACKAGE.zip", "evidence-manifest.json", "traceability.json"} <= names
    assert {"README-VERIFY.txt", "verify.py", "verify.sh"} <= names
    readiness = left.project.door().load(left.run).state.packages["readiness"]
    assert digest_of(left.files["packages/PRE-DEPLOYMENT-PACKAGE.zip"]) == readiness.sha256
    rows = {row["artifact"]: row for row in json.loads(left.files["traceability.json"])["rows"]}
    checklist = rows["pre-deployment-manifest.json"]
    assert checklist["step"]
    assert all(re.fullmatch("[0-9a-f]{64}", row["sha256"]) for row in rows["gate-rollback-security-gate.json"]["from"])
    seal = json.loads(left.files["seal.json"])["predicate"]
    assert seal["anchoring"] == {"required": 0, "keepers": 0, "covers": seal["sequence"], "level": "not anchored"}


@pytest.mark.req("PKG-04", "PKG-03")
@pytest.mark.parametrize("damage", ["missing evidence", "checksum"])
def test_a_package_that_cannot_be_built_says_why_and_is_built_again_with_the_failed_attempt_on_record(
    damage: str, tmp_path: Path
) -> None:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        project = small_project(tmp_path / "project", staging, production)
        run = project.begin("pre-deployment")
        kept: dict[Path, bytes] = {}

        def spoil(state: RunState, entry: Recorded) -> None:
            sealed = state.evidence.get("security-compliance-report.json")
            if sealed is not None and not kept:
                path = project.door().world.vault.path(sealed.digest)
                kept[path] = path.read_bytes()

        def before_packing(state: RunState, entry: Recorded) -> None:
            spoil(state, entry)
            event = entry.event
            if isinstance(event, GateJudged) and event.gate == "rollback-security-gate":
                for path in kept:
                    path.unlink()
                    if damage == "checksum":
                        path.write_bytes(b"{}")

        while isinstance(project.door().drive(run, patient=False, listener=before_packing), AwaitPeople):
            project.sign_all(run)
        opened = project.door().load(run)
        failed = next(e for e in opened.entries if e.type == "task.finished" and "package_cause" in e.data["facts"])
        assert failed.data["facts"]["package_cause"] == damage.replace(" ", "_")
        assert failed.data["outcome"] == "failed"
        assert opened.state.halted is not None
        words = project.door().world.vault.read(failed.data["detail"]).decode()
        assert f"({damage})" in words
        assert "next:" in words
        for path, data in kept.items():
            path.unlink(missing_ok=True)
            path.write_bytes(data)
        project.lift(run)
        project.go_on(run)
        opened = project.door().load(run)
        assert opened.state.packages["readiness"]
        assert failed in opened.entries
