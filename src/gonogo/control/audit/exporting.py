"""The population of changes as a table, with every package verified, and the proof of each entry (SOC 2 CC8.1; P9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import make_folder, write_file
from gonogo.control.cleaning import expired
from gonogo.control.door import Door
from gonogo.control.trust.anchoring import log_key
from gonogo.engine.checkpointing import signed_checkpoint
from gonogo.errors import GonogoError, WrongUsage
from gonogo.evidence.ledger import Entry
from gonogo.evidence.signers import Ring, with_engine
from gonogo.evidence.sshkeys import public_key
from gonogo.evidence.tlog_proof import write_proof
from gonogo.evidence.verifying import VERIFIED, TrustFiles, verify_package
from gonogo.reports.auditing import Change, Period, cells_of, csv_of, population, population_gaps
from gonogo.run.site import CLOSED, OPENED, SEALED
from gonogo.terms import Digest, RunId
from gonogo.values import dataclass

COLUMNS: Final = (
    "number",
    "run",
    "protocol",
    "version",
    "environment",
    "requested_by",
    "opened_at",
    "closed_at",
    "outcome",
    "package",
    "package_sha256",
    "verdict",
)
MOST: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Exported:
    """The rows of the table, one for each package (or run without one), and why the population may not be whole."""

    rows: tuple[Mapping[str, str], ...]
    gaps: tuple[str, ...]

    @property
    def csv(self) -> str:
        """The table as CSV with a header."""
        return csv_of(COLUMNS, self.rows)


def between(start: str, end: str) -> Period:
    """From `start` until before `end`, days or moments with a zone. WrongUsage for anything else."""
    first, last = _moment(start), _moment(end)
    if first >= last:
        raise WrongUsage(f"{start} is not before {end}", next_step="--from the first day, --to the day after the last")
    return Period(f"{start} to {end}", first, last)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongUsage(f"`{text}` is no day", next_step="write it like 2026-07-01") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def export(door: Door, period: Period, now: datetime) -> Exported:
    """Every run that was opened in the period, with each of its packages verified as of `now`."""
    site = door.world.journal.site()
    gone = expired(door)
    rows = [row for change in population(site, period) for row in _rows(door, site, change, gone, now)]
    return Exported(tuple(rows), population_gaps(site, door.runs()))


def _rows(
    door: Door, site: tuple[Entry, ...], change: Change, gone: Mapping[Digest, int], now: datetime
) -> Iterator[dict[str, str]]:
    fixed = cells_of(change)
    sealed = [entry.data for entry in site if entry.type == SEALED and entry.data.get("run") == change.run]
    if not sealed:
        yield {**fixed, "package": "", "package_sha256": "", "verdict": "no package was sealed"}
    ring = _ring(door, RunId(change.run)) if sealed else None
    for data in sealed:
        digest = Digest(str(data.get("sha256")))
        verdict = _verdict(door, ring, digest, gone, now)
        yield {**fixed, "package": str(data.get("name")), "package_sha256": digest, "verdict": verdict}


def _ring(door: Door, run: RunId) -> Ring | None:
    try:
        return with_engine(door.load(run).plan.ring, public_key(door.world.key.public_line()))
    except GonogoError:
        return None


def _verdict(door: Door, ring: Ring | None, digest: Digest, gone: Mapping[Digest, int], now: datetime) -> str:
    if digest in gone:
        return f"expired by entry {gone[digest]}"
    if ring is None:
        return "the run cannot be read"
    try:
        data = door.world.vault.read(digest, limit=MOST)
        found = verify_package(data, TrustFiles(ring), now, anchor_needed=False)
    except GonogoError as error:
        return f"refused: {error.what}"
    return "verified" if found.exit_code == VERIFIED else found.verdict


def write_proofs(door: Door, period: Period, folder: Path) -> int:
    """The proof of every beginning and end of the period's runs, and the key to check them; gives how many."""
    log = door.world.journal.site()
    site = door.world.ring().site
    note = signed_checkpoint(door.world, site, site, log) if log else b""
    runs = {change.run for change in population(log, period)}
    make_folder(folder, 0o755)
    write_file(folder / "vkey", f"{log_key(door)}\n".encode(), 0o644)
    count = 0
    for entry in log:
        if entry.type in {OPENED, CLOSED} and entry.data.get("run") in runs:
            word = "opened" if entry.type == OPENED else "closed"
            name = f"{entry.data.get('run')}-{word}.tlog-proof"
            write_file(folder / name, write_proof(log, entry.seq, note), 0o644)
            count += 1
    return count
