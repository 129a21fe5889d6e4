"""Act 6: what is left behind is verified without the engine and its store, and one changed byte is found."""

from __future__ import annotations

import shutil
from pathlib import Path

from gonogo.demo.story_command import GO, NO_GO
from gonogo.demo.story_stage import Stage
from gonogo.demo.telling import Telling

PACKAGES = "packages"
TRUST = ("--trust", "config/release-approvers.yaml", "--no-anchor-needed")
READINESS = "pre-deployment/PRE-DEPLOYMENT-PACKAGE.zip"
DEPLOYMENT = ("deployment/DEPLOYMENT-EVIDENCE.zip", "deployment/RUN-REPORT.md")
RELEASE_REPORT = "deployment/DEPLOYMENT-REPORT.md"


def keep(stage: Stage, release: str, *names: str) -> None:
    """Copy packages and reports of a release from `.artifacts` to where an auditor would get them."""
    folder = stage.root / PACKAGES / release
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(stage.root / ".artifacts" / name, folder)


def verify_packages(stage: Stage, telling: Telling, packages: tuple[Path, ...]) -> None:
    """Each package must be verified, and the last one refused with one byte changed."""
    forged = _forged(stage, packages[-1])
    lines = [("verify", str(package), *TRUST) for package in (*packages, forged)]
    # All at the same time: they need neither the engine nor its store, nor each other.
    begun = [stage.gonogo.begin(*line) for line in lines]
    with telling.doing("verifying the packages"):
        for line, pending in zip(lines[:-1], begun[:-1], strict=True):
            telling.asks(line)
            answer = pending.wait()
            telling.claims(
                answer.code == GO, answer.out.partition("\n")[0] or "verified", f"{answer.out} {answer.words}"
            )
        telling.asks(lines[-1])
        answer = begun[-1].wait()
    telling.claims(answer.code == NO_GO, "one byte of it was changed: refused, and it says where:", answer.out)
    telling.quotes(answer.out.partition("\n")[0])


def _forged(stage: Stage, package: Path) -> Path:
    """A copy with one bit of a member flipped."""
    forged = package.with_name("forged.zip")
    data = bytearray((stage.root / package).read_bytes())
    data[len(data) // 3] ^= 1
    (stage.root / forged).write_bytes(data)
    return forged
