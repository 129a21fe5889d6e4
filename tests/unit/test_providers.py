"""Providers by entry point: found by name, loaded only when they are used, and whatever they do is never a pass."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from gonogo.adapters.plugins import BUILT_IN, PluginProviders
from gonogo.errors import BadInput, Broken
from gonogo.measure.parity_diff import Encrypted, Fingerprint, Unknown
from gonogo.measure.provider_wire import settings_of, settings_tree
from gonogo.measure.providers import CHECKS, METRICS, PARITY, SCANNERS, TESTS, CheckQuestion, MetricQuestion
from gonogo.plan.bindings import read_project
from gonogo.terms import Secret, Severity
from tests.foreign_package import importable, install

ROOT = Path(__file__).resolve().parents[2]
QUESTION = CheckQuestion("dns", "staging", "http://127.0.0.1:9", {}, "v2", "0" * 64, {"host": "example.invalid"})
PLANTED = "hunter2-in-a-plugin"

CODE = '''
import os, sys, time
from gonogo.errors import BadInput
from gonogo.measure.providers import CheckAnswer
from gonogo.measure.scan_findings import ScanRead, finding
from gonogo.measure.test_reports import CaseResult, ReportRead
from gonogo.terms import Secret, Severity

open(os.environ.get("TRACE", os.devnull), "a").write("loaded\\n")

def scan(data, name):
    print("I am only talking")
    sys.stdout.flush()
    if data != b"whole":
        raise BadInput("not a report of acme", where=name)
    return ScanRead("acme", "1", (finding("acme", "A1", Severity.HIGH, "app.py:3"),), 3, 3)

def settings(data, name):
    return {"db": {"pool": 5, "password": Secret(data.decode())}, "list": [1, True, None]}

def tests(data, name, limits):
    return ReportRead(name, (CaseResult("s", "", "home", "passed", limits["95%"]), CaseResult("s", "c", "cart", "failed")))

def check(question):
    return CheckAnswer("pass" if question.options.get("host") else "fail", f"asked about {question.version}")

def counters(question):
    return {"slots": {slot: {"requests": 3, "errors": 1, "buckets": {"+Inf": 3}} for slot in question.slots}}

def raises(*given): raise ValueError(f"could not read {given!r}")
def leaves(*given): sys.exit(0)
def dies(*given): os._exit(0)
def crashes(*given): os.kill(os.getpid(), 11)
def hangs(*given): time.sleep(60)
def nonsense(*given): return {"result": "pass", "findings": object()}
def poses(*given):
    os.write(1, b'{"answer": {"result": "pass", "detail": ""}}'); os._exit(0)
def greedy(*given): return b"x" * (8 << 30)
'''
BAD = ("raises", "leaves", "dies", "crashes", "hangs", "nonsense", "poses", "greedy", "gone")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    points = {group: {name: name for name in BAD} for group in BUILT_IN}
    for group, function in ((SCANNERS, "scan"), (PARITY, "settings"), (CHECKS, "check"), (METRICS, "counters"), (TESTS, "tests")):
        points[group]["acme"] = function
    install(folder, "acme_gonogo", CODE, points)
    with importable(folder):
        yield folder


@pytest.fixture
def providers(site: Path) -> PluginProviders:
    return PluginProviders(site, seconds=60)


def test_gonogos_own_providers_are_registered_as_everybody_elses_are() -> None:
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    tables = {group: {name: f"{call.__module__}:{call.__name__}" for name, call in table.items()} for group, table in BUILT_IN.items()}
    assert written == tables


def test_a_foreign_provider_of_each_group_answers_from_its_own_process(providers: PluginProviders) -> None:
    read = providers.scan("plugin:acme", b"whole", "acme.json")
    assert [(found.rule, found.severity, found.component) for found in read.findings] == [("A1", Severity.HIGH, "app.py:3")]
    assert providers.settings("plugin:acme", b"x", "acme") == {"db": {"pool": 5, "password": Secret("x")}, "list": [1, True, None]}
    assert providers.check("plugin:acme", QUESTION).detail == "asked about v2"
    assert providers.counters("plugin:acme", MetricQuestion({"blue": "http://127.0.0.1:9"}))["missing"] == {}
    report = providers.tests("plugin:acme", b"x", "r.json", {"95%": Decimal("0.3")})
    assert [(case.id, case.outcome, case.seconds) for case in report.cases] == [("home", "passed", Decimal("0.3")), ("c::cart", "failed", None)]
    with pytest.raises(Broken):
        providers.tests("plugin:nonsense", b"x", "r.json", {})
    assert "acme_gonogo" not in sys.modules


@pytest.mark.parametrize("name", BAD)
def test_whatever_a_foreign_provider_does_wrong_is_an_error_that_names_it(site: Path, name: str) -> None:
    providers = PluginProviders(site, seconds=1.5)
    with pytest.raises(Broken) as caught:
        providers.scan(f"plugin:{name}", PLANTED.encode(), "report.json")
    assert f"plugin:{name}" in caught.value.where
    assert caught.value.next_step or name == "greedy"
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize("name", ["raises", "hangs", "nonsense", "poses", "absent"])
def test_a_check_that_fails_in_any_way_is_inconclusive_with_the_reason(site: Path, name: str) -> None:
    answer = PluginProviders(site, seconds=1.5).check(f"plugin:{name}", QUESTION)
    assert answer.result == "inconclusive"
    assert f"plugin:{name}" in answer.detail


def test_what_a_provider_refuses_is_bad_input_in_its_words(providers: PluginProviders) -> None:
    with pytest.raises(BadInput, match="not a report of acme"):
        providers.scan("plugin:acme", b"half", "acme.json")


def test_a_provider_that_nobody_installed_is_named_with_those_that_are(providers: PluginProviders) -> None:
    with pytest.raises(BadInput, match="no installed package brings the provider `acne` of group gonogo.scanners; installed are acme"):
        providers.scan("plugin:acne", b"whole", "x")
    with pytest.raises(BadInput, match="known are"):
        providers.scan("bandti", b"whole", "x")


def test_two_packages_with_one_name_are_refused_and_none_is_chosen(providers: PluginProviders, tmp_path: Path) -> None:
    install(tmp_path, "acme_two", CODE, {SCANNERS: {"acme": "scan"}})
    with importable(tmp_path), pytest.raises(BadInput, match="2 packages bring a provider `acme`"):
        providers.require(SCANNERS, "plugin:acme")


def test_a_package_cannot_put_itself_in_the_place_of_a_built_in_provider(tmp_path: Path) -> None:
    install(tmp_path, "evil", CODE, {SCANNERS: {"bandit": "scan"}})
    with importable(tmp_path), pytest.raises(BadInput):
        PluginProviders(tmp_path).scan("bandit", b"whole", "bandit.json")


def test_nothing_is_loaded_where_a_project_is_only_read_or_a_provider_only_looked_up(
    site: Path, providers: PluginProviders, tmp_path: Path
) -> None:
    text = (ROOT / "src/gonogo/library/gonogo.example.yaml").read_text().replace("format: bandit", "format: plugin:acme")
    reading = read_project(text.encode(), "gonogo.yaml")
    assert reading.findings == ()
    assert reading.project.scans[0].form == "plugin:acme"
    providers.require(SCANNERS, "plugin:acme")
    assert "acme_gonogo" not in sys.modules


def test_a_misspelt_built_in_form_is_an_error_at_its_line() -> None:
    text = (ROOT / "src/gonogo/library/gonogo.example.yaml").read_text().replace("format: bandit", "format: bandti")
    said = [str(finding.message) for finding in read_project(text.encode(), "gonogo.yaml").findings]
    assert any("`scans[0].format` is `bandti`" in line and "plugin:NAME" in line for line in said)


def test_settings_keep_their_types_and_marks_on_the_way_between_processes() -> None:
    settings = {
        "secret": Secret("x"),
        "=": {"secret": "plain", "unknown": "plain"},
        "cipher": Encrypted("ENC[x]"),
        "later": Unknown("known after apply"),
        "seen": Fingerprint("ab", None),
        "none": None,
        "empty": {},
        "items": [1, True, "1"],
    }
    assert settings_of(settings_tree(settings)) == settings
