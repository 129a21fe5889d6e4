"""Prerequisites and intake on a real project: what is missing, why, who can supply it; nothing begins before it is there."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gonogo.control.schemas import faults_of
from gonogo.engine.bench import Bench
from gonogo.engine.measuring.intake import prerequisites
from gonogo.evidence.canonical import Tree, read_object
from gonogo.evidence.sshsig import sign
from gonogo.run.events import Announced, EvidenceSealed, TaskFinished, recorded
from gonogo.run.machine import AwaitPeople, Parked
from gonogo.terms import Person, RunId
from tests.projects import Project, add_release, small_project, upstream_bytes
from tests.worlds import SimulatedClock
from tests.worlds_http import Place

PRE = "pre-deployment"
AUDIT, BUNDLE, UAT = "upstream/QUALITY-AUDIT-PACKAGE.zip", "upstream/INTEGRATION-EVIDENCE.zip", "upstream/UAT-CLOSURE-PACKAGE.zip"
HOLDS = '#!/bin/sh\nprintf %s \'{"holds": true}\' > "$GONOGO_OUT/probe.json"\n'


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    return small_project(tmp_path / "project", *places)


def begun(project: Project) -> tuple[RunId, object]:
    """Open a run of a release of its own, and drive it as far as it goes without people."""
    release = f"v{len(list((project.root / 'releases').iterdir())) + 2}"
    add_release(project.root, release)
    run = project.begin(PRE, release)
    return run, project.door().drive(run, patient=False, listener=lambda state, entry: None)


def halted(project: Project) -> tuple[RunId, str]:
    run, stopped = begun(project)
    said = project.view(run).halt
    assert isinstance(stopped, Parked), said
    assert project.began(run) == {"prerequisites"}
    return run, said


def report(project: Project, run: RunId, name: str = "prerequisites-validation.json") -> dict[str, Tree]:
    """The newest sealed report of a run, also one of an attempt that failed."""
    door = project.door()
    sealed = [recorded(entry).event for entry in door.world.journal.entries(run)]
    digest = [event.sha256 for event in sealed if isinstance(event, EvidenceSealed) and event.name == name][-1]
    return dict(read_object(door.world.vault.read(digest), name=name, limit=1 << 24))


def row(body: dict[str, Tree], part: str, name: str) -> dict[str, Tree]:
    rows = body[part]
    assert isinstance(rows, list)
    return next(dict(item) for item in rows if isinstance(item, dict) and name in str(item.get("name")))


def messages(project: Project, run: RunId) -> list[tuple[str, str, tuple[str, ...]]]:
    door = project.door()
    events = [recorded(entry).event for entry in door.world.journal.entries(run)]
    return [
        (event.prefix, door.world.vault.read(event.text_sha256).decode(), tuple(event.to))
        for event in events
        if isinstance(event, Announced)
    ]


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in {".gonogo", ".artifacts", "releases"}
    }


@pytest.mark.req("PRE-01", "PRE-02", "PRE-03", "PRE-04", "PRE-25", "PRE-26", "INT-04", "INT-05")
def test_everything_that_is_missing_is_told_at_once_with_its_owner_and_nothing_is_created(project: Project) -> None:
    project.edit("gonogo.yaml", "path: upstream/QUALITY-AUDIT-PACKAGE.zip", "path: upstream/QUALITY-AUDIT-PACKAGE.zip, owner: quin")
    for name in (AUDIT, BUNDLE, UAT):
        (project.root / name).unlink()
    before = tree(project.root)
    run, said = halted(project)
    for name, owner in (("QUALITY-AUDIT", "quin"), ("INTEGRATION-EVIDENCE", "integration-testing"), ("UAT-CLOSURE", "uat")):
        line = next(line for line in said.splitlines() if name in line)
        assert "missing, no file under" in line
        assert f"{owner} can supply it" in line
    assert tree(project.root) == before
    body = report(project, run)
    assert body["status"] == "missing"
    assert {row(body, "artifacts", name)["cause"] for name in ("QUALITY", "INTEGRATION", "UAT")} == {"not_generated"}
    requests = body["renewal_requests"]
    assert isinstance(requests, list)
    assert {(item["item"], item["owner"]) for item in requests if isinstance(item, dict)} == {
        ("QUALITY-AUDIT-PACKAGE.zip", "quin"), ("INTEGRATION-EVIDENCE.zip", "integration-testing"), ("UAT-CLOSURE-PACKAGE.zip", "uat"),
    }  # fmt: skip
    told = messages(project, run)
    assert {to for prefix, _, to in told if prefix == "[RENEWAL REQUEST]"} == {("quin",), ("integration-testing",), ("uat",)}
    assert any(prefix == "[RAY ERROR]" and "prerequisites are missing" in text for prefix, text, _ in told)


@pytest.mark.req("INT-05", "INT-07")
def test_a_request_is_made_once_and_what_closed_it_is_its_answer(project: Project) -> None:
    (project.root / UAT).unlink()
    run, _ = halted(project)
    project.lift(run)
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    asked = [prefix for prefix, _, _ in messages(project, run) if prefix == "[RENEWAL REQUEST]"]
    assert len(asked) == 1
    (project.root / UAT).write_bytes(upstream_bytes("UAT-CLOSURE-PACKAGE.zip"))
    project.lift(run)
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    body = report(project, run)
    assert body["status"] == "success"
    (request,) = body["renewal_requests"]  # type: ignore[misc]
    assert request["item"] == "UAT-CLOSURE-PACKAGE.zip"  # type: ignore[index, call-overload]
    sent, answered = (datetime.fromisoformat(str(request[name])) for name in ("sent_at", "answered_at"))  # type: ignore[index, call-overload]
    assert sent < answered


@pytest.mark.req("PRE-02", "INT-01", "INT-02")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"audit passed\n", "no end record"),
        (upstream_bytes("x.zip")[:-20], "no end record"),
        (upstream_bytes("x.zip", **{"../x": "evil"}), "leads out of it"),
    ],
)
def test_a_package_that_cannot_be_opened_stops_the_run_before_any_rehearsal(project: Project, data: bytes, words: str) -> None:
    (project.root / AUDIT).write_bytes(data)
    _, said = halted(project)
    line = next(line for line in said.splitlines() if "QUALITY-AUDIT" in line)
    assert "invalid" in line
    assert words in line
    assert project.executions() == []


@pytest.mark.req("INT-02")
def test_a_package_of_another_release_from_the_future_or_run_out_is_no_package(project: Project) -> None:
    now = datetime.now(UTC)
    bad = {
        "another release": {"release": {"digest": "ab" * 32}},
        "in the future": {"produced_at": (now + timedelta(days=2)).isoformat()},
        "it was valid until": {"produced_at": (now - timedelta(days=3)).isoformat(), "expires_at": (now - timedelta(days=1)).isoformat()},
        "valid until": {"produced_at": (now - timedelta(days=31)).isoformat()},
    }
    for words, about in bad.items():
        manifest = json.dumps(about)
        (project.root / AUDIT).write_bytes(upstream_bytes("x.zip", **{"manifest.json": manifest}))
        run, said = halted(project)
        assert words in next(line for line in said.splitlines() if "QUALITY-AUDIT" in line), said


@pytest.mark.req("PRE-03", "C6")
def test_either_name_of_the_integration_bundle_is_accepted_and_two_different_files_are_not(project: Project) -> None:
    other = project.root / "upstream/integration-evidence-bundle.zip"
    (project.root / BUNDLE).rename(other)
    run, stopped = begun(project)
    assert isinstance(stopped, AwaitPeople), project.view(run).halt
    (project.root / BUNDLE).write_bytes(upstream_bytes("another.zip"))
    run, said = halted(project)
    assert "files with different bytes lie under its names" in said


@pytest.mark.req("PRE-04", "C7")
def test_a_sign_off_record_stands_for_the_closure_package_only_where_that_is_absent(project: Project) -> None:
    (project.root / "upstream/uat-signoff.json").write_text('{"verdict": "accepted"}')
    run, stopped = begun(project)
    assert isinstance(stopped, AwaitPeople), project.view(run).halt
    (project.root / UAT).unlink()
    run, stopped = begun(project)
    assert isinstance(stopped, AwaitPeople), project.view(run).halt
    wanted = sha256((project.root / "upstream/uat-signoff.json").read_bytes()).hexdigest()
    assert row(report(project, run), "artifacts", "UAT-CLOSURE")["sha256"] == wanted


@pytest.mark.req("PRE-07", "INT-01")
def test_a_signed_package_counts_by_its_signature_and_an_unsigned_one_is_called_unsigned(project: Project) -> None:
    run, _ = begun(project)
    assert row(report(project, run), "artifacts", "QUALITY-AUDIT")["signature"] == {"signed": False, "verified": False}
    signature = "upstream/QUALITY-AUDIT-PACKAGE.zip.sig"
    project.edit("gonogo.yaml", f"path: {AUDIT}", f"path: {AUDIT}, signature: {signature}, signed_by: quality_engineer")
    data = (project.root / AUDIT).read_bytes()
    cases = {
        "quality_engineer": ("qe1", "file", data, ""),
        "the signer is not listed as quality_engineer": ("po1", "file", data, "invalid"),
        "signed for": ("qe1", "gonogo-approval", data, "invalid"),
        "does not fit these bytes": ("qe1", "file", data + b" ", "invalid"),
    }
    for words, (handle, namespace, signed, state) in cases.items():
        (project.root / signature).write_bytes(sign(project.keys[handle], signed, namespace))
        run, stopped = begun(project)
        seen = row(report(project, run), "artifacts", "QUALITY-AUDIT")
        assert (seen["state"] == "ok") == (not state), (words, seen)
        assert isinstance(stopped, Parked if state else AwaitPeople)
        assert words in json.dumps(seen["signature"]), seen
    (project.root / signature).unlink()
    _, said = halted(project)
    assert "its signature does not count" in said


@pytest.mark.req("PRE-07", "INT-04")
def test_a_bound_verdict_has_to_be_the_one_that_counts(project: Project) -> None:
    project.edit("gonogo.yaml", f"path: {AUDIT}", f'path: {AUDIT}, verdict: "audit.json#/verdict", verdict_is: ready')
    for verdict, words in (("not ready", "its verdict is `not ready`, not `ready`"), ("", "its verdict is `not stated`")):
        files = {"audit.json": json.dumps({"verdict": verdict} if verdict else {})}
        (project.root / AUDIT).write_bytes(upstream_bytes("x.zip", **files))
        run, said = halted(project)
        assert words in said
        assert row(report(project, run), "artifacts", "QUALITY-AUDIT")["cause"] == "upstream_incomplete"
    (project.root / AUDIT).write_bytes(upstream_bytes("x.zip", **{"audit.json": '{"verdict": "ready"}'}))
    run, stopped = begun(project)
    assert isinstance(stopped, AwaitPeople), project.view(run).halt


@pytest.mark.req("PRE-06", "DOC-21")
def test_the_scripts_are_recorded_with_their_digest_and_the_commit_that_last_changed_them(project: Project) -> None:
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*arguments: str) -> str:
        names = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        done = subprocess.run(["git", *names, *arguments], cwd=project.root, env=environ, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    git("add", "scripts")
    git("commit", "-qm", "scripts")
    commit = git("rev-parse", "HEAD")
    run, _ = begun(project)
    scripts = {item["path"]: item for item in report(project, run)["scripts"]}  # type: ignore[union-attr, index, call-overload, misc]
    deploy = scripts["scripts/deploy_shop.sh"]
    assert deploy["revision"] == commit
    assert deploy["sha256"] == sha256((project.root / "scripts/deploy_shop.sh").read_bytes()).hexdigest()
    project.edit("scripts/deploy_shop.sh", "set -euo pipefail\n", "set -euo pipefail\n# changed\n")
    run, _ = begun(project)
    scripts = {item["path"]: item for item in report(project, run)["scripts"]}  # type: ignore[union-attr, index, call-overload, misc]
    assert scripts["scripts/deploy_shop.sh"]["revision"] is None
    assert scripts["scripts/rollback_shop.sh"]["revision"] == commit


PROBES = {
    "no answer": ("exit 0", "left no probe.json"),
    "a printed pass": ("echo PASS", "left no probe.json"),
    "an empty file": (': > "$GONOGO_OUT/probe.json"', "did not end with 0|cannot be used"),
    "cut off": ('printf %s \'{"holds": tr\' > "$GONOGO_OUT/probe.json"', "did not end with 0|cannot be used"),
    "a word for true": ('printf %s \'{"holds": "yes"}\' > "$GONOGO_OUT/probe.json"', "cannot be used"),
    "no": ('printf %s \'{"holds": false, "detail": "the token has run out"}\' > "$GONOGO_OUT/probe.json"', "the token has run out"),
    "a crash": (f"{HOLDS.splitlines()[1]}; exit 3", "did not end with 0"),
    "a hang": ("sleep 600", "did not end with 0"),
}


@pytest.mark.req("INT-06", "C20", "CFG-09")
def test_what_nobody_supplied_in_a_day_is_marked_and_the_mark_passes_nothing(project: Project) -> None:
    (project.root / AUDIT).unlink()
    run, _ = halted(project)
    door = project.door()
    opened = door.load(run)
    task = next(task for stage in opened.plan.stages for task in stage.tasks if stage.id == "prerequisites")

    def looked(hours: float) -> tuple[dict[str, Tree], bool]:
        moment = datetime.now(UTC) + timedelta(hours=hours)
        world = replace(door.world, clock=SimulatedClock(moment))
        bench = Bench(world, opened.plan, opened.state, run, Person("dev1"), task, 1, moment)
        found = prerequisites(bench)
        return dict(read_object(found.files[0].data, name="p.json", limit=1 << 24)), found.ok

    body, ok = looked(23)
    assert (row(body, "artifacts", "QUALITY-AUDIT")["state"], ok) == ("missing", False)
    assert {item["path"]: item["ok"] for item in body["permissions"]}[".artifacts/protocol-14/"] is True
    assert faults_of("prerequisites-validation.json", json.dumps(body, default=str).encode(), "p") == ()
    body, ok = looked(25)
    assert (row(body, "artifacts", "QUALITY-AUDIT")["state"], ok) == ("requires_approval", False)


def with_probe(project: Project, state: str, text: str, limit: str = "60s") -> None:
    project.write("scripts/probe.sh", f"#!/bin/sh\n{text}\n", mode=0o755)
    project.edit("gonogo.yaml", "commands:\n", f"probes: {{{state}: try}}\ncommands:\n  try: {{run: [scripts/probe.sh], timeout: {limit}}}\n")


@pytest.mark.req("PRE-11", "PRE-21")
@pytest.mark.parametrize("kind", PROBES)
def test_a_probe_that_does_not_say_in_its_file_that_the_state_holds_stops_the_run_with_all_other_gaps(project: Project, kind: str) -> None:
    text, words = PROBES[kind]
    with_probe(project, "credentials", text, "1s" if kind == "a hang" else "60s")
    (project.root / UAT).unlink()
    run, said = halted(project)
    assert any(word in said for word in words.split("|")), said
    assert "UAT-CLOSURE-PACKAGE.zip: missing" in said
    assert row(report(project, run), "system_states", "credentials")["state"] == "fail"


@pytest.mark.req("PRE-11")
def test_a_probe_that_says_so_lets_the_run_go_on_and_no_secret_value_is_on_file(project: Project) -> None:
    with_probe(project, "credentials", HOLDS.split("\n", 1)[1])
    run, stopped = begun(project)
    assert isinstance(stopped, AwaitPeople), project.view(run).halt
    assert row(report(project, run), "system_states", "credentials")["state"] == "ok"
    assert str(project.record).encode() not in json.dumps(report(project, run), default=str).encode()


@pytest.mark.req("PRE-11")
def test_a_secret_that_is_not_set_and_a_side_that_does_not_answer_are_named(project: Project) -> None:
    project.edit("gonogo.yaml", "secrets: [RECORD]", "secrets: [RECORD, VAULT_TOKEN]")
    _, said = halted(project)
    assert "not set: VAULT_TOKEN" in said


@pytest.mark.req("PRE-12")
def test_a_metric_source_that_does_not_answer_stops_the_run_with_its_reason(project: Project) -> None:
    project.edit("gonogo.yaml", "metrics: {kind: scrape}", "metrics: {kind: scrape, path: /nothing-here}")
    _, said = halted(project)
    assert "metric source" in said


@pytest.mark.req("PRE-23")
@pytest.mark.parametrize(("until", "stops"), [(timedelta(seconds=5), True), (timedelta(days=1), False), (None, False)])
def test_production_needs_monitoring_to_the_end_of_the_health_window(
    project: Project, until: timedelta | None, stops: bool
) -> None:
    moment = f', \\"until\\": \\"{datetime.now(UTC) + until:%Y-%m-%dT%H:%M:%SZ}\\"' if until else ""
    with_probe(project, "metrics", f'printf %s "{{\\"holds\\": true{moment}}}" > "$GONOGO_OUT/probe.json"')
    run = project.begin("production-deployment")
    stopped = project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert isinstance(stopped, Parked)  # There is no readiness package yet; what matters here is the state.
    said = project.view(run).halt
    assert ("answers for it only until" in said) is stops
    assert row(report(project, run), "system_states", "metric source")["state"] == ("fail" if stops else "ok")


@pytest.mark.req("INT-01", "INT-07")
def test_no_step_of_phase_2_is_reached_before_intake_passed(project: Project) -> None:
    run, stopped = begun(project)
    assert isinstance(stopped, AwaitPeople), project.view(run).halt
    project.sign_all(run)
    (project.root / UAT).unlink()
    stopped = project.door().drive(run, patient=False, listener=lambda state, entry: None)
    assert isinstance(stopped, Parked)
    assert "intake is not complete" in project.view(run).halt
    assert all(not name.startswith("deployment-rehearsal") for name in project.began(run))
    done = [recorded(entry).event for entry in project.door().world.journal.entries(run)]
    assert any(isinstance(event, TaskFinished) and event.facts.get("requests") for event in done)
    assert project.executions() == []
