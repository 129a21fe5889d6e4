"""Deployment, checks after it, snapshot, probes, smoke, performance, health window and the closing records."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.errors import BadInput, Refused
from gonogo.measure.baseline import (
    BaselineMetric,
    BaselineSeen,
    DashboardReference,
    baseline_body,
    baseline_markdown,
)
from gonogo.measure.command_runs import CommandRun
from gonogo.measure.communications import MessageSent, communications_body
from gonogo.measure.connectivity import (
    AlertSeen,
    EnvironmentsSeen,
    PersonConfirmation,
    ServiceProbe,
    TargetProbe,
    connectivity_body,
    health_checks_body,
    validation_body,
)
from gonogo.measure.data_refresh import (
    RefreshedItem,
    RefreshSeen,
    data_refresh_body,
    data_refresh_markdown,
    require_staging,
)
from gonogo.measure.deployment import (
    ActionSeen,
    AnalysisSeen,
    DeploymentSeen,
    RollbackTaken,
    ServiceDeployed,
    ServicesSeen,
    deployment_body,
    services_body,
)
from gonogo.measure.figures import Body
from gonogo.measure.header import RawFile
from gonogo.measure.health import HealthSeen, Observation, SloSeen, health_body, health_markdown
from gonogo.measure.performance import PerformanceReading, performance_body
from gonogo.measure.post_deployment import (
    CheckAfter,
    IncidentSeen,
    MetricReading,
    PostDeploymentSeen,
    post_deployment_body,
)
from gonogo.measure.rederiving import disagreements
from gonogo.measure.report_index import ReportSection, report_index_body
from gonogo.measure.retrospective import (
    FollowUp,
    Improvement,
    RetrospectiveSeen,
    RunFigures,
    retrospective_body,
)
from gonogo.measure.rollback_plan import (
    PlanSeen,
    RollbackExecuted,
    RollbackTrigger,
    rollback_plan_body,
    rollback_plan_markdown,
)
from gonogo.measure.smoke import SmokeTest, smoke_body
from gonogo.measure.snapshot import SnapshotContent, SnapshotSeen, snapshot_body
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, RunId, Severity, Verdict
from tests.whole_files import faults

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ONE, TWO = Digest("aa" * 32), Digest("bb" * 32)


def part(artifact: str, body: Body, name: str) -> Fields:
    assert disagreements(artifact, body) == ()
    return Fields(body).part(name)


MOVE = ActionSeen("traffic", "proxy", ("move", "50"), NOW, NOW + SECOND, 0, Decimal(50))
DEPLOYMENT = DeploymentSeen(
    strategy="canary",
    started_at=NOW,
    ended_at=NOW + 90 * SECOND,
    actions=(MOVE, replace(MOVE, traffic_percent=Decimal(100))),
    analyses=(AnalysisSeen("errors", Decimal("0.001"), Decimal("0.001"), Verdict.PASS),),
    to_version="2.4.1",
    version_after="2.4.1",
    approval_sha256=ONE,
    snapshot_sha256=TWO,
    downtime=timedelta(0),
    failed_requests=0,
)


def deployment(seen: DeploymentSeen) -> Fields:
    return part("production-deployment-report.json", deployment_body(seen), "deployment")


@pytest.mark.req("ROL-03", "ROL-04")
def test_a_rollout_that_moved_everything_and_answers_with_the_new_version_is_a_success() -> None:
    about = deployment(DEPLOYMENT)
    assert (about.text("status"), about.text("duration"), about.text("downtime")) == ("success", "PT90S", "PT0S")
    assert about.count("failed_requests") == 0


@pytest.mark.req("DG3-01", "ROL-06", "FP-21", "NB-19")
@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (replace(DEPLOYMENT, actions=()), "unknown"),
        (replace(DEPLOYMENT, actions=(replace(MOVE, exit_code=None, ended_at=None),)), "unknown"),
        (replace(DEPLOYMENT, actions=(MOVE,)), "failure"),
        (replace(DEPLOYMENT, actions=(replace(MOVE, exit_code=1, traffic_percent=None),)), "failure"),
        (replace(DEPLOYMENT, analyses=(AnalysisSeen("errors", None, None, Verdict.INCONCLUSIVE),)), "failure"),
        (replace(DEPLOYMENT, version_after=None), "unknown"),
        (replace(DEPLOYMENT, version_after="2.4.0"), "failure"),
        (replace(DEPLOYMENT, rollback=RollbackTaken("errors", 4 * SECOND, verified=True)), "rolled_back"),
        (replace(DEPLOYMENT, rollback=RollbackTaken("errors", None, verified=False)), "failure"),
    ],
)
def test_everything_else_is_no_successful_rollout(seen: DeploymentSeen, status: str) -> None:
    assert deployment(seen).text("status") == status


def test_what_no_request_stream_measured_is_left_out() -> None:
    about = deployment(replace(DEPLOYMENT, downtime=None, failed_requests=None))
    assert not about.has("downtime")
    assert not about.has("failed_requests")


SERVICE = ServiceDeployed("api", "2.4.1", ONE, deployed=True, healthy=True)
SERVICES = ServicesSeen(NOW, NOW + MINUTE, (SERVICE, replace(SERVICE, service="web")))


@pytest.mark.req("AG2-01")
@pytest.mark.parametrize(
    ("seen", "deployed", "healthy", "errors", "status"),
    [
        (SERVICES, "1", "1", 0, "success"),
        (replace(SERVICES, services=(SERVICE, replace(SERVICE, healthy=False))), "1", "0.5", 0, "failure"),
        (replace(SERVICES, services=(SERVICE, replace(SERVICE, deployed=False))), "0.5", "0.5", 0, "failure"),
        (replace(SERVICES, services=(SERVICE, replace(SERVICE, error="boom"))), "1", "1", 1, "failure"),
        (replace(SERVICES, errors=("line",)), "1", "1", 1, "failure"),
        (replace(SERVICES, rollback=RollbackTaken("x", SECOND, verified=True)), "1", "1", 0, "rolled_back"),
    ],
)
def test_services_are_deployed_and_healthy_by_their_share(
    seen: ServicesSeen, deployed: str, healthy: str, errors: int, status: str
) -> None:
    for artifact in ("staging-deployment.json", "production-deployment.json"):
        about = part(artifact, services_body(seen), "deployment")
        assert about.number("deployed_rate") == Decimal(deployed)
        assert about.number("healthy_rate") == Decimal(healthy)
        assert (about.count("errors"), about.text("status")) == (errors, status)


def test_no_service_at_all_has_no_rates_and_an_unknown_outcome() -> None:
    about = part("staging-deployment.json", services_body(replace(SERVICES, services=())), "deployment")
    assert not about.has("deployed_rate")
    assert about.text("status") == "unknown"


CHECKS = (
    CheckAfter("smoke", "smoke", "pass", NOW),
    CheckAfter("health", "health", "pass", NOW),
    CheckAfter("api", "service", "pass", NOW),
)
AFTER = PostDeploymentSeen(
    NOW, NOW + MINUTE, CHECKS, (MetricReading("p95", Decimal(320), "ms", NOW, Decimal(310)),), ()
)
LESSER = CheckAfter("banner", "smoke", "fail", NOW, critical=False)


def after(seen: PostDeploymentSeen) -> Fields:
    return part("post-deployment-validation.json", post_deployment_body(seen), "post_deployment")


@pytest.mark.req("PDV-01", "PDV-02", "OBS-02")
def test_all_three_kinds_of_checks_at_once_pass_with_the_baseline_beside_the_value() -> None:
    assert after(AFTER).text("status") == "pass"
    assert after(AFTER).text("started_after") == "PT60S"
    assert Fields(post_deployment_body(AFTER)).rows("metrics_snapshot")[0].number("baseline") == 310


@pytest.mark.req("DG3-02")
@pytest.mark.parametrize(("failed", "rate"), [(1, "0.95"), (2, "0.9")])
def test_the_success_rate_counts_every_declared_check(failed: int, rate: str) -> None:
    good = tuple(replace(CHECKS[0], name=str(number)) for number in range(20 - failed - 2))
    seen = replace(AFTER, checks=(*CHECKS[1:], *good, *(LESSER,) * failed))
    assert after(seen).number("success_rate") == Decimal(rate)


@pytest.mark.req("PDV-01", "DG3-02")
@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (replace(AFTER, started_at=NOW + 5 * MINUTE), "pass"),
        (replace(AFTER, started_at=NOW + 5 * MINUTE + SECOND), "fail"),
        (replace(AFTER, checks=(*CHECKS, LESSER)), "pass"),
        (replace(AFTER, checks=(*CHECKS, replace(LESSER, critical=True))), "fail"),
        (replace(AFTER, checks=(*CHECKS, replace(CHECKS[0], result="inconclusive"))), "fail"),
        (replace(AFTER, incidents=(IncidentSeen("i1", Severity.HIGH, blocking=True),)), "fail"),
        (replace(AFTER, incidents=(IncidentSeen("i1", Severity.LOW, blocking=False),)), "pass"),
        (replace(AFTER, checks=CHECKS[:2]), None),
        (replace(AFTER, checks=()), None),
    ],
)
def test_a_late_start_a_critical_failure_or_an_incident_fails(seen: PostDeploymentSeen, status: str | None) -> None:
    assert after(seen).maybe_text("status") == status


def test_a_check_that_could_not_run_lowers_the_success_rate() -> None:
    seen = replace(AFTER, checks=(*CHECKS, replace(LESSER, result="inconclusive")))
    assert after(seen).number("success_rate") == Decimal("0.75")
    assert (after(seen).count("executed"), after(seen).count("passed")) == (3, 3)


SNAPSHOT = SnapshotSeen(
    "s1",
    NOW,
    "production",
    ONE,
    readable=True,
    restore_command=("restore", "s1"),
    contents=(SnapshotContent("api", "2", ONE),),
)


@pytest.mark.req("SNP-02", "NB-09")
def test_a_snapshot_is_usable_only_when_read_back_and_restorable() -> None:
    def usable(seen: SnapshotSeen) -> bool:
        return part("rollback-snapshot.json", snapshot_body(seen), "snapshot").flag("usable")

    assert usable(SNAPSHOT)
    for broken in (
        replace(SNAPSHOT, readable=False),
        replace(SNAPSHOT, restore_command=()),
        replace(SNAPSHOT, contents=()),
        replace(SNAPSHOT, id=""),
    ):
        assert not usable(broken)


STAGE = TargetProbe("staging", "web", reachable=True, at=NOW, latency_ms=Decimal("2.5"))
PROD = replace(STAGE, environment="production", at=NOW + MINUTE)
HEALTHY = ServiceProbe("staging", "api", healthy=True, detail="200", at=NOW)
PROBES = EnvironmentsSeen((STAGE, PROD), (HEALTHY,), (), (), PersonConfirmation("ada", NOW + SECOND))


def validation(seen: EnvironmentsSeen) -> Fields:
    body = validation_body(seen)
    assert disagreements("validation.json", body) == ()
    return Fields(body)


@pytest.mark.req("CON-04", "AG1-01")
@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (PROBES, "pass"),
        (replace(PROBES, targets=(replace(STAGE, reachable=False, error="refused"),)), "fail"),
        (replace(PROBES, services=(replace(HEALTHY, healthy=False),)), "fail"),
        (replace(PROBES, alerts=(AlertSeen("a1", Severity.CRITICAL, NOW),)), "fail"),
        (replace(PROBES, alerts=(AlertSeen("a1", Severity.UNKNOWN, NOW),)), "fail"),
        (replace(PROBES, alerts=(AlertSeen("a1", Severity.LOW, NOW),)), "pass"),
        (replace(PROBES, alerts=None), None),
        (replace(PROBES, targets=()), None),
        (replace(PROBES, services=()), None),
        (replace(PROBES, confirmation=None), "fail"),
        (replace(PROBES, targets=(STAGE,), confirmation=None), "pass"),
        (replace(PROBES, confirmation=PersonConfirmation("ada", NOW + HOUR)), "fail"),
    ],
)
def test_environments_are_ready_only_when_all_of_them_answered(seen: EnvironmentsSeen, status: str | None) -> None:
    assert validation(seen).maybe_text("status") == status


@pytest.mark.req("AG1-01", "FP-20")
def test_alerts_that_nobody_could_read_are_not_zero_alerts() -> None:
    assert not validation(replace(PROBES, alerts=None)).has("alerts")
    assert validation(PROBES).part("alerts").count("critical") == 0


@pytest.mark.req("CON-01", "CON-02", "CON-03")
def test_probes_are_reported_apart_too() -> None:
    body = connectivity_body((STAGE, replace(PROD, reachable=False)), PersonConfirmation("ada", NOW))
    about = part("connectivity-report.json", body, "connectivity")
    assert (about.count("reachable"), about.count("total"), about.flag("production_confirmed")) == (1, 2, True)
    health = part("health-check-report.json", health_checks_body((HEALTHY,)), "health")
    assert health.number("rate") == 1
    assert not part("health-check-report.json", health_checks_body(()), "health").has("rate")


SMOKE = SmokeTest("login", "passed", SECOND)


@pytest.mark.req("PDV-03", "AG3-01")
@pytest.mark.parametrize(
    ("tests", "status", "critical"),
    [
        ((SMOKE, SMOKE), "pass", "1"),
        ((SMOKE, replace(SMOKE, result="failed")), "fail", "0.5"),
        ((SMOKE, replace(SMOKE, result="skipped")), "fail", "0.5"),
        ((SMOKE, replace(SMOKE, result="failed", critical=False)), "pass", "1"),
        ((replace(SMOKE, critical=False),), None, None),
        ((), None, None),
    ],
)
def test_critical_smoke_tests_have_to_pass_and_there_has_to_be_one(
    tests: tuple[SmokeTest, ...], status: str | None, critical: str | None
) -> None:
    about = part("smoke-test-results.json", smoke_body(tests), "smoke")
    assert about.maybe_text("status") == status
    assert about.maybe_number("critical_pass_rate") == (None if critical is None else Decimal(critical))


LATENCY = PerformanceReading("p95", "ms", Decimal(320), upper=Decimal(320))


@pytest.mark.req("PDV-05", "AG3-01", "CMD-74")
@pytest.mark.parametrize(
    ("readings", "outside"),
    [
        ((LATENCY,), 0),
        ((replace(LATENCY, value=Decimal("320.1")),), 1),
        ((replace(LATENCY, lower=Decimal(321), upper=None),), 1),
        ((LATENCY, replace(LATENCY, value=None)), None),
        ((replace(LATENCY, value=Decimal(400)), replace(LATENCY, value=None)), 1),
        ((replace(LATENCY, upper=None),), None),
        ((), None),
    ],
)
def test_performance_without_a_value_or_a_range_is_not_in_range(
    readings: tuple[PerformanceReading, ...], outside: int | None
) -> None:
    about = part("performance-baseline.json", performance_body(readings, NOW, HOUR), "performance")
    assert about.maybe_number("out_of_range") == outside


ERRORS = SloSeen("error rate", Decimal("0.01"), "≤", "ratio", (Decimal("0.001"), Decimal("0.01")), 2)
UPTIME = SloSeen("availability", Decimal("0.999"), "≥", "ratio", (Decimal("0.9995"), Decimal(1)), 2)
WINDOW = HealthSeen(NOW, NOW + HOUR, (ERRORS, UPTIME), (Observation(NOW, "spike", "waited", "ada"),))


def health(seen: HealthSeen, now: datetime = NOW + HOUR) -> Fields:
    return part("deployment-health-log.json", health_body(seen, now), "health")


@pytest.mark.req("SOK-01", "DG4-02")
def test_a_window_with_every_sample_inside_its_objective_passes() -> None:
    about = health(WINDOW)
    assert (about.text("status"), about.count("breaches"), about.count("samples")) == ("pass", 0, 4)
    assert about.count("samples_missing") == 0
    worst = [row.number("worst") for row in Fields(health_body(WINDOW, NOW + HOUR)).rows("slos")]
    assert worst == [Decimal("0.01"), Decimal("0.9995")]


@pytest.mark.req("SOK-02", "SOK-05", "FP-21")
@pytest.mark.parametrize(
    ("slos", "status", "breaches"),
    [
        ((replace(ERRORS, samples=(Decimal("0.001"), Decimal("0.011"))),), "fail", 1),
        ((replace(UPTIME, samples=(Decimal("0.998"), Decimal(1))),), "fail", 1),
        ((replace(ERRORS, comparison="<"),), "fail", 1),
        ((replace(UPTIME, comparison=">", samples=(Decimal("0.999"), Decimal(1))),), "fail", 1),
        ((replace(ERRORS, samples=(Decimal("0.001"), None)),), None, 0),
        ((ERRORS, replace(UPTIME, samples=(None, None))), None, None),
        ((replace(ERRORS, samples=()),), None, None),
        ((), None, None),
        ((replace(ERRORS, samples=(Decimal(1), None)),), "fail", 1),
    ],
)
def test_missing_samples_are_never_a_pass_and_a_breach_counts_at_once(
    slos: tuple[SloSeen, ...], status: str | None, breaches: int | None
) -> None:
    about = health(replace(WINDOW, slos=slos))
    assert (about.maybe_text("status"), about.maybe_number("breaches")) == (status, breaches)


@pytest.mark.req("SOK-05")
def test_a_window_that_is_not_over_has_no_breach_count_yet() -> None:
    about = health(WINDOW, NOW + HOUR - SECOND)
    assert not about.has("status")
    assert not about.has("breaches")


@pytest.mark.req("SOK-03")
def test_the_health_log_and_its_samples_agree() -> None:
    text = health_markdown(health_body(WINDOW, NOW + HOUR))
    assert "| error rate | ≤ 0.01 ratio | 0.01 | 2 of 2 | pass |" in text
    assert "| 2026-11-21T10:00:00Z | spike | waited | ada |" in text


RETROSPECTIVE = RetrospectiveSeen(
    "went well",
    (Improvement("Automate thresholds", "release-engineering", "gate 3", NOW),),
    (FollowUp("clean up", "ada", "open"),),
    RunFigures(HOUR, 1, 2, 0, MINUTE),
)


@pytest.mark.req("RIN-01", "RIN-02")
def test_inputs_are_documented_with_a_summary_and_an_owner_for_everything() -> None:
    def documented(seen: RetrospectiveSeen) -> bool:
        return part("retrospective-inputs.json", retrospective_body(seen), "retrospective").flag("documented")

    assert documented(RETROSPECTIVE)
    for broken in (
        replace(RETROSPECTIVE, summary=" "),
        replace(RETROSPECTIVE, improvements=()),
        replace(RETROSPECTIVE, improvements=(Improvement("x", "", "y"),)),
        replace(RETROSPECTIVE, follow_ups=(FollowUp("x", "", "open"),)),
    ):
        assert not documented(broken)


BASELINE = BaselineSeen(
    NOW,
    HOUR,
    (BaselineMetric("API latency", "p95", Decimal(320), "ms"), BaselineMetric("Error rate", "", Decimal("0.2"), "%")),
    (DashboardReference("api", "grafana/api"),),
)


@pytest.mark.req("OBS-01")
def test_the_baseline_has_one_line_per_metric() -> None:
    text = baseline_markdown(baseline_body(BASELINE))
    assert "- Metric: API latency (p95) – 320ms\n- Metric: Error rate – 0.2%\n" in text


@pytest.mark.req("OBS-01", "PM-02")
def test_what_people_should_know_of_the_figures_stands_below_them() -> None:
    body = baseline_body(replace(BASELINE, remarks=("p95 <= 0.3 s: the limit is no bucket bound",)))
    assert body["remarks"] == ["p95 <= 0.3 s: the limit is no bucket bound"]
    assert "## Remarks\n\n- p95 " in baseline_markdown(body)
    assert "remarks" not in baseline_body(BASELINE)
    assert "Remarks" not in baseline_markdown(baseline_body(BASELINE))


@pytest.mark.req("OBS-01", "PRE-12")
def test_a_baseline_of_nothing_or_with_a_silent_metric_is_refused() -> None:
    with pytest.raises(BadInput, match="any metric"):
        baseline_body(replace(BASELINE, metrics=()))
    with pytest.raises(BadInput, match="saturation"):
        baseline_body(replace(BASELINE, missing=("saturation",)))


REFRESHED = RefreshedItem("data_set", "orders", "snapshot-7", "7", NOW, NOW + MINUTE, "success", 1200)


@pytest.mark.req("REF-02", "REF-03")
def test_a_refresh_is_recorded_for_staging_and_refused_everywhere_else() -> None:
    body = data_refresh_body(RefreshSeen("staging", "ada", (REFRESHED, replace(REFRESHED, kind="stub"))))
    assert disagreements("staging-data-refresh.json", body) == ()
    assert body["status"] == "success"
    page = data_refresh_markdown(body, "2.5.0")
    assert "| data\\_set | orders | snapshot-7 | 7 | 1200 |" in page
    assert "Release: 2.5.0. Environment: staging. Actor: ada." in page
    assert (
        data_refresh_body(RefreshSeen("staging", "ada", (replace(REFRESHED, result="unknown"),)))["status"] == "failure"
    )
    assert "status" not in data_refresh_body(RefreshSeen("staging", "ada", ()))
    for name in ("production", "Staging", ""):
        with pytest.raises(Refused):
            require_staging(name)


STEP = CommandRun(("rollback_backend.sh", "--to", "2.4.0"), ONE, NOW, NOW + 3 * SECOND, 0)
PLAN = PlanSeen((RollbackTrigger("errors", Severity.HIGH),), (STEP,), TWO, 4 * SECOND, 10 * MINUTE)


@pytest.mark.req("RBK-08", "C45")
def test_the_rollback_plan_lists_exactly_the_rehearsed_commands_with_their_times() -> None:
    body = rollback_plan_body(PLAN)
    assert disagreements("rollback-plan.json", body) == ()
    assert Fields(body).part("rehearsed").flag("within_rto")
    assert Fields(body).rows("steps")[0].text("expected") == "PT3S"
    assert "| 1 | rollback\\_backend.sh --to 2.4.0 | PT3S |" in rollback_plan_markdown(body)
    executed = rollback_plan_body(replace(PLAN, executed=RollbackExecuted(NOW, 5 * SECOND, verified=True)))
    assert "recovered in PT5S" in rollback_plan_markdown(executed)


@pytest.mark.parametrize("steps", [(), (replace(STEP, exit_code=1),), (replace(STEP, exit_code=None, ended_at=None),)])
def test_a_plan_of_steps_that_were_not_rehearsed_well_is_refused(steps: tuple[CommandRun, ...]) -> None:
    with pytest.raises(BadInput):
        rollback_plan_body(replace(PLAN, steps=steps))


@pytest.mark.req("REP-01", "REP-03", "C80")
def test_a_section_without_evidence_is_missing() -> None:
    sources = (RawFile("a.json", ONE),)
    sections = (*(ReportSection(str(n), n < 19, sources) for n in range(19)), ReportSection("extra", False, ()))
    body = report_index_body(sections, "released")
    assert part("deployment-report.json", body, "report").part("completeness").values == {
        "required": 1,
        "all": Decimal("0.95"),
    }
    assert "report" not in report_index_body((), "released")


@pytest.mark.req("REP-06")
def test_the_bundle_holds_every_message_and_counts_the_undelivered() -> None:
    message = MessageSent(
        NOW, RunId("r1"), "gonogo", "#release", ("ada",), "[RAY]", "hi", ONE, delivered=True, attempts=1
    )
    body = communications_body((message, replace(message, delivered=False, attempts=3)))
    assert disagreements("communications.json", body) == ()
    assert (body["sent"], body["undelivered"]) == (2, 1)


PRODUCTION_SERVICES = services_body(replace(SERVICES, approval_sha256=ONE))
REPORT = report_index_body((ReportSection("summary", True, (RawFile("a.json", ONE),)),), "released")
MESSAGES = communications_body((MessageSent(NOW, RunId("r"), "g", "#c", (), "[RAY]", "hi", ONE, True, 1),))


@pytest.mark.req(
    "F15", "F16", "F17", "F18", "F19", "F20", "F21", "F22", "F23", "F25", "F26", "F27", "F48", "F51", "F52"
)
@pytest.mark.parametrize(
    ("artifact", "body"),
    [
        ("production-deployment-report.json", deployment_body(DEPLOYMENT)),
        ("staging-deployment.json", services_body(SERVICES)),
        ("production-deployment.json", PRODUCTION_SERVICES),
        ("post-deployment-validation.json", post_deployment_body(AFTER)),
        ("rollback-snapshot.json", snapshot_body(SNAPSHOT)),
        ("connectivity-report.json", connectivity_body((STAGE,), None)),
        ("health-check-report.json", health_checks_body((HEALTHY,))),
        ("validation.json", validation_body(PROBES)),
        ("smoke-test-results.json", smoke_body((SMOKE,))),
        ("performance-baseline.json", performance_body((LATENCY,), NOW, HOUR)),
        ("deployment-health-log.json", health_body(WINDOW, NOW + HOUR)),
        ("retrospective-inputs.json", retrospective_body(RETROSPECTIVE)),
        ("observability-baseline.json", baseline_body(BASELINE)),
        ("staging-data-refresh.json", data_refresh_body(RefreshSeen("staging", "ada", (REFRESHED,)))),
        ("rollback-plan.json", rollback_plan_body(PLAN)),
        ("deployment-report.json", REPORT),
        ("communications.json", MESSAGES),
    ],
)
def test_a_whole_file_after_the_launch_lacks_no_required_field(artifact: str, body: Body) -> None:
    assert faults(artifact, body) == []
    assert faults(artifact, {}) != []
