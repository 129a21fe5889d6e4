"""Measurements after a rollout: checks, health window, report, retrospective (requirement sections 27 to 31)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from gonogo.engine.announcing import occasion_of
from gonogo.engine.bench import Bench, Looked, Produced
from gonogo.engine.by_hand import manual_files
from gonogo.engine.measuring.alerts import open_incidents
from gonogo.engine.measuring.baseline import alerts_of, readings
from gonogo.engine.measuring.checklist import coverage_so_far
from gonogo.engine.measuring.rollout import deployment
from gonogo.engine.measuring.tests import execution, short_suites
from gonogo.engine.measuring.world import reach, serving
from gonogo.engine.runs_seen import stage_began
from gonogo.measure.communications import MessageSent, communications_body
from gonogo.measure.health import HealthSeen, Observation, SeriesSeen, SloSeen, health_body, health_markdown
from gonogo.measure.package_index import PackageItem, PackageSeen, package_body
from gonogo.measure.post_deployment import CheckAfter, PostDeploymentSeen, post_deployment_body
from gonogo.measure.report_index import ReportSection, RunOutcome, report_index_body
from gonogo.measure.retrospective import FollowUp, Improvement, RetrospectiveSeen, RunFigures, retrospective_body
from gonogo.measure.rollback import CheckResult
from gonogo.measure.test_reports import Outcome
from gonogo.plan.model import Plan, Roll, Watch
from gonogo.reports.release import release_report
from gonogo.run.events import Announced, Delivered, recorded
from gonogo.run.health_window import window_budgets, window_end, window_of, window_samples
from gonogo.run.rolling import Rolling
from gonogo.run.served import moment_ms
from gonogo.run.slo_window import judge_window
from gonogo.terms import digest_of

AFTER: Mapping[Outcome, CheckResult] = {"passed": "pass", "failed": "fail", "skipped": "inconclusive"}
"""A test that was skipped has shown nothing: it is no pass."""


def post_deployment(bench: Bench) -> Looked:
    """Smoke tests, health and a check of each service, at once after the deployment (PDV-01, PDV-02)."""
    seen, raw = execution(bench, bench.plan.project.smoke)
    checks = [
        CheckAfter(f"{case.suite}: {case.name}", "smoke", AFTER[case.outcome], bench.now)
        for suite in seen.suites
        for case in suite.cases
    ]
    checks += [CheckAfter(item.name, "smoke", "fail", bench.now, item.reason) for item in seen.unreadable]
    short = short_suites(bench.plan.project.smoke, seen)
    checks += [CheckAfter(reason, "smoke", "inconclusive", bench.now, reason) for reason in short]
    checks += [
        CheckAfter(f"production {name}", "health", "pass" if ok else "fail", bench.now, detail)
        for name, ok, detail in reach(bench, "production")
    ]
    front = serving(bench, "production").front
    right = front.version == bench.plan.release.version
    checks.append(
        CheckAfter("the released version serves", "service", "pass" if right else "fail", bench.now, front.detail)
    )
    deployed = _deployed_at(bench)
    incidents, unknown = open_incidents(bench, checks)
    checks += unknown
    body = post_deployment_body(
        PostDeploymentSeen(deployed, max(deployed, stage_began(bench)), tuple(checks), readings(bench), incidents)
    )
    found = body["post_deployment"]
    ok = isinstance(found, Mapping) and found.get("status") == "pass"
    failed = "\n".join(f"  - {check.name}: {check.detail or 'failed'}" for check in checks if check.result != "pass")
    detail = "" if ok else f"checks after the deployment failed:\n{failed}"
    return Looked(ok=True, files=(*raw, bench.json("post-deployment-validation.json", body)), detail=detail)


def _deployed_at(bench: Bench) -> datetime:
    ended = [
        known.ended
        for stage in bench.plan.stages
        for task in stage.tasks
        if isinstance(task.act, Roll) and (known := bench.state.tasks.get(task.id)) and known.ended
    ]
    return max(ended, default=bench.now)


def notices(bench: Bench) -> Looked:
    """Every message that this run sent so far (PRG-01, COM-01)."""
    lines = ["# Progress notices", ""]
    lines += [f"- {sent.at.isoformat()} {sent.prefix} {sent.text}" for sent in _messages(bench)]
    return Looked(ok=True, files=(bench.text("progress-notices.md", "\n".join(lines) + "\n"),))


def _messages(bench: Bench) -> tuple[MessageSent, ...]:
    """Every message on the log of messages, and once more for each channel that carries it (F53)."""
    entries = bench.world.journal.entries(bench.run)
    events = [(entry, recorded(entry).event) for entry in entries]
    known = {(event.message, event.channel): event for _, event in events if isinstance(event, Delivered)}
    found = []
    for entry, event in events:
        if not isinstance(event, Announced):
            continue
        text = bench.world.vault.read(event.text_sha256).decode("utf-8", "replace")
        to = tuple(event.to) or bench.plan.project.notify or ("stakeholders",)
        for channel in ("announcements", *bench.world.post.channels(to, occasion_of(event))):
            outcome = known.get((entry.seq, channel))
            told = channel == "announcements" or (outcome is not None and outcome.outcome == "delivered")
            attempts = outcome.attempts if outcome else int(told)
            found.append(
                MessageSent(
                    entry.ts, bench.run, str(entry.actor), channel, to, event.prefix, text, entry.digest, told, attempts
                )
            )
    return tuple(found)


def _watched(bench: Bench) -> Rolling | None:
    for task in bench.stage.tasks:
        if isinstance(task.act, Watch):
            return bench.state.rollings.get(task.id)
    return None


def health(bench: Bench) -> Looked:
    """The health window: every sample against every objective, what was missing, what broke (SOK-01..SOK-05)."""
    rolling = _watched(bench)
    if rolling is None or rolling.last is None:
        return Looked(ok=False, detail="the metric source said nothing during the health window")
    alerts, why = alerts_of(bench, "production")
    if alerts is None:
        # Alerting has to work for the whole window, not only before it (PRE-23).
        return Looked(ok=False, detail=f"{bench.task.title}: nobody can say which alerts of production fire: {why}")
    end = window_end(bench.plan, rolling)
    slos = (*objectives_seen(bench.plan, rolling, bench.now), *_budgets_seen(bench, rolling, end))
    points = digest_of(
        repr([(at.isoformat(), stable, candidate) for at, _, stable, candidate in rolling.ticks]).encode()
    )
    seen = HealthSeen(
        window_start=rolling.began,
        window_end=end,
        slos=slos,
        observations=tuple(_extensions_seen(rolling)),
        series=(SeriesSeen("requests and errors", points),),
        extended=len(rolling.extensions),
    )
    body = health_body(seen, bench.now)
    files = (
        bench.json("deployment-health-log.json", body),
        bench.text("deployment-health-log.md", health_markdown(body)),
    )
    return Looked(ok=True, files=files)


def _extensions_seen(rolling: Rolling) -> Iterator[Observation]:
    """Why the window was extended, and until when (SOK-01, SOK-04)."""
    for at, event in rolling.extensions:
        anomaly = f"{event.clause}: {event.measured}, limit {event.limit}"
        yield Observation(at, anomaly, f"extension {event.number}, until {event.ends_at}", "gonogo")


def objectives_seen(plan: Plan, rolling: Rolling, now: datetime) -> Iterator[SloSeen]:
    """Each objective of the health window with its samples, and how many there had to be (SOK-05)."""
    window = window_of(plan, rolling)
    every = window_samples(plan, rolling)
    # Of a window that was extended its last whole length counts.
    samples = tuple(sample for sample in every if sample.at_ms >= window.judged_from_ms)
    # Many samples before and after do not stand for a time in which nobody looked (SOK-05).
    unseen_ms = min(max(window.interval_ms, LEAST_UNSEEN_MS), window.length_ms)
    watched = window if window.extended else replace(window, interval_ms=unseen_ms)
    missing = judge_window(watched, every, moment_ms(now)).missing
    for index, rule in enumerate(plan.project.health.objectives):
        values = tuple(sample.answers[index].value for sample in samples)
        taken = sum(value is not None for value in values)
        yield SloSeen(
            rule.name,
            rule.limit,
            "≤",
            "ratio" if rule.metric == "error_rate" else "seconds",
            values,
            max(window.length_ms // window.interval_ms, 1, taken + missing if missing else 0),
        )


def _budgets_seen(bench: Bench, rolling: Rolling, end: datetime) -> Iterator[SloSeen]:
    """Each promise over the whole window, and how fast its budget burnt: of both spans the slower one counts."""
    found = window_budgets(bench.plan, rolling, bench.now)
    told: set[str] = set()
    for budget in found:
        if budget.promise.name not in told:
            told.add(budget.promise.name)
            whole = (budget.share,) if bench.now >= end or budget.share is None else ()
            yield SloSeen(budget.promise.name, budget.promise.allowed, "≤", "ratio", whole, 1)
        rule = budget.rule
        spans = f"{rule.long_ms / 1000:g} s and {rule.short_ms / 1000:g} s"
        name = f"{budget.promise.name}: budget burn over {spans}"
        yield SloSeen(name, rule.factor, "≤", "times", budget.burns, max(budget.intervals, 1))


LEAST_UNSEEN_MS = 1000
"""Shorter than this, a time without a sample is the machine's; ticks of less than half a second are for trying out."""

REPORT_SECTIONS = {
    "readiness": ("deployment-readiness-checklist.json",),
    "scope": ("release-manifest.confirmations.json",),
    "staging": ("staging-validation-results.json",),
    "freeze": ("change-freeze-confirmation.json",),
    "approval": ("production-approval.json",),
    "deployment": ("production-deployment-report.json",),
    "validation": ("post-deployment-validation.json",),
    "health": ("deployment-health-log.json",),
}


SMALL_SECTIONS = {
    "environments": ("validation.json",),
    "staging": ("staging-deployment.json",),
    "approval": ("production-approval.json",),
    "deployment": ("production-deployment.json",),
    "validation": ("smoke-test-results.json",),
    "performance": ("performance-baseline.json",),
}
"""The report of a protocol that writes no confirmations and watches no window: the small pipeline (REP-05)."""

REPORT_INDEX = "deployment-report.json"


def release_report_files(bench: Bench) -> tuple[Produced, ...]:
    """`DEPLOYMENT-REPORT.md` and its index, from what is on file (REP-01, REP-03)."""
    sections = tuple(
        ReportSection(name, required=True, sources=bench.raw(*names)) for name, names in _report_sections(bench).items()
    )
    outcome: RunOutcome = "rolled_back" if bench.state.rollback else "aborted" if bench.state.aborting else "released"
    body = report_index_body(sections, outcome)
    text = release_report(bench.plan, bench.state, bench.run, bench.now)
    return (bench.text("DEPLOYMENT-REPORT.md", text), bench.json(REPORT_INDEX, body))


def _report_sections(bench: Bench) -> Mapping[str, tuple[str, ...]]:
    owed = {name for stage in bench.plan.stages for name in stage.evidence}
    return SMALL_SECTIONS if "production-deployment.json" in owed else REPORT_SECTIONS


def _owes_report(bench: Bench) -> bool:
    """Whether the protocol hands a report on that none of its steps wrote: then its end writes it (REP-05, IOP-05)."""
    return REPORT_INDEX in {name for name, _ in bench.plan.outputs} and not bench.has(REPORT_INDEX)


def written_report(bench: Bench) -> Looked:
    """The release report, before the last gate judges it."""
    return Looked(ok=True, files=release_report_files(bench))


def retrospective(bench: Bench) -> Looked:
    """What the next retrospective starts from, computed from the run (RIN-01, RIN-02)."""
    opened = bench.state.opened_at or bench.now
    failed = sum(1 for item in bench.state.judgements.values() if item.verdict != "pass")
    figures = RunFigures(bench.now - opened, bench.state.halts, failed, 0, _waiting(bench))
    slow = sorted(
        ((known.ended - known.began, name) for name, known in bench.state.tasks.items() if known.ended), reverse=True
    )
    improvements = tuple(
        Improvement(f"{name} took {took.total_seconds():.1f} s; see whether it can be shorter", bench.plan.role, name)
        for took, name in slow[:1]
    )
    summary = f"{bench.plan.project.name} {bench.plan.release.version}: {len(bench.state.evidence)} evidence files"
    seen = RetrospectiveSeen(
        summary, improvements, (FollowUp("hold the retrospective", bench.plan.role, "open"),), figures
    )
    return Looked(ok=True, files=(bench.json("retrospective-inputs.json", retrospective_body(seen)),))


def _waiting(bench: Bench) -> timedelta:
    waited = timedelta(0)
    for asked in bench.state.rounds.values():
        if asked.answers:
            waited += max(answer.at for answer in asked.answers) - asked.at
    return waited


def report(bench: Bench) -> Looked:
    """The report of the run at its end, whatever its outcome, and every message it sent (REP-04, REP-06)."""
    files = [bench.json("communications.json", communications_body(_messages(bench)))]
    if bench.plan.environment == "production" and bench.state.rollback is not None:
        files += list(release_report_files(bench))
        files += list(deployment(bench).files)
    elif bench.plan.environment == "production" and _owes_report(bench):
        files += list(release_report_files(bench))
    text = release_report(bench.plan, bench.state, bench.run, bench.now)
    files.append(bench.text("RUN-REPORT.md", text))
    files += manual_files(bench)
    return Looked(ok=True, files=tuple(files))


def package_index(bench: Bench) -> Looked:
    """`pre-deployment-manifest.json`: what the readiness package holds, by digest (F7, PKG-02, PKG-06)."""
    sealed = bench.state.packages.get("readiness")
    if sealed is None:
        return Looked(ok=False, detail="there is no readiness package")
    required = {name for stage in bench.plan.stages[: _position(bench)] for name in stage.evidence}
    items = tuple(
        PackageItem(
            item.name,
            f"evidence/{item.stage}/{item.name}",
            item.name in required,
            item.digest,
            item.size,
            item.at,
            str(bench.actor),
        )
        for item in bench.state.evidence.values()
    )
    missing = tuple(
        PackageItem(name, name, required=True, sha256=None, size=None, produced_at=None, validator=str(bench.actor))
        for name in sorted(required)
        if not bench.has(name)
    )
    body = package_body(
        PackageSeen(
            sealed.name,
            sealed.sha256,
            sealed.size,
            tuple(item.path for item in items),
            (*items, *missing),
            checklist_coverage=coverage_so_far(bench),
        )
    )
    found = body["completeness"]
    ok = isinstance(found, Mapping) and found.get("required") == 1
    file = bench.json("pre-deployment-manifest.json", body)
    return Looked(
        ok=ok, files=(file,), detail="" if ok else f"the package lacks {', '.join(item.name for item in missing)}"
    )


def _position(bench: Bench) -> int:
    return [stage.id for stage in bench.plan.stages].index(bench.stage.id)
