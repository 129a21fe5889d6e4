"""A form becomes a protocol, its skeleton is filled in, and the result takes a release to production on the test bed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import gonogo

from tests.projects import Project, small_project
from tests.worlds_http import place

FORM = Path(__file__).parents[1] / "cases/forms/shop-release.yaml"
BINDINGS = """schema: gonogo/sidecar/1
protocol: shop-release
name: shop-release
environment: production
role: Shop Engineer
next: retrospective
metrics:
  reachable targets: {file: validation.json, pointer: /connectivity/rate, unit: ratio}
  healthy services: {file: validation.json, pointer: /health/rate, unit: ratio}
  critical alerts: {file: validation.json, pointer: /alerts/critical, unit: count}
  deployment status: {file: production-deployment-report.json, pointer: /deployment/status, unit: word}
  critical smoke tests: {file: smoke-test-results.json, pointer: /smoke/critical_pass_rate, unit: ratio}
  metrics out of range: {file: performance-baseline.json, pointer: /performance/out_of_range, unit: count}
steps:
  look-around/reach-the-targets: {does: connectivity}
  look-around/ask-for-health: {does: health_checks}
  ship/try-in-staging: {does: staging_deploy}
  ship/decide-go-or-no-go: {does: approval}
  ship/move-the-customers: {does: rollout}
  watch/run-the-smoke-tests: {does: smoke}
  watch/record-the-figures: {does: performance}
rollback_gates: [ship-gate, watch-gate]
guardrail:
  - {text: an approval is signed, by: approval production}
  - {text: the first gate passed, by: gate look-gate}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        yield small_project(tmp_path / "project", staging, production)


@pytest.mark.req("GEN-02", "GEN-01", "CFG-07")
def test_a_generated_protocol_compiles_is_proved_and_carries_a_release(project: Project) -> None:
    folder = project.root / ".cursor/ai-driven-workflow"
    said = gonogo("generate", FORM, "-C", project.root)
    assert said.code == 0, said.err
    sidecar = folder / "31-shop-release.gonogo.yaml"
    skeleton = sidecar.read_text()
    assert all(f'"{line.split(":")[0].strip()}"' in skeleton for line in BINDINGS.splitlines() if "{does" in line)
    sidecar.write_text(BINDINGS)
    proved = gonogo("prove", "shop-release", "-C", project.root, "--json").json()["protocols"]
    assert [each["proved"] for each in proved] == [True], proved
    locked = gonogo("compile", str(folder / "31-shop-release.md"), "-C", project.root)
    assert locked.code == 0, locked.err
    run = project.begin("shop-release")
    asked = project.go_until(run, "production")
    assert asked.round.point == "production"
    assert project.executions("deploy production") == []
    project.go_on(run)
    assert project.state(run).outcome == "released", project.view(run).halt
    assert project.production.weights() == {"blue": 0, "green": 100}
    assert {"production-deployment-report.json", "smoke-test-results.json"} <= project.state(run).evidence.keys()
