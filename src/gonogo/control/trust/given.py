"""What somebody trusts, by another way than the package: people, rules, checkpoints kept elsewhere (EVS-16, REV-03)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gonogo.adapters.given_files import given_bytes
from gonogo.control.soundness import require_sound
from gonogo.control.trust.anchors_read import read_anchors
from gonogo.errors import BadInput
from gonogo.evidence.policy import read_policy
from gonogo.evidence.signers import Ring
from gonogo.evidence.verifying import TrustFiles
from gonogo.plan.approvers import read_approvers

RINGS: Final = ("policy.json", "release-approvers.yaml", "config/release-approvers.yaml")
ANCHORS: Final = "anchors"


def read_trust(path: Path) -> TrustFiles:
    """People, rules and anchors from an approvers file, a policy file, or a folder with one of them and `anchors/`."""
    if not path.is_dir():
        return TrustFiles(_ring(path))
    for name in RINGS:
        if (path / name).is_file():
            ring, folder = _ring(path / name), path / ANCHORS
            given = read_anchors([folder] if folder.is_dir() else [], ring)
            return TrustFiles(ring, given.notes, given.outside)
    raise BadInput(
        "the folder holds no people to trust", where=str(path), next_step=f"put one of {', '.join(RINGS)} there"
    )


def _ring(path: Path) -> Ring:
    data = given_bytes(path)
    if path.suffix == ".json":
        return read_policy(data, name=str(path))
    reading = read_approvers(data, str(path))
    require_sound(reading.findings)
    return reading.ring
