"""Which checkpoints of witnesses make a package anchored, for gonogo and for the stand-alone verifier."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from test_evil_packages import by_python
from trust_world import SITE, packed, private_key, whole_run

from gonogo.adapters.anchors.witness_folder import FolderWitness
from gonogo.evidence.anchor_rules import AnchorRules
from gonogo.evidence.note import NoteKey
from gonogo.evidence.verifying import verify_package
from gonogo.evidence.witnessing import Submission


@pytest.mark.req("t08_split_view")
def test_cosignatures_count_by_quorum_for_both_verifiers(tmp_path: Path) -> None:
    run = whole_run()
    keepers = [FolderWitness(tmp_path / name, name) for name in ("w1", "w2")]
    lines = [cosigned(run.anchor(), keeper) for keeper in keepers]
    rules = AnchorRules(witnesses=tuple(keeper.key for keeper in keepers), witness_quorum=2)
    run.ring = replace(run.ring, anchors=rules)
    package = packed(run)
    both = lines[0] + lines[1].removeprefix(run.anchor())
    for anchor, code in ((run.anchor(), 3), (lines[0], 3), (both, 0)):
        found = verify_package(package, run.trust(anchor), run.now + timedelta(days=1))
        assert found.exit_code == code, found
        folder = tmp_path / f"{len(anchor)}"
        folder.mkdir()
        assert by_python(package, run.trust(anchor), folder)[0] == code
    assert "witness w1 (20" in found.verdict
    assert "witness w2 (20" in found.verdict


def cosigned(note: bytes, keeper: FolderWitness) -> bytes:
    keeper.know(NoteKey(SITE, private_key("engine").public_key().public_bytes_raw()).vkey)
    answer = keeper.add(Submission(0, (), note).data)
    assert answer.status == 200, answer.text
    return note + answer.text.encode()
