"""Packages of real releases judged again from their raw evidence, and everything that then comes to light."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gonogo.control.audit.verifying_given import Asked, verify_given
from gonogo.engine.recomputing import recompute
from gonogo.evidence.ledger import Entry, read_log
from gonogo.evidence.verifying import Check
from gonogo.terms import RunId, digest_of
from tests.command_line import gonogo
from tests.packages import LOG, changed, files_of, packed, rechained, with_data
from tests.projects import Project, small_project
from tests.unit.test_git_history import commit, git
from tests.worlds_http import place

PRE, PRODUCTION = "pre-deployment", "production-deployment"
GATE = "gates/staging-validation-1.json"


@dataclass(frozen=True)
class Released:
    """A project that released, its two runs, and its packages."""

    project: Project
    runs: tuple[RunId, RunId]
    packages: dict[str, bytes]


def package(project: Project, run: RunId, kind: str) -> bytes:
    door = project.door()
    return door.world.vault.read(door.load(run).state.packages[kind].sha256, limit=1 << 30)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    root = tmp_path_factory.mktemp("recompute")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        name_revisions(project)
        before = project.release(PRE)
        assert project.state(before).outcome == "ready", project.view(before).halt
        run = project.release(PRODUCTION)
        assert project.state(run).outcome == "released", project.view(run).halt
        wanted = {"readiness": before, "handoff": before, "deployment": run}
        yield Released(project, (before, run), {kind: package(project, of, kind) for kind, of in wanted.items()})


def name_revisions(project: Project) -> None:
    """Make the project a repository in which a listed person and a developer changed something since the last release."""
    project.edit("config/release-approvers.yaml", "  - id: qe1\n", "  - id: qe1\n    identities: [Qe1@acme.example]\n")
    project.edit(
        "config/release-approvers.yaml",
        "  audit_recommendation: {all_of: [quality_engineer]}",
        "  audit_recommendation: {all_of: [quality_engineer], not_author: false}",
    )
    text = (project.root / "config/release-approvers.yaml").read_text()
    text = text.replace("quorum: 2}", "quorum: 2, unmapped_authors: allow}").replace(
        "]}\n", "], unmapped_authors: allow}\n"
    )
    project.write("config/release-approvers.yaml", text)
    git(project.root, "init", "-q", "-b", "main")
    first = commit(project.root, "one", "Old <old@acme.example>")
    commit(project.root, "two", "QE <qe1@acme.example>")
    last = commit(project.root, "three", "Dev <dev@acme.example>")
    path = "releases/v2/release-manifest.json"
    manifest = json.loads((project.root / path).read_text())
    manifest["release"] |= {"revision": last, "previous_revision": first}
    project.write(path, json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def failing(checks: tuple[Check, ...]) -> dict[str, str]:
    return {check.name: check.detail for check in checks if not check.ok}


@pytest.mark.req("GAT-01", "EVS-16", "P5")
@pytest.mark.parametrize("kind", ["readiness", "handoff", "deployment"])
def test_every_gate_of_a_package_comes_to_the_same_answer_from_the_package_alone(released: Released, kind: str) -> None:
    checks = recompute(released.packages[kind])
    assert [check.name for check in checks] == ["plan", "gates again", "shown again", "judge again"]
    assert failing(checks) == {}


@pytest.mark.req("ARB-01", "P5")
def test_the_judge_comes_to_its_answers_again_from_the_samples_of_the_package_and_of_the_run(released: Released) -> None:
    found = {check.name: check.detail for check in recompute(released.packages["deployment"])}
    assert found["judge again"].endswith("beside their samples: 1 bit for bit")
    told = gonogo("judge", "replay", released.runs[1], "--json", "-C", released.project.root)
    assert told.code == 0, told.err
    body = json.loads(told.out)
    assert [(each["answer"], each["how"]) for each in body["answers"]] == [("go", "bit for bit")]
    assert body["points"][-1]["answer"] == "go"
    assert len(body["points"]) >= body["answers"][0]["sample"] - 1
    assert gonogo("judge", "replay", released.runs[0], "-C", released.project.root).code == 2, "nothing was rolled out there"


@pytest.mark.req("ARB-01", "t04_engine_key_edit")
def test_one_changed_sample_is_found_although_the_whole_log_was_made_anew(released: Released) -> None:
    samples = [entry for entry in read_log(files_of(released.packages["deployment"])[LOG]) if entry.type == "metrics.sampled"]
    told = samples[2]

    def edit(entry: Entry) -> Entry:
        if entry.seq != told.seq:
            return entry
        slots = {name: list(counts) for name, counts in entry.data["slots"].items()}
        next(iter(slots.values()))[0] += 1
        return with_data(entry, slots=slots)

    assert "other samples were judged" in failing(recompute(rechained(released.packages["deployment"], edit)))["judge again"]


@pytest.mark.req("GAT-02")
def test_judging_again_changes_no_byte_of_what_is_judged(released: Released) -> None:
    data = released.packages["deployment"]
    before = digest_of(data)
    recompute(data)
    assert digest_of(data) == before


def test_a_package_holds_everything_that_its_plan_is_compiled_from_and_no_address(released: Released) -> None:
    files = files_of(released.packages["deployment"])
    assert {path for path in files if path.startswith("protocol/")} == {
        "protocol/production-deployment.md",
        "protocol/production-deployment.gonogo.yaml",
        "protocol/production-deployment.gonogo.lock.json",
        "protocol/gonogo.yaml",
    }
    assert not [path for path, data in files.items() if b"@acme.example" in data]


@pytest.mark.req("t01_edit_evidence")
def test_evidence_that_was_made_better_after_the_judgement_is_found(released: Released) -> None:
    path = evidence(released, "staging-test-results.json")
    data = changed(released.packages["handoff"], path, b'"failed": 0', b'"failed": 1')
    assert "gives error" in failing(recompute(data))["gates again"]


def evidence(released: Released, name: str) -> str:
    return next(path for path in files_of(released.packages["handoff"]) if path.endswith(f"/{name}"))


@pytest.mark.req("t04_engine_key_edit")
def test_worse_evidence_under_a_passed_gate_is_found_although_the_whole_log_was_made_anew(released: Released) -> None:
    path = evidence(released, "staging-test-results.json")
    data = changed(released.packages["handoff"], path, b'"failed": 0', b'"failed": 1')
    digest = digest_of(files_of(data)[path])

    def edit(entry: Entry) -> Entry:
        sealed = entry.type == "evidence.sealed" and entry.data["name"] == "staging-test-results.json"
        return with_data(entry, sha256=digest) if sealed else entry

    assert "recorded is pass, but the evidence gives" in failing(recompute(rechained(data, edit)))["gates again"]


def test_a_verdict_that_the_engine_only_claims_is_found(released: Released) -> None:
    path = next(name for name in files_of(released.packages["handoff"]) if name.startswith("gates/"))
    data = changed(released.packages["handoff"], path, b'"verdict": "pass"', b'"verdict": "fail"')
    digest = digest_of(files_of(data)[path])
    gate = json.loads(files_of(data)[path])["gate"]

    def edit(entry: Entry) -> Entry:
        judged = entry.type == "gate.judged" and entry.data["gate"] == gate
        return with_data(entry, verdict="fail", judgement_sha256=digest) if judged else entry

    assert "recorded is fail, but the evidence gives pass" in failing(recompute(rechained(data, edit)))["gates again"]


def test_a_judgement_that_claims_another_measured_value_is_found(released: Released) -> None:
    files = files_of(released.packages["handoff"])
    path = next(name for name in files if name.startswith("gates/"))
    body = json.loads(files[path])
    body["clauses"][0]["measured"] = "0.97"
    found = failing(recompute(packed({**files, path: json.dumps(body).encode()})))
    assert "measured is recorded as 0.97" in found["gates again"]


def test_a_judgement_that_claims_another_time_is_found(released: Released) -> None:
    files = files_of(released.packages["handoff"])
    path = next(name for name in files if name.startswith("gates/"))
    body = json.loads(files[path]) | {"judged_at": "2020-01-01T00:00:00.000Z"}
    found = failing(recompute(packed({**files, path: json.dumps(body).encode()})))
    assert "but recorded at" in found["gates again"]


@pytest.mark.req("t60_midrun_edit")
def test_a_looser_limit_in_the_project_file_of_the_package_is_found(released: Released) -> None:
    data = changed(released.packages["handoff"], "protocol/gonogo.yaml", b"rto: 30s", b"rto: 90s")
    assert "is not the one that the run was bound to" in failing(recompute(data))["plan"]


def test_a_package_without_what_its_plan_is_compiled_from_is_not_taken_for_judged_again(released: Released) -> None:
    files = files_of(released.packages["handoff"])
    del files["protocol/gonogo.yaml"]
    checks = recompute(packed(files))
    assert [check.ok for check in checks] == [False]


@pytest.mark.req("t26_blind_signing")
def test_a_text_that_was_shown_and_does_not_follow_from_the_log_is_found(released: Released) -> None:
    files = files_of(released.packages["handoff"])
    path = next(name for name in files if name.endswith("readiness-1/request.json"))
    body = files[path].replace(b"is ready for production", b"is nearly ready")
    found = failing(recompute(packed({**files, path: body})))
    assert "shown something else" in found["shown again"]


@pytest.mark.req("ARC-07", "REV-08")
def test_verify_judges_again_and_finds_the_authors_in_a_copy_of_the_repository(
    released: Released, tmp_path: Path
) -> None:
    project = released.project
    zipped = tmp_path / "p.zip"
    zipped.write_bytes(released.packages["deployment"])
    trust = trust_folder(project, tmp_path)
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", str(project.root), str(copy))
    said = gonogo("verify", zipped, "--trust", trust, "--no-anchor-needed", "--recompute", "--repo", copy, "--json")
    assert said.code == 0, said.out
    details = {row["name"]: row["detail"] for row in json.loads(said.out)["checks"]}
    assert "comes to the same answer" in details["gates again"]
    assert "changed by qe1, unmapped:" in details["authors"]


def trust_folder(project: Project, tmp_path: Path) -> Path:
    """What an auditor gets from the audited side by another way: people, and the key of the engine."""
    folder = tmp_path / "trust"
    folder.mkdir()
    files = files_of(package(project, project.door().runs()[-1], "deployment"))
    (folder / "policy.json").write_bytes(files["trust/policy.json"])
    return folder


@pytest.mark.req("t14_own_change")
def test_authors_that_the_signers_were_not_told_of_are_found_in_the_repository(
    released: Released, tmp_path: Path
) -> None:
    zipped = tmp_path / "p.zip"
    zipped.write_bytes(released.packages["deployment"])
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit(other, "one")
    asked = Asked(trust_folder(released.project, tmp_path), repo=other, anchored=False)
    found = verify_given(zipped, asked, released.project.door().world.clock.now())
    assert found.exit_code == 2
    assert "is not in this repository" in str(found)


@pytest.mark.req("A16")
def test_who_changed_the_release_cannot_approve_it(released: Released) -> None:
    for line in files_of(released.packages["deployment"])["log/log.jsonl"].splitlines():
        assert b"acme.example" not in line
    requests = [
        json.loads(data)["predicate"]
        for path, data in files_of(released.packages["handoff"]).items()
        if path.endswith("/request.json")
    ]
    assert requests
    for request in requests:
        assert request["change_authors"][0] == "qe1"
        assert request["change_authors"][1].startswith("unmapped:")
