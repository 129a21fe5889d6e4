"""Packages of released versions: whatever gonogo becomes, it verifies what it once sealed, and so do its verifiers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from command_line import gonogo
from golden_packages import vkey

from gonogo.evidence.package_reading import open_package

KEPT = sorted((Path(__file__).resolve().parents[1] / "cases" / "packages").iterdir())
pytestmark = [pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.name), pytest.mark.req("ARC-07")]


def library(name: str) -> str:
    return str(resources.files("gonogo.library") / name)


def answered(*argv: str) -> tuple[int, str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.req("EVS-16")
def test_a_package_of_an_earlier_version_is_verified_and_anchored(kept: Path) -> None:
    said = gonogo("verify", str(kept / "p.zip"), "--trust", str(kept / "trust"))
    assert said.code == 0, said
    assert said.out.startswith("VERIFIED: intact, anchored up to entry")


@pytest.mark.req("EVS-10", "EVS-12")
def test_the_stand_alone_verifiers_of_today_verify_it(kept: Path) -> None:
    code, words = answered(sys.executable, "-I", library("verify.py"), str(kept / "p.zip"), "--trust", str(kept / "trust"))
    assert code == 0, words
    shell = shutil.which("sh")
    assert shell is not None
    signers = str(kept / "trust" / "allowed_signers")
    code, words = answered(shell, library("verify.sh"), str(kept / "p.zip"), signers, vkey(kept), "production")
    assert code == 0, words


def test_the_verifier_inside_it_verifies_it(kept: Path, tmp_path: Path) -> None:
    """Whoever has nothing else runs the copy in the package, whose digest every release publishes."""
    with (kept / "p.zip").open("rb") as file:
        (tmp_path / "verify.py").write_bytes(open_package(file).read("verify.py"))
    code, words = answered(sys.executable, "-I", str(tmp_path / "verify.py"), str(kept / "p.zip"), "--trust", str(kept / "trust"))
    assert code == 0, words


def test_one_changed_byte_of_it_is_refused(kept: Path, tmp_path: Path) -> None:
    data = bytearray((kept / "p.zip").read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "p.zip").write_bytes(data)
    assert gonogo("verify", str(tmp_path / "p.zip"), "--trust", str(kept / "trust")).code == 2
    code, _ = answered(sys.executable, "-I", library("verify.py"), str(tmp_path / "p.zip"), "--trust", str(kept / "trust"))
    assert code == 2
