"""What a project lacks so that others can rely on what is decided here: listed keys, trust files, anchors (EVS-16)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gonogo.control.door import Door
from gonogo.control.examining import Examined
from gonogo.control.examining_state import NEWEST
from gonogo.control.policy_files import FOLDER, approvers_of
from gonogo.control.trust.anchoring import standings
from gonogo.control.trust.trusting import check
from gonogo.control.workspaces import Workspace
from gonogo.errors import GonogoError
from gonogo.evidence.signers import PRODUCTION, Assurance
from gonogo.findings import Level


def trust_examined(door: Door) -> tuple[Examined, ...]:
    """Findings of the trust files, and whether each sealed run is anchored."""
    return (*_files(door), *_anchors(door))


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


def assurance_examined(workspace: Workspace) -> tuple[Examined, ...]:
    """What a signature for production proves, and what would prove more; nothing where nobody could be read."""
    try:
        ring, _ = approvers_of(workspace)
    except GonogoError:
        # `gonogo check` says what is wrong in the file.
        return ()
    rule = ring.rule(PRODUCTION)
    level = rule.asks_for(PRODUCTION) if rule is not None else Assurance.H0
    if level is Assurance.H0:
        what = "production takes H0: a signature proves possession of a key, not that a person was there"
        remedy = "better: gonogo keys enrol with a security key, then min_assurance: {production: H2} (docs/trust.md)"
    elif level is Assurance.H1:
        what = "production asks for H1: somebody touches a device"
        remedy = "better: min_assurance: {production: H2} also has the device verify the person"
    else:
        return (Examined("assurance", ok=True, needed=False, detail="production asks for H2"),)
    return (Examined("assurance", ok=level > Assurance.H0, needed=False, detail=what, remedy=remedy),)


def anchors_examined(door: Door) -> Examined:
    """Whether what the newest runs sealed is anchored, in one row; each run has its own with the trust files."""
    found = standings(door, NEWEST)
    lacking = [standing for standing in found if not standing.anchored]
    if not lacking:
        words = f"{len(found)} sealed ledgers are kept elsewhere" if found else "no run has sealed a package yet"
        return Examined("anchors", ok=True, needed=False, detail=words)
    detail, _, remedy = lacking[-1].detail.partition("; ")
    more = f" (and {len(lacking) - 1} more: gonogo witness status)" if len(lacking) > 1 else ""
    required = door.world.ring().anchors.require > 0
    return Examined("anchors", ok=False, needed=required, detail=f"{lacking[-1].run} is {detail}{more}", remedy=remedy)


def _anchors(door: Door) -> Iterator[Examined]:
    """Asked for by the trust files, a missing anchor is an error; else it is said, and forbids nothing."""
    required = door.world.ring().anchors.require > 0
    for standing in standings(door):
        detail, _, remedy = standing.detail.partition("; ")
        ok = standing.anchored
        yield Examined(f"anchor of {standing.run}", ok=ok, needed=required, detail=detail, remedy=remedy)
