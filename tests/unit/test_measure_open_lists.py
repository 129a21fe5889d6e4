"""Lists of what is open, as commands of a project leave them: read whole, or refused; never "nothing"."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.errors import BadInput
from gonogo.measure.open_lists import read_alerts, read_incidents, read_reached
from gonogo.terms import Severity

SINCE = "2026-11-21T10:00:00Z"


def test_alerts_incidents_and_answers_are_read_as_they_stand() -> None:
    alerts = {"alerts": [{"id": "disk", "severity": "critical", "since": SINCE}]}
    incidents = {"incidents": [{"id": "i-7", "severity": "low", "blocking": False}]}
    reached = {"escalation": [{"level": 1, "reachable": True}, {"level": 2, "reachable": False}]}
    assert [(item.id, item.severity) for item in read_alerts(json.dumps(alerts).encode(), "a")] == [
        ("disk", Severity.CRITICAL)
    ]
    assert [(item.id, item.blocking) for item in read_incidents(json.dumps(incidents).encode(), "i")] == [("i-7", False)]
    assert read_reached(json.dumps(reached).encode(), "r") == {1: True, 2: False}


def test_a_severity_that_nobody_knows_counts_as_the_worst() -> None:
    data = json.dumps({"alerts": [{"id": "x", "severity": "meh", "since": SINCE}]}).encode()
    assert read_alerts(data, "alerts.json")[0].severity is Severity.UNKNOWN
    assert Severity.UNKNOWN > Severity.CRITICAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"alerts": null}',
        '{"alerts": {}}',
        '{"alerts": ["disk"]}',
        '{"alerts": [{"id": "disk"}]}',
        '{"alerts": [{"id": "disk", "severity": "low", "since": "yesterday"}]}',
        '{"alerts": [], "alerts": []}',
        '{"alerts": [',
    ],
)
def test_anything_else_is_refused_and_never_read_as_nothing_open(text: str) -> None:
    with pytest.raises(BadInput):
        read_alerts(text.encode(), "alerts.json")


@given(st.binary(max_size=200))
@settings(max_examples=50)
def test_no_bytes_are_read_as_an_empty_list(data: bytes) -> None:
    try:
        found = (*read_incidents(data, "incidents.json"), *read_reached(data, "escalation.json"))
    except BadInput:
        return
    assert found == () and (json.loads(data).get("incidents") == [] and json.loads(data).get("escalation") == [])
