"""Every evil package is refused, by the check that is there for it, by all three verifiers as far as they can see."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
from attacks import ATTACKS, Attack, Evil
from attacks_on_people import ATTACKS_ON_PEOPLE
from trust_world import SITE, Run, measured_run, packed, private_key, whole_run

from gonogo.evidence.note import NoteKey
from gonogo.evidence.policy import policy_bytes
from gonogo.evidence.signers import allowed_signers, revoked_keys
from gonogo.evidence.verifying import TrustFiles, verify_package
from gonogo.library import verify

ALL = (*ATTACKS, *ATTACKS_ON_PEOPLE)
BY_NAME = {attack.name: attack for attack in ALL}
SEEN_BY_SHELL = sorted(attack.name for attack in ATTACKS if attack.shell)


@cache
def built(name: str) -> Evil:
    return BY_NAME[name].build()


def later(run: Run) -> timedelta:
    return timedelta(days=1) if run.now.year < 2100 else -timedelta(days=36000)


def trust_folder(trust: TrustFiles, folder: Path) -> Path:
    signers, revoked = allowed_signers(trust.ring, ["production", "staging"]), revoked_keys(trust.ring)
    (folder / "anchors").mkdir(parents=True)
    (folder / "policy.json").write_bytes(policy_bytes(trust.ring, signers, revoked))
    (folder / "allowed_signers").write_bytes(signers)
    (folder / "revoked_keys").write_bytes(revoked)
    for number, anchor in enumerate(trust.anchors):
        (folder / "anchors" / str(number)).write_bytes(anchor)
    return folder


def library(name: str) -> str:
    return str(resources.files("gonogo.library") / name)


def asked_of_python(package: bytes, trust: TrustFiles | None, folder: Path) -> list[str]:
    (folder / "p.zip").write_bytes(package)
    return [str(folder / "p.zip")] + (["--trust", str(trust_folder(trust, folder / "trust"))] if trust else [])


def by_python(package: bytes, trust: TrustFiles | None, folder: Path) -> tuple[int, str]:
    """As an auditor runs it: on its own, isolated."""
    argv = [sys.executable, "-I", library("verify.py"), *asked_of_python(package, trust, folder)]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return answer.returncode, answer.stdout + answer.stderr


def by_shell(package: bytes, trust: TrustFiles, folder: Path) -> tuple[int, str]:
    (folder / "p.zip").write_bytes(package)
    signers = trust_folder(trust, folder / "trust") / "allowed_signers"
    vkey = NoteKey(SITE, private_key("engine").public_key().public_bytes_raw()).vkey
    shell = shutil.which("sh")
    assert shell is not None
    argv = [shell, library("verify.sh"), str(folder / "p.zip"), str(signers), vkey, "production"]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return answer.returncode, answer.stdout + answer.stderr


def refused_everywhere(name: str, folder: Path, said: Callable[[], str]) -> None:
    """By gonogo through exactly the checks that are there for it, by verify.py, and by verify.sh where it can see it."""
    attack, evil = BY_NAME[name], built(name)
    found = verify_package(evil.package, evil.trust, evil.run.now + later(evil.run))
    assert {check.name for check in found.checks if not check.ok} == set(attack.checks.split()), found
    assert found.exit_code == attack.exit_code, found
    code, words = verify.main(asked_of_python(evil.package, evil.trust, folder)), said()
    assert code == attack.exit_code, words
    assert "malformed" not in words, words
    if attack.shell:
        (folder / "shell").mkdir()
        code, words = by_shell(evil.package, evil.trust, folder / "shell")
        assert (code, words.split(":")[0]) == (2, "REFUSED"), words


def test_the_shell_verifier_sees_every_attack_on_the_form() -> None:
    assert len(SEEN_BY_SHELL) >= 30


@pytest.mark.req("EVS-16", "ARC-07", "REV-03", "PKG-03")
def test_the_honest_package_passes_all_three(tmp_path: Path) -> None:
    run = whole_run()
    package, trust = packed(run), run.trust(run.anchor())
    found = verify_package(package, trust, run.now + timedelta(days=1))
    assert found.exit_code == 0, found
    assert found.verdict.startswith("VERIFIED: intact, anchored up to entry")
    for name, verifier in (("python", by_python), ("shell", by_shell)):
        (tmp_path / name).mkdir()
        code, words = verifier(package, trust, tmp_path / name)
        assert code == 0, words


@pytest.mark.req("GAT-01", "EVS-16")
def test_a_gate_that_only_people_judge_is_no_empty_gate_for_any_verifier(tmp_path: Path) -> None:
    run = measured_run()
    run.judge_by_hand("walkthrough", "the plan was walked through")
    asked = run.ask()
    run.approve(asked, "sre1", "sre_lead")
    run.approve(asked, "po1", "product_owner")
    run.use()
    run.close()
    package, trust = packed(run), run.trust(run.anchor())
    assert verify_package(package, trust, run.now + timedelta(days=1)).exit_code == 0
    code, words = by_python(package, trust, tmp_path)
    assert code == 0, words


@pytest.mark.req("EVS-16")
def test_without_trust_files_the_best_answer_is_consistent(tmp_path: Path) -> None:
    run = whole_run()
    assert verify_package(packed(run), None, run.now).exit_code == 3
    assert by_python(packed(run), None, tmp_path)[0] == 3


def test_without_an_anchor_nothing_is_called_intact() -> None:
    run = whole_run()
    found = verify_package(packed(run), run.trust(), run.now)
    assert found.exit_code == 3
    assert found.verdict.startswith("CONSISTENT, not anchored")
    assert "intact" not in str(found)
    assert verify_package(packed(run), run.trust(), run.now, anchor_needed=False).exit_code == 0


def test_a_checkpoint_of_another_run_anchors_nothing() -> None:
    run = whole_run()
    anchor = run.anchor().replace(b"1f3a\n", b"ffff\n")
    assert verify_package(packed(run), run.trust(anchor), run.now).exit_code == 3


def test_names_of_attacks_are_unique() -> None:
    assert len(BY_NAME) == len(ALL) >= 30


def test_an_attack_says_which_check_sees_it() -> None:
    assert all(isinstance(attack, Attack) and (attack.checks or attack.exit_code == 3) for attack in ALL)


def test_the_stand_alone_verifier_is_python_3_8_and_imports_the_standard_library_only() -> None:
    tree = ast.parse(Path(library("verify.py")).read_text(), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    newer = {"removeprefix", "removesuffix", "is_relative_to", "pairwise", "batched"}
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & newer


def test_the_stand_alone_verifier_says_when_it_cannot_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([]) == 64
    assert verify.main([str(tmp_path / "nothing.zip")]) == 1
    (tmp_path / "p.zip").write_bytes(packed(whole_run()))
    assert verify.main([str(tmp_path / "p.zip"), "--json"]) == 3
    assert '"exit_code": 3' in capsys.readouterr().out


def test_the_shell_verifier_has_at_most_sixty_lines() -> None:
    assert len(Path(library("verify.sh")).read_text().splitlines()) <= 60
