"""What commands of the project say is open: alerts, incidents, and which levels of escalation answered.

Each is one JSON object with one list. A list that is absent, or a row that cannot be read, is refused and never read as
"nothing is open"; a severity that is not in the table is UNKNOWN and counts as the worst (C14, CON-04, DG3-02, OPS-03).
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.evidence.canonical import read_object
from gonogo.measure.connectivity import AlertSeen
from gonogo.measure.figures import severity_of
from gonogo.measure.freeze import QueuedChange
from gonogo.measure.post_deployment import IncidentSeen
from gonogo.measure.stored_fields import Fields

MOST_BYTES = 1 << 22


def read_alerts(data: bytes, name: str) -> tuple[AlertSeen, ...]:
    """`{"alerts": [{"id", "severity", "since"}]}`; BadInput where it is anything else."""
    return tuple(
        AlertSeen(row.text("id"), severity_of(row.text("severity")), row.moment("since"))
        for row in _fields(data, name).rows("alerts")
    )


def read_incidents(data: bytes, name: str) -> tuple[IncidentSeen, ...]:
    """`{"incidents": [{"id", "severity", "blocking"}]}`; BadInput where it is anything else."""
    return tuple(
        IncidentSeen(row.text("id"), severity_of(row.text("severity")), row.flag("blocking"))
        for row in _fields(data, name).rows("incidents")
    )


def read_reached(data: bytes, name: str) -> Mapping[int, bool]:
    """`{"escalation": [{"level", "reachable"}]}` as answers by level; BadInput where it is anything else."""
    return {row.count("level"): row.flag("reachable") for row in _fields(data, name).rows("escalation")}


def read_queued(data: bytes, name: str) -> tuple[QueuedChange, ...]:
    """`{"changes": [{"id", "conflicts"}]}`; BadInput where it is anything else (FRZ-03)."""
    return tuple(QueuedChange(row.text("id"), row.flag("conflicts")) for row in _fields(data, name).rows("changes"))


def _fields(data: bytes, name: str) -> Fields:
    return Fields(read_object(data, name=name, limit=MOST_BYTES), name)
