"""Clean-ups of a real project: what goes, what stays, and what can still be proven afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gonogo.control.cleaning import clean, expired, preview
from gonogo.control.audit.verifying import verify_run
from gonogo.control.holding import retrieve
from gonogo.errors import BadInput, Refused, Waiting
from gonogo.evidence.retention import override_bytes
from gonogo.evidence.sshsig import sign
from gonogo.terms import Person, digest_of
from tests.command_line import gonogo
from tests.projects import Project, copied, small_project
from tests.worlds_http import place

WHO = Person("rm1")
NOW = datetime.now(UTC)
LATER, MUCH_LATER = NOW + timedelta(days=91), NOW + timedelta(days=3 * 366)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("cleanup")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        manifest = project.root / "releases/v2/release-manifest.json"
        body = json.loads(manifest.read_text()) | {"project_closed_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}
        manifest.write_text(json.dumps(body))
        project.release("pre-deployment")
        project.release("production-deployment")
        yield project


@pytest.fixture
def project(released: Project, tmp_path: Path) -> Project:
    copied(released.root, tmp_path / "project")
    return replace(released, root=tmp_path / "project")


@pytest.mark.req("ARC-02", "ARC-03", "C50")
def test_active_files_go_after_ninety_days_and_archives_after_three_years(project: Project) -> None:
    assert preview(project.door(), NOW + timedelta(days=89)).doomed == ()
    found = preview(project.door(), LATER)
    assert found.due
    assert found.doomed
    assert not [row for row in found.doomed if row.held.path.endswith(".zip")]
    archived = [row.held.path.rpartition("/")[2] for row in preview(project.door(), MUCH_LATER).doomed]
    assert {"PRE-DEPLOYMENT-PACKAGE.zip", "PROTOCOL-14-EVIDENCE.zip", "DEPLOYMENT-EVIDENCE.zip"} <= set(archived)


def test_a_preview_changes_nothing(project: Project) -> None:
    before = stored(project)
    preview(project.door(), LATER)
    assert stored(project) == before


def stored(project: Project) -> list[tuple[Path, int]]:
    """Every file of the project with its time, but for the shared memory of the database."""
    files = [path for path in project.root.rglob("*") if path.is_file() and "journal.db-" not in path.name]
    return sorted((path, path.stat().st_mtime_ns) for path in files)


@pytest.mark.req("ARC-04", "ARC-09", "t64_retention")
def test_after_a_clean_up_verify_says_expired_and_never_broken(project: Project) -> None:
    runs = project.door().runs()
    found = clean(project.door(), LATER, WHO)
    assert found.doomed
    door = project.door()
    for row in found.doomed:
        assert not door.world.vault.path(row.held.digest).exists()
    for run in runs:
        answer = verify_run(door, run, LATER)
        assert answer.exit_code == 3, str(answer)
        assert "expired by entry" in answer.verdict
    assert door.world.journal.site()[-1].type == "retention.deleted"
    logged = json.loads((project.root / ".artifacts/protocol-14/cleanup-log.json").read_text())["cleanups"]
    assert len(logged) == 1
    assert {row["sha256"] for row in logged[0]["inventory"] if row["action"] == "deleted"} == set(expired(door))
    assert {row["action"] for row in logged[0]["inventory"]} == {"kept", "deleted"}


def test_a_file_that_is_lost_without_a_clean_up_is_broken_and_not_expired(project: Project) -> None:
    door = project.door()
    run = door.runs()[0]
    digest = next(iter(door.load(run).state.evidence.values())).digest
    door.world.vault.path(digest).unlink()
    assert verify_run(door, run, NOW).exit_code == 2


def test_a_second_clean_up_adds_to_the_log_and_is_due_after_a_quarter(project: Project) -> None:
    clean(project.door(), LATER, WHO)
    assert not preview(project.door(), LATER + timedelta(days=30)).due
    assert preview(project.door(), LATER + timedelta(days=93)).due
    clean(project.door(), MUCH_LATER, WHO)
    logged = json.loads((project.root / ".artifacts/protocol-14/cleanup-log.json").read_text())["cleanups"]
    assert len(logged) == 2
    assert verify_run(project.door(), project.door().runs()[0], MUCH_LATER).exit_code == 3


@pytest.mark.req("ARC-05", "ARC-06", "t64_retention")
def test_a_signed_wish_keeps_a_file_longer_and_an_unsigned_one_counts_for_nothing(project: Project) -> None:
    door = project.door()
    kept = preview(door, LATER).doomed[0].held.digest
    said = {
        "objects": [kept],
        "action": "extend",
        "until": "2099-01-01T00:00:00Z",
        "justification": "a dispute is open",
        "signer": {"person": "rm1", "role": "release_manager"},
        "signed_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    }
    data = override_bytes(said)
    project.write("config/retention/hold.json", data.decode())
    with pytest.raises(BadInput, match="is not signed"):
        preview(project.door(), LATER)
    signature = project.root / "config/retention/hold.json.sig"
    signature.write_bytes(sign(project.keys["po1"], data, "gonogo/retention/v1"))
    with pytest.raises(Refused, match="not signed by somebody who may"):
        preview(project.door(), LATER)
    signature.write_bytes(sign(project.keys["rm1"], data, "gonogo/retention/v1"))
    rows = {row.held.digest: row for row in preview(project.door(), LATER).rows}
    assert rows[kept].action == "kept"
    assert "a dispute is open" in rows[kept].why


def test_what_a_plan_is_compiled_from_never_goes(project: Project) -> None:
    clean(project.door(), MUCH_LATER, WHO)
    for run in project.door().runs():
        assert project.door().load(run).plan


def test_the_command_shows_before_it_deletes(project: Project) -> None:
    said = gonogo("cleanup", "-C", project.root)
    assert said.code == 0, said.err
    assert "kept" in said.out
    body = json.loads(gonogo("cleanup", "--json", "-C", project.root).out)
    assert body["applied"] is False
    assert {row["action"] for row in body["inventory"]} == {"kept"}


@pytest.mark.req("ARC-05", "ARC-06", "ARC-07")
def test_a_person_holds_a_file_by_command_and_gets_a_package_back_verified(project: Project, tmp_path: Path) -> None:
    key = tmp_path / "rm1"
    form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    key.write_bytes(project.keys["rm1"].private_bytes(*form))
    key.chmod(0o600)
    door = project.door()
    run = next(run for run in door.runs() if run.startswith("pre-deployment"))
    name = "rehearsal-report.json"
    here = ("--run", run, "-C", project.root)
    told = ("--as", "rm1", "--key", key, "--reason", "a dispute is open")
    said = gonogo("hold", name, "--until", "2099-01-01T00:00:00Z", *told, *here)
    assert said.code == 0, said.err
    digest = door.load(run).state.evidence[name].digest
    rows = {row.held.digest: row for row in preview(project.door(), LATER).rows}
    assert "a dispute is open" in rows[digest].why
    assert project.door().world.journal.site()[-1].type == "retention.held"
    assert gonogo("hold", name, *told, *here).code == 64
    assert gonogo("hold", "no-such-file", "--until", "2099-01-01T00:00:00Z", *told, *here).code == 2
    stranger = gonogo("hold", name, "--until", "2099-01-01T00:00:00Z", "--as", "po1", *told[2:], *here)
    assert stranger.code == 2
    assert len(list((project.root / "config/retention").glob("*.json"))) == 1

    out = tmp_path / "back.zip"
    said = gonogo("retrieve", "PRE-DEPLOYMENT-PACKAGE.zip", "--out", out, *here)
    assert said.code == 0, said.err
    sealed = door.load(run).state.packages["readiness"].sha256
    assert digest_of(out.read_bytes()) == sealed
    assert out.stat().st_mode & 0o777 == 0o444
    assert gonogo("retrieve", "PRE-DEPLOYMENT-PACKAGE.zip", "--out", out, *here).code == 2
    path = door.world.vault.path(sealed)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    damaged = gonogo("retrieve", "PRE-DEPLOYMENT-PACKAGE.zip", "--out", tmp_path / "damaged.zip", *here)
    assert damaged.code == 2
    assert not (tmp_path / "damaged.zip").exists()


@pytest.mark.req("ARC-09", "t63_leak")
def test_an_erasure_takes_one_file_early_and_leaves_its_digest(project: Project, tmp_path: Path) -> None:
    door = project.door()
    run = next(run for run in door.runs() if run.startswith("pre-deployment"))
    opened = door.load(run)
    statement = next(entry.data["statement_sha256"] for entry in opened.entries if entry.type == "approval.recorded")
    said = {
        "objects": [statement],
        "action": "erase",
        "until": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "justification": "a person asked for it",
        "signer": {"person": "rm1", "role": "release_manager"},
        "signed_at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    }
    data = override_bytes(said)
    project.write("config/retention/erase.json", data.decode())
    signed = sign(project.keys["rm1"], data, "gonogo/retention/v1")
    (project.root / "config/retention/erase.json.sig").write_bytes(signed)
    soon = NOW + timedelta(hours=1)
    assert [row.held.digest for row in preview(project.door(), soon).doomed] == [statement]
    clean(project.door(), soon, WHO)
    erased = [entry for entry in project.door().world.journal.site() if entry.type == "retention.erased"]
    assert [entry.data["sha256"] for entry in erased] == [statement]
    answer = verify_run(project.door(), run, soon)
    assert answer.exit_code == 3, str(answer)
    assert "expired by entry" in answer.verdict
    with pytest.raises(Waiting, match="expired by entry"):
        retrieve(project.door(), opened, statement, tmp_path / "x", soon)
