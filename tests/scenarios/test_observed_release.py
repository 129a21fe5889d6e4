"""A real service behind HAProxy, watched by Prometheus and Alertmanager, is taken through the whole of pre-deployment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest
from fault_table import FAULTS, cell, rows, write
from faulty_releases import Course, Fault
from observed_world import TOKEN, Shop, observed_shop, write_project

from gonogo.adapters.metrics.alerts_alertmanager import AlertmanagerSource
from gonogo.adapters.http_calls import call
from gonogo.adapters.metrics.prometheus import Asked, PrometheusSource
from gonogo.adapters.metrics.scrape import MetricNames
from gonogo.adapters.metrics.prometheus_api import PrometheusApi
from gonogo.demo.processes import wait_until
from gonogo.run.machine import Parked
from gonogo.terms import RunId, Severity
from tests.projects import Project, copied

PRE = "pre-deployment"
WRITE = os.environ.get("GONOGO_WRITE_FAULTS") == "1"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with observed_shop() as found:
        yield found


@pytest.fixture(scope="module")
def good(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, RunId]:
    """A release that went through pre-deployment."""
    shop.set("staging", {"blue": "v1"}, "blue")
    project = write_project(tmp_path_factory.mktemp("good") / "project", shop)
    run = project.release(PRE)
    assert project.state(run).outcome == "ready", project.view(run).halt
    return project, run


def asked(shop: Shop, query: str, at: str) -> float:
    """One value of Prometheus itself, at one moment."""
    answer = call("GET", f"{shop.prometheus.url}/api/v1/query?query={quote(query)}&time={at}")
    (row,) = json.loads(answer.body)["data"]["result"]
    return float(row["value"][1])


@pytest.mark.req("OBS-01", "PM-04")
def test_the_baseline_holds_what_prometheus_itself_says_of_the_rehearsed_version(
    shop: Shop, good: tuple[Project, RunId]
) -> None:
    project, run = good
    body = project.evidence(run, "observability-baseline.json")
    metrics = {(row["metric"], row["statistic"]): (row["value"], row["unit"]) for row in body["metrics"]}
    assert set(metrics) == {
        ("Error rate", ""),
        ("API latency", "p50"),
        ("API latency", "p95"),
        ("API latency", "p99"),
        ("Saturation", ""),
    }
    assert metrics["Error rate", ""] == (Decimal(0), "%")
    assert metrics["Saturation", ""] == (Decimal(25), "%")
    assert (body["version"], body["window"]) == ("v2", "PT3S")
    assert body["dashboards"] == [{"name": "Shop", "reference": "https://dashboards.example.org/d/shop"}]
    # The moment on record has whole seconds: what was read in its last one lies behind it.
    moment = f"{datetime.fromisoformat(str(body['captured_at'])) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    highest = asked(shop, 'max(max_over_time(http_request_duration_seconds_sum{version="v2"}[5m]))', moment)
    assert highest > 0
    p95 = metrics["API latency", "p95"][0]
    assert isinstance(p95, Decimal | int), "a whole number is written without a point"
    assert 2 <= p95 <= 100


@pytest.mark.req("OBS-01")
def test_the_baseline_for_people_has_the_same_figures_a_line_each(good: tuple[Project, RunId]) -> None:
    project, run = good
    door = project.door()
    text = door.world.vault.read(door.load(run).state.evidence["observability-baseline.md"].digest).decode()
    rows = project.evidence(run, "observability-baseline.json")["metrics"]
    assert len(rows) == 5
    for row in rows:
        name = f"{row['metric']} ({row['statistic']})" if row["statistic"] else row["metric"]
        assert f"- Metric: {name} – {row['value']}{row['unit']}" in text.splitlines()


@pytest.mark.req("REH-02")
def test_the_log_of_the_rehearsal_has_one_entry_per_command_without_the_token(good: tuple[Project, RunId]) -> None:
    project, run = good
    door = project.door()
    text = door.world.vault.read(door.load(run).state.evidence["staging-deployment-run.log"].digest).decode()
    commands = project.evidence(run, "rehearsal-report.json")["commands"]
    lines = text.splitlines()
    assert len(re.findall(r"^\$ ", text, re.MULTILINE)) == len(commands) == 1
    for command in commands:
        first, last = command["log_range"]
        entry = lines[first - 1 : last]
        assert entry[0] == f"$ {' '.join(command['argv'])}"
        assert entry[1].startswith("# started 20")
        assert "stdout| deployed v2 to staging, slot green" in entry
        assert re.fullmatch(r"# ended 20\S+, exit status 0", entry[-1])
    assert "stdout| signing in with [redacted:DEPLOY_TOKEN]" in lines
    assert TOKEN not in text


def order_of(project: Project, run: RunId) -> list[str]:
    """Steps and gates in the order in which they began."""
    found = []
    for entry in project.door().world.journal.entries(run):
        task = str(entry.data.get("task") or "")
        stage = task.rpartition("#")[0]
        if stage and stage not in found:
            found.append(stage)
    return found


@pytest.mark.req("REH-07", "RBK-07")
def test_each_step_begins_only_after_the_one_before_it(good: tuple[Project, RunId]) -> None:
    project, run = good
    steps = [name.rpartition("/")[2] for name in order_of(project, run)]
    wanted = [
        "rehearse-the-deployment",
        "run-smoke-and-acceptance-tests",
        "capture-the-observability-baseline",
        "deployment-rehearsal-gate",
        "rehearse-the-rollback",
        "complete-security-and-compliance-checks",
        "verify-runbooks-and-support-coverage",
        "rollback-security-gate",
        "assemble-the-go-no-go-package",
        "conduct-the-readiness-review",
    ]
    assert [name for name in steps if name in wanted] == wanted


def announcements(project: Project) -> list[str]:
    """The messages that were really delivered."""
    lines = (project.root / ".gonogo/announcements.jsonl").read_text().splitlines()
    return [" ".join(str(value) for value in json.loads(line).values()) for line in lines]


@pytest.mark.req("REH-06", "RBK-06")
@pytest.mark.parametrize("phase", [2, 3])
def test_the_start_of_a_phase_is_announced_once_before_its_first_act(good: tuple[Project, RunId], phase: int) -> None:
    project, run = good
    said = [text for text in announcements(project) if f"PHASE {phase} START" in text]
    assert len(said) == 1
    entries = project.door().world.journal.entries(run)
    stages = {2: "deployment-rehearsal-and-verification/", 3: "rollback-security-and-operational-readiness/"}
    first = next(at for at, entry in enumerate(entries) if str(entry.data.get("task") or "").startswith(stages[phase]))
    told = [
        at
        for at, entry in enumerate(entries)
        if entry.type.endswith("announced") and f"PHASE {phase} START" in str(entry.data)
    ]
    assert len(told) == 1
    assert told[0] < first


@pytest.mark.req("PM-03", "CON-04")
def test_alerts_that_really_fire_come_back_from_alertmanager_by_name_and_severity(shop: Shop) -> None:
    source = AlertmanagerSource(
        shop.alertmanager.url, PrometheusApi(shop.prometheus.url), ("ShopPoisoned",), ('environment="staging"',)
    )
    elsewhere = AlertmanagerSource(
        shop.alertmanager.url, PrometheusApi(shop.prometheus.url), ("ShopPoisoned",), ('environment="production"',)
    )
    assert source.firing().alerts == ()
    shop.order("staging", "blue", poison=1)
    assert wait_until(lambda: bool(source.firing().alerts), 30.0)
    assert [(one.id, one.severity) for one in source.firing().alerts or ()] == [("ShopPoisoned", Severity.CRITICAL)]
    assert elsewhere.firing().alerts == ()
    shop.order("staging", "blue", poison=0)


@pytest.mark.req("OBS-01", "PM-01")
def test_errors_that_customers_really_get_are_the_error_rate_of_that_version_and_of_no_other(shop: Shop) -> None:
    shop.set("staging", {"blue": "v1", "green": "v2"}, "blue")
    at = {slot: f"127.0.0.1:{shop.ports['staging'][slot]}" for slot in ("blue", "green")}
    asked = Asked(version_label="version", window=3, fresh=3, at_least=5)
    source = PrometheusSource(PrometheusApi(shop.prometheus.url), at, MetricNames(), asked)

    def rate(version: str) -> Decimal | None:
        return source.figures("blue", version)[0].value

    assert wait_until(lambda: rate("v1") == 0, 30.0)
    shop.order("staging", "blue", error_rate=0.25)
    try:
        assert wait_until(lambda: 20 <= (rate("v1") or 0) <= 30, 60.0), rate("v1")
        assert rate("v2") is None
        assert "there is no series" in source.figures("blue", "v2")[0].reason
    finally:
        shop.order("staging", "blue")
        assert wait_until(lambda: rate("v1") == 0, 60.0)


@pytest.mark.req("PRE-23", "PM-03")
@pytest.mark.parametrize(
    ("observer", "words"), [("alertmanager", "nobody can say which alerts"), ("prometheus", "metric source")]
)
def test_production_does_not_begin_while_nobody_would_notice_a_fault(
    shop: Shop, good: tuple[Project, RunId], tmp_path: Path, observer: str, words: str
) -> None:
    project = replace(good[0], root=tmp_path / "project")
    copied(good[0].root, project.root)
    run = project.begin("production-deployment")
    assert shop.counted("production", "blue")
    with getattr(shop, observer).being("down"):
        assert isinstance(project.go_on(run), Parked)
    halted = project.state(run).halted
    assert halted is not None
    assert halted.stage == "prerequisites"
    assert words in project.view(run).halt
    assert shop.version("production", "green") == ""


@pytest.fixture(scope="module")
def course(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A good release on its way, from whose copies the faults begin."""
    return Course(shop, tmp_path_factory.mktemp("course"))


def tried(faults: tuple[Fault, ...]) -> list[object]:
    """The faults as parameters, each named by what is wrong."""
    return [pytest.param(fault, id=fault.name) for fault in faults]


@pytest.mark.req("REH-03", "RBK-03", "TST-07", "OBS-01", "PRE-11", "PRE-12", "PM-01", "PM-03")
@pytest.mark.parametrize("fault", tried(tuple(fault for fault in FAULTS if fault.quick)))
def test_a_fault_is_stopped_where_it_is_made(course: Course, fault: Fault) -> None:
    found = course.told(fault)
    assert found.title == fault.stopped_by, found.message
    assert fault.words in found.message


@pytest.mark.slow
@pytest.mark.req("PRE-11", "PRE-12", "PAR-02", "REH-03", "RBK-01", "RBK-03", "PM-01", "PM-03", "PM-05")
@pytest.mark.parametrize("fault", tried(FAULTS))
def test_every_fault_is_stopped_with_the_message_that_the_page_of_faults_shows(course: Course, fault: Fault) -> None:
    found = course.told(fault)
    assert found.title == fault.stopped_by, found.message
    assert fault.words in found.message
    if WRITE:
        write(fault.name, found.title, found.message)
    assert rows()[fault.name] == (found.title, cell(found.message)), "GONOGO_WRITE_FAULTS=1 writes docs/faults.md anew"


def test_the_page_of_faults_has_a_row_for_every_fault_that_is_tried() -> None:
    assert list(rows()) == [fault.name for fault in FAULTS]
    assert len(FAULTS) >= 30
    assert {name: stopped for name, (stopped, _) in rows().items()} == {
        fault.name: fault.stopped_by for fault in FAULTS
    }
    for fault in FAULTS:
        assert rows()[fault.name][1], fault.name
        assert cell(fault.words) in rows()[fault.name][1]
