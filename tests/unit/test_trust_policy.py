"""The policy of a project: signed by admins of the version before, pinned by each run, never set back; light or strict."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gonogo.control.trust.trusting import build, check, newest, record_signature
from gonogo.errors import BadInput, Refused
from gonogo.evidence.policy import POLICY_NAMESPACE, read_policy
from gonogo.evidence.sshsig import sign
from gonogo.findings import Level
from gonogo.terms import Person
from tests.command_line import gonogo
from tests.projects import Project, public_line, small_project
from tests.worlds_http import place

FILE = "config/release-approvers.yaml"
LIMITS = "config/protocol_gates/14.yaml"
WHO = Person("rm1")
ADMINS = "admins: {people: [rm1, sec1], threshold: 2}\n"
STRICT = "strict: true\n" + ADMINS
ACCEPTED = "min_assurance: {production: H0}, accept_low_assurance: no security keys before spring, "
SCHEMA = "schema: gonogo/approvers/1\n"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


def signed_by(project: Project, *handles: str) -> None:
    for handle in handles:
        record_signature(project.door(), sign(project.keys[handle], newest(project.door()), POLICY_NAMESPACE), WHO)


def raised(project: Project, version: int) -> None:
    """Write the next version number."""
    old = SCHEMA if version == 2 else f"{SCHEMA}version: {version - 1}\n"
    project.edit(FILE, old, f"{SCHEMA}version: {version}\n")


def with_admins(project: Project, more: str = ADMINS) -> None:
    project.edit(FILE, "freeze_stakeholders:", f"{more}freeze_stakeholders:")


def site(project: Project, kind: str) -> list[dict[str, object]]:
    return [dict(entry.data) for entry in project.door().world.journal.site() if entry.type == kind]


def pinned(project: Project, run: str) -> dict[str, object]:
    entries = project.door().world.journal.entries(run)
    return next(dict(entry.data) for entry in entries if entry.type == "trust.pinned")


# Light: one file, nobody signs it, and everything says so.


def test_without_trust_files_a_run_opens_and_is_called_light(project: Project) -> None:
    run = project.begin("pre-deployment")
    assert pinned(project, run)["policy_sha256"] == ""
    assert pinned(project, run)["signed_by"] == []
    said = gonogo("report", run, "-C", project.root).out
    assert "H0: a signature proves that somebody had the key, not that a person was there" in said
    assert "signed by nobody (light)" in said
    project.go_until(run, "audit_recommendation")
    asked = project.door().requests(run)[0]
    _, _, shown = project.door().request(run, asked.name)
    assert b"signed by nobody (light)" in shown


@pytest.mark.req("CFG-02")
def test_a_run_pins_version_digest_and_signers_of_the_policy(project: Project) -> None:
    with_admins(project)
    built = build(project.door(), WHO)
    run = project.begin("pre-deployment")
    assert pinned(project, run) == {
        "approvers_sha256": read_policy(newest(project.door())).digest,
        "version": 1,
        "policy_sha256": built.sha256,
        "signed_by": [],
    }
    signed_by(project, "rm1", "sec1")
    project.door().abort(run, "to open another", WHO)
    project.go_on(run)
    run = project.begin("pre-deployment")
    assert pinned(project, run)["signed_by"] == ["rm1", "sec1"]
    assert "version 1 of the policy, signed by rm1, sec1" in gonogo("report", run, "-C", project.root).out


# Versions: one after the other, by admins of the version before.


@pytest.mark.req("CFG-02", "t32_rogue_signer", "TL15")
def test_a_version_that_waits_for_admins_opens_no_run_and_one_person_with_two_keys_is_one(project: Project) -> None:
    with_admins(project)
    build(project.door(), WHO)
    raised(project, 2)
    project.edit(FILE, "quorum: 2}", "quorum: 1}")
    waiting = build(project.door(), WHO)
    assert "signed by 0 of 2 admins" in waiting.waits_for
    with pytest.raises(Refused, match="does not count yet") as caught:
        project.begin("pre-deployment")
    assert caught.value.next_step == "gonogo trust sign --key KEY (by rm1, sec1)"
    signed_by(project, "rm1")
    signed_by(project, "rm1")
    with pytest.raises(Refused, match="signed by 1 of 2 admins"):
        project.begin("pre-deployment")
    assert [data["version"] for data in site(project, "trust.changed")] == [1]
    signed_by(project, "sec1")
    changes = site(project, "trust.changed")
    assert [(data["version"], data["signed_by"]) for data in changes] == [(1, []), (2, ["rm1", "sec1"])]
    assert pinned(project, project.begin("pre-deployment"))["version"] == 2


@pytest.mark.req("CFG-02", "t31_policy_rollback")
def test_a_replayed_policy_is_refused_and_the_attempt_is_recorded(project: Project, tmp_path: Path) -> None:
    build(project.door(), WHO)
    before = tmp_path / "before"
    shutil.copytree(project.root / "config", before)
    raised(project, 2)
    build(project.door(), WHO)
    shutil.rmtree(project.root / "config")
    shutil.copytree(before, project.root / "config")
    with pytest.raises(Refused, match="version 2 was already in force here") as caught:
        project.begin("pre-deployment")
    assert "version: 3" in caught.value.next_step
    assert [data["version"] for data in site(project, "trust.refused")] == [1]
    assert [data["version"] for data in site(project, "trust.changed")] == [1, 2]


@pytest.mark.req("CFG-02", "t31_policy_rollback")
def test_trust_files_that_were_taken_away_or_rewritten_open_no_run(project: Project) -> None:
    build(project.door(), WHO)
    history = project.root / "config/trust/history/policy-1.json"
    policy = history.read_bytes()
    shutil.rmtree(project.root / "config/trust")
    with pytest.raises(Refused, match="is not the one that was in force here"):
        project.begin("pre-deployment")
    build(project.door(), WHO)
    history.write_bytes(policy.replace(b'"quorum": 2', b'"quorum": 1'))
    with pytest.raises(Refused, match="is not the one that was in force here"):
        project.begin("pre-deployment")
    assert len(site(project, "trust.refused")) >= 2


@pytest.mark.req("TL01")
def test_a_generated_file_that_was_edited_opens_no_run(project: Project) -> None:
    build(project.door(), WHO)
    signers = project.root / "config/trust/allowed_signers"
    signers.write_bytes(signers.read_bytes().replace(b"role:sre_lead", b"role:release_manager"))
    with pytest.raises(Refused, match="allowed_signers is not what the approvers file gives") as caught:
        project.begin("pre-deployment")
    assert caught.value.next_step == "gonogo trust build"


@pytest.mark.req("CFG-02")
def test_admins_sign_with_stock_ssh_keygen_and_stock_ssh_keygen_verifies(project: Project, tmp_path: Path) -> None:
    key = tmp_path / "id_rm1"
    assert gonogo("keys", "new", key, "--no-passphrase").code == 0
    line = key.with_name("id_rm1.pub").read_text().split(" gonogo")[0]
    with_admins(project, "admins: {people: [ann1], threshold: 1}\n")
    project.edit(FILE, "people:\n", f'people:\n  - id: ann1\n    roles: [protocol_owner]\n    keys: ["{line}"]\n')
    build(project.door(), WHO)
    said = gonogo("trust", "sign", "--key", key, "-C", project.root, "--as", "ann1")
    assert said.code == 0, said.err
    history = project.root / "config/trust/history"
    command = ["ssh-keygen", "-Y", "verify", "-f", project.root / "config/trust/allowed_signers", "-I", "ann1"]
    command += ["-n", "gonogo/policy/v1", "-s", history / "policy-1.json.ann1.sig"]
    policy = (history / "policy-1.json").read_bytes()
    answer = subprocess.run(command, input=policy, capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert b"Good" in answer.stdout
    assert subprocess.run(command, input=policy + b" ", capture_output=True, check=False).returncode != 0
    assert pinned(project, project.begin("pre-deployment"))["signed_by"] == ["ann1"]


# Removals act at once, additions never on a run that is open.


@pytest.mark.req("APR-03", "t32_rogue_signer")
def test_a_key_that_is_written_into_the_file_during_a_run_has_no_voice_in_it(project: Project) -> None:
    run = project.begin("pre-deployment")
    project.go_until(run, "audit_recommendation")
    asked = next(item for item in project.door().requests(run) if item.point == "audit_recommendation")
    rogue = Ed25519PrivateKey.generate()
    project.edit(FILE, public_line(project.keys["qe1"]), public_line(rogue))
    project.keys["qe1"] = rogue
    with pytest.raises(Refused, match="is no listed key, in the name of qe1"):
        project.sign(run, asked, "qe1", decision="go", reason="a key that somebody wrote into the file")
    text = (project.root / FILE).read_text()
    project.write(FILE, text.replace("id: qe1", "id: qe2"))
    with pytest.raises(Refused, match="qe1 is not a listed person"):
        project.sign(run, asked, "qe1", decision="go", reason="removed meanwhile")


# Governed limits.


def weaker_limit(project: Project) -> None:
    project.write(
        LIMITS,
        "schema: gonogo/gate-limits/1\nprotocol: pre-deployment\nlimits: {completeness: 100%, drift_severity: low,"
        " deployment_success: 100%, coverage: 0.80, rto: 30s, severity: medium, manifest_completeness: 95%,"
        " approval_coverage: 100%}\n",
    )


def refusal(project: Project) -> str:
    with pytest.raises(BadInput) as caught:
        project.begin("pre-deployment")
    return caught.value.what


@pytest.mark.req("CFG-02", "C72")
def test_a_weaker_limit_counts_only_when_the_signed_policy_names_its_file(project: Project, tmp_path: Path) -> None:
    weaker_limit(project)
    assert "weaker than the document's" in refusal(project)
    with_admins(project, f"governed: [config/protocol_gates/]\n{ADMINS}")
    build(project.door(), WHO)
    assert "weaker than the document's" in refusal(project), "nobody has signed"
    signed_by(project, "rm1")
    assert "weaker than the document's" in refusal(project), "one of two has signed"
    signed_by(project, "sec1")
    run = project.begin("pre-deployment")
    gates = project.door().load(run).plan.gates.values()
    clause = next(clause for rule in gates for clause in rule.clauses if str(clause.limit.value) == "0.80")
    assert "weaker than the document; accepted by the signed policy" in clause.limit_from
    assert "weaker limit at" in gonogo("report", run, "-C", project.root).out
    changed = site(project, "limits.changed")
    assert [(data["protocol"], data["path"]) for data in changed] == [("pre-deployment", LIMITS)]
    exported = tmp_path / "out/limits.json"
    said = gonogo("limits", "pre-deployment", "--output", exported, "-C", project.root)
    assert said.code == 0, said.err
    body = json.loads(exported.read_text())
    assert body["policy"]["signed"] is True
    weak = [row for row in body["limits"] if row["weaker_than_document"]]
    assert [(row["metric"], row["limit"]) for row in weak] == [("coverage", "0.80")]
    assert weak[0]["document_limit"] in {"0.9", "0.90"}
    assert "WEAKER" in said.out
    project.edit(LIMITS, "0.80", "0.70")
    with pytest.raises((BadInput, Refused)):
        project.begin("pre-deployment")


@pytest.mark.req("CFG-02")
def test_a_governed_path_that_is_not_there_is_an_error(project: Project) -> None:
    with_admins(project, "governed: [config/nowhere.yaml]\n")
    with pytest.raises(BadInput, match="nowhere"):
        build(project.door(), WHO)


# Strict on request.


def test_a_strict_site_asks_for_a_touch_in_production_and_says_what_mends_it(project: Project) -> None:
    with_admins(project, STRICT)
    with pytest.raises(Refused, match="asks for H1") as caught:
        build(project.door(), WHO)
    assert "gonogo trust check" in caught.value.next_step
    assert "TL11" in [item.code for item in check(project.door()) if item.level is Level.ERROR]
    project.edit(FILE, "production: {any_of", "production: {min_assurance: {production: H0}, any_of")
    with pytest.raises(Refused, match="accept_low_assurance"):
        build(project.door(), WHO)
    assert "TL13" in [item.code for item in check(project.door()) if item.level is Level.ERROR]


@pytest.mark.req("CFG-02")
def test_below_h1_a_strict_site_needs_a_signed_acceptance_that_every_report_shows(project: Project) -> None:
    with_admins(project, STRICT)
    project.edit(FILE, "production: {any_of", f"production: {{{ACCEPTED}any_of")
    with pytest.raises(Refused, match="decides nothing before its policy is built") as caught:
        project.begin("pre-deployment")
    assert caught.value.next_step == "gonogo trust init"
    build(project.door(), WHO)
    with pytest.raises(Refused, match="signed by 0 of 2"):
        project.begin("pre-deployment")
    signed_by(project, "rm1", "sec1")
    project.release("pre-deployment")
    run = project.begin("production-deployment")
    said = gonogo("report", run, "-C", project.root).out
    assert "production takes H0, accepted: no security keys before spring" in said


def test_strictness_is_not_taken_back_by_a_later_version(project: Project) -> None:
    with_admins(project, STRICT)
    project.edit(FILE, "production: {any_of", f"production: {{{ACCEPTED}any_of")
    build(project.door(), WHO)
    signed_by(project, "rm1", "sec1")
    raised(project, 2)
    project.edit(FILE, "strict: true\n", "")
    build(project.door(), WHO)
    signed_by(project, "rm1", "sec1")
    with pytest.raises(Refused, match="is not strict any more"):
        project.begin("pre-deployment")


def test_init_strict_writes_admins_and_asks_for_h1(tmp_path: Path) -> None:
    said = gonogo("init", "--strict", "--service", "shop", "-C", tmp_path)
    assert said.code == 0, said.err
    text = (tmp_path / FILE).read_text()
    assert "strict: true" in text
    assert "threshold: 2" in text
    assert "strict" not in gonogo("init", "--service", "shop", "-C", tmp_path, "--dry-run").out


@pytest.mark.parametrize(("levels", "words"), [("", "production takes H0"), ("min_assurance: {production: H1}, ", "asks for H1")])
def test_doctor_recommends_better_than_what_production_asks_for(project: Project, levels: str, words: str) -> None:
    project.edit(FILE, "production: {any_of", f"production: {{{levels}any_of")
    said = gonogo("doctor", "-C", project.root).out
    assert words in said
    assert "better: " in said


@pytest.mark.req("CFG-03")
def test_a_limit_on_the_command_line_may_be_stricter_and_never_weaker(project: Project) -> None:
    run = project.begin("pre-deployment")
    project.go_until(run, "readiness")
    gates = project.door().load(run).plan.gates.values()
    gate = next(rule.id for rule in gates if any(clause.metric.lower() == "coverage" for clause in rule.clauses))
    asked = ("explain", run, gate, "-C", project.root, "--limit")
    weaker = gonogo(*asked, "coverage=0.50")
    assert "is weaker and does not count; the gate judges with" in weaker.out
    assert weaker.code == 0
    stricter = gonogo(*asked, "coverage=1.0")
    assert "--coverage 1.0 counts" in stricter.out
    assert "set by command line" in stricter.out
    assert gonogo(*asked, "coverage").code == 64
    assert gonogo("explain", run, "-C", project.root, "--limit", "coverage=1").code == 64
