"""JSON Schemas of every evidence file, made from the same table by which files are found whole (SEC-10, Part III).

Fields are required as the table says; others are allowed and never judged. A field that is there has to be of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.evidence.canonical import Tree
from gonogo.measure.schema_check import Schema, schema_faults
from gonogo.measure.shapes import HEADER, SHAPES, Shape
from gonogo.terms import Severity

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "number"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
WHOLE: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"}
SPAN: Final[Schema] = {"type": "string", "pattern": r"^P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d{1,6})?S)?)?$"}
DIGEST: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
LIST: Final[Schema] = {"type": "array"}
ANY: Final[Schema] = {}
SEVERITY: Final[Schema] = {"enum": [severity.word for severity in Severity]}

_KINDS: Mapping[str, tuple[Schema, str]] = {
    "time": (
        TIME,
        "at captured_at checked_at created_at decided_at ended_at ends_at expires_at generated_at probe_at "
        "requested_at sent_at started_at taken_at valid_until window_end window_start",
    ),
    "span": (
        SPAN,
        "downtime duration expected recovery_time rto started_after waiting_for_people window",
    ),
    "digest": (
        DIGEST,
        "sha256 approval_sha256 deployment_plan_sha256 evidence_manifest_sha256 lock_sha256 package_sha256 "
        "points_sha256 release_digest report_sha256 scanned_digest script_sha256 snapshot_sha256",
    ),
    "flag": (
        FLAG,
        "advisory authorises_production blocking complete conflicts critical current delivered deployed "
        "documented fresh healthy in_range locked manifest_verified met ok present quorum_met reachable "
        "readable repeatable required rollback_plan_verified set signature_verified state_restored strict "
        "verified within_rto",
    ),
    "count": (
        COUNT,
        "acknowledged attempt attempts blocking_errors blocking_findings blocking_incidents blocking_issues "
        "breaches compared completed components critical_failed differing error_count errors executed "
        "extended failed failed_gates failed_requests forbidden halts item_count level log_errors members n "
        "new_drift not_comparable open out_of_range passed received resolved samples samples_missing sequence "
        "size skipped targeted total unknown waivers",
    ),
    "number": (
        NUMBER,
        "acknowledgement_rate all approval_coverage approvals_recorded checklist_coverage completeness_score "
        "completion configuration_metric coverage critical_pass_rate deployed_rate drift_metric healthy_rate "
        "latency_hours objective parity_score pass_rate rate score success_rate value weight worst",
    ),
    "list": (
        LIST,
        "argv consumers gaps log_range paths recipients restore_command system_states transformations",
    ),
    "severity": (
        SEVERITY,
        "drift_severity max_open_severity severity",
    ),
    "whole": (
        WHOLE,
        "exit_code",
    ),
    "any": (
        ANY,
        "dependencies producer from to rollback approvals hash event policy digest environment since updated_at due",
    ),
}
_BY_NAME: Mapping[str, Schema] = {name: schema for schema, names in _KINDS.values() for name in names.split()}
_BY_PLACE: Mapping[str, Schema] = {
    "/alerts/critical": COUNT,
    "/health/healthy": COUNT,
    "/connectivity/reachable": COUNT,
    "/completeness/required": NUMBER,
    "/report/completeness/required": NUMBER,
    "/confirmation/required": COUNT,
    "/freeze/required": COUNT,
    "/release/digest": DIGEST,
    "/readiness_approval/coverage": NUMBER,
    "/intake_validation/status": {"enum": ["pass", "fail", "requires_approval"]},
    "/deployment_status": {"enum": ["success", "failure", "rolled_back", "unknown"]},
    "/test_execution/status": {"enum": ["pass", "fail"]},
    "/rollback_verification/status": {"enum": ["pass", "fail"]},
    "/readiness_approval/status": {"enum": ["approved", "withheld", "rejected", "pending"]},
    "/deployment_checklist/status": {"enum": ["complete", "open"]},
    "/production_approval/status": {"enum": ["go", "no_go", "pending", "expired"]},
}
"""The words of III.2 and III.3, and fields that mean something else than their name does elsewhere."""


def evidence_schema(artifact: str) -> Schema | None:
    """The JSON Schema of an evidence file with its header; None for a name that is not known."""
    shape = SHAPES.get(artifact)
    if shape is None:
        return None
    whole = _object({**HEADER, **shape, "": f"{HEADER['']} {shape.get('', '')}"})
    name = artifact.rsplit(".", 1)[0]
    return {"$schema": DIALECT, "$id": f"urn:gonogo:{name}:1", "title": artifact, **whole}


def wrong_kinds(artifact: str, body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Fields that are there and not of their kind. One that is absent was not measured, which the gate says itself."""
    shape = SHAPES.get(artifact)
    return () if shape is None else tuple(schema_faults(_object(shape), body, required=False))


def _object(shape: Shape, place: str = "") -> Schema:
    """The schema of the object at `place` of a shape, with all that lies below it."""
    names = list(dict.fromkeys(shape.get(place, "").split()))
    below = {_next(other, place) for other in shape if other.startswith(f"{place}/")}
    properties: dict[str, Tree] = {
        name: _value(shape, f"{place}/{name}", name) for name in (*names, *sorted(below - set(names)))
    }
    return {"type": "object", "required": names, "properties": properties}


def _next(other: str, place: str) -> str:
    return other[len(place) + 1 :].split("/", 1)[0]


def _value(shape: Shape, place: str, name: str) -> Schema:
    if any(other == f"{place}/*" or other.startswith(f"{place}/*/") for other in shape):
        rows: Schema = {"type": "array", "items": _object(shape, f"{place}/*")}
        # The header names an environment where a file of prerequisites may list its variables (III.1, F38).
        return {"anyOf": [TEXT, rows]} if place == "/environment" else rows
    if place in shape or any(other.startswith(f"{place}/") for other in shape):
        return _object(shape, place)
    return _BY_PLACE.get(place) or _BY_NAME.get(name, TEXT)
