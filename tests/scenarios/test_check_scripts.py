"""`gonogo check-scripts`: a dry run is used only after a fake target showed that it changes nothing (DRY-02)."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.engine.commanding import DRY_RUN, command_spec
from gonogo.engine.bench import Bench
from gonogo.errors import Refused
from gonogo.plan.model import Execute
from gonogo.ports import EffectKey
from gonogo.run.state import RunState
from gonogo.terms import Engine
from tests.projects import Project, small_project
from tests.worlds_http import place

HEAD = """#!/usr/bin/env bash
set -euo pipefail
environment="" release="" dry_run=no
while [ $# -gt 0 ]; do
  case "$1" in
    --env) environment=${2:?}; shift 2 ;;
    --release) release=${2:?}; shift 2 ;;
    --dry-run) dry_run=yes; shift ;;
    *) echo "unknown argument: $1" >&2; exit 2 ;;
  esac
done
: "${environment:?}" "${release:?}"
"""
GOOD = HEAD + """[ "$dry_run" = yes ] && { echo "would install"; exit 0; }
printf deployed > state.txt
"""
FAULTS = {
    "it deploys in its dry run": (HEAD + "printf deployed > state.txt\n", "file state.txt"),
    "it deletes in its dry run": (HEAD + "rm gonogo.yaml\n", "file gonogo.yaml"),
    "it reaches a machine": (HEAD + "ssh root@production install\n", "call of ssh root@production install"),
    "it posts to the target": (
        HEAD + "python3 -c 'import os, urllib.request as u; u.urlopen(u.Request(os.environ[\"GONOGO_URL\"] + \"/deploy\", b\"x\"))'\n",
        "request POST /deploy",
    ),
    "it fails in its dry run": (HEAD + "echo broken >&2\nexit 3\n", "exit status 3: broken"),
    "it takes flags that it does not know": (
        HEAD.replace('*) echo "unknown argument: $1" >&2; exit 2 ;;', "*) shift ;;") + "exit 0\n", "exit status 0"),
    "it works without a release": (
        HEAD.replace('"${release:?}"', "") + "exit 0\n", "exit status 0"),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("trials")
    with place(folder / "world/staging") as staging, place(folder / "world/production") as production:
        yield small_project(folder / "shop", staging, production)


@pytest.fixture
def project(base: Project, tmp_path: Path) -> Project:
    shutil.copytree(base.root, tmp_path / "shop")
    found = Project(tmp_path / "shop", base.keys, tmp_path / "record.txt", base.staging, base.production)
    for name in ("deploy", "rollback"):
        old = next(line for line in (found.root / "gonogo.yaml").read_text().splitlines() if line.startswith(f"  {name}: "))
        new = f'  {name}: {{run: [bash, scripts/{name}_shop.sh, --env, "{{environment}}", --release, "{{release}}"], dry_run: [--dry-run]}}'
        found.edit("gonogo.yaml", old, new)
        found.write(f"scripts/{name}_shop.sh", GOOD, mode=0o755)
    return found


def tried(project: Project) -> tuple[int, list[dict[str, object]]]:
    said = gonogo("check-scripts", "-C", project.root, "--as", "rm1", "--json")
    body = said.json()
    assert body["held"] == (said.code == 0)
    return said.code, body["trials"]


def spec_of_dry_run(project: Project) -> tuple[str, ...]:
    """The command of the dry run as the engine would start it in production."""
    door = project.door()
    opened = door.load(project.begin("production-deployment"))
    task = next(task for stage in opened.plan.stages for task in stage.tasks
                if isinstance(task.act, Execute) and task.act.purpose == DRY_RUN)
    bench = Bench(door.world, opened.plan, RunState(), opened.run, Engine("local"), task, 1, door.world.clock.now())
    key = EffectKey(opened.run, task.id, 1, 1)
    assert isinstance(task.act, Execute)
    return command_spec(bench, task.act, key, 0).argv


@pytest.mark.req("CMD-13", "CMD-75")
def test_scripts_that_keep_their_contract_are_shown_to_change_nothing_and_their_dry_run_is_used(project: Project) -> None:
    code, trials = tried(project)
    assert code == 0, trials
    assert [trial["command"] for trial in trials] == ["deploy"] * 3 + ["rollback"] * 3
    line = ("bash", "scripts/deploy_shop.sh", "--env", "production", "--release", "v2", "--dry-run")
    assert spec_of_dry_run(project) == line
    assert not (project.root / "state.txt").exists()


@pytest.mark.req("CMD-75")
def test_a_dry_run_that_nobody_tried_is_never_started(project: Project) -> None:
    with pytest.raises(Refused, match="has not been tried with these scripts: it might deploy"):
        spec_of_dry_run(project)


@pytest.mark.req("CMD-73", "CMD-75")
def test_a_script_that_changed_since_its_trial_has_to_be_tried_again(project: Project) -> None:
    assert tried(project)[0] == 0
    project.write("scripts/deploy_shop.sh", GOOD + "# one more line\n", mode=0o755)
    with pytest.raises(Refused, match="gonogo check-scripts"):
        spec_of_dry_run(project)


@pytest.mark.req("CMD-13", "CMD-73")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_script_that_would_change_something_is_named_with_what_it_did(project: Project, fault: str) -> None:
    text, seen = FAULTS[fault]
    project.write("scripts/rollback_shop.sh", text, mode=0o755)
    code, trials = tried(project)
    assert code == 2
    failed = [trial for trial in trials if not trial["held"]]
    assert {trial["command"] for trial in failed} == {"rollback"}
    assert any(seen in line for trial in failed for line in trial["detail"]), failed
    assert "root@production" not in (project.root / "gonogo.yaml").read_text()


def test_what_a_script_does_at_the_fake_target_never_reaches_the_project_or_its_addresses(project: Project) -> None:
    asked: list[str] = []

    class Watching(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Watching)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file() and ".gonogo" not in path.parts}
    real = f"http://127.0.0.1:{server.server_address[1]}/deploy"
    post = f"python3 -c 'import urllib.request as u; u.urlopen(u.Request(\"{real}\", b\"x\"))'\n"
    project.write("scripts/deploy_shop.sh", HEAD + post + "rm -rf releases config\n", mode=0o755)
    before[project.root / "scripts/deploy_shop.sh"] = (project.root / "scripts/deploy_shop.sh").read_bytes()
    code, trials = tried(project)
    assert code == 2
    assert f"would change: request POST {real}" in trials[0]["detail"]
    server.shutdown()
    server.server_close()
    thread.join()
    after = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file() and ".gonogo" not in path.parts}
    assert after == before
    assert asked == []


def test_a_command_without_a_dry_run_is_not_tried_and_holds_nothing_up(project: Project) -> None:
    project.edit("gonogo.yaml", ", dry_run: [--dry-run]}", "}")
    code, trials = tried(project)
    assert code == 0
    assert {trial["what"] for trial in trials} == {"declares no dry run, so none is ever tried"}


def test_a_script_with_other_arguments_is_bound_through_the_project_file(project: Project) -> None:
    line = next(text for text in (project.root / "gonogo.yaml").read_text().splitlines() if text.startswith("  deploy: "))
    project.edit("gonogo.yaml", line,
                 '  deploy: {run: [bash, scripts/ship.sh, "{release}", to, "{environment}"], dry_run: [really, not]}')
    project.write("scripts/ship.sh", '#!/bin/bash\n[ "${4:-}" = really ] && exit 0\nprintf x > state.txt\n', mode=0o755)
    code, trials = tried(project)
    assert code == 0
    assert [trial["what"] for trial in trials if trial["command"] == "deploy"] == ["changes nothing in a dry run"]
