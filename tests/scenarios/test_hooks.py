"""Hooks of a project before, during and after a protocol: run in their places, their files owed, checked and sealed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.evidence.ledger import Entry
from tests.one_step import look, one_check
from tests.projects import Project, small_project
from tests.worlds_http import Place

STEP = "looking/look-once"
HOOKS = {"prerequisites": ("context", "before"), STEP: ("validate", "during"), "closing": ("bundle", "after")}


@pytest.fixture
def project(tmp_path: Path, places: tuple[Place, Place]) -> Project:
    return hooked(one_check(small_project(tmp_path / "project", *places), "tests"), *HOOKS)


def hooked(project: Project, *steps: str) -> Project:
    """Bind a hook at each of these steps; its script writes the file that it owes."""
    rows, commands = "", ""
    for step in steps:
        name, _ = HOOKS[step]
        rows += f"  - {{protocol: one-check, step: {step}, command: {name}, writes: {name}.json, purpose: to {name}}}\n"
        commands += f"  {name}: {{run: [bash, scripts/{name}.sh], timeout: 20s}}\n"
        project.write(f"scripts/{name}.sh", f'echo \'{{"by": "{name}"}}\' > "$GONOGO_OUT/{name}.json"\n')
    project.edit("gonogo.yaml", "commands:\n", f"hooks:\n{rows}commands:\n{commands}")
    return project


def entries(project: Project, run: str) -> tuple[Entry, ...]:
    return project.door().load(run).entries


@pytest.mark.req("CMD-59", "CMD-60")
def test_hooks_run_in_three_places_and_what_they_write_is_sealed_with_the_evidence(project: Project) -> None:
    seen = look(project)
    assert seen.passed, seen.said
    log = entries(project, seen.run)
    ended = [entry.data for entry in log if entry.type == "task.finished"]
    order = [str(data["task"]) for data in ended]
    hooks = {str(data["facts"]["hook"]): str(data["task"]) for data in ended if "hook" in data["facts"]}
    assert hooks == {place: f"{step}#hook-{name}" for step, (name, place) in HOOKS.items()}
    assert order[0] == hooks["before"]
    assert order.index(hooks["during"]) == order.index(f"{STEP}#measure") + 1
    assert order.index(hooks["after"]) < order.index("closing#seal")
    opened = project.door().load(seen.run)
    package = next(iter(opened.state.packages.values()))
    with zipfile.ZipFile(io.BytesIO(project.door().world.vault.read(package.sha256))) as archive:
        assert {f"{name}.json" for name, _ in HOOKS.values()} <= {Path(name).name for name in archive.namelist()}
    said = [entry for entry in log if entry.data.get("prefix") == "[AUTOMATION]"]
    texts = [project.door().world.vault.read(entry.data["text_sha256"]).decode() for entry in said]
    assert texts == [f"{name} executed: success, {name}.json is sealed (hook {place} the work)" for name, place in HOOKS.values()]


@pytest.mark.req("CMD-60", "CMD-57")
@pytest.mark.parametrize("script", ["exit 0", ': > "$GONOGO_OUT/validate.json"', 'echo {} > "$GONOGO_OUT/other.json"'])
def test_a_hook_that_does_not_write_what_it_owes_fails_its_step_whatever_its_exit_status(project: Project, script: str) -> None:
    project.write("scripts/validate.sh", f"{script}\n")
    seen = look(project)
    assert not seen.passed
    assert "did not write validate.json" in seen.said
    state = project.state(seen.run)
    assert state.halted is not None and state.halted.stage == STEP
    assert "gate/check-gate#judge" not in state.tasks
    said = [entry.data["text_sha256"] for entry in entries(project, seen.run) if entry.data.get("prefix") == "[AUTOMATION]"]
    last = project.door().world.vault.read(said[-1]).decode()
    assert last.startswith("validate executed: ")
    assert "success" not in last


@pytest.mark.req("CMD-60")
def test_a_failing_hook_before_the_work_keeps_the_work_from_beginning(project: Project) -> None:
    project.write("scripts/context.sh", "exit 3\n")
    seen = look(project)
    assert "exit status 3" in seen.said
    assert project.began(seen.run) == {"prerequisites"}


@pytest.mark.req("CMD-60")
def test_a_plan_shows_each_hook_with_its_step_its_file_and_its_purpose(project: Project) -> None:
    said = gonogo("plan", "one-check", "--release", "v2", "-C", project.root)
    assert said.code == 0, said.err
    for name, place in HOOKS.values():
        assert f"hook: to {name}" in said.out
        assert f"hook {place} the work; has to write {name}.json" in said.out


@pytest.mark.req("CMD-60")
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (f"step: {STEP}", "step: looking/elsewhere", "a hook names step `looking/elsewhere`, which one-check does not have"),
        ("command: validate", "command: invalidate", "`commands.invalidate` is missing"),
        ("writes: validate.json", "writes: ../validate.json", "a file name without folders"),
        (", purpose: to validate", "", "`hooks[1].purpose`"),
        ("writes: validate.json", "writes: staging-test-results.json", "is there twice"),
        ("protocol: one-check, step: closing", "protocol: one-chock, step: closing", "no protocol `one-chock`"),
    ],
)
def test_a_hook_that_cannot_run_as_bound_is_a_finding(project: Project, old: str, new: str, words: str) -> None:
    project.edit("gonogo.yaml", old, new)
    said = gonogo("check", "-C", project.root)
    assert said.code != 0
    assert words in said.out + said.err
