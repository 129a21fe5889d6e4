"""Security and compliance from parsed scanner output only; the reports were redacted when stored (SEC, SC-06)."""

from __future__ import annotations

from dataclasses import replace

from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.gating import judge_file
from gonogo.engine.measuring_intake import foreign_artifacts
from gonogo.engine.runs_seen import left_behind
from gonogo.errors import BadInput, Broken
from gonogo.evidence.exporting import PARTS_LIST
from gonogo.measure.header import RawFile
from gonogo.measure.licences import LicencePolicy, read_cyclonedx
from gonogo.measure.rederiving import DERIVATIONS, is_derived
from gonogo.measure.scan_findings import ScanRead, ScanUnread
from gonogo.measure.security import ControlSeen, LicenceAudit, ScanPolicy, SecuritySeen, incomplete, security_body
from gonogo.plan.project import Scan
from gonogo.terms import Verdict, digest_of

GOOD = frozenset({"pass", "success", "complete", "ready"})


def security(bench: Bench) -> Looked:
    """Scans, licences and controls of exactly this release; judged by parsed output only (SEC-01..SEC-06)."""
    project = bench.plan.project
    scans: list[ScanRead | ScanUnread] = []
    raw_files: list[Produced] = []
    for scan in project.scans:
        left = left_behind(bench, scan.command, scan.report)
        if left is None:
            scans.append(ScanUnread(scan.name, f"the scan left no {scan.report}"))
            continue
        name = f"security-scans-{scan.name}-{scan.report}"
        raw_files.append(Produced(name, left.data))
        # What is required is bound by name, so the report is filed under the name of its binding.
        scans.append(_read(bench, scan, left.data, RawFile(name, left.digest)))
    body = security_body(
        SecuritySeen(
            release_digest=bench.plan.release.digest,
            scanned_digest=bench.plan.release.digest if not foreign_artifacts(bench) else digest_of(b""),
            scans=tuple(scans),
            policy=ScanPolicy(required_tools=frozenset(scan.name for scan in project.scans)),
            licences=_licences(bench),
            controls=tuple(_control(bench, item.id, item.standard, item.evidence) for item in project.controls),
        ),
        bench.now,
    )
    gaps_found = incomplete(body)
    detail = (
        "the scans do not cover the release:\n" + "\n".join(f"  - {gap}" for gap in gaps_found) if gaps_found else ""
    )
    return Looked(
        ok=not gaps_found,
        files=(*raw_files, *_parts_list(bench), bench.json("security-compliance-report.json", body)),
        detail=detail,
    )


def _parts_list(bench: Bench) -> tuple[Produced, ...]:
    """The parts list as it was looked at, so that the package can hand it on to other tools."""
    bound = bench.plan.project.licences
    if bound is None:
        return ()
    path = bound.sbom.replace("{release}", bench.plan.release.version)
    return (Produced(PARTS_LIST, bench.world.files.read(path), "external"),)


def _read(bench: Bench, scan: Scan, data: bytes, raw: RawFile) -> ScanRead | ScanUnread:
    try:
        read = bench.world.providers.scan(scan.form, data, raw.name)
    except (BadInput, Broken) as error:
        return ScanUnread(scan.name, str(error).split("\n", 1)[0], raw)
    return replace(read, tool=scan.name, raw=raw)


def _licences(bench: Bench) -> LicenceAudit | None:
    bound = bench.plan.project.licences
    if bound is None:
        return None
    path = bound.sbom.replace("{release}", bench.plan.release.version)
    components = read_cyclonedx(bench.world.files.read(path), path)
    policy = LicencePolicy(frozenset(bound.allowed), frozenset(bound.forbidden), bench.plan.sources["project"], {})
    return LicenceAudit(components, policy)


def _control(bench: Bench, name: str, standard: str, evidence: str) -> ControlSeen:
    if not bench.has(evidence):
        return ControlSeen(name, standard, "unanswered", evidence)
    return ControlSeen(name, standard, "met" if _stands(bench, evidence) else "not_met", evidence)


def _stands(bench: Bench, evidence: str) -> bool:
    """Whether a file passes what the gates of this plan ask of it; where none asks, whether its own status is good."""
    clauses = tuple(clause for rule in bench.plan.gates.values() for clause in rule.clauses if clause.file == evidence)
    judged = judge_file(bench, evidence, clauses)
    if clauses or judged.lacking:
        return judged.verdict is Verdict.PASS
    if not is_derived(evidence):
        return True
    statuses = [value for pointer, value in DERIVATIONS[evidence](bench.body(evidence)).items() if "status" in pointer]
    return all(value in GOOD for value in statuses)
