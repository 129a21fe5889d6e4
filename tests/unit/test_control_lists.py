"""The control lists that are shipped: every gate of every built-in protocol answers a control, by evidence that exists."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from gonogo.engine.measuring.controls import listed
from gonogo.errors import BadInput
from gonogo.measure.shapes import SHAPES
from gonogo.plan.bindings import read_project
from gonogo.plan.control_lists import LISTS, read_control_lists

DOCUMENTS = json.loads((Path(__file__).parents[1] / "cases" / "library" / "documents.json").read_text(encoding="utf-8"))
GATES = {gate["id"] for document in DOCUMENTS.values() for gate in document["gates"]}
LIBRARY = resources.files("gonogo.library")


@pytest.mark.req("SEC-08")
def test_each_built_in_gate_has_a_mapped_control_and_each_list_is_there() -> None:
    assert tuple(listed()) == LISTS
    controls = [control for found in listed().values() for control in found]
    assert {gate for control in controls for gate in control.gates} == GATES
    assert {control.evidence for control in controls} - {""} <= set(SHAPES)
    assert len({(control.standard, control.id) for control in controls}) == len(controls)


def test_a_list_that_is_not_shipped_is_refused_at_its_line_with_the_place_for_own_rules() -> None:
    text = LIBRARY.joinpath("gonogo.example.yaml").read_text(encoding="utf-8")
    found = read_project(text.replace("[soc2, iso27001]", "[soc2, hipaa]").encode(), "gonogo.yaml").findings
    (fault,) = [item for item in found if "hipaa" in item.message]
    assert "one of soc2, iso27001, gdpr, ftc" in fault.message
    assert "under `controls`" in " ".join(fault.notes)


def test_a_damaged_list_is_refused_with_its_line() -> None:
    text = LIBRARY.joinpath("controls.yaml").read_text(encoding="utf-8").replace("title: Logical", "titel: Logical")
    with pytest.raises(BadInput) as caught:
        read_control_lists(text.encode(), "controls.yaml")
    assert caught.value.where.startswith("controls.yaml:")
