"""What a real release leaves behind, row by row of the requirements on packages, gates and evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gonogo.terms import RunId
from tests.packages import files_of
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
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    root = tmp_path_factory.mktemp("rows")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        run = project.release("pre-deployment")
        door = project.door()
        data = door.world.vault.read(door.load(run).state.packages["handoff"].sha256, limit=1 << 30)
        lines = (project.root / ".gonogo/announcements.jsonl").read_text().splitlines()
        said = tuple(f"{row['prefix']} {row['text']}" for row in map(json.loads, lines))
        yield Left(project, run, said, files_of(data))


@pytest.mark.req("PKG-05", "REV-06")
def test_phase_four_is_announced_when_it_begins_when_people_are_asked_and_when_it_ends(left: Left) -> None:
    wanted = ("[GONOGO | PHASE 4 START]", "[APPROVAL REQUEST] readiness review", "[GONOGO | PHASE 4 COMPLETE]")
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
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9-]+\.[a-z0-9]+", name)] == []


def test_the_manifest_is_a_summary_of_each_artifact_with_place_gate_and_consumers(left: Left) -> None:
    manifest = json.loads(left.files["evidence-manifest.json"])
    for row in manifest["artifacts"]:
        assert {"name", "paths", "sha256", "size", "consumers", "gate", "required", "producer"} <= row.keys()
        assert all(path in left.files for path in row["paths"])
