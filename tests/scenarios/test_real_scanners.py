"""Scanners that a wheel brings, run for real on a small project with planted faults: bandit, detect-secrets, zizmor,
pip-audit with and without advisories, pip-licenses; larger ones under `make test-full` where they are installed. The other
formats are tried on recorded reports (test_scanner_readers, test_recorded_reports)."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.worlds_http import Place

SECRET = "AKIAQ3EGRIV7ZOT" + "AFAKE"
BIN = Path(sys.executable).parent
REPORT = "security-compliance-report.json"
WORKFLOW = """on: pull_request_target
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ github.event.pull_request.title }}
"""
SCANS = """scans:
  - {name: bandit, command: bandit, report: bandit.json, format: bandit, expects: [app.py]}
  - {name: secrets, command: detect-secrets, report: stdout, format: detect-secrets}
  - {name: workflows, command: zizmor, report: stdout, format: zizmor}
"""
COMMANDS = f"""commands:
  bandit: {{run: ["{BIN}/bandit", -q, -r, app, -f, json, -o, "{{out}}/bandit.json"]}}
  detect-secrets: {{run: ["{BIN}/detect-secrets", scan, --all-files, app]}}
  zizmor: {{run: ["{BIN}/zizmor", --offline, --format, json, .github/workflows]}}
"""
BOUND = "scans:\n  - {name: bandit, command: scan, report: bandit.json, format: bandit}\n"


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    found = one_check(small_project(tmp_path / "project", *places), "security")
    found.write("app/app.py", f'import subprocess\nKEY = "{SECRET}"\nsubprocess.call("ls", shell=True)\n')
    found.write(".github/workflows/ci.yml", WORKFLOW)
    return found


@pytest.mark.req("SEC-01", "SC-04", "SC-06")
def test_what_real_scanners_find_blocks_and_none_of_the_secret_is_stored(project: Project) -> None:
    project.edit("gonogo.yaml", "commands:\n", COMMANDS)
    project.edit("gonogo.yaml", BOUND, SCANS)
    seen = look(project)
    assert not seen.passed
    body = project.evidence(seen.run, REPORT)
    assert body["security_scan"]["complete"] is True, seen.said
    rows = {(row["source"], row["severity"], row["component"]) for row in body["findings"]}
    assert ("detect-secrets", "critical", "app/app.py:2") in rows
    assert ("zizmor", "high", ".github/workflows/ci.yml:6") in rows
    assert any(source == "bandit" and place.startswith("app/app.py:") for source, _, place in rows)
    files = [path for path in (project.root / ".gonogo").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


class Advisories(BaseHTTPRequestHandler):
    """The answer of an OSV service: one advisory for one version of one package."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = []
        if asked["package"]["name"] == "jinja2" and asked["version"] == "2.4.1":
            ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}]
            package = {"name": "jinja2", "ecosystem": "PyPI"}
            advisory = {"id": "PYSEC-2019-217", "aliases": [], "summary": "s", "details": "d", "modified": "2020-01-01T00:00:00Z"}
            found = [{**advisory, "affected": [{"package": package, "ranges": ranges, "versions": ["2.4.1"]}]}]
        data = json.dumps({"vulns": found} if found else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_words: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def advisories() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def audited(project: Project, address: str, requirements: str) -> Project:
    """The project with pip-audit as its only scan, against the advisories at `address`."""
    project.write("requirements.txt", requirements)
    run = f'["{BIN}/pip-audit", -r, requirements.txt, --no-deps, --disable-pip, -f, json, -s, osv, --osv-url, "{address}", --progress-spinner, "off"]'
    project.edit("gonogo.yaml", "commands:\n", f"commands:\n  audit: {{run: {run}}}\n")
    project.edit("gonogo.yaml", BOUND, "scans:\n  - {name: pip-audit, command: audit, report: stdout, format: pip-audit, expects: [jinja2]}\n")
    return project


@pytest.mark.req("SEC-01", "SC-01", "SC-08")
@pytest.mark.parametrize(("version", "blocking"), [("2.4.1", 1), ("3.1.6", 0)])
def test_pip_audit_against_a_service_of_advisories(
    project: Project, advisories: str, version: str, blocking: int
) -> None:
    seen = look(audited(project, advisories, f"jinja2=={version}\n"))
    body = project.evidence(seen.run, REPORT)
    assert body["security_scan"]["complete"] is True, seen.said
    assert body["security_scan"]["blocking_findings"] == blocking
    assert seen.passed == (not blocking)


@pytest.mark.req("SC-01", "SC-02")
def test_pip_audit_that_reaches_no_advisories_is_no_clean_scan(project: Project) -> None:
    seen = look(audited(project, "http://127.0.0.1:9/v1/query", "jinja2==3.1.6\n"))
    assert not seen.passed
    assert seen.outcome == ""
    assert "stdout" in seen.said


@pytest.mark.req("SEC-02", "SC-07")
def test_the_licences_of_an_installed_environment_are_read_as_pip_licenses_writes_them(project: Project) -> None:
    command = [f"{BIN}/pip-licenses", "--format", "json", "--packages", "click", "PyYAML", "--output-file", "parts.json"]
    project.write("scripts/scan.sh", " ".join(command) + " >&2\n" + (project.root / "scripts/scan.sh").read_text())
    project.edit("gonogo.yaml", 'sbom: "releases/{release}/sbom.cdx.json", allowed: [MIT]', "sbom: parts.json, format: pip-licenses, allowed: [MIT, BSD-3-Clause]")
    seen = look(project)
    assert seen.passed, seen.said
    assert project.evidence(seen.run, REPORT)["licences"] | {"policy": ""} == {"policy": "", "components": 2, "forbidden": 0, "unknown": 0}


TOOLS_OF_SCANS = {
    "semgrep": (
        'run: ["{tool}", scan, --metrics, "off", --disable-version-check, --config, rules.yml, --json, app]',
        "report: stdout, format: semgrep, expects: [app/app.py]",
        ("shell-true", "high"),
    ),
    "checkov": (
        'run: ["{tool}", -d, deploy, --compact, -o, json, --skip-download]',
        'report: stdout, format: checkov, expects: ["*main.tf"]',
        ("CKV_", "unknown"),
    ),
    "gitleaks": (
        'run: ["{tool}", dir, app, -f, json, -r, "{{out}}/gitleaks.json", --no-banner]',
        "report: gitleaks.json, format: gitleaks",
        ("aws-access-token", "critical"),
    ),
}
RULES = """rules:
  - id: shell-true
    languages: [python]
    severity: ERROR
    message: a shell runs what it is given
    pattern: subprocess.call(..., shell=True)
"""


def installed(name: str) -> str:
    """The tool on this machine; a skip that says how to get it where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; this test runs it for real where it is on PATH")
    return found


@pytest.mark.slow
@pytest.mark.req("SEC-01", "SC-04", "SC-06")
@pytest.mark.parametrize("name", TOOLS_OF_SCANS)
def test_a_scanner_that_no_small_wheel_brings_is_run_for_real_where_it_is_installed(project: Project, name: str) -> None:
    command, binding, (rule, severity) = TOOLS_OF_SCANS[name]
    project.write("rules.yml", RULES)
    project.write("deploy/main.tf", 'resource "aws_s3_bucket" "data" {\n  bucket = "shop-data"\n  acl    = "public-read"\n}\n')
    project.edit("gonogo.yaml", "commands:\n", f"commands:\n  real: {{{command.format(tool=installed(name))}, timeout: 5m}}\n")
    project.edit("gonogo.yaml", BOUND, f"scans:\n  - {{name: {name}, command: real, {binding}}}\n")
    seen = look(project)
    body = project.evidence(seen.run, REPORT)
    assert body["security_scan"]["complete"] is True, seen.said
    assert not seen.passed
    assert any(row["id"].startswith(rule) and row["severity"] == severity for row in body["findings"]), body["findings"]
    files = [path for path in (project.root / ".gonogo").rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


RUNNERS = {
    "go": (
        {
            "scripts/go_tests.sh": 'export GOCACHE="$PWD/.cache" && cd shop && exec "$1" test -json ./...\n',
            "shop/go.mod": "module example.org/shop\n\ngo 1.18\n",
            "shop/cart_test.go": 'package shop\n\nimport "testing"\n\nfunc TestA(t *testing.T) {}\nfunc TestB(t *testing.T) { t.Error("no") }\n',
        },
        'run: [bash, scripts/go_tests.sh, "{tool}"]',
        "results: stdout, format: go-test",
        "failed: example.org/shop::TestB",
    ),
    "node": (
        {
            "shop/cart.test.mjs": 'import test from "node:test";\nimport assert from "node:assert";\n'
            'test("one", () => {});\ntest("two", () => assert.equal(1, 2));\n'
        },
        'run: ["{tool}", --test, --test-reporter=junit, "--test-reporter-destination={{out}}/junit.xml", shop/cart.test.mjs]',
        "results: junit.xml",
        "two",
    ),
}


@pytest.mark.slow
@pytest.mark.req("TST-02", "TR-01")
@pytest.mark.parametrize("name", RUNNERS)
def test_a_test_runner_of_another_language_is_run_for_real_where_it_is_installed(
    tmp_path: Path, places: tuple[Place, Place], name: str
) -> None:
    files, command, binding, words = RUNNERS[name]
    project = one_check(small_project(tmp_path / "project", *places), "tests")
    for path, text in files.items():
        project.write(path, text)
    tool = installed(name)
    project.edit("gonogo.yaml", "commands:\n", f"commands:\n  real: {{{command.format(tool=tool)}, timeout: 5m}}\n")
    config = (project.root / "gonogo.yaml").read_text()
    before, after = config.split("tests:\n  - {name: smoke, command: tests", 1)
    rest = after.partition("\n")[2]
    project.write("gonogo.yaml", f"{before}tests:\n  - {{name: smoke, command: real, {binding}, at_least: 2}}\n{rest}")
    seen = look(project)
    assert not seen.passed
    assert words in seen.said, seen.said
    results = project.evidence(seen.run, "staging-test-results.json")["test_execution"]
    assert (results["executed"], results["passed"], results["failed"]) == (2, 1, 1)
