"""What the registry says that scripts read: as the gates of the protocols really judge, and nothing left empty."""

from __future__ import annotations

import json

import pytest
from test_library import compiled, stored

from gonogo.plan.documented_scripts import PRE, PRODUCTION, SCRIPTS
from gonogo.plan.script_inputs import GATES, UPSTREAM, reads_of
from gonogo.reports.front_ends import registry

PROJECT = stored("gonogo.example.yaml")


@pytest.mark.req("REG-04")
@pytest.mark.parametrize("name", [PRE, PRODUCTION])
def test_a_gate_script_reads_what_its_gate_judges(name: str) -> None:
    plan, faults = compiled(name, PROJECT)
    assert plan is not None, faults
    for number, rule in enumerate(plan.gates.values(), start=1):
        judged = {clause.file for clause in rule.clauses}
        assert judged <= set(GATES[name][str(number)])
    taken = {item for item, _, optional in plan.artifacts if not optional}
    assert set(UPSTREAM[name]) & taken


@pytest.mark.req("REG-04")
def test_every_row_of_the_registry_names_inputs_outputs_and_what_has_to_be_installed() -> None:
    rows = {row["id"]: row for row in json.loads(registry(("scripts/deploy_web.sh",)))["scripts"]}
    assert all(row["reads"] and row["dependencies"] for row in rows.values())
    for name, script in SCRIPTS.items():
        assert rows[name]["reads"] == list(reads_of(script))
        assert rows[name]["writes"] == list(script.writes)
    assert rows["deploy_web"]["dependencies"] == ["bash"]
