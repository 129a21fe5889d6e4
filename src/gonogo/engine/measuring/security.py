"""Security and compliance from parsed scanner output only; the reports were redacted when stored (SEC, SC-06)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.measuring.controls import controls, mapping
from gonogo.engine.measuring.licences import licences
from gonogo.engine.release_files import foreign_artifacts
from gonogo.engine.runs_seen import left_behind, left_nothing
from gonogo.engine.waiving import waived_findings
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import read_object
from gonogo.measure.header import RawFile
from gonogo.measure.scan_findings import ScanFinding, ScanRead, ScanUnread
from gonogo.measure.scan_terms import ScanTerms, held_to
from gonogo.measure.scanners_of_packages import read_database_age
from gonogo.measure.security import ScanPolicy, SecuritySeen, findings_in, incomplete, security_body
from gonogo.plan.model import Execute
from gonogo.plan.project import Scan
from gonogo.ports import EffectKey
from gonogo.run.events import EvidenceSealed, recorded
from gonogo.terms import digest_of

SCANS_FOLDER = "security-scans"
REPORT = "security-compliance-report.json"
MOST_REPORT = 16 << 20
ONE_DAY = timedelta(days=1)


def security(bench: Bench) -> Looked:
    """Scans, licences and controls of exactly this release; judged by parsed output only (SEC-01..SEC-06)."""
    project = bench.plan.project
    discard_raw(bench)
    raw_files: list[Produced] = []
    scans = _scans(bench, raw_files)
    parts = licences(bench)
    body = security_body(
        SecuritySeen(
            release_digest=bench.plan.release.digest,
            scanned_digest=bench.plan.release.digest if not foreign_artifacts(bench) else digest_of(b""),
            scans=scans,
            policy=ScanPolicy(
                required_tools=frozenset(scan.name for scan in project.scans),
                blocking_rules=tuple(rule for scan in project.scans for rule in scan.blocks),
                database_max_age=min((_seconds(scan.database_max_age) for scan in project.scans), default=ONE_DAY),
            ),
            licences=parts.audit,
            resolved=_known_before(bench) if all(map(_is_whole, scans)) else (),
            waivers=waived_findings(bench.world, bench.state),
            controls=controls(bench),
            mapping=mapping(bench),
        ),
        bench.now,
    )
    gaps_found = (*parts.faults, *incomplete(body))
    detail = (
        "the scans do not cover the release:\n" + "\n".join(f"  - {gap}" for gap in gaps_found) if gaps_found else ""
    )
    return Looked(
        ok=not gaps_found,
        files=(*raw_files, *parts.files, bench.json(REPORT, body)),
        detail=detail,
    )


def _is_whole(scan: ScanRead | ScanUnread) -> bool:
    """Whether the absence of a finding in this scan says anything."""
    return isinstance(scan, ScanRead) and not (scan.broken or scan.skipped or scan.missing)


def _known_before(bench: Bench) -> tuple[ScanFinding, ...]:
    """What earlier attempts of this run found: a finding that no scan shows any more is resolved (SEC-05)."""
    found: dict[str, ScanFinding] = {}
    for entry in bench.world.journal.entries(bench.run):
        event = recorded(entry).event
        if isinstance(event, EvidenceSealed) and event.name == REPORT and event.attempt < bench.attempt:
            body = read_object(bench.world.vault.read(event.sha256), name=REPORT, limit=MOST_REPORT)
            found |= {one.fingerprint: one for one in findings_in(body)}
    return tuple(found.values())


def _scans(bench: Bench, raw_files: list[Produced]) -> tuple[ScanRead | ScanUnread, ...]:
    """What every bound scan shows, held to everything that it owes; redacted reports join `raw_files` (SEC-11)."""
    bound = bench.plan.project.scans
    reads = [_scan(bench, scan, raw_files) for scan in bound]
    # A command may run several tools: the findings of one explain its exit status.
    explained = {
        scan.command for scan, read in zip(bound, reads, strict=True) if isinstance(read, ScanRead) and read.findings
    }
    return tuple(
        _held(bench, scan, read, explained=scan.command in explained) if isinstance(read, ScanRead) else read
        for scan, read in zip(bound, reads, strict=True)
    )


def _held(bench: Bench, scan: Scan, read: ScanRead, *, explained: bool) -> ScanRead:
    left = left_behind(bench, scan.command, scan.report)
    terms = ScanTerms(
        expects=tuple(name.replace("{release}", bench.plan.release.version) for name in scan.expects),
        tool=scan.tool,
        began_at=left.began_at if left else None,
        ended_at=left.ended_at if left else None,
        max_age=_seconds(scan.max_age),
        exit_code=left.exit_code if left and not explained else None,
    )
    # What is required is bound by name, so the report is filed under the name of its binding.
    return replace(held_to(read, terms), tool=scan.name)


def _scan(bench: Bench, scan: Scan, raw_files: list[Produced]) -> ScanRead | ScanUnread:
    """What the report of one scan says, and the age of its advisories."""
    try:
        left = left_behind(bench, scan.command, scan.report)
    except BadInput as error:
        return ScanUnread(scan.name, f"{error.what}; {error.next_step}")
    if left is None:
        return ScanUnread(scan.name, left_nothing(bench, scan.command, scan.report))
    name = f"{SCANS_FOLDER}/{scan.name}.json"
    raw_files.append(Produced(name, left.data))
    raw = RawFile(name, left.digest)
    try:
        read = bench.world.providers.scan(scan.form, left.data, raw.name)
        stated = _database(bench, scan)
    except (BadInput, Broken) as error:
        where = f"{error.where}: " if error.where else ""
        return ScanUnread(scan.name, f"{where}{error.what}; {error.next_step}", raw)
    return replace(read, database_at=stated or read.database_at, raw=raw)


def _database(bench: Bench, scan: Scan) -> datetime | None:
    """The age of the advisories, by the file that the project binds for it; None where it binds none."""
    if not scan.database:
        return None
    left = left_behind(bench, scan.command, scan.database)
    if left is None:
        raise BadInput(left_nothing(bench, scan.command, scan.database), where=scan.database, next_step="scan again")
    return read_database_age(left.data, scan.database)


def _seconds(number: Decimal) -> timedelta:
    return timedelta(seconds=float(number))


def discard_raw(bench: Bench) -> None:
    """Remove what the recorded scans of this step wrote themselves: it quotes secrets, and is stored redacted (SC-06).

    The engine does so after each scan; once more here, because it may have died in between.
    """
    for task in bench.stage.tasks:
        known = bench.state.tasks.get(task.id)
        if isinstance(task.act, Execute) and task.act.purpose == "scan" and known and known.outcome:
            for start in range(1, known.start + 1):
                bench.world.commands.discard(EffectKey(bench.run, task.id, known.attempt, start))
