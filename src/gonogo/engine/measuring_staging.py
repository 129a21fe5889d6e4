"""Measurements of pre-deployment validation: what the gates of staging judge (requirement sections 3 to 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked, Produced, digest_field
from gonogo.engine.handover import Handover, handover
from gonogo.engine.measuring_world import reach
from gonogo.engine.runs_seen import command_run, left_behind, log_of, text, when
from gonogo.errors import BadInput, GonogoError
from gonogo.measure.checklist import (
    ChecklistSeen,
    PlannedMessage,
    checklist_body,
    checklist_markdown,
    items_from_rehearsal,
)
from gonogo.measure.figures import read_time
from gonogo.measure.glob_rules import AcceptedDrift, ExpectedDifference, ParityRules, SeverityRule
from gonogo.measure.header import RawFile
from gonogo.measure.intake import (
    PARITY_REPORT,
    ApprovalSeen,
    ArtifactSeen,
    FoundFile,
    IntakeSeen,
    StateSeen,
    gaps,
    intake_body,
)
from gonogo.measure.licences import LicencePolicy, read_cyclonedx
from gonogo.measure.operations import (
    DutySeen,
    EscalationSeen,
    OperationsSeen,
    RunbookSeen,
    operations_body,
    operations_gaps,
)
from gonogo.measure.parity import ParitySeen, Side, SideRead, SideUnread, parity_body
from gonogo.measure.parity_diff import Leaf
from gonogo.measure.parity_sources import SourceForm, SourceOptions, read_source
from gonogo.measure.rehearsal import RehearsalSeen, StateAfter, rehearsal_body
from gonogo.measure.rollback import NamedCheck, RollbackSeen, rollback_body
from gonogo.measure.scan_findings import ScanRead, ScanUnread
from gonogo.measure.scanner_reports import ScannerForm, read_scan
from gonogo.measure.security import ControlSeen, LicenceAudit, ScanPolicy, SecuritySeen, incomplete, security_body
from gonogo.measure.test_reports import read_junit
from gonogo.measure.tests_measured import ExecutionSeen, SuiteKind, SuiteSeen, UnreadableReport, execution_body
from gonogo.plan.project import Suite
from gonogo.plan.reading import duration_of
from gonogo.run.state import Evidence
from gonogo.terms import Digest, Secret, Severity, digest_of

PRODUCTION_DEPLOYMENT = "production-deployment"
ALIASES: Mapping[str, tuple[str, ...]] = {
    "INTEGRATION-EVIDENCE.zip": ("integration-evidence-bundle.zip",),
    "UAT-CLOSURE-PACKAGE.zip": ("uat-approval-record.json", "uat-signoff.json"),
}
SUITE_KINDS: Mapping[str, SuiteKind] = {
    "smoke": "smoke",
    "end_to_end": "end_to_end",
    "acceptance": "acceptance",
    "regression": "regression",
}
SCAN_FORMS: Mapping[str, ScannerForm] = {
    "sarif": "sarif",
    "secrets-sarif": "secrets-sarif",
    "bandit": "bandit",
    "pip-audit": "pip-audit",
    "gitleaks": "gitleaks",
    "npm-audit": "npm-audit",
    "semgrep": "semgrep",
    "trivy": "trivy",
}
FORMS: Mapping[str, SourceForm] = {".env": "env", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}


def _artifacts(bench: Bench) -> tuple[ArtifactSeen, ...]:
    found = []
    earlier = handover(bench) if bench.plan.environment == "production" else None
    for name, source, optional in bench.plan.artifacts:
        if "*" in name:
            continue
        binding = bench.plan.project.artifacts.get(name)
        waived = bool(binding and binding.optional) and bench.plan.environment == "staging"
        path = binding.path if binding else _default_path(bench, name)
        age = timedelta(seconds=float(binding.max_age)) if binding else timedelta(days=30)
        files = tuple(one for one in (_found(bench, name, path, earlier),) if one)
        found.append(
            ArtifactSeen(
                name=name,
                source=source or (binding.source if binding else ""),
                required=not (optional or waived),
                found=files,
                max_age=age,
                release_digest=bench.plan.release.digest,
                aliases=ALIASES.get(name, ()),
            )
        )
    return tuple(found)


def _default_path(bench: Bench, name: str) -> str:
    base = name.rpartition("/")[2]
    if base == "release-manifest.json":
        return bench.plan.project.manifest.replace("{release}", bench.plan.release.version)
    return base


def _found(bench: Bench, name: str, path: str, earlier: Handover | None) -> FoundFile | None:
    handed = earlier.file(name) if earlier else None
    if handed is not None:
        return FoundFile(handed.digest, handed.size, handed.at, readable=True, verified=True)
    seen = bench.world.files.see(path)
    if seen.digest is None or seen.modified is None:
        return None
    readable = seen.size > 0
    return FoundFile(seen.digest, seen.size, seen.modified, readable=readable, verified=readable)


def _states(bench: Bench) -> tuple[StateSeen, ...]:
    proven_later = {"parity": PARITY_REPORT}
    return tuple(
        StateSeen(stated, probe, _state_holds(bench, probe), bench.now, proven_later.get(probe))
        for probe, stated in bench.plan.states
    )


def _state_holds(bench: Bench, probe: str) -> bool | None:
    match probe:
        case "parity":
            return None
        case "scripts":
            return bool(bench.plan.scripts) and all(
                bench.world.files.see(path).digest == digest for path, digest in bench.plan.scripts.items()
            )
        case "metrics":
            environment = bench.environment(bench.plan.environment)
            source = bench.world.metrics.get(environment.name)
            return bool(source and source.sample().slots)
        case "credentials":
            names = {name for command in bench.plan.project.commands.values() for name in command.secrets}
            secrets = all(bench.world.environ.get(name) for name in names)
            return secrets and all(ok for _, ok, _ in reach(bench, bench.plan.environment))
        case _:
            return None


def prerequisites(bench: Bench) -> Looked:
    """All artifacts and system states at once, before anything runs; what is missing is listed whole (PRE-01)."""
    body = intake_body(IntakeSeen(_artifacts(bench), (), _states(bench)), bench.now)
    lacking = [f"{name}: {what}; {who}" for name, what, who in gaps(body) if not _is_open_state(bench, name)]
    scripts = [
        command.name for command in bench.plan.project.commands.values() if not _runs_something(bench, command.run)
    ]
    lacking += [f"command `{name}` names no file that is there" for name in scripts]
    report = bench.json(
        "prerequisites-validation.json",
        {
            "status": "missing" if lacking else "success",
            "strict": True,
            "artifacts": body["artifacts"],
            "system_states": body["system_states"],
            "authorises_production": False,
        },
    )
    return Looked(ok=not lacking, files=(report,), detail=_missing(bench, lacking) if lacking else "")


def _missing(bench: Bench, lacking: list[str]) -> str:
    lines = ["prerequisites are missing:", *(f"  - {line}" for line in lacking)]
    if bench.plan.name == PRODUCTION_DEPLOYMENT and handover(bench) is None:
        lines.append(f"  next: gonogo run pre-deployment --release {bench.plan.release.version}")
    else:
        lines.append(f"  next: provide what is listed, then lift the halt: gonogo resume {bench.run}")
    return "\n".join(lines)


def _is_open_state(bench: Bench, name: str) -> bool:
    return any(stated == name and _state_holds(bench, probe) is None for probe, stated in bench.plan.states)


def _runs_something(bench: Bench, argv: tuple[str, ...]) -> bool:
    files = [part for part in argv if "/" in part and "{" not in part and not part.startswith(("-", "/"))]
    return all(bench.world.files.see(part).digest for part in files)


def intake(bench: Bench) -> Looked:
    """Artifacts again, approvals as they were signed in this run, states (INT-01..INT-09)."""
    body = intake_body(IntakeSeen(_artifacts(bench), _approvals(bench), _states(bench)), bench.now)
    status = body["intake_validation"]
    ok = isinstance(status, Mapping) and status.get("status") == "pass"
    lacking = "; ".join(f"{name}: {what}" for name, what, _ in gaps(body))
    return Looked(ok=ok, files=(bench.json("intake-validation-report.json", body),), detail="" if ok else lacking)


def _approvals(bench: Bench) -> tuple[ApprovalSeen, ...]:
    found = []
    for item in bench.state.rounds.values():
        if item.kind != "approval" or item.status not in {"open", "used"}:
            continue
        for answer in item.answers:
            granted = answer.decision == "go"
            expires = read_time(item.expires_at.replace(".000Z", "Z"))
            found.append(
                ApprovalSeen(
                    item.point, answer.role, answer.person, answer.at, expires, signature_verified=True, granted=granted
                )
            )
    return tuple(found)


def _side(bench: Bench, kind: str, salt: Secret) -> Side:
    environment = bench.environment(kind)
    if not environment.settings:
        return SideUnread(kind, "no settings file is bound")
    values: dict[str, Leaf] = {}
    for path in environment.settings:
        form = next((form for ending, form in FORMS.items() if path.endswith(ending)), None)
        if form is None:
            return SideUnread(path, f"nobody knows how to read it; known endings: {', '.join(FORMS)}")
        try:
            data = bench.world.files.read(path)
            values.update(read_source(data, form, path, SourceOptions("configuration", salt)))
        except BadInput as error:
            return SideUnread(path, error.what)
    joined = digest_of(b"".join(bench.world.files.read(path) for path in environment.settings))
    return SideRead(RawFile("+".join(environment.settings), joined), values)


def parity_rules(bench: Bench) -> ParityRules:
    """The project's rules for rating differences."""
    severities, expected = [], []
    for rule in bench.plan.project.parity:
        severities.append(SeverityRule(rule.pattern, Severity[rule.severity.upper()], Decimal(rule.weight)))
        if rule.expected:
            expected.append(ExpectedDifference(rule.pattern, "declared in the project file"))
    accepted = tuple(
        AcceptedDrift(item.path, item.owner, item.reason, datetime.fromisoformat(item.until))
        for item in bench.plan.project.accepted_drift
    )
    return ParityRules(tuple(severities), tuple(expected), accepted)


def parity(bench: Bench) -> Looked:
    """Staging and production, setting by setting; secrets only as fingerprints under a throw-away salt (PAR-01, PAR-02)."""
    salt = Secret(digest_of(bench.run.encode() + bench.plan.digest.encode()))
    rules_file = RawFile("gonogo.yaml", bench.plan.sources["project"])
    seen = ParitySeen(_side(bench, "staging", salt), _side(bench, "production", salt), parity_rules(bench), rules_file)
    body = parity_body(seen, bench.now)
    found = body["staging_parity"]
    severity = found.get("drift_severity") if isinstance(found, Mapping) else None
    ok = severity in {"none", "low"}
    return Looked(ok=ok, files=(bench.json("staging-parity-report.json", body),), detail="" if ok else _drift(body))


def _drift(body: Mapping[str, object]) -> str:
    lines = ["staging and production differ:"]
    for key in ("differences", "not_comparable"):
        rows = body.get(key)
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, Mapping):
                what = row.get("reason") or f"staging {row.get('staging')}, production {row.get('production')}"
                lines.append(f"  - {row.get('path')}: {what} ({row.get('severity', 'not comparable')})")
    lines.append("  next: bring the two sides together, or declare the difference under `parity` / `accepted_drift`")
    return "\n".join(lines)


def refresh(bench: Bench) -> Looked:
    """What was refreshed in staging, or that nothing is bound (REF-01, REF-02)."""
    lines = ["# Staging data refresh", "", f"Release: {bench.plan.release.version}", ""]
    runs = bench.commands_run("refresh")
    if not runs:
        lines.append("No refresh is bound for this project; staging data, flags and stubs were left as they are.")
    for task, known in runs:
        run = command_run(bench, task, known)
        lines.append(f"- `{' '.join(run.argv)}` ended at {run.ended_at} with exit status {run.exit_code}")
    return Looked(ok=True, files=(bench.text("staging-data-refresh.md", "\n".join(lines) + "\n"),))


def rehearsal(bench: Bench) -> Looked:
    """The rehearsal report and its log: judged by what the target answers, not by an exit status (REH-01..REH-05)."""
    runs = tuple(item for item in bench.commands_run("deploy") if item[0].id.startswith(f"{bench.stage.id}#"))
    log, commands = log_of(bench, runs)
    log_file = bench.text("staging-deployment-run.log", log)
    verified = bench.done("verify")
    after = None
    if verified and text(verified, "fingerprint"):
        after = StateAfter(text(verified, "version"), digest_field(text(verified, "fingerprint")))
    first = commands[0].started_at if commands else bench.now
    seen = RehearsalSeen(
        planned=sum(1 for task in bench.stage.tasks if task.id.endswith("#install")),
        commands=commands,
        errors=(),
        log=RawFile(log_file.name, digest_of(log_file.data)),
        log_whole=not any(known.facts.get("output_cut") for _, known in runs),
        started_at=first,
        ended_at=when(verified, "verified_at") or bench.now,
        expected_version=bench.plan.release.version,
        state_after=after,
    )
    body = rehearsal_body(seen)
    ok = body["deployment_status"] == "success"
    detail = "" if ok else f"the rehearsal ended as {body['deployment_status']}"
    return Looked(ok=ok, files=(log_file, bench.json("rehearsal-report.json", body)), detail=detail)


def execution(bench: Bench, suites: tuple[Suite, ...]) -> tuple[ExecutionSeen, tuple[Produced, ...]]:
    """What the suites' JUnit files say; an unreadable or absent file is said to be that."""
    seen: list[SuiteSeen] = []
    unreadable: list[UnreadableReport] = []
    raw_files: list[Produced] = []
    for suite in suites:
        left = left_behind(bench, suite.command, suite.results)
        if left is None:
            unreadable.append(UnreadableReport(suite.results, f"suite `{suite.name}` left no {suite.results}"))
            continue
        digest, data = left
        try:
            read = read_junit([data], suite.results)
        except BadInput as error:
            unreadable.append(UnreadableReport(suite.results, error.what))
            continue
        raw_name = f"junit-{suite.name}.xml"
        raw_files.append(Produced(raw_name, data))
        seen.append(
            SuiteSeen(
                suite.name,
                SUITE_KINDS[suite.kind],
                read.cases,
                (RawFile(raw_name, digest),),
                minimum=suite.at_least,
                noncritical=suite.not_critical,
                produced_at=bench.now,
            )
        )
    began = min(
        (known.began for name, known in bench.state.tasks.items() if name.startswith(bench.stage.id)), default=bench.now
    )
    return ExecutionSeen(tuple(seen), began, bench.now, tuple(unreadable)), tuple(raw_files)


def tests(bench: Bench) -> Looked:
    """The targeted suites in staging (TST-01..TST-07)."""
    seen, raw = execution(bench, bench.plan.project.suites)
    body = execution_body(seen)
    found = body["test_execution"]
    ok = isinstance(found, Mapping) and found.get("status") == "pass"
    detail = "" if ok else _failures(body, seen)
    return Looked(ok=ok, files=(*raw, bench.json("staging-test-results.json", body)), detail=detail)


def _failures(body: Mapping[str, object], seen: ExecutionSeen) -> str:
    rows = body.get("failures")
    lines = [f"{item.name}: {item.reason}" for item in seen.unreadable]
    lines += [
        f"failed: {row.get('test')}" for row in (rows if isinstance(rows, list) else []) if isinstance(row, Mapping)
    ]
    return (
        "tests did not pass:\n" + "\n".join(f"  - {line}" for line in lines[:20]) if lines else "no test was executed"
    )


def rollback_proof(bench: Bench) -> Looked:
    """Deploy, roll back, verify, deploy again: the recovery time against the RTO, and the old state back (RBK-01..RBK-05)."""
    before = bench.seen("staging")
    after = bench.done("restored")
    runs = tuple(item for item in bench.commands_run("rollback") if item[0].id.startswith(f"{bench.stage.id}#"))
    steps = [command_run(bench, task, known) for task, known in runs]
    switch = bench.done("switch-back")
    if switch is not None and steps and switch.began < steps[0].started_at:
        # The clock of a recovery starts with the first act of it, which is the traffic going back.
        steps[0] = replace(steps[0], started_at=switch.began)
    rto = duration_of(bench.plan.project.limits.get("rto", ""))
    seen = RollbackSeen(
        method="blue_green_switchback" if switch else "automation",
        steps=tuple(steps),
        checks_after=(
            NamedCheck(
                "old version answers", "pass" if text(after, "version") == before.get("stable_version") else "fail"
            ),
            NamedCheck("new version is gone", "pass" if after and after.facts.get("candidate_gone") else "fail"),
            NamedCheck("deployed again afterwards", "pass" if bench.done("verify-again") else "fail"),
        ),
        verified_at=when(after, "verified_at"),
        rto=timedelta(seconds=float(rto)) if rto is not None else None,
        from_version=bench.plan.release.version,
        to_version=str(before.get("stable_version") or ""),
        version_after=text(after, "version") or None,
        fingerprint_before=digest_field(before.get("fingerprint")),
        fingerprint_after=digest_field(text(after, "fingerprint")) if text(after, "fingerprint") else None,
    )
    body = rollback_body(seen)
    found = body["rollback_verification"]
    ok = isinstance(found, Mapping) and found.get("status") == "pass"
    detail = (
        ""
        if ok
        else f"the rollback rehearsal does not prove a rollback: {dict(found) if isinstance(found, Mapping) else found}"
    )
    return Looked(ok=ok, files=(bench.json("rollback-verification-report.json", body),), detail=detail)


def security(bench: Bench) -> Looked:
    """Scans, licences and controls of exactly this release; the verdict comes from parsed output only (SEC-01..SEC-06)."""
    project = bench.plan.project
    scans: list[ScanRead | ScanUnread] = []
    raw_files: list[Produced] = []
    for scan in project.scans:
        left = left_behind(bench, scan.command, scan.report)
        if left is None:
            scans.append(ScanUnread(scan.name, f"the scan left no {scan.report}"))
            continue
        digest, data = left
        name = f"security-scans-{scan.name}-{scan.report}"
        raw_files.append(Produced(name, data))
        scans.append(read_scan(data, SCAN_FORMS[scan.form], RawFile(name, digest)))
    body = security_body(
        SecuritySeen(
            release_digest=bench.plan.release.digest,
            scanned_digest=bench.plan.release.digest if _artifacts_intact(bench) else digest_of(b""),
            scans=tuple(scans),
            policy=ScanPolicy(),
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
        ok=not gaps_found, files=(*raw_files, bench.json("security-compliance-report.json", body)), detail=detail
    )


def _artifacts_intact(bench: Bench) -> bool:
    return all(bench.world.files.see(item.artifact).digest == item.digest for item in bench.plan.release.services)


def _licences(bench: Bench) -> LicenceAudit | None:
    bound = bench.plan.project.licences
    if bound is None:
        return None
    path = bound.sbom.replace("{release}", bench.plan.release.version)
    components = read_cyclonedx(bench.world.files.read(path), path)
    policy = LicencePolicy(frozenset(bound.allowed), frozenset(bound.forbidden), bench.plan.sources["project"], {})
    return LicenceAudit(components, policy)


def _control(bench: Bench, name: str, standard: str, evidence: str) -> ControlSeen:
    return ControlSeen(name, standard, "met" if bench.has(evidence) else "unanswered", evidence)


def operations(bench: Bench) -> Looked:
    """Runbooks, on-call and escalation (OPS-01..OPS-04)."""
    bound = bench.plan.project.operations
    runbooks = tuple(
        RunbookSeen(item.path, item.service, bench.world.files.see(item.path).modified) for item in bound.runbooks
    )
    window = (bench.now, bench.now + timedelta(days=1))
    age = max((item.max_age for item in bound.runbooks), default=Decimal(0))
    body = operations_body(
        OperationsSeen(
            runbooks,
            tuple(DutySeen(item.function, item.primary, item.backup, *window) for item in bound.on_call),
            tuple(EscalationSeen(item.level, item.contact, bool(item.contact)) for item in bound.escalation),
            changed_at=bench.now - timedelta(seconds=float(age)),
            runbook_max_age=timedelta(seconds=float(age)),
            window=window,
        ),
        bench.now,
    )
    found = operations_gaps(body)
    detail = "operations are not ready:\n" + "\n".join(f"  - {gap}" for gap in found) if found else ""
    return Looked(ok=not found, files=(bench.json("operational-readiness.json", body),), detail=detail)


def checklist(bench: Bench) -> Looked:
    """The production checklist, from what the rehearsal taught (CHK-01..CHK-03)."""
    report = bench.body("rehearsal-report.json")
    seen = ChecklistSeen(
        items_from_rehearsal(report, bench.plan.role, bench.raw("rehearsal-report.json")[0]),
        (
            PlannedMessage("start of the rollout", "stakeholders", "announcements"),
            PlannedMessage("half of the traffic moved", "stakeholders", "announcements"),
            PlannedMessage("completion or rollback", "stakeholders", "announcements"),
        ),
        bench.raw("staging-deployment-run.log")[0],
    )
    body = checklist_body(seen)
    found = body["deployment_checklist"]
    ok = isinstance(found, Mapping) and found.get("status") == "complete"
    files = (
        bench.json("deployment-checklist.json", body),
        bench.text("deployment-checklist.md", checklist_markdown(body)),
    )
    return Looked(ok=ok, files=files, detail="" if ok else "the deployment checklist has open items")
