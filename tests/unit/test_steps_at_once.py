"""Where a protocol may declare that acts of one step run at the same time, and what the plan then says (EXE-02, C57)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.plan.sidecar import read_sidecar
from gonogo.plan.stored import stored_form, stored_plan
from gonogo.reports.planned import planned
from tests.projects import small_project
from tests.scenarios.disk_stories import CASES, STOCK, stock_project
from tests.unit.test_cli_errors import Nowhere

SIDECAR = (CASES / f"{STOCK}.gonogo.yaml").read_text(encoding="utf-8")


def findings(step: str) -> list[str]:
    text = SIDECAR.replace("{command: count}", step)
    assert text != SIDECAR
    return [str(found) for found in read_sidecar(text.encode(), "stock.gonogo.yaml").findings]


@pytest.mark.req("EXE-02")
@pytest.mark.parametrize(
    "step",
    [
        "{command: count, at_once: 2}",
        "{commands: [count, count], at_once: 2}",
        "{commands: [count, recount], at_once: 17}",
        "{does: freeze, at_once: 2}",
        "{attested_by: sre_lead, at_once: 2}",
    ],
)
def test_a_step_whose_acts_follow_from_each_other_cannot_declare_them_parallel(step: str) -> None:
    (said,) = findings(step)
    assert "this step does its acts in order" in said
    assert "stock.gonogo.yaml:12" in said


@pytest.mark.parametrize("step", ["{does: tests, at_once: 3}", "{commands: [count, recount], at_once: 2}", "{commands: [count]}"])
def test_a_step_of_independent_acts_may(step: str) -> None:
    assert findings(step) == []


def test_a_step_names_one_way_only() -> None:
    assert "exactly one of" in findings("{command: count, commands: [count]}")[0]


@pytest.mark.req("EXE-02", "DOC-27")
def test_the_plan_says_which_acts_may_be_at_work_together(tmp_path: Path) -> None:
    project = stock_project(tmp_path / "project", tmp_path / "world")
    project.edit("gonogo.yaml", "commands:\n", "commands:\n  recount: {run: [scripts/count.sh]}\n")
    several = "{commands: [count, recount], effect: staging, at_once: 2}"
    project.edit(f"protocols/{STOCK}.gonogo.yaml", "{command: count}", several)
    plan = compile_for(open_workspace(project.root), STOCK, "v2").plan
    assert plan is not None
    step = next(stage for stage in plan.stages if stage.id.endswith("count-the-shelves"))
    assert [(task.id.rpartition("#")[2], task.at_once) for task in step.tasks] == [("run-count", 2), ("run-recount", 2)]
    assert {task.at_once for stage in plan.stages if stage != step for task in stage.tasks} == {1}
    data = stored_form(plan)
    assert data is not None and stored_plan(data) == plan
    shown = next(stage for stage in planned(plan).stages if stage.id == step.id)
    assert all("up to 2 at once" in " ".join(act.details) for act in shown.acts)


@pytest.mark.req("EXE-02", "APR-03")
def test_the_first_of_several_acts_in_production_uses_the_approval_up(tmp_path: Path) -> None:
    project = small_project(tmp_path / "project", Nowhere(tmp_path / "a"), Nowhere(tmp_path / "b"))
    page = (Path(__file__).resolve().parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
    for name in ("lamp.md", "lamp.gonogo.yaml"):
        block = re.search(rf"^(`{{3,4}})\w+ {re.escape(name)}\n(.*?)^\1$", page, re.M | re.S)
        assert block is not None
        project.write(f"protocols/{name}", block[2])
    project.edit("gonogo.yaml", "project: shop\n", "project: shop\nprotocols: {lamp-change: protocols/lamp.md}\n")
    project.edit("gonogo.yaml", "commands:\n", "commands:\n  smoke: {run: [scripts/tests.sh]}\n")
    project.edit("gonogo.yaml", "artifacts:\n", "artifacts:\n  LAMP-AUDIT.zip: {path: upstream/LAMP-AUDIT.zip}\n")
    several = "{commands: [deploy, smoke], effect: production, at_once: 2}"
    project.edit("protocols/lamp.gonogo.yaml", "{command: deploy, effect: production}", several)
    found = compile_for(open_workspace(project.root), "lamp-change", "v2")
    assert found.plan is not None, [str(one) for one in found.findings]
    tasks = next(stage.tasks for stage in found.plan.stages if stage.id.endswith("light-the-new-lamp"))
    assert [(task.id.rpartition("-")[2], task.consumes) for task in tasks] == [("deploy", "production"), ("smoke", "")]
