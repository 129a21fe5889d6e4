"""Checkpoints on a signed branch and under time stamps, and what is called anchored by which rules."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.adapters.anchors.git import GitBranch, Signer
from gonogo.adapters.anchors.tsa import ask, stamped_at
from gonogo.adapters.anchors.witness_folder import FolderWitness
from gonogo.control.trust.anchoring import log_key
from gonogo.control.trust.anchors_read import read_anchors
from gonogo.control.audit.verifying_given import Asked, verify_given
from gonogo.errors import BadInput, Broken, Tampered
from gonogo.evidence.anchor_rules import AnchorRules, GitRule, TsaRule
from gonogo.evidence.git_commit import read_commit, signed_commit
from gonogo.evidence.note import Checkpoint
from gonogo.evidence.policy import policy_bytes, read_policy
from gonogo.evidence.signers import Ring, allowed_signers, revoked_keys
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.evidence.verifying import TrustFiles, verify_package
from gonogo.evidence.verifying_anchors import Outside
from gonogo.plan.approvers import read_approvers
from gonogo.terms import RunId
from tests.command_line import gonogo
from tests.packages import files_of, sign_checkpoint
from tests.projects import Project, small_project
from tests.worlds_http import place
from tests.worlds_tsa import Authority, authority

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def signer(key: Ed25519PrivateKey = KEY) -> Signer:
    return Signer(listed(key), key.sign)


def listed(key: Ed25519PrivateKey) -> PublicKey:
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return public_key(key.public_key().public_bytes(*form).decode())


def note(size: int, root: bytes = bytes(32), origin: str = "acme/eu1/run-1") -> bytes:
    return sign_checkpoint(Checkpoint(origin, size, root), KEY, "acme/eu1")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    folder = tmp_path / "kept.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    return folder


@pytest.mark.req("EVS-16")
def test_a_checkpoint_is_a_file_of_a_signed_commit_that_git_itself_verifies(remote: Path, tmp_path: Path) -> None:
    branch = GitBranch(str(remote), "gonogo-checkpoints")
    first = branch.add(note(3), signer(), NOW)
    assert branch.add(note(3), signer(), NOW) == first
    second = branch.add(note(5), signer(), NOW + timedelta(hours=1))
    assert git(remote, "rev-list", "gonogo-checkpoints").split() == [second, first]
    path = "checkpoints/acme=2feu1=2frun-1/0000000000000000005"
    assert git(remote, "show", f"gonogo-checkpoints:{path}").encode() == note(5)
    signers = tmp_path / "signers"
    signers.write_text(f'engine:eu1 namespaces="git" {listed(KEY).line}\n')
    trusting = ("-c", f"gpg.ssh.allowedSignersFile={signers}")
    done = subprocess.run(
        ["git", *trusting, "-C", str(remote), "verify-commit", second], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'Good "git" signature for engine:eu1' in done.stderr
    assert {kept.note for kept in branch.read([listed(KEY)])} == {note(3), note(5)}
    assert branch.read([listed(KEY)])[0].commit == second


@pytest.mark.req("t05_rewrite_log", "t08_split_view")
def test_a_branch_never_takes_a_second_checkpoint_of_one_size(remote: Path) -> None:
    branch = GitBranch(str(remote), "kept")
    branch.add(note(3), signer(), NOW)
    with pytest.raises(Tampered, match="another checkpoint"):
        branch.add(note(3, b"x" * 32), signer(), NOW)


@pytest.mark.req("t05_rewrite_log", "t32_rogue_signer")
def test_a_commit_of_a_stranger_a_changed_file_and_a_removed_one_are_refused(remote: Path, tmp_path: Path) -> None:
    branch = GitBranch(str(remote), "kept")
    branch.add(note(3), signer(), NOW)
    branch.add(note(5), signer(OTHER), NOW)
    with pytest.raises(Tampered, match="not listed"):
        branch.read([listed(KEY)])
    assert len(branch.read([listed(KEY), listed(OTHER)])) == 2
    head = git(remote, "rev-parse", "kept").strip()
    first = git(remote, "rev-list", "--max-parents=0", "kept").strip()
    tree = git(remote, "rev-parse", f"{first}^{{tree}}").strip()
    data = signed_commit(tree, (head,), "back to the start", NOW, listed(KEY), KEY.sign)
    path = tmp_path / "commit"
    path.write_bytes(data)
    made = git(remote, "hash-object", "-t", "commit", "-w", str(path)).strip()
    git(remote, "update-ref", "refs/heads/kept", made)
    with pytest.raises(Tampered, match="changed or"):
        branch.read([listed(KEY), listed(OTHER)])


@pytest.mark.parametrize("change", ["message", "tree", "signature", "none"])
def test_a_commit_whose_bytes_were_changed_is_not_signed(change: str) -> None:
    data = signed_commit("a" * 40, ("b" * 40,), "words", NOW, listed(KEY), KEY.sign)
    assert read_commit(data, name="c").parents == ("b" * 40,)
    changed = {
        "message": data.replace(b"words", b"other"),
        "tree": data.replace(b"a" * 40, b"c" * 40),
        "signature": data.replace(b"gpgsig", b"gpgsih"),
        "none": b"tree " + b"a" * 40 + b"\n\nwords\n",
    }[change]
    with pytest.raises(Tampered):
        read_commit(changed, name="c")


def test_a_remote_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="git ls-remote"):
        GitBranch(str(tmp_path / "nothing"), "kept").read([listed(KEY)])


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa") / "authority") as found:
        yield found


@pytest.mark.req("EVS-16")
def test_a_time_stamp_is_kept_as_it_came_and_judged_by_stock_openssl(stamps: Authority, tmp_path: Path) -> None:
    data = note(4)
    reply = ask(stamps.url, data)
    at = stamped_at(reply, data, stamps.root, name="x")
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    for file, content in (("n", data), ("n.tsr", reply), ("ca.pem", stamps.root)):
        (tmp_path / file).write_bytes(content)
    subprocess.run(
        ["openssl", "ts", "-verify", "-in", "n.tsr", "-data", "n", "-CAfile", "ca.pem"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    with pytest.raises(Tampered, match="does not hold"):
        stamped_at(reply, note(5), stamps.root, name="x")
    with pytest.raises(Tampered, match="does not hold"):
        stamped_at(reply[:-3], data, stamps.root, name="x")


def test_a_stamp_counts_only_by_an_authority_that_the_trust_files_name(stamps: Authority, tmp_path: Path) -> None:
    (tmp_path / "n").write_bytes(note(4))
    (tmp_path / "n.tsr").write_bytes(ask(stamps.url, note(4)))
    ring = Ring((), {})
    with pytest.raises(BadInput, match="no root certificate"):
        read_anchors([tmp_path], ring)
    (tmp_path / "ca.pem").write_bytes(stamps.root)
    assert [item.who for item in read_anchors([tmp_path], ring).outside] == ["time stamp of an authority that you trust"]
    named = replace(ring, anchors=AnchorRules(tsa=(TsaRule("acme", stamps.url, stamps.ca_sha256),)))
    assert [item.who for item in read_anchors([tmp_path / "n.tsr"], named).outside] == ["time stamp of acme"]
    other = replace(ring, anchors=AnchorRules(tsa=(TsaRule("acme", stamps.url, "0" * 64),)))
    with pytest.raises(BadInput, match="listed authority"):
        read_anchors([tmp_path], other)


@pytest.mark.req("CFG-04")
def test_the_rules_come_from_the_approvers_file_and_stand_in_the_policy(stamps: Authority) -> None:
    text = f"""
schema: gonogo/approvers/1
people: []
anchors:
  require: 2
  git: {{remote: "ssh://git.example/kept.git", branch: kept, signers: ["{listed(OTHER).line}"]}}
  tsa: [{{name: acme, url: "{stamps.url}", ca_sha256: {stamps.ca_sha256}}}]
"""
    ring = read_approvers(text.encode(), "x.yaml").ring
    assert ring.anchors.git == GitRule("ssh://git.example/kept.git", "kept", (listed(OTHER),))
    assert (ring.anchors.require, ring.anchors.needed) == (2, 2)
    signers, revoked = allowed_signers(ring, ["production"]), revoked_keys(ring)
    assert read_policy(policy_bytes(ring, signers, revoked)).anchors == ring.anchors
    wrong = text.replace("require: 2", "require: 2\n  witness_quorum: 2\n  witnesses: [no-key]")
    messages = [item.message for item in read_approvers(wrong.encode(), "x.yaml").findings]
    assert any("no key of a witness" in message for message in messages)


@dataclass(frozen=True)
class Released:
    """A finished pre-deployment run under rules that ask for two anchors."""

    project: Project
    run: RunId
    package: Path
    trust: Path
    remote: Path


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, stamps: Authority) -> Iterator[Released]:
    root = tmp_path_factory.mktemp("anchors")
    remote = root / "kept.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    with place(root / "world/staging") as staging, place(root / "world/production") as production:
        project = small_project(root / "project", staging, production)
        witness = FolderWitness(root / "witness", "w1")
        witness.know(log_key(project.door()))
        rules = (
            f'anchors:\n  require: 2\n  witnesses: ["{witness.key.vkey}"]\n  git: {{remote: "{remote}"}}\n'
            f'  tsa: [{{name: acme, url: "{stamps.url}", ca_sha256: {stamps.ca_sha256}}}]\n'
        )
        line = project.door().world.key.public_line()
        engines = f'engines:\n  - {{name: local, key: "{line}"}}\n'
        project.edit("config/release-approvers.yaml", "freeze_stakeholders:", f"{rules}{engines}freeze_stakeholders:")
        run = project.release("pre-deployment")
        door = project.door()
        data = door.world.vault.read(door.load(run).state.packages["handoff"].sha256, limit=1 << 30)
        (root / "p.zip").write_bytes(data)
        (root / "trust").mkdir()
        (root / "trust/policy.json").write_bytes(files_of(data)["trust/policy.json"])
        yield Released(project, run, root / "p.zip", root / "trust", remote)


@pytest.mark.req("EVS-16", "t07_cut_after_approval")
def test_as_many_anchors_as_the_trust_files_ask_for_have_to_agree(released: Released, tmp_path: Path, stamps: Authority) -> None:
    project, here = released.project, ("-C", released.project.root)
    doctor = json.loads(gonogo("doctor", "--trust", "--json", *here).out)
    standing = next(row for row in doctor["examined"] if row["what"].startswith("anchor of"))
    assert (standing["ok"], standing["needed"]) == (False, True)
    assert gonogo("doctor", "--trust", *here).code != 0

    said = gonogo("witness", "add", released.run, "--to", f"git:{released.remote}", "--as", "rm1", *here)
    assert said.code == 0, said.err
    status = gonogo("witness", "status", *here)
    assert "1 of 2 anchors" in status.out
    assert status.code == 3
    given = ("--trust", released.trust, "--anchor", released.remote)
    one = gonogo("verify", released.package, *given)
    assert one.code == 3
    assert "not anchored (1 of 2 anchors)" in one.out
    assert "intact" not in one.out.splitlines()[0]

    said = gonogo("witness", "add", released.run, "--as", "rm1", "--json", *here)
    assert said.code == 0, said.err
    kinds = {row["kind"] for row in json.loads(said.out)["anchors"]}
    assert kinds == {"git", "tsa"}
    assert gonogo("witness", "status", *here).code == 0
    folder = next((project.root / ".gonogo/anchors").glob("tsa-*"))
    (folder / "ca.pem").write_bytes(stamps.root)
    both = gonogo("verify", released.package, *given, "--anchor", folder)
    assert both.code == 0, both.out
    assert "by git commit" in both.out
    assert "time stamp of acme (20" in both.out
    standing = [row for row in json.loads(gonogo("doctor", "--trust", "--json", *here).out)["examined"] if "anchor" in row["what"]]
    assert all(row["ok"] for row in standing)
    made = [entry.data for entry in project.door().world.journal.site() if entry.type == "anchor.made"]
    assert {item["kind"] for item in made} == {"git", "tsa"}
    assert all(project.door().world.vault.read(item["reply_sha256"]) for item in made)


def test_a_plain_copy_is_no_witness_where_witnesses_are_listed(released: Released, tmp_path: Path) -> None:
    files = files_of(released.package.read_bytes())
    (tmp_path / "copy").write_bytes(files["log/checkpoint"])
    asked = Asked(released.trust, (tmp_path / "copy",))
    found = verify_given(released.package, asked, datetime.now(UTC))
    assert found.exit_code == 3
    assert found.verdict.startswith("CONSISTENT, not anchored:")


def test_a_stamp_from_before_the_log_ended_is_refused(released: Released) -> None:
    data = released.package.read_bytes()
    checkpoint = files_of(data)["log/checkpoint"]
    ring = read_policy((released.trust / "policy.json").read_bytes())
    early = Outside(checkpoint, "time stamp of acme", NOW)
    found = verify_package(data, TrustFiles(ring, (), (early,)), datetime.now(UTC))
    assert found.exit_code == 2
    assert "before it was written" in found.verdict
