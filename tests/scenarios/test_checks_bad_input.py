"""What tools leave behind in real life, fed to each check of the pre-deployment protocol: none of it passes its gate, and
each message names the file, what was expected and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.metrics.command import CommandSource
from gonogo.engine.measuring.baseline import figures_of
from gonogo.ports import MetricSample
from tests.one_step import Seen, look, one_check
from tests.projects import SCRIPTS, Project, small_project
from tests.worlds_http import Place

TESTS = SCRIPTS["tests.sh"]
SCAN = SCRIPTS["scan.sh"]
OUT = "$GONOGO_OUT"
XML, REPORT = f"{OUT}/junit.xml", f"{OUT}/bandit.json"
GO = '{"Action":"pass","Package":"a","Test":"T","Elapsed":0.1}\\n{"Action":"pass","Package":"a","Elapsed":0.2}'


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    return small_project(tmp_path / "project", *places)


def refused(project: Project, *words: str) -> Seen:
    seen = look(project)
    assert not seen.passed
    assert seen.outcome == ""
    for word in words:
        assert word in seen.said, seen.said
    return seen


BAD_REPORTS = [
    ("nothing", 'rm "{file}"', "left no {name}"),
    ("an empty file", ': > "{file}"', "{name}"),
    ("half a file", 'truncate -s 60 "{file}"', "{name}"),
    ("a page of a proxy", 'echo "<html><body>502 Bad Gateway</body></html>" > "{file}"', "{name}"),
    ("zero bytes", 'head -c 300 /dev/zero > "{file}"', "{name}"),
    ("a folder", 'rm "{file}"; mkdir "{file}"', "{name}"),
    ("a link", 'rm "{file}"; ln -s /etc/hostname "{file}"', "{name}"),
    ("printed to stderr", 'cat "{file}" >&2; rm "{file}"', "left no {name}"),
    ("a tool that is missing", 'rm "{file}"; no-such-tool-here', "exit status 127"),
    ("a tool that fails", "exit 3", "exit status 3"),
    ("a tool that is killed", "kill -9 $$", "killed by signal 9"),
    ("a tool that hangs", "sleep 30", "time limit"),
    ("too much", 'truncate -s 70000000 "{file}"', "{name}"),
]


@pytest.mark.req("TST-07", "TST-01", "TR-06")
@pytest.mark.parametrize(("line", "word"), [row[1:] for row in BAD_REPORTS], ids=[row[0] for row in BAD_REPORTS])
def test_no_result_of_a_suite_that_is_not_whole_and_its_own_passes(project: Project, line: str, word: str) -> None:
    one_check(project, "tests")
    if "sleep" in line:
        project.edit("gonogo.yaml", "tests.sh], timeout: 20s", "tests.sh], timeout: 400ms")
    project.write("scripts/tests.sh", TESTS + line.format(file=XML) + "\n")
    said = refused(project, word.format(name="junit.xml")).said
    assert "next:" in said or ";" in said


@pytest.mark.req("SEC-01", "SC-02", "SC-04")
@pytest.mark.parametrize(("line", "word"), [row[1:] for row in BAD_REPORTS], ids=[row[0] for row in BAD_REPORTS])
def test_no_scan_that_is_not_whole_and_its_own_passes(project: Project, line: str, word: str) -> None:
    one_check(project, "security")
    if "sleep" in line:
        project.edit("gonogo.yaml", "scan.sh], timeout: 20s", "scan.sh], timeout: 400ms")
    project.write("scripts/scan.sh", SCAN + line.format(file=REPORT) + "\n")
    refused(project, word.format(name="bandit.json"))


SUITES = [
    ("no test", '<testsuites><testsuite name="s" tests="0"/></testsuites>', "", ("executed 0 of at least 2",)),
    (
        "only skipped tests",
        '<testsuite name="s"><testcase name="a"><skipped/></testcase><testcase name="b"><skipped/></testcase></testsuite>',
        "",
        ("executed 0 of at least 2",),
    ),
    ("too few tests", '<testsuite name="s"><testcase name="a"/></testsuite>', "", ("executed 1 of at least 2",)),
    (
        "another suite than the targeted one",
        '<testsuite name="s"><testcase name="a"/><testcase name="b"/></testsuite>',
        "targets: [c, d]",
        ("coverage", "0"),
    ),
    (
        "a report of last year",
        '<testsuite name="s" timestamp="2025-01-01T10:00:00"><testcase name="a"/><testcase name="b"/></testsuite>',
        "",
        ("junit.xml", "before this run of the suite began", "max_age"),
    ),
    (
        "a report from the future",
        '<testsuite name="s" timestamp="2999-01-01T10:00:00Z"><testcase name="a"/><testcase name="b"/></testsuite>',
        "",
        ("junit.xml", "after the suite had ended", "correct the clock"),
    ),
    ("a report of go test under junit", GO, "", ("junit.xml", "not well-formed XML")),
    (
        "junit under go-test",
        '<testsuite name="s"><testcase name="a"/><testcase name="b"/></testsuite>',
        "format: go-test",
        ("junit.xml",),
    ),
    ("a summary without requests", '{"metrics": {}}', "format: k6", ("counts no request",)),
    (
        "a summary without thresholds",
        '{"metrics": {"http_reqs": {"count": 900, "rate": 30}}}',
        "format: k6",
        ("executed 0 of at least 2",),
    ),
    (
        "a threshold that was crossed",
        '{"metrics": {"http_reqs": {"count": 9}, "d": {"thresholds": {"p(95)<500": true, "p(90)<400": false}}}}',
        "format: k6",
        ("failed: d::p(95)<500",),
    ),
    (
        "a load test without limits",
        "Name,Request Count,Failure Count,95%\\nhome,10,0,20\\nAggregated,10,0,20",
        "format: locust",
        ("executed 0 of at least 2",),
    ),
    (
        "a load test without requests",
        "Name,Request Count,Failure Count,95%\\nAggregated,0,0,N/A",
        'format: locust, limits: {failure_rate: 1%, "95%": 300ms}',
        ("no request was made",),
    ),
    (
        "a load test that is too slow",
        "Name,Request Count,Failure Count,95%\\nhome,10,0,900\\nAggregated,10,0,900",
        'format: locust, limits: {failure_rate: 1%, "95%": 300ms}',
        ("failed: locust::95% <= 300",),
    ),
    (
        "a load test without the limited figure",
        "Name,Request Count,Failure Count\\nhome,10,0\\nAggregated,10,0",
        'format: locust, limits: {failure_rate: 1%, "95%": 300ms}',
        ("it has no figure `95%`",),
    ),
]


@pytest.mark.req("TST-04", "TST-07", "TR-02", "TR-05", "TR-06", "C18")
@pytest.mark.parametrize(("text", "line", "words"), [row[1:] for row in SUITES], ids=[row[0] for row in SUITES])
def test_no_suite_that_ran_too_little_or_at_another_time_passes(
    project: Project, text: str, line: str, words: tuple[str, ...]
) -> None:
    one_check(project, "tests")
    project.write("scripts/tests.sh", f"printf '%b' '{text}' > \"{XML}\"\n")
    if line:
        project.edit("gonogo.yaml", "tests:\n  - {name: smoke, command: tests", f"tests:\n  - {{name: smoke, {line}, command: tests")
    if "coverage" in words:
        seen = look(project)
        assert project.evidence(seen.run, "staging-test-results.json")["test_execution"]["coverage"] == 0
        assert not seen.passed
        return
    refused(project, *words)


CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"timestamp": "2026-01-01T00:00:00Z", "component": {"name": "shop", "version": "v2"}},
    "components": [{"name": "left-pad", "version": "1.0", "licenses": [{"license": {"id": "MIT"}}]}],
}
PARTS = [
    ("no list", None, "", "sbom.cdx.json"),
    ("an empty list", "", "", "sbom.cdx.json"),
    ("half a list", '{"bomFormat": "CycloneDX", "comp', "", "sbom.cdx.json"),
    ("a list without components", {**CYCLONEDX, "components": []}, "", "lists no component"),
    ("another tool's report", [{"Name": "x", "Version": "1", "License": "MIT"}], "", "JSON object"),
    ("CycloneDX under spdx", CYCLONEDX, "format: spdx", "not SPDX 2 JSON"),
    ("SPDX under cyclonedx", {"spdxVersion": "SPDX-2.3", "packages": []}, "", "not CycloneDX JSON"),
    (
        "the list of another release",
        {**CYCLONEDX, "metadata": {"component": {"name": "shop", "version": "v1"}}},
        "",
        "is the parts list of version v1, not of v2",
    ),
    ("a list from the future", {**CYCLONEDX, "metadata": {"timestamp": "2999-01-01T00:00:00Z"}}, "", "has not come yet"),
]


@pytest.mark.req("SEC-02", "SEC-01")
@pytest.mark.parametrize(("text", "line", "words"), [row[1:] for row in PARTS], ids=[row[0] for row in PARTS])
def test_no_parts_list_that_is_not_that_of_the_release_passes(
    project: Project, text: object, line: str, words: str
) -> None:
    one_check(project, "security")
    path = "releases/v2/sbom.cdx.json"
    if text is None:
        (project.root / path).unlink()
    else:
        project.write(path, text if isinstance(text, str) else json.dumps(text))
    if line:
        project.edit("gonogo.yaml", "allowed: [MIT]", f"allowed: [MIT], {line}")
    seen = refused(project, words, path)
    body = project.evidence(seen.run, "security-compliance-report.json")
    assert "blocking_findings" not in body["security_scan"]


@pytest.mark.req("SEC-02", "SC-07")
@pytest.mark.parametrize(
    ("stated", "counts"), [("AGPL-3.0-only", (1, 0)), ("", (0, 1)), ("Acme Terms", (0, 1)), ("MIT", (0, 0))]
)
def test_a_forbidden_or_unknown_licence_stops_at_the_gate(
    project: Project, stated: str, counts: tuple[int, int]
) -> None:
    one_check(project, "security")
    project.edit("gonogo.yaml", "allowed: [MIT]", "allowed: [MIT], forbidden: [AGPL-3.0-only]")
    part = {"name": "lib", "version": "1", "licenses": [{"license": {"name": stated}}] if stated else []}
    project.write("releases/v2/sbom.cdx.json", json.dumps({**CYCLONEDX, "components": [part]}))
    seen = look(project)
    body = project.evidence(seen.run, "security-compliance-report.json")
    assert (body["licences"]["forbidden"], body["licences"]["unknown"]) == counts
    assert seen.passed == (counts == (0, 0))


@pytest.mark.slow
@pytest.mark.req("TST-07")
def test_two_hundred_megabytes_of_junit_are_refused_by_name(project: Project) -> None:
    one_check(project, "tests")
    case = '<testcase classname="tests.test_many" name="test_a_case_with_a_name_of_usual_length" time="0.001"/>'
    project.write("scripts/tests.sh", f"(echo '<testsuite name=\"s\">'; yes '{case}' | head -c 209715200; echo '</testsuite>') > \"{XML}\"\n")
    refused(project, "junit.xml", "more than 67108864 bytes", "let it write less")


SETTINGS = [
    ("no file", None, "config/staging.env", "config/staging.env"),
    ("an empty file", "", "config/staging.env", "the source is empty"),
    ("half a JSON file", '{"WORKERS": 4, "NA', "config/staging.json", "config/staging.json"),
    ("JSON under the name of YAML", "a: [1,\n", "config/staging.yaml", "config/staging.yaml"),
    ("zero bytes", "\x00\x00\x00", "config/staging.env", "config/staging.env"),
    ("a page of a proxy", "<html><body>502 Bad Gateway</body></html>", "config/staging.json", "config/staging.json"),
    ("a list in place of names", "[1, 2]", "config/staging.json", "config/staging.json"),
    ("settings of another service", "PORT=80\n", "config/staging.env", "PORT"),
]


@pytest.mark.req("PAR-09", "PAR-01")
@pytest.mark.parametrize(("text", "path", "word"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS])
def test_no_settings_that_are_absent_damaged_or_of_something_else_are_equal_to_production(
    project: Project, text: str | None, path: str, word: str
) -> None:
    one_check(project, "parity")
    if text is None:
        (project.root / path).unlink()
    else:
        project.write(path, text)
    project.edit("gonogo.yaml", "settings: [config/staging.env]", f"settings: [{path}]")
    refused(project, word)


def test_equal_settings_pass(project: Project) -> None:
    assert look(one_check(project, "parity")).passed


REACH = '{"escalation": [{"level": 1, "reachable": true}]}'
DUTIES = [
    ("nothing", "rm docs/runbook.md", REACH, "docs/runbook.md"),
    ("a command that left no list", "true", "", "escalation.json"),
    ("half a list", "true", '{"escalation": [{"lev', "escalation.json"),
    ("a list of something else", "true", '{"alerts": []}', "escalation"),
    ("a contact that nobody reached", "true", REACH.replace("true", "false"), "escalation level 1 was not reached"),
]


def with_reach(project: Project, listed: str) -> Project:
    one_check(project, "operations")
    project.edit("gonogo.yaml", "operations:\n", "operations:\n  reach: reach\n")
    project.edit("gonogo.yaml", "commands:\n", "commands:\n  reach: {run: [bash, scripts/reach.sh]}\n")
    project.write("scripts/reach.sh", f"printf '%s' '{listed}' > \"{OUT}/escalation.json\"\n" if listed else "true\n")
    return project


@pytest.mark.req("OPS-01", "OPS-03")
@pytest.mark.parametrize(("damage", "listed", "word"), [row[1:] for row in DUTIES], ids=[row[0] for row in DUTIES])
def test_no_runbook_and_no_contact_that_cannot_be_found_passes(
    project: Project, damage: str, listed: str, word: str
) -> None:
    with_reach(project, listed)
    if damage != "true":
        (project.root / damage.split()[1]).unlink()
    refused(project, word)


def test_a_runbook_and_a_contact_that_are_there_pass(project: Project) -> None:
    seen = look(with_reach(project, REACH))
    assert seen.passed, seen.said


COUNTED = '{"slots": {"blue": {"requests": 500, "errors": 1, "buckets": {"0.1": 480, "0.5": 499, "+Inf": 500}}}}'
BASELINES = [
    ("nothing", "true", "did not print one JSON object"),
    ("half a JSON object", f"printf '%s' '{COUNTED[:60]}'", "JSON"),
    ("a page of a proxy", "echo '<html>502</html>'", "JSON"),
    ("printed to stderr", f"printf '%s' '{COUNTED}' >&2", "did not print one JSON object"),
    ("the counters of another slot", f"printf '%s' '{COUNTED.replace('blue', 'red')}'", "says nothing usable"),
    ("more errors than requests", f"printf '%s' '{COUNTED.replace('500, ', '0, ', 1)}'", "1 errors in 0 requests"),
    ("words in place of counts", f"printf '%s' '{COUNTED.replace('500, ', '&many&, ', 1).replace('&', chr(34))}'", "is no count"),
    ("a tool that is missing", "exec no-such-tool-here", "127"),
    ("a tool that crashes", "kill -9 $$", "-9"),
    ("a tool that hangs", "exec sleep 60", "s"),
    ("too much", "head -c 70000000 /dev/zero", "at most 1048576 are read"),
]


def counted(root: Path, line: str, limit: float = 20.0) -> MetricSample:
    """What a command of the project that counts requests makes known of the slot that serves."""
    (root / "counters.sh").write_text(f"{line}\n")
    return CommandSource(JsonCommand(("bash", "counters.sh"), root, limit), ("blue",)).sample()


@pytest.mark.req("OBS-01", "TST-07")
@pytest.mark.parametrize(("line", "word"), [row[1:] for row in BASELINES], ids=[row[0] for row in BASELINES])
def test_no_counters_that_are_absent_damaged_or_of_something_else_are_figures_of_a_baseline(
    tmp_path: Path, line: str, word: str
) -> None:
    found = counted(tmp_path, line, 0.4 if "sleep" in line else 20.0)
    assert found.slots == ()
    ((slot, why),) = found.missing
    assert slot == "blue"
    assert word in why


def test_counters_that_are_whole_are_figures(tmp_path: Path) -> None:
    found = counted(tmp_path, f"printf '%s' '{COUNTED}'")
    assert found.missing == ()
    rate = figures_of(found.slots[0])["error_rate"]
    assert (found.slots[0].requests, str(rate.value)) == (500, "0.002")
