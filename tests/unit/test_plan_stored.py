"""Plans as they are kept: read back as they were, by this version and by later ones, and never by half."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gonogo.control.compiled import compile_for
from gonogo.control.sources import BUILTIN_PROTOCOLS, open_workspace
from gonogo.plan.digest import plan_digest
from gonogo.plan.model import Plan, all_stages
from gonogo.plan.stored import ForeignPlan, stored_form, stored_plan
from gonogo.run.machine import Look, decide
from gonogo.run.state import RunState
from tests.projects import small_project
from tests.unit.test_cli_errors import Nowhere
from worlds import MORNING

GOLDEN = Path(__file__).resolve().parents[1] / "cases" / "plans" / "kept-by-0.1.0.json"
"""A plan that an earlier version kept. It is never written anew: runs of users are bound to such bytes."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("plans")
    small_project(place / "shop", Nowhere(place / "world/staging"), Nowhere(place / "world/production"))
    return place / "shop"


def compiled(root: Path, protocol: str) -> Plan:
    plan = compile_for(open_workspace(root), protocol, "v2").plan
    assert plan is not None
    return plan


@pytest.mark.req("DOC-27")
@pytest.mark.parametrize("protocol", BUILTIN_PROTOCOLS)
def test_a_kept_plan_is_read_back_as_it_was_tables_in_their_order_included(root: Path, protocol: str) -> None:
    plan = compiled(root, protocol)
    data = stored_form(plan)
    assert data is not None
    again = stored_plan(data)
    assert again == plan
    assert [*again.project.environments, *again.gates] == [*plan.project.environments, *plan.gates]
    assert plan_digest(again) == again.digest == plan.digest


def test_a_plan_that_an_earlier_version_kept_is_read_and_followed() -> None:
    plan = stored_plan(GOLDEN.read_bytes())
    assert (plan.name, plan.release.version, len(all_stages(plan))) == ("deployment-automation", "v2", 13)
    assert isinstance(decide(plan, RunState(), MORNING), Look)


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    body = json.loads(GOLDEN.read_text(encoding="utf-8"))
    change(body)
    return json.dumps(body).encode()


def test_a_field_that_came_later_has_its_default_in_a_plan_that_was_kept_before() -> None:
    def without(body: dict[str, Any]) -> None:
        for stage in body["stages"]:
            for task in stage["tasks"]:
                del task["consumes"]

    assert {task.consumes for stage in stored_plan(changed(without)).stages for task in stage.tasks} == {""}


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a field of a later version": (lambda body: body.update(pace="slow"), "has `pace`, which this version does not know"),
    "a kind of act of a later version": (
        lambda body: body["stages"][1]["tasks"][0].update(act={"kind_of": "Teleport", "where": "x"}),
        "a Teleport, which this version does not know",
    ),
    "a missing field": (lambda body: body.pop("gates"), "lacks `gates`"),
    "a word of a later version": (lambda body: body["closing"].update(obligation="perhaps"), "'perhaps', which is no"),
    "text in place of a list": (lambda body: body.update(stages="none"), "in place of a list"),
    "a number in place of text": (lambda body: body.update(title=7), "7 in place of a str"),
    "a list in place of a table": (lambda body: body.update(scripts=[]), "in place of a table"),
    "another thing in place of a stage": (lambda body: body.update(closing={"kind_of": "Plan"}), "in place of a Stage"),
    "a word in place of a number": (lambda body: body["voice"]["begins"].update(one="x"), "'one' in place of a number"),
}


@pytest.mark.req("DOC-27")
@pytest.mark.parametrize("what", DAMAGE)
def test_what_this_version_does_not_know_is_refused_by_name_and_never_left_out(what: str) -> None:
    change, words = DAMAGE[what]
    with pytest.raises(ForeignPlan, match=words) as refused:
        stored_plan(changed(change))
    assert "the version that opened the run" in refused.value.next_step


def test_a_plan_that_would_be_read_back_as_another_one_is_not_kept(root: Path) -> None:
    plan = compiled(root, "pre-deployment")
    gate = next(iter(plan.gates.values()))
    clause = replace(gate.clauses[0], limit=replace(gate.clauses[0].limit, value="1.50"))
    odd = replace(plan, gates={**plan.gates, gate.id: replace(gate, clauses=(clause,))})
    assert stored_form(odd) is None
