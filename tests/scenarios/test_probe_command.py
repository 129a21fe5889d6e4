"""Programs that speak no HTTP: a command of the project says which version runs where."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.targets.probe_command import CommandProber
from gonogo.ports import SlotSeen
from tests.projects import Project, small_project
from tests.worlds_http import place

DIGEST = "a" * 64
PROBE = """#!/usr/bin/env bash
root=$1 slot=$2
[ "$slot" != front ] || { slot=blue; grep -q '"green": 100' "$root/weights.json" && slot=green; }
version=$(cat "$root/slots/$slot" 2>/dev/null)
[ -n "$version" ] && healthy=true || healthy=false
printf '{"version": "%s", "healthy": %s}\\n' "$version" "$healthy"
"""


def asked(text: str, seconds: float = 60.0) -> SlotSeen:
    command = JsonCommand((sys.executable, "-c", text, "{slot}", "{url}"), Path(), seconds)
    return CommandProber(command, {"blue": "tcp://10.0.0.1:1"}, "tcp://front", "queue").ask("blue")


@pytest.mark.req("PX-06")
def test_a_command_is_told_whom_to_ask_and_what_it_prints_is_the_answer() -> None:
    said = "import json, os, sys; print(json.dumps({'version': '-'.join([*sys.argv[1:2], os.environ['GONOGO_SLOT'], "
    said += f"os.environ['GONOGO_SERVICE']]), 'digest': 'sha256:{DIGEST}', 'healthy': sys.argv[2] == os.environ['GONOGO_URL']}}))"
    found = asked(said)
    assert (found.version, found.digest, found.healthy) == ("blue-blue-queue", DIGEST, True)


@pytest.mark.req("PX-06")
@pytest.mark.parametrize(
    ("text", "version", "why"),
    [
        ("raise SystemExit(3)", None, "ended with 3"),
        ("print('v1')", None, "did not print one JSON object"),
        ("print('{\"healthy\": true}')", None, "no usable `version`"),
        ("print('{\"version\": \"v1; rm\", \"healthy\": true}')", None, "no usable `version`"),
        ("print('{\"version\": \"v1\", \"healthy\": \"yes\"}')", "v1", "`healthy` is not true"),
        ("print('{\"version\": \"v1\"}')", "v1", "`healthy` is not true"),
    ],
)
def test_whatever_else_a_command_does_is_no_healthy_answer(text: str, version: str | None, why: str) -> None:
    found = asked(text)
    assert (found.version, found.healthy) == (version, False)
    assert why in found.detail


@pytest.mark.req("FI-03", "PX-06")
def test_a_command_is_heard_where_the_disk_takes_nothing_and_one_that_floods_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    assert asked("print('{\"version\": \"v1\", \"healthy\": true}')").healthy
    flooding = asked("while True: print('v1' * 65536)", seconds=60.0)
    assert (flooding.version, "printed more than 67108864 bytes, at most 1048576 are read, and was killed" in flooding.detail) == (None, True)


def test_a_command_that_hangs_has_said_nothing() -> None:
    found = asked("import time; time.sleep(600)", seconds=0.5)
    assert (found.version, found.healthy) == (None, False)
    assert "did not end within 0.5 s" in found.detail


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "world/staging") as staging, place(tmp_path / "world/production") as production:
        found = small_project(tmp_path / "shop", staging, production)
        found.write("scripts/probe.sh", PROBE)
        text = (found.root / "gonogo.yaml").read_text()
        for each in (staging, production):
            mark = f"    observe: [cat, {each.root}/weights.json]\n"
            before, _, after = text.partition(mark)
            told = f'  version: {{run: [bash, scripts/probe.sh, {each.root}, "{{slot}}"]}}\n'
            head, target, tail = before.rpartition("    target:\n")
            text = f"{head}  {told}{target}{tail}{mark}{after}"
        (found.root / "gonogo.yaml").write_text(text)
        yield found


@pytest.mark.slow
@pytest.mark.req("ROL-02", "PX-06")
def test_a_release_is_rolled_out_although_nothing_answers_by_http_which_version_it_is(project: Project) -> None:
    run = project.release("deployment-automation")
    assert project.state(run).outcome == "released", project.view(run).halt
    assert not [path for place_ in (project.staging, project.production) for path in place_.asked if "healthz" in path]
