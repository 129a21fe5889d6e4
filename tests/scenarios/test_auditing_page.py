"""The auditor's page, run as it is printed on a real package and on each tampering that it claims to find."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from gonogo.control.trust.anchoring import anchor
from gonogo.control.trust.trusting import build
from gonogo.evidence.ledger import Entry
from gonogo.evidence.sshsig import sign
from gonogo.reports.auditing import drawn, period_of, population
from gonogo.terms import Person, RunId, digest_of
from tests.command_line import gonogo
from tests.packages import LOG, files_of, packed, rechained, resealed, with_data
from tests.projects import Project, small_project
from tests.worlds_http import place
from tests.worlds_tsa import Authority, authority

PAGE = Path(__file__).resolve().parents[2] / "docs" / "auditing.md"


def block(name: str) -> str:
    """The shell block of the page that begins with the name of its file."""
    found = [
        text for text in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL) if text.startswith(f"# {name}")
    ]
    assert len(found) == 1
    return found[0]


@dataclass(frozen=True)
class Audited:
    """A released project with what its auditor gets, and the key that its engine seals with."""

    root: Path

    project: Project
    run: RunId
    package: bytes
    key: Ed25519PrivateKey


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("stamps") / "tsa") as found:
        yield found


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, stamps: Authority) -> Iterator[Audited]:
    root = tmp_path_factory.mktemp("auditing")
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        line = project.door().world.key.public_line()
        anchors = (
            f'anchors:\n  git: {{remote: "{root}/kept.git"}}\n'
            f'  tsa: [{{name: acme, url: "{stamps.url}", ca_sha256: {stamps.ca_sha256}}}]\n'
        )
        project.edit(
            "config/release-approvers.yaml",
            "freeze_stakeholders:",
            f'{anchors}engines:\n  - {{name: local, key: "{line}"}}\nfreeze_stakeholders:',
        )
        subprocess.run(["git", "init", "--quiet", "--bare", str(root / "kept.git")], check=True)
        build(project.door(), Person("rm1"))
        project.release("pre-deployment")
        run = project.release("production-deployment")
        door = project.door()
        data = door.world.vault.read(door.load(run).state.packages["deployment"].sha256, limit=1 << 30)
        key = load_ssh_private_key((project.root / ".gonogo/keys/engine").read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        anchor(door, run, "", Person("rm1"))
        yield Audited(root, project, run, data, key)


@dataclass(frozen=True)
class Told:
    """What the auditor's procedure came to: sound, or the step (by number) at which it stopped."""

    sound: bool
    step: int
    text: str


def procedure(audited: Audited, package: bytes, folder: Path, anchored: bytes = b"") -> Told:
    for name in ("allowed_signers", "revoked_keys"):
        (folder / name).write_bytes((audited.project.root / "config/trust" / name).read_bytes())
    (folder / "vkey").write_bytes((audited.project.root / "config/trust/log_keys").read_bytes())
    (folder / "p.zip").write_bytes(package)
    if anchored:
        (folder / "anchored").write_bytes(anchored)
    script = block("audit.sh")
    (folder / "audit.sh").write_text(script)
    said = subprocess.run(
        ["bash", "-x", "audit.sh", "production"], cwd=folder, capture_output=True, text=True, check=False
    )
    traced = [line.lstrip("+ ") for line in said.stderr.splitlines() if line.startswith("+")]
    return Told(
        said.returncode == 0 and said.stdout.endswith("SOUND\n"), _step(script, traced), said.stdout + said.stderr
    )


MARKS = {
    1: "unzip -Z1",
    2: "sha256sum -c",
    3: "find-principals",
    4: "split -l1",
    5: "find approvals",
    6: "jq -c",
    7: "test '!' -f",
}


def _step(script: str, traced: list[str]) -> int:
    """The last numbered step of which a command was begun."""
    assert all(f"# {number}." in script for number in MARKS)
    begun = [number for number, mark in MARKS.items() if any(mark in line for line in traced)]
    return max(begun, default=0)


def refused(audited: Audited, package: bytes, folder: Path, step: int, anchored: bytes = b"") -> None:
    told = procedure(audited, package, folder, anchored)
    assert not told.sound
    assert told.step == step, told.text[-3000:]


@pytest.mark.req("EVS-16", "P1", "R8")
def test_the_page_verifies_a_real_package_with_standard_tools(audited: Audited, tmp_path: Path) -> None:
    told = procedure(audited, audited.package, tmp_path, files_of(audited.package)["log/checkpoint"])
    assert told.sound, told.text[-3000:]
    assert '["po1","product_owner","go","v2"' in told.text


def evidence(files: dict[str, bytes]) -> str:
    return next(path for path in files if path.endswith("/deployment-readiness-checklist.json"))


@pytest.mark.req("t01_edit_evidence")
def test_edited_evidence_is_found_in_step_2(audited: Audited, tmp_path: Path) -> None:
    files = files_of(audited.package)
    refused(audited, packed({**files, evidence(files): files[evidence(files)] + b" "}), tmp_path, 2)


@pytest.mark.req("t02_edit_and_resum")
def test_edited_evidence_with_new_lists_is_found_in_step_3(audited: Audited, tmp_path: Path) -> None:
    files = files_of(audited.package)
    made = files_of(resealed({**files, evidence(files): files[evidence(files)] + b" "}, Ed25519PrivateKey.generate()))
    kept = {name: files[name] for name in ("seal.json", "seal.json.sig", "seal.dsse.json", "log/checkpoint")}
    sums = made["SHA256SUMS"].replace(
        digest_of(made["log/checkpoint"]).encode(), digest_of(files["log/checkpoint"]).encode()
    )
    refused(audited, packed({**made, **kept, "SHA256SUMS": sums}), tmp_path, 3)


@pytest.mark.req("t37_extra_file", "t36_dropped_statement")
def test_a_file_more_or_less_is_found_in_step_2(audited: Audited, tmp_path: Path) -> None:
    files = files_of(audited.package)
    (tmp_path / "more").mkdir()
    (tmp_path / "less").mkdir()
    # The sets are compared before the digests are: both stand under 2 on the page.
    told = procedure(audited, packed({**files, "evidence/new.json": b"{}"}), tmp_path / "more")
    assert not told.sound
    assert "evidence/new.json" in told.text
    less = {path: data for path, data in files.items() if not path.endswith(".json.sig") or path.startswith("seal")}
    told = procedure(audited, packed(less), tmp_path / "less")
    assert not told.sound
    assert "approvals/" in told.text


@pytest.mark.req("t03_rechain")
def test_an_edited_log_is_found_in_step_2_and_a_chain_made_anew_in_step_3(audited: Audited, tmp_path: Path) -> None:
    def edit(entry: Entry) -> Entry:
        return with_data(entry, requested_by="somebody") if entry.type == "run.opened" else entry

    changed = rechained(audited.package, edit)
    (tmp_path / "two").mkdir()
    (tmp_path / "three").mkdir()
    refused(audited, changed, tmp_path / "two", 2)
    refused(audited, resealed(files_of(changed), Ed25519PrivateKey.generate()), tmp_path / "three", 3)


@pytest.mark.req("t04_engine_key_edit", "P4")
def test_evidence_that_people_signed_for_cannot_be_changed_even_with_the_key_of_the_engine(
    audited: Audited, tmp_path: Path
) -> None:
    files = files_of(audited.package)
    path = evidence(files)
    data = files[path] + b" "

    def edit(entry: Entry) -> Entry:
        sealed = entry.type == "evidence.sealed" and entry.data["name"] == path.rpartition("/")[2]
        return with_data(entry, sha256=digest_of(data), size=len(data)) if sealed else entry

    changed = files_of(rechained(packed({**files, path: data}), edit))
    refused(audited, resealed(changed, audited.key), tmp_path, 5)


@pytest.mark.req("t36_dropped_statement")
def test_a_recorded_statement_that_was_taken_out_is_missed_even_with_the_key_of_the_engine(
    audited: Audited, tmp_path: Path
) -> None:
    files = files_of(audited.package)
    signed = next(path for path in files if path.startswith("approvals/production-1/") and path.endswith(".sig"))
    left = {path: data for path, data in files.items() if path not in {signed, signed.removesuffix(".sig")}}
    refused(audited, resealed(left, audited.key), tmp_path, 5)


@pytest.mark.req("P2", "t21_unlisted_key")
def test_the_key_of_the_engine_cannot_sign_in_the_name_of_a_person(audited: Audited, tmp_path: Path) -> None:
    files = files_of(audited.package)
    signed = next(path for path in files if path.startswith("approvals/production-1/") and path.endswith(".sig"))
    statement = json.loads(files[signed.removesuffix(".sig")])
    statement["predicate"]["comment"] = "I agree twice"
    data = (json.dumps(statement, indent=1, sort_keys=True) + "\n").encode()
    forged = sign(audited.key, data, "gonogo/approval/v1/production")
    old = digest_of(files[signed.removesuffix(".sig")])

    def edit(entry: Entry) -> Entry:
        ours = entry.type == "approval.recorded" and entry.data["statement_sha256"] == old
        fields = {"statement_sha256": digest_of(data), "signature_sha256": digest_of(forged)}
        return with_data(entry, **fields) if ours else entry

    changed = files_of(rechained(packed({**files, signed: forged, signed.removesuffix(".sig"): data}), edit))
    refused(audited, resealed(changed, audited.key), tmp_path, 5)


@pytest.mark.req("t07_cut_after_approval", "t06_cut_tail")
def test_a_log_that_was_cut_with_the_key_of_the_engine_is_found_by_the_anchor_only(
    audited: Audited, tmp_path: Path
) -> None:
    files = files_of(audited.package)
    lines = files[LOG].splitlines(keepends=True)
    cut = resealed({**files, LOG: b"".join(lines[:-1])}, audited.key)
    (tmp_path / "without").mkdir()
    (tmp_path / "with").mkdir()
    assert procedure(audited, cut, tmp_path / "without").sound
    refused(audited, cut, tmp_path / "with", 7, anchored=files["log/checkpoint"])


@pytest.mark.req("t32_rogue_signer")
def test_a_seal_by_a_key_of_nobody_is_found_in_step_3(audited: Audited, tmp_path: Path) -> None:
    refused(audited, resealed(files_of(audited.package), Ed25519PrivateKey.generate()), tmp_path, 3)


@pytest.mark.req("P9")
def test_the_sample_is_drawn_again_with_standard_tools(audited: Audited, tmp_path: Path) -> None:
    door = audited.project.door()
    changes = population(door.world.journal.site(), period_of(f"{door.world.clock.now():%Y}"))
    (tmp_path / "runs.txt").write_text("".join(f"{change.run}\n" for change in changes))
    (tmp_path / "draw.sh").write_text(block("draw.sh"))
    said = subprocess.run(["bash", "draw.sh"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [change.run for change in drawn(changes, len(changes), 7)]
    assert len(changes) == 2


def test_every_row_of_the_table_is_tried_here() -> None:
    rows = re.findall(
        r"^\| (?!somebody|-)(.+?) \| (\d.*?) \|$", PAGE.read_text().split("## What each attack meets")[1], re.M
    )
    assert len(rows) == 10
    assert len(re.findall(r"\| `(?:statements|anchors)\.sh` \|", PAGE.read_text())) == 3


@pytest.mark.req("EVS-16", "P9")
def test_the_package_states_its_deployment_and_shows_the_run_that_it_relies_on(audited: Audited) -> None:
    files = files_of(audited.package)
    envelopes = [json.loads(line) for line in files["attestations.intoto.jsonl"].splitlines()]
    said = [json.loads(base64.b64decode(row["payload"])) for row in envelopes]
    (deployment,) = [one["predicate"] for one in said if one["predicateType"] == "urn:gonogo:predicate:deployment:v1"]
    assert (deployment["outcome"], deployment["environment"]) == ("success", "production")
    assert {row["round"] for row in deployment["approvals"]} >= {"production-1"}
    assert all(intent.startswith(f"{audited.run}/") for intent in deployment["intents"])
    (svr,) = [one["predicate"] for one in said if one["predicateType"] == "https://in-toto.io/attestation/svr/v0.2"]
    assert svr["properties"] == ["GONOGO_GO_PRODUCTION"]
    assert {"proofs/opened.tlog-proof", "proofs/readiness-opened.tlog-proof", "proofs/readiness-closed.tlog-proof"} == {
        path for path in files if path.startswith("proofs/")
    }


@pytest.mark.req("EVS-03")
def test_the_manifest_of_production_names_who_uses_each_artifact(audited: Audited) -> None:
    manifest = json.loads(files_of(audited.package)["evidence-manifest.json"])
    rows = {row["name"]: row for row in manifest["artifacts"]}
    consumers = {name: " ".join(row["consumers"]) for name, row in rows.items()}
    assert "Readiness Confirmation Gate" in consumers["deployment-readiness-checklist.json"]
    for name in ("production-deployment-report.json", "deployment-health-log.md"):
        assert "Monitoring" in consumers[name]
        assert "Incident Response" in consumers[name]
    assert "Monitoring" in consumers["post-deployment-validation.json"]
    assert "Retrospective" in consumers["DEPLOYMENT-REPORT.md"]


def script(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / name).write_text(block(name))
    return subprocess.run(["bash", name], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def desk(audited: Audited, stamps: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The auditor's folder after the procedure, with everything that was kept elsewhere."""
    folder = tmp_path_factory.mktemp("desk")
    told = procedure(audited, audited.package, folder)
    assert told.sound, told.text[-3000:]
    clone = ["git", "clone", "--quiet", "--bare", str(audited.root / "kept.git"), str(folder / "kept.git")]
    subprocess.run(clone, check=True)
    size = files_of(audited.package)["log/checkpoint"].split(b"\n")[1].decode()
    (stamp,) = (audited.project.root / ".gonogo/anchors").glob(f"tsa-*/*{audited.run}-{size}.note.tsr")
    (folder / "anchored").write_bytes(stamp.with_suffix("").read_bytes())
    (folder / "anchored.tsr").write_bytes(stamp.read_bytes())
    (folder / "tsa-ca.pem").write_bytes(stamps.root)
    return folder


@pytest.fixture
def opened(desk: Path, tmp_path: Path) -> Path:
    return shutil.copytree(desk, tmp_path / "opened")


@pytest.mark.req("EVS-16", "R8")
def test_statements_and_anchors_are_verified_with_standard_tools(audited: Audited, opened: Path) -> None:
    said = script("statements.sh", opened)
    assert said.returncode == 0, said.stderr
    judged = [line for line in said.stdout.splitlines() if "gate-judgement" in line]
    assert said.stdout.splitlines()[-1] == str(len(judged))
    assert all(line.endswith("  pass") for line in judged)
    assert "urn:gonogo:predicate:deployment:v1  success" in said.stdout
    assert "svr/v0.2  GONOGO_GO_PRODUCTION" in said.stdout
    said = script("anchors.sh", opened)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith("ANCHORED\n")
    assert 'Good "git" signature for engine:local' in said.stderr
    trust = opened / "trust"
    trust.mkdir()
    (trust / "policy.json").write_bytes(files_of(audited.package)["trust/policy.json"])
    given = ("--anchor", opened / "kept.git", "--anchor", opened / "anchored.tsr")
    verified = gonogo("verify", opened / "p.zip", "--trust", trust, *given)
    assert verified.code == 0, verified.out
    assert "git commit" in verified.out
    assert "time stamp of acme" in verified.out


def test_a_changed_statement_of_the_engine_is_found(audited: Audited, opened: Path) -> None:
    path = opened / "x/attestations.intoto.jsonl"
    lines = path.read_text().splitlines()
    first = json.loads(lines[0])
    payload = base64.b64decode(first["payload"]).replace(b'"verdict": "pass"', b'"verdict": "fail"')
    first["payload"] = base64.b64encode(payload).decode()
    path.write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n")
    assert script("statements.sh", opened).returncode != 0


@pytest.mark.req("t05_rewrite_log")
def test_a_changed_checkpoint_on_the_branch_is_found(audited: Audited, opened: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    subprocess.run(["git", "clone", "--quiet", "-b", "gonogo-checkpoints", str(opened / "kept.git"), str(work)], check=True)
    path = next(work.glob("checkpoints/*/*"))
    path.write_text("another\n")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(work), *who, "commit", "-qam", "x"], check=True)
    subprocess.run(["git", "-C", str(work), "push", "-q"], check=True)
    said = script("anchors.sh", opened)
    assert said.returncode != 0
    assert "ANCHORED" not in said.stdout


def test_a_time_stamp_of_another_checkpoint_is_found(opened: Path) -> None:
    path = opened / "anchored"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\n\n", 1))
    assert script("anchors.sh", opened).returncode != 0
