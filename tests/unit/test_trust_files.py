"""Trust files and keys of a project on disk: built, compared, carried on, and never quietly set back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gonogo.control.trust.trusting import build, check
from gonogo.errors import BadInput, Refused
from gonogo.evidence.signers import Revocation, RevocationReason
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.sshsig import sign
from gonogo.evidence.policy import POLICY_NAMESPACE
from gonogo.control.trust.trusting import newest, record_signature
from gonogo.findings import Level
from gonogo.plan.approvers import read_approvers
from gonogo.plan.approvers_editing import NewKey, enrolled, revoked
from gonogo.terms import Person
from tests.command_line import gonogo
from tests.projects import Project, small_project
from tests.trust_world import private_key, ssh_key
from tests.worlds_http import place

FILE = "config/release-approvers.yaml"
NEW = ssh_key(private_key("new"))
WHO = Person("rm1")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


def errors(project: Project) -> list[str]:
    return [item.code for item in check(project.door()) if item.level is Level.ERROR]


@pytest.mark.req("CFG-04", "TL01")
def test_what_was_built_is_checked_byte_for_byte(project: Project) -> None:
    assert "TL01" in errors(project)
    built = build(project.door(), WHO)
    assert built.version == 1
    assert {path.rpartition("/")[2] for path in built.paths} == {
        "policy.json",
        "allowed_signers",
        "revoked_keys",
        "log_keys",
        "policy-1.json",
    }
    assert errors(project) == []
    signers = project.root / "config/trust/allowed_signers"
    signers.write_bytes(signers.read_bytes().replace(b"po1", b"po2"))
    assert errors(project) == ["TL01"]


def test_building_again_changes_nothing(project: Project) -> None:
    first = build(project.door(), WHO)
    again = build(project.door(), WHO)
    assert (again.sha256, again.paths, again.changed) == (first.sha256, (), False)


@pytest.mark.req("CFG-02", "t31_policy_rollback")
def test_a_change_of_people_needs_the_next_version_and_an_older_one_opens_no_run(project: Project) -> None:
    build(project.door(), WHO)
    first = (project.root / FILE).read_text()
    project.edit(FILE, "quorum: 2}", "quorum: 1}")
    with pytest.raises(Refused, match="still says version 1") as caught:
        build(project.door(), WHO)
    assert "version: 2" in caught.value.next_step
    with pytest.raises(Refused, match="was changed, and still says version 1"):
        project.begin("pre-deployment")
    project.edit(FILE, "schema: gonogo/approvers/1\n", "schema: gonogo/approvers/1\nversion: 2\n")
    assert build(project.door(), WHO).version == 2
    assert errors(project) == []
    changed = [entry for entry in project.door().world.journal.site() if entry.type == "trust.changed"]
    assert [entry.data["version"] for entry in changed] == [1, 2]
    project.write(FILE, first)
    with pytest.raises(Refused, match="version 2 was already in force"):
        project.begin("pre-deployment")


@pytest.mark.req("TL15", "t32_rogue_signer")
def test_with_admins_a_new_version_counts_when_enough_of_the_version_before_signed_it(project: Project) -> None:
    project.edit(FILE, "freeze_stakeholders:", "admins: {people: [rm1, sec1], threshold: 2}\nfreeze_stakeholders:")
    build(project.door(), WHO)
    project.edit(FILE, "schema: gonogo/approvers/1\n", "schema: gonogo/approvers/1\nversion: 2\n")
    project.edit(FILE, "rm1, sec1], threshold: 2", "rm1, po1], threshold: 2")
    build(project.door(), WHO)
    assert errors(project) == ["TL15"]
    data = newest(project.door())
    for handle in ("rm1", "sec1"):
        record_signature(project.door(), sign(project.keys[handle], data, POLICY_NAMESPACE), WHO)
    assert errors(project) == []
    with pytest.raises(Refused, match="not the key of an admin"):
        record_signature(project.door(), sign(project.keys["po1"], data, POLICY_NAMESPACE), WHO)


def test_a_version_that_was_taken_out_of_the_history_is_missed(project: Project) -> None:
    for version in (2, 3):
        build(project.door(), WHO)
        text = (project.root / FILE).read_text()
        before = "gonogo/approvers/1\n" if version == 2 else "version: 2\n"
        after = "gonogo/approvers/1\nversion: 2\n" if version == 2 else "version: 3\n"
        project.write(FILE, text.replace(before, after))
    build(project.door(), WHO)
    (project.root / "config/trust/history/policy-2.json").unlink()
    assert "TL15" in errors(project)


def test_the_engine_of_this_machine_that_nobody_listed_is_said(project: Project) -> None:
    project.door().world.key.public_line()
    assert [item.code for item in check(project.door()) if item.level is Level.WARNING and item.code == "TL17"]


LAYOUTS = (
    'schema: gonogo/approvers/1\npeople:\n  - id: rm1\n    roles: [release_manager]\n    keys: ["{a}"]  # plain\ndecisions: {{}}\n',
    "schema: gonogo/approvers/1\nversion: 4\npeople:\n- id: rm1\n  roles: [release_manager]\n  keys:\n  - {a}\ndecisions: {{}}\n",
    "schema: gonogo/approvers/1\npeople:\n  - id: rm1 # the boss\n    keys:\n      - {a}\n    roles: [release_manager]\n\n# end\n\ndecisions: {{}}\n",
    "schema: gonogo/approvers/1\npeople:\n  - id: rm1\n    roles: [release_manager]\n    keys: []\ndecisions: {{}}\n",
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_key_is_enrolled_by_changing_only_what_has_to_change(layout: str) -> None:
    text = layout.format(a=ssh_key(private_key("rm1")).line)
    before = read_approvers(text.encode(), "a").ring
    for new in (NewKey("rm1", NEW), NewKey("eve1", NEW, ("release_manager",))):
        found = enrolled(text, new)
        assert found is not None
        after = read_approvers(found.encode(), "a").ring
        owner = after.owner_of(NEW)
        assert owner is not None
        assert owner.handle == new.person
        assert after.version == before.version + 1
        kept = [line for line in text.splitlines() if not line.startswith("version") and "keys: [" not in line]
        assert [line for line in kept if line not in found.splitlines()] == []


def test_a_layout_that_cannot_be_changed_safely_is_left_alone() -> None:
    text = f'schema: gonogo/approvers/1\npeople: [{{id: rm1, roles: [a], keys: ["{ssh_key(private_key("rm1")).line}"]}}]\ndecisions: {{}}\n'
    assert enrolled(text, NewKey("rm1", NEW)) is None
    assert enrolled(text, NewKey("eve1", NEW, ("a",))) is None


@pytest.mark.parametrize("layout", LAYOUTS[:3])
def test_a_key_is_revoked_in_the_file(layout: str) -> None:
    key = ssh_key(private_key("rm1"))
    withdrawn = Revocation(key.fingerprint, datetime(2026, 3, 2, tzinfo=UTC), RevocationReason.LOST)
    found = revoked(layout.format(a=key.line), withdrawn)
    assert found is not None
    again = Revocation(NEW.fingerprint, withdrawn.effective_from, RevocationReason.COMPROMISED)
    both = revoked(found, again)
    assert both is not None
    assert read_approvers(both.encode(), "a").ring.revoked == (withdrawn, again)


def test_keys_are_made_listed_enrolled_and_revoked_from_the_command_line(project: Project, tmp_path: Path) -> None:
    made = tmp_path / "id_new"
    assert gonogo("keys", "new", made, "--no-passphrase").code == 0
    assert (made.stat().st_mode & 0o777) == 0o600
    public = public_key(made.with_name("id_new.pub").read_text().strip())
    asked = ("keys", "enrol", "ann1", "--key", tmp_path / "id_new.pub", "-C", project.root, "--yes")
    assert "has no role" in gonogo(*asked).err
    said = gonogo(*asked, "--role", "release_manager")
    assert said.code == 0, said.err
    assert f'+    keys: ["{public.line}"]' in said.err
    assert public.fingerprint in gonogo("keys", "list", "-C", project.root).out
    assert "is listed already, for ann1" in gonogo(*asked, "--role", "x").err
    said = gonogo("keys", "revoke", public.fingerprint, "--reason", "lost", "-C", project.root, "--yes")
    assert said.code == 0, said.err
    assert "revoked (lost)" in gonogo("keys", "list", "-C", project.root).out
    assert (
        "is revoked already"
        in gonogo("keys", "revoke", public.fingerprint, "--reason", "lost", "-C", project.root, "--yes").err
    )
    assert gonogo("keys", "new", made, "--no-passphrase").code == 2


def test_a_private_key_is_never_enrolled(project: Project, tmp_path: Path) -> None:
    made = tmp_path / "id_new"
    gonogo("keys", "new", made, "--no-passphrase")
    said = gonogo("keys", "enrol", "rm1", "--key", made, "-C", project.root)
    assert said.code == 2
    assert "stays with its owner" in said.err


@pytest.mark.req("TL02", "TL03", "t33_wide_line")
def test_wide_lines_of_any_allowed_signers_file_are_found(tmp_path: Path) -> None:
    file = tmp_path / "allowed_signers"
    file.write_text(f"* {NEW.line}\n")
    said = gonogo("keys", "lint", file)
    assert said.code == 2
    assert "TL02" in said.out
    assert "TL03" in said.out


def test_trust_files_that_were_built_verify_a_signature_with_stock_ssh_keygen(project: Project, tmp_path: Path) -> None:
    assert gonogo("trust", "init", "-C", project.root, "--as", "rm1").code == 0
    assert gonogo("trust", "check", "-C", project.root).code == 0
    statement = b"a statement\n"
    signature = tmp_path / "s.sig"
    signature.write_bytes(sign(project.keys["po1"], statement, "gonogo/approval/v1/production"))
    signers = project.root / "config/trust/allowed_signers"
    for person, code in (("po1", 0), ("role:product_owner", 0), ("rm1", 255)):
        command = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", person]
        command += ["-n", "gonogo/approval/v1/production", "-s", signature]
        assert subprocess.run(command, input=statement, capture_output=True, check=False).returncode == code


def test_the_error_of_a_broken_history_names_the_file(project: Project) -> None:
    build(project.door(), WHO)
    folder = project.root / "config/trust/history"
    (folder / "policy-1.json").rename(folder / "policy-2.json")
    with pytest.raises(BadInput, match="is of another version"):
        check(project.door())
