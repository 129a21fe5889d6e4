"""The separation check: what agents could reach, and the level that follows; what nobody knows carries nothing."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import click
import pytest
from command_line import gonogo
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.adapters.reach import User, approvers_keys, credentials, user_named, writable
from gonogo.cli.main import gonogo as group
from gonogo.errors import BadInput
from gonogo.evidence.sshkeys import public_key
from gonogo.reports.separation import REMEDIES, Reach, Separation, level, statements
from tests.projects import public_line, small_project
from tests.unit.test_agent_tokens import Nowhere

BEST = Reach(same_user=False, writable=(), keys=(), credentials=(), weak_keys=(), policy_signed=True, anchored=True)


def test_the_best_site_is_enforced_and_every_single_lack_takes_that_away() -> None:
    assert level(statements(BEST)) is Separation.ENFORCED
    for lack in (
        {"same_user": True},
        {"same_user": None},
        {"writable": ("journal.db",)},
        {"writable": None},
        {"keys": ("rm1's key",)},
        {"keys": None},
        {"credentials": ("AWS_SECRET_ACCESS_KEY",)},
        {"credentials": None},
        {"policy_signed": False},
        {"anchored": False},
    ):
        assert level(statements(replace(BEST, **lack))) < Separation.ENFORCED, lack  # type: ignore[arg-type]


def test_keys_that_need_a_touch_and_an_anchor_elsewhere_make_tampering_evident_and_nothing_less_does() -> None:
    own = replace(BEST, same_user=True, writable=("journal.db",))
    assert level(statements(own)) is Separation.EVIDENT
    assert level(statements(replace(own, weak_keys=("rm1",)))) is Separation.ADVISORY
    assert level(statements(replace(own, anchored=False))) is Separation.ADVISORY


def test_each_statement_that_fails_says_what_to_do() -> None:
    worst = Reach(same_user=True, writable=("a",) * 7, keys=None, credentials=("X",), weak_keys=("y",), policy_signed=False, anchored=False)
    assert all(item.remedy for item in statements(worst) if not item.holds)
    assert "and 2 more" in statements(worst)[1].detail


def test_a_private_key_of_an_approver_is_found_by_its_public_part_and_never_shown(tmp_path: Path) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    (tmp_path / ".ssh").mkdir()
    for name, one in (("id_ed25519", key), ("other", other)):
        data = one.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        (tmp_path / ".ssh" / name).write_bytes(data)
    (tmp_path / ".ssh" / "config").write_text("Host *")
    me = User("me", os.getuid(), frozenset(), tmp_path)
    wanted = {public_key(public_line(key)).fingerprint: "rm1"}
    found = approvers_keys(me, wanted, {})
    assert found == (f"rm1's key in {tmp_path}/.ssh/id_ed25519",)
    assert approvers_keys(User("nobody", 65534, frozenset(), tmp_path / "none"), wanted, {"SSH_AUTH_SOCK": str(tmp_path / "no.sock")}) == ()


def test_credentials_are_told_by_their_names_alone(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text("secret-value")
    environ = {"AWS_SECRET_ACCESS_KEY": "secret-value", "PATH": "/bin", "DEPLOY_TOKEN": "secret-value", "KUBECONFIG": ""}
    found = credentials(User("me", os.getuid(), frozenset(), tmp_path), environ)
    assert found == ("AWS_SECRET_ACCESS_KEY", "DEPLOY_TOKEN", "~/.kube/config")
    assert "secret-value" not in str(found)


def test_rights_are_those_of_the_agents_user(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.write_text("x")
    file.chmod(0o600)
    tmp_path.chmod(0o755)
    stranger = User("stranger", 54321, frozenset({54321}), tmp_path)
    assert writable(stranger, [file]) == ()
    assert writable(user_named(""), [file]) == (str(file),)
    with pytest.raises(BadInput, match="no user"):
        user_named("nobody-of-that-name")


def test_doctor_says_what_agents_could_reach(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    small_project(root, Nowhere(tmp_path / "world/staging"), Nowhere(tmp_path / "world/production"))
    said = gonogo("doctor", "--agents", "-C", root, "--json")
    assert said.code == 2
    assert said.json()["level"] == "advisory"
    shown = gonogo("doctor", "--agents", "-C", root)
    assert "✗ S1" in shown.out
    assert "towards agents this site is advisory" in shown.out


def test_every_remedy_names_commands_that_exist() -> None:
    for number, remedy in REMEDIES.items():
        for name, action in re.findall(r"gonogo ([a-z-]+) ?([a-z-]*)", remedy):
            command = group.get_command(group.make_context("gonogo", [], resilient_parsing=True), name)
            assert command is not None, (number, name)
            chosen = [param.type.choices for param in command.params if isinstance(param, click.Argument) and isinstance(param.type, click.Choice)]
            assert not chosen or action in chosen[0], (number, name, action)
