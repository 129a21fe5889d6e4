"""Verifying a package that somebody hands over, with everything that its reader has by another way (ARC-07, EVS-16).

Beside the package: the people to trust, checkpoints kept elsewhere, a copy of the repository. With `recompute` every
gate is judged again from the raw evidence.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from gonogo.adapters.git_history import GitHistory
from gonogo.adapters.given_files import open_given
from gonogo.control.trust.anchors_read import read_anchors
from gonogo.control.trust.given import read_trust
from gonogo.errors import GonogoError, WrongUsage
from gonogo.evidence.authors import change_authors
from gonogo.evidence.package_reading import Package, open_package
from gonogo.evidence.packing import RELEASE_MANIFEST
from gonogo.evidence.policy import read_policy
from gonogo.evidence.statements import read_request
from gonogo.evidence.verifying import INCOMPLETE, POLICY, REFUSED, Check, TrustFiles, Verification, verify_package
from gonogo.plan.revisions import read_revisions
from gonogo.terms import digest_of
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """What a package is verified with. `anchored` asks for a checkpoint kept elsewhere that covers the log."""

    trust: Path | None
    anchors: tuple[Path, ...] = ()
    repo: Path | None = None
    recompute: bool = False
    anchored: bool = True


def verify_given(path: Path, asked: Asked, now: datetime) -> Verification:
    """Verify the package at `path`; BadInput where a named file cannot be read."""
    trust = read_trust(asked.trust) if asked.trust else None
    if asked.anchors and trust is None:
        raise WrongUsage(
            "a checkpoint alone does not verify a package", next_step="give --trust too: the people, from your own copy"
        )
    if trust is not None:
        given = read_anchors(asked.anchors, trust.ring)
        trust = TrustFiles(trust.ring, (*trust.anchors, *given.notes), (*trust.outside, *given.outside))
    with _opened(path) as file:
        found = verify_package(file, trust, now, anchor_needed=asked.anchored)
        if found.exit_code == REFUSED:
            return found
        if asked.recompute:
            found = _with(found, *_judged_again(file))
        if asked.repo is not None and found.exit_code != REFUSED:
            found = _with_authors(found, open_package(file), GitHistory(asked.repo))
    return found


def _opened(path: Path) -> BinaryIO:
    if path.suffix != ".age":
        return open_given(path)
    # Only an encrypted package needs the library that decrypts it.
    decrypted: Callable[[Path, Mapping[str, str]], BinaryIO] = importlib.import_module(
        "gonogo.adapters.age_cipher"
    ).open_package
    return decrypted(path, os.environ)


def _judged_again(file: BinaryIO) -> Iterable[Check]:
    # Only this needs compiler and gates; without them a verification takes a third of the time and memory.
    recompute: Callable[[BinaryIO], Iterable[Check]] = importlib.import_module("gonogo.engine.recomputing").recompute
    return recompute(file)


def _with(found: Verification, *checks: Check) -> Verification:
    failed = [check for check in checks if not check.ok]
    every = (*found.checks, *checks)
    if failed and found.exit_code != REFUSED:
        return Verification(f"REFUSED: {failed[0].name}: {failed[0].detail}", REFUSED, every)
    return replace(found, checks=every)


def _with_authors(found: Verification, package: Package, history: GitHistory) -> Verification:
    """Compare who changed what, by the repository, with what the signers were told (A16)."""
    manifest = package.read(RELEASE_MANIFEST)
    revisions = read_revisions(manifest, RELEASE_MANIFEST)
    if revisions is None:
        what = "the release manifest names no revisions, so nobody can say who made the changes"
        return Verification(
            f"CONSISTENT, but {what}", INCOMPLETE, (*found.checks, Check("authors", ok=False, detail=what))
        )
    ring = read_policy(package.read(POLICY), name=POLICY)
    try:
        addresses = history.authors(revisions.revision, revisions.previous)
    except GonogoError as error:
        return _with(found, Check("authors", ok=False, detail=error.what))
    authors = change_authors(addresses, ring, digest_of(manifest))
    rounds = sorted(name for name in package.members if name.endswith("/request.json"))
    wrong = [name for name in rounds if read_request(package.read(name)).change_authors != authors]
    told = f"changed by {', '.join(authors) or 'nobody'}, as the signers of {len(rounds)} rounds were told"
    detail = f"{wrong[0]} names other authors than the repository: {', '.join(authors) or 'none'}" if wrong else told
    return _with(found, Check("authors", ok=not wrong, detail=detail))
