"""What a project lacks so that others can rely on what is decided here: listed keys, trust files, anchors (EVS-16)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gonogo.control.anchoring import standings
from gonogo.control.door import Door
from gonogo.control.examining import Examined
from gonogo.control.trusting import FOLDER, check, ring_of
from gonogo.evidence.signers import Assurance
from gonogo.findings import Level


def trust_examined(door: Door) -> tuple[Examined, ...]:
    """Findings of the trust files, the level that production asks for, and whether each sealed run is anchored."""
    return (*_files(door), *_levels(door), *_anchors(door))


def _files(door: Door) -> Iterator[Examined]:
    if not (door.workspace.root / FOLDER).is_dir():
        what = "nobody else can verify what is decided here without them"
        yield Examined("trust files", ok=False, needed=False, detail=what, remedy="gonogo trust init")
        return
    findings = check(door)
    for item in findings:
        needed = item.level is Level.ERROR
        remedy = "gonogo trust build, after the change was reviewed" if item.code == "TL01" else ""
        yield Examined(f"{item.code} {item.primary}", ok=False, needed=needed, detail=item.message, remedy=remedy)
    if not findings:
        yield Examined("trust files", ok=True, needed=True, detail=f"{Path(FOLDER)} is what the approvers file gives")


def _levels(door: Door) -> Iterator[Examined]:
    ring, _ = ring_of(door)
    rule = ring.rule("production")
    level = rule.asks_for("production") if rule is not None else Assurance.H0
    if level is Assurance.H0:
        what = "production takes H0: a signature proves possession of a key, not that a person was there"
        yield Examined("assurance", ok=False, needed=False, detail=what, remedy="min_assurance: {production: H1}")
    else:
        yield Examined("assurance", ok=True, needed=False, detail=f"production asks for {level.name}")


def _anchors(door: Door) -> Iterator[Examined]:
    for standing in standings(door):
        detail, _, remedy = standing.detail.partition("; ")
        yield Examined(f"anchor of {standing.run}", ok=standing.anchored, needed=False, detail=detail, remedy=remedy)
