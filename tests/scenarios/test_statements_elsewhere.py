"""Every kind of statement, made with gonogo and made with stock ssh-keygen from prepared bytes: judged the same way."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from authenticator import Device, maker
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gonogo.evidence.signers import allowed_signers
from gonogo.evidence.sshsig import signed_data
from gonogo.terms import RunId
from tests.command_line import gonogo
from tests.projects import Project, public_line, small_project
from tests.worlds_http import place

FILE = "config/release-approvers.yaml"


def key_files(folder: Path, keys: dict[str, Ed25519PrivateKey]) -> dict[str, Path]:
    """The private keys of everybody as ssh-keygen reads them."""
    found = {}
    for name, key in keys.items():
        path = folder / f"id_{name}"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        path.chmod(0o600)
        path.with_name(f"{path.name}.pub").write_text(f"{public_line(key)}\n")
        found[name] = path
    return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


@pytest.fixture
def keys(project: Project, tmp_path: Path) -> dict[str, Path]:
    return key_files(tmp_path, project.keys)


def prepared(project: Project, run: RunId, point: str, key: Path, *says: str) -> dict[str, str]:
    """What `gonogo prepare --json` answers; the statement lies beside the key."""
    output = key.parent / f"{point}-{key.name}.json"
    asked = ("prepare", run, point, "--key", f"{key}.pub", "--output", output, "-C", project.root, "--as", "dev1", "--json")
    said = gonogo(*asked, *(part for text in says for part in ("--say", text)))
    assert said.code == 0, said.err
    return json.loads(said.out)


def stock_sign(body: dict[str, str], key: Path) -> None:
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", body["namespace"], "-f", key, body["statement"]]
    subprocess.run(argv, check=True, capture_output=True)


def stock_verify(project: Project, body: dict[str, str], who: str) -> None:
    folder = Path(body["statement"]).parent
    (folder / "allowed").write_bytes(allowed_signers(project.door().world.ring(), ["production", "staging"]))
    argv = ["ssh-keygen", "-Y", "verify", "-f", folder / "allowed", "-I", who, "-n", body["namespace"]]
    argv += ["-s", f"{body['statement']}.sig"]
    data = Path(body["statement"]).read_bytes()
    assert b"Good" in subprocess.run(argv, input=data, check=True, capture_output=True).stdout


def elsewhere(project: Project, run: RunId, point: str, who: str, key: Path, *says: str) -> dict[str, str]:
    """Prepare, sign with stock ssh-keygen, verify with it, hand in; what `gonogo hand-in --json` answers."""
    body = prepared(project, run, point, key, *says)
    stock_sign(body, key)
    stock_verify(project, body, who)
    said = gonogo("hand-in", run, body["round"], body["statement"], "-C", project.root, "--json")
    assert said.code == 0, said.err
    return {**body, **json.loads(said.out)}


def recorded(project: Project, run: RunId) -> set[tuple[str, str, str]]:
    state = project.state(run)
    return {(asked.kind, answer.person, answer.decision) for asked in state.rounds.values() for answer in asked.answers}


@pytest.mark.req("REV-03", "REV-07", "APR-02", "HND-08", "HND-09", "C34")
def test_statements_signed_by_stock_ssh_keygen_are_recorded_like_those_signed_here(
    project: Project, keys: dict[str, Path]
) -> None:
    run = project.begin("pre-deployment")
    project.go_until(run, "audit_recommendation")
    found = elsewhere(project, run, "audit_recommendation", "qe1", keys["qe1"], "decision=go", "reason=read and good")
    assert (found["person"], found["decision"], found["level"]) == ("qe1", "go", "H0")
    elsewhere(project, run, "dissent", "sre1", keys["sre1"], "reason=I would wait")
    for about, who in (("completeness", "rm1"), ("receipt", "rm1")):
        elsewhere(project, run, f"signoff_{about}", who, keys[who], "decision=approved", "reason=I looked")
    common = ("-C", project.root, "--as", "dev1", "--yes")
    for about, decision in (("owner", ()), ("downstream", ("--reject",))):
        said = gonogo("sign-off", run, about, "--key", keys["rm1"], "--reason", "as asked", *decision, *common)
        assert said.code == 0, said.err
    said = gonogo("consent", run, "finding", "--line", "CVE-1 has no fix", "--key", keys["rm1"], "--reason", "not reachable", *common)
    assert said.code == 0, said.err
    project.door().halt(run, "to look", project.door().load(run).entries[0].actor)
    elsewhere(project, run, "resume", "rm1", keys["rm1"], "reason=looked", "mitigation=nothing was wrong")
    assert recorded(project, run) == {
        ("approval", "qe1", "go"),
        ("dissent", "sre1", "stated"),
        ("signoff", "rm1", "go"),
        ("signoff", "rm1", "no_go"),
        ("acceptance", "rm1", "go"),
        ("resume", "rm1", "go"),
    }
    assert project.chain_problems(run) == ()
    project.door().abort(run, "enough", project.door().load(run).entries[0].actor)
    project.go_on(run)
    verified = gonogo("verify", run, "-C", project.root)
    assert verified.code in {0, 3}, verified.out


@pytest.mark.req("REV-02", "C34")
def test_risks_and_action_items_of_a_review_are_what_people_signed(project: Project, keys: dict[str, Path]) -> None:
    run = project.begin("pre-deployment")
    project.go_until(run, "readiness")
    asked = ("approve", run, "readiness", "-C", project.root, "--yes", "--key")
    said = gonogo(*asked, keys["rm1"], "--risk", "R-1=the cache is cold", "--action", "sre1=2026-12-01=warm the cache")
    assert said.code == 0, said.err
    assert gonogo(*asked, keys["po1"], "--risk", "no id").code == 64
    assert gonogo(*asked, keys["po1"]).code == 0
    project.go_on(run)
    body = project.evidence(run, "readiness-approval.json")
    assert [(item["id"], item["text"], item["state"], item["accepted_by"]) for item in body["risks"]] == [  # type: ignore[union-attr,index,call-overload]
        ("R-1", "the cache is cold", "accepted", "rm1")
    ]
    assert body["action_items"] == [
        {"text": "warm the cache", "owner": "sre1", "due": "2026-12-01T00:00:00Z", "state": "open"}
    ]
    assert body["readiness_approval"]["status"] == "approved"  # type: ignore[index,call-overload]
    told = (project.root / ".gonogo/announcements.jsonl").read_text()
    assert "[APPROVAL REQUEST]" in told
    assert "a typed yes or no is only a comment" in told


@pytest.mark.slow
@pytest.mark.req("FRZ-04", "REV-03")
def test_an_acknowledgement_and_an_attestation_can_be_signed_elsewhere_too(project: Project, keys: dict[str, Path]) -> None:
    project.release("pre-deployment")
    run = project.begin("production-deployment")
    project.go_until(run, "scope_confirmation")
    asked = next(item for item in project.door().requests(run) if item.point == "scope_confirmation")
    says = ("answer=yes",) if asked.kind == "attestation" else ("decision=go", "reason=as planned")
    assert elsewhere(project, run, "scope_confirmation", "po1", keys["po1"], *says)["decision"] == "go"
    project.go_until(run, "freeze")
    for who in ("rm1", "sre1"):
        assert elsewhere(project, run, "freeze", who, keys[who])["decision"] == "go"
    assert ("freeze-ack", "sre1", "go") in recorded(project, run)


@pytest.mark.req("REV-08", "t26_blind_signing")
def test_changed_bytes_a_foreign_key_and_missing_words_are_refused(project: Project, keys: dict[str, Path]) -> None:
    run = project.begin("pre-deployment")
    project.go_until(run, "audit_recommendation")
    body = prepared(project, run, "audit_recommendation", keys["qe1"], "decision=go", "reason=good")
    stock_sign(body, keys["qe1"])
    file = Path(body["statement"])
    text = file.read_text()
    hand = ("hand-in", run, body["round"], file, "-C", project.root)
    file.write_text(text.replace('"go"', '"no_go"'))
    assert "rule A3" in gonogo(*hand).err
    file.write_text(text)
    file.with_name(f"{file.name}.sig").unlink()
    stock_sign(body, keys["sre1"])
    assert "rule A5" in gonogo(*hand).err
    assert "is not there" in gonogo("hand-in", run, body["round"], file.with_name("none.json"), "-C", project.root).err
    asked = ("prepare", run, "audit_recommendation", "--key", keys["qe1"], "--output", file, "-C", project.root)
    assert "add: --say decision=... --say reason=..." in gonogo(*asked).err
    assert "it says: action_items, conditions, decision, reason, risks_accepted" in gonogo(*asked, "--say", "verdict=go").err
    assert "asks for nothing at `production`" in gonogo(*asked[:2], "production", *asked[3:]).err
    assert recorded(project, run) == set()


@pytest.mark.req("REV-03", "APR-02")
def test_a_passkeys_answer_is_handed_in_as_it_came_from_the_browser(project: Project, tmp_path: Path) -> None:
    site, origin = "release.example", "https://release.example"
    device = Device(maker(), application=site, curve="p256")
    web = f"web: {{rp_ids: [{site}], origins: ['{origin}']}}\n"
    project.edit(FILE, "people:\n", f"{web}people:\n")
    project.edit(FILE, public_line(project.keys["qe1"]), device.public.line)
    run = project.begin("pre-deployment")
    project.go_until(run, "audit_recommendation")
    key = tmp_path / "passkey"
    key.with_name("passkey.pub").write_text(device.public.line)
    body = prepared(project, run, "audit_recommendation", key, "decision=go", "reason=good")
    challenge = signed_data(body["namespace"], Path(body["statement"]).read_bytes())
    answer = tmp_path / "answer.json"
    for place_of, code in (("https://evil.example", 2), (origin, 0)):
        answer.write_bytes(device.answer(challenge, place_of))
        said = gonogo("hand-in", run, body["round"], body["statement"], "--passkey", answer, "-C", project.root)
        assert said.code == code, said.err
    state = project.state(run)
    assert state.rounds[body["round"]].answers[0].in_browser
