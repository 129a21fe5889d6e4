"""Verifying a run of this project by its own chain (EVS-16, REV-03).

Every entry follows from the one before, every file that it names is stored with that digest, every package that was
sealed holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from gonogo.control.cleaning import expired
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.trust.checkpoints_held import checkpoints_held
from gonogo.control.viewing import view
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import check_chain
from gonogo.evidence.packing import wanted
from gonogo.evidence.signers import with_engine
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.verifying import INCOMPLETE, REFUSED, VERIFIED, Check, TrustFiles, Verification, verify_package
from gonogo.terms import Digest, RunId

EXPIRED = "expired"
MOST_PACKAGE = 1 << 30


def verify_run(door: Door, run: RunId, now: datetime) -> Verification:
    """Verify a run in the store: chain, stored files, plan, views, and every package that it sealed."""
    checks = list(_checks(door, run, now))
    failed = [check for check in checks if not check.ok]
    if failed:
        return Verification(f"REFUSED: {failed[0].name}: {failed[0].detail}", REFUSED, tuple(checks))
    over = next((check.detail for check in checks if check.name == "files" and EXPIRED in check.detail), "")
    if over:
        return Verification(f"CONSISTENT, not whole: {over}", INCOMPLETE, tuple(checks))
    return Verification(f"VERIFIED: {run} is what was recorded", VERIFIED, tuple(checks))


def _checks(door: Door, run: RunId, now: datetime) -> Iterator[Check]:
    try:
        entries = door.world.journal.entries(run)
    except GonogoError as error:
        yield Check("log", ok=False, detail=error.what)
        return
    problems = check_chain(entry.line for entry in entries)
    yield Check("log", ok=not problems, detail="; ".join(problems[:3]) or f"{len(entries)} entries, chain whole")
    try:
        gone = expired(door)
        lost = tuple(_lost(door, sorted(wanted(entries) - gone.keys())))
        opened = door.load(run)
    except GonogoError as error:
        yield Check("plan", ok=False, detail=error.what)
        return
    over = sorted({gone[digest] for digest in wanted(entries) if digest in gone})
    stored = f"{len(wanted(entries))} stored files, each with its digest"
    if over:
        stored = f"{len(wanted(entries) & gone.keys())} files {EXPIRED} by entry {over[-1]} of the site's log"
    yield Check("files", ok=not lost, detail="; ".join(lost[:3]) or stored)
    yield Check("plan", ok=True, detail=f"compiles to sha256 {opened.plan.digest}")
    yield checkpoints_held(door, run, opened.plan.ring.site, entries)
    edited = view(door.world, opened).edited
    yield Check("views", ok=not edited, detail="; ".join(edited[:3]) or "none was edited by hand")
    yield from _packages(door, opened, now, gone)


def _lost(door: Door, digests: list[Digest]) -> Iterator[str]:
    for digest in digests:
        try:
            door.world.vault.read(digest, limit=MOST_PACKAGE)
        except GonogoError as error:
            yield error.what


def _packages(door: Door, opened: Opened, now: datetime, gone: Mapping[Digest, int]) -> Iterator[Check]:
    if not opened.state.packages:
        return
    ring = with_engine(opened.plan.ring, public_key(door.world.key.public_line()))
    for sealed in opened.state.packages.values():
        if sealed.sha256 in gone:
            yield Check(sealed.name, ok=True, detail=f"{EXPIRED} by entry {gone[sealed.sha256]} of the site's log")
            continue
        try:
            data = door.world.vault.read(sealed.sha256, limit=MOST_PACKAGE)
            found = verify_package(data, TrustFiles(ring), now, anchor_needed=False)
            yield Check(sealed.name, ok=found.exit_code == VERIFIED, detail=found.verdict)
        except GonogoError as error:
            yield Check(sealed.name, ok=False, detail=error.what)
