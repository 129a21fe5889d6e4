"""The contract tests that third parties run, run on gonogo's own providers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gonogo.adapters.built_in_checks import BUILT_IN_CHECKS
from gonogo.contracts import CheckContract, MetricsContract, ParityContract, ReportContract, ScannerContract
from gonogo.measure.parity_forms import SETTINGS_READERS
from gonogo.measure.providers import BUILT_IN_CHECK_NAMES, CheckQuestion, MetricQuestion

PLANTED = "hunter2-in-a-report"


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


class TestBandit(ScannerContract):
    name = "bandit"
    clean = dump({"errors": [], "metrics": {"_totals": {"loc": 1}, "app.py": {"loc": 1}}, "results": []})
    dirty = dump(
        {
            "errors": [],
            "metrics": {"_totals": {"loc": 1}, "app.py": {"loc": 1}},
            "results": [
                {
                    "test_id": "B105",
                    "issue_severity": "LOW",
                    "filename": "app.py",
                    "line_number": 3,
                    "issue_text": f"password {PLANTED}",
                    "code": PLANTED,
                    "more_info": "https://example.invalid/b105",
                }
            ],
        }
    )
    planted = PLANTED


class TestJunit(ReportContract):
    name = "junit"
    passing = b'<testsuites><testsuite name="s"><testcase name="a"/><testcase name="b"/></testsuite></testsuites>'
    failing = b'<testsuite name="s"><testcase name="a"/><testcase name="b"><failure message="m"/></testcase></testsuite>'


class TestGoTest(ReportContract):
    name = "go-test"
    passing = b"\n".join(dump({"Action": action, "Package": "p", "Test": "A"}) for action in ("run", "pass")) + dump({"Action": "pass", "Package": "p"}).join((b"\n", b"\n"))
    failing = passing.replace(b"pass", b"fail")


class TestK6(ReportContract):
    name = "k6"
    passing = dump({"metrics": {"http_reqs": {"count": 9}, "d": {"thresholds": {"p(95)<500": False}}}})
    failing = passing.replace(b"false", b"true")


class TestLocust(ReportContract):
    name = "locust"
    limits = {"failure_rate": Decimal("0.01")}
    passing = b"Name,Request Count,Failure Count,95%\nhome,10,0,20\nAggregated,10,0,20\n"
    failing = passing.replace(b"10,0", b"10,9")
    cut_shows = False


class TestSarif(ScannerContract):
    name = "sarif"
    clean = dump({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "acme", "rules": []}}, "results": []}]})
    dirty = dump(
        {
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": {"name": "acme", "rules": [{"id": "A1"}]}},
                    "results": [
                        {
                            "ruleId": "A1",
                            "level": "error",
                            "message": {"text": PLANTED},
                            "locations": [
                                {"physicalLocation": {"artifactLocation": {"uri": "app.py"}, "region": {"startLine": 3}}}
                            ],
                        }
                    ],
                }
            ],
        }
    )
    planted = PLANTED


class TestJson(ParityContract):
    name = "json"
    source = dump({"db": {"pool": 5, "password": PLANTED}})
    changed = source.replace(b"5", b"6")
    planted = PLANTED


class TestEnv(ParityContract):
    name = "env"
    source = f"WORKERS=4\nDB_PASSWORD={PLANTED}\n".encode()
    changed = source.replace(b"4", b"5")
    cut_shows = False
    planted = PLANTED


class TestToml(ParityContract):
    name = "toml"
    source = f'[db]\npool = 5\npassword = "{PLANTED}"\n'.encode()
    changed = source.replace(b"5", b"6")
    cut_shows = False
    planted = PLANTED


class TestYaml(ParityContract):
    name = "yaml"
    source = f"db:\n  pool: 5\n  password: {PLANTED}\n".encode()
    changed = source.replace(b"5", b"6")
    cut_shows = False
    planted = PLANTED


class TestHelmValues(TestYaml):
    name = "helm-values"


class TestEnvironment(ParityContract):
    name = "environment"
    source = f"configuration: {{pool: 5, password: {PLANTED}}}\nsecrets: [{{name: a, rotated_at: 2026-01-02}}]\n".encode()
    changed = source.replace(b"5", b"6")
    cut_shows = False
    planted = PLANTED


class TestKubernetes(ParityContract):
    name = "kubernetes"
    source = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData: {{key: {PLANTED}}}\nkeep: 5\n".encode()
    changed = source.replace(b"5", b"6")
    cut_shows = False
    planted = PLANTED


class TestTerraformState(ParityContract):
    name = "terraform-state"
    source = dump(
        {
            "version": 4,
            "outputs": {"pin": {"value": PLANTED, "sensitive": True}},
            "resources": [{"type": "a", "name": "b", "instances": [{"attributes": {"size": 5}}]}],
        }
    )
    changed = source.replace(b"5", b"6")
    planted = PLANTED


class TestTerraformPlan(ParityContract):
    name = "terraform-plan"
    source = dump(
        {
            "format_version": "1.2",
            "planned_values": {"root_module": {"resources": [{"address": "a.b", "values": {"size": 5, "auth": PLANTED}}]}},
            "resource_changes": [{"address": "a.b", "change": {"after_sensitive": {"auth": True}}}],
        }
    )
    changed = source.replace(b"5", b"6")
    planted = PLANTED


class TestFlagd(ParityContract):
    name = "flagd"
    source = dump({"flags": {"cart": {"state": "ENABLED", "variants": {"on": 5, "off": 1}, "defaultVariant": "on"}}})
    changed = source.replace(b"5", b"6")


class TestOpenFeature(ParityContract):
    name = "openfeature"
    source = dump({"flags": {"cart": {"flagType": "integer", "defaultValue": 5}}})
    changed = source.replace(b"5", b"6")


class TestUnleash(ParityContract):
    name = "unleash"
    source = dump({"version": 2, "features": [{"name": "cart", "enabled": True, "strategies": []}]})
    changed = source.replace(b"true", b"false")


class TestLaunchDarkly(ParityContract):
    name = "launchdarkly"
    source = dump({"flagValues": {"cart": True}})
    changed = source.replace(b"true", b"false")


class TestPipFreeze(ParityContract):
    name = "pip-freeze"
    source = b"requests==2.32.0\nurllib3==2.2.1\n"
    changed = source.replace(b"2.32.0", b"2.32.1")
    cut_shows = False


class TestPipList(ParityContract):
    name = "pip-list"
    source = dump([{"name": "requests", "version": "2.32.0"}])
    changed = source.replace(b"2.32.0", b"2.32.1")


class TestDpkg(ParityContract):
    name = "dpkg"
    source = b"adduser\t3.134\nlibc6:amd64\t2.36-9\n"
    changed = source.replace(b"3.134", b"3.135")
    cut_shows = False


class TestNpm(ParityContract):
    name = "npm"
    source = dump({"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1.0.0"}}})
    changed = source.replace(b"1.0.0", b"1.0.1")


class TestCycloneDx(ParityContract):
    name = "cyclonedx"
    source = dump({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"name": "a", "version": "1.0.0"}]})
    changed = source.replace(b"1.0.0", b"1.0.1")


class TestSpdx(ParityContract):
    name = "spdx"
    source = dump({"spdxVersion": "SPDX-2.3", "packages": [{"name": "a", "versionInfo": "1.0.0"}]})
    changed = source.replace(b"1.0.0", b"1.0.1")


class TestImages(ParityContract):
    name = "images"
    source = b"web@sha256:" + b"0f" * 32 + b"\n"
    changed = source.replace(b"0f", b"1f")
    cut_shows = False


def test_every_built_in_reader_of_settings_has_passed_the_contract() -> None:
    tried = {found.name for found in globals().values() if isinstance(found, type) and issubclass(found, ParityContract) and hasattr(found, "name")}
    assert tried == set(SETTINGS_READERS)


PAGE = b"""http_requests_total{code="200"} 12
http_requests_total{code="500"} 1
http_request_duration_seconds_bucket{le="0.1"} 10
http_request_duration_seconds_bucket{le="+Inf"} 13
"""


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in {"/metrics", "/healthz"} else 404)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_words: object) -> None:
        """Nothing is printed."""


@contextmanager
def answering() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def question(url: str, **options: str) -> CheckQuestion:
    return CheckQuestion("ready", "staging", url, {}, "v2", "0" * 64, options)


class WithServer:
    @pytest.fixture(autouse=True)
    def served(self) -> Iterator[None]:
        with answering() as port:
            self.aim(port)
            yield


class TestHttp(WithServer, CheckContract):
    name = "http"

    def aim(self, port: int) -> None:
        self.passing = question(f"http://127.0.0.1:{port}", path="/healthz", holds="requests")
        self.failing = question(f"http://127.0.0.1:{port}", path="/absent")


class TestTcp(WithServer, CheckContract):
    name = "tcp"

    def aim(self, port: int) -> None:
        self.passing = question("http://x", host="127.0.0.1", port=str(port))
        self.failing = question("http://x", host="127.0.0.1", port="9")


class TestScrape(WithServer, MetricsContract):
    name = "scrape"

    def aim(self, port: int) -> None:
        self.question = MetricQuestion({"blue": f"http://127.0.0.1:{port}"})


class TestAccessLog(MetricsContract):
    name = "access_log"

    @pytest.fixture(autouse=True)
    def written(self, tmp_path: Path) -> None:
        log = tmp_path / "access.log"
        log.write_bytes(dump({"upstream": "127.0.0.1:9101", "status": "200", "seconds": "0.01"}) + b"\n")
        self.question = MetricQuestion({"blue": "http://127.0.0.1:9101"}, {"file": str(log), "format": "nginx"})


def test_a_project_may_name_every_built_in_check() -> None:
    assert tuple(BUILT_IN_CHECKS) == BUILT_IN_CHECK_NAMES
