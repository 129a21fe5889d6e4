"""JSON Schemas of the files that no evidence header stands in: the manifest, registries, notes, judgements (SEC-10).

A gate judgement is in the store and in packages, a waiver list and a feedback log are written beside the evidence, the
others are written by people. Their own readers are stricter: they also look at what one value says about another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.evidence.canonical import Tree
from gonogo.measure.evidence_schemas import ANY, COUNT, DIALECT, DIGEST, FLAG, LIST, TEXT, TIME
from gonogo.measure.schema_check import Schema

_SCALAR: Final[Schema] = {"type": ["string", "number", "boolean"]}
_TEXTS: Final[Schema] = {"type": "array", "items": TEXT}


def _object(required: str, known: Mapping[str, Schema], *, closed: bool = False) -> Schema:
    """An object whose `required` fields, a word each, are among the `known` ones; others are allowed unless closed."""
    found: dict[str, Tree] = {"type": "object", "required": [*required.split()], "properties": dict(known)}
    return found | ({"additionalProperties": False} if closed else {})


def _rows(required: str, known: Mapping[str, Schema], *, closed: bool = False) -> Schema:
    return {"type": "array", "items": _object(required, known, closed=closed)}


def _texts(names: str) -> dict[str, Schema]:
    return dict.fromkeys(names.split(), TEXT)


_CLAUSE: Final = _texts("text origin file pointer measured operator limit unit limit_from result why sha256")
_SIGNATURE: Final = _texts("role person decision key_id signature") | {"at": TIME, "statement_sha256": DIGEST}
_WAIVER: Final = _texts("id gate requested_by justification risk_assessment risk_owner") | {
    "state": {"enum": ["requested", "granted", "refused", "expired"]},
    "clauses": _rows("id limit measured", _texts("id limit measured")),
    "findings": _rows("id fingerprint", _texts("id severity component") | {"fingerprint": DIGEST}),
    "requested_at": TIME,
    "expires_at": TIME,
    "release_digest": DIGEST,
    "judgement_sha256": DIGEST,
    "compensating_controls": _TEXTS,
    "follow_up": _object("id due", {"id": TEXT, "due": TIME}),
    "signatures": _rows("role person at key_id signature", _SIGNATURE),
}
_SCRIPT: Final = _texts("id path purpose owner") | {
    "sha256": DIGEST,
    "protocols": _TEXTS,
    "flags": _rows("name type", _texts("name type") | {"values": _TEXTS}),
    "supports_dry_run": FLAG,
    "repeatable": FLAG,
    "probe": _TEXTS,
    "reads": _TEXTS,
    "writes": _TEXTS,
    "exit_codes": {"type": "object", "patternProperties": {".+": TEXT}},
    "dependencies": _TEXTS,
    "reviewed_at": TEXT,
}
_SERVICE: Final = _texts("name artifact version owner rollback") | {"digest": DIGEST, "depends_on": _TEXTS}
_IMPACT: Final[Schema] = {"enum": ["yes", "no", "not_stated"]}
_JUDGEMENT: Final = _texts("gate name type purpose on_failure waiver_id") | {
    "verdict": {"enum": ["pass", "fail", "inconclusive", "error"]},
    "clauses": _rows("text origin file pointer operator limit result", _CLAUSE),
    "evidence": _rows("name sha256", {"name": TEXT, "sha256": DIGEST}),
    "lacking": _rows("name verdict why", _texts("name verdict why")),
    "manual": LIST,
    "notified": _TEXTS,
    "judged_at": TIME,
    "metrics": _rows("name", {"name": TEXT}),
    "plan": _rows("clause act", {"clause": TEXT, "act": TEXT}),
}

FILE_SCHEMAS: Final[Mapping[str, tuple[str, Schema]]] = {
    "release-manifest": (
        "release-manifest.json",
        _object(
            "release services",
            {
                "release": _object("id version", _texts("id version scope_fixed_at")),
                "services": _rows("name artifact digest version", _SERVICE),
                "changes": _rows("", _texts("id title") | {"security_impact": _IMPACT}),
            },
        ),
    ),
    "script-registry": (
        "scripts/script-registry.json",
        _object(
            "schema scripts",
            {
                "schema": {"const": "gonogo/script-registry/1"},
                "registry_version": COUNT,
                "scripts": _rows("id path protocols purpose owner flags supports_dry_run repeatable", _SCRIPT),
            },
        ),
    ),
    "test-failures": (
        "config/test-failures.yaml",
        _object(
            "schema failures",
            {
                "schema": {"const": "gonogo/test-failures/1"},
                "failures": _rows(
                    "test",
                    _texts("test owner plan due") | {"cause": {"enum": ["deployment", "code", "environment"]}},
                    closed=True,
                ),
            },
        ),
    ),
    "control-lists": (
        "controls.yaml",
        _object(
            "schema lists",
            {
                "schema": {"const": "gonogo/control-lists/1"},
                "lists": _rows(
                    "id standard controls",
                    _texts("id standard")
                    | {"controls": _rows("id title gates", _texts("id title evidence") | {"gates": ANY}, closed=True)},
                    closed=True,
                ),
            },
            closed=True,
        ),
    ),
    "staging-env": (
        "config/staging-env.yaml",
        _object(
            "",
            {
                "environment": TEXT,
                "configuration": {"type": "object"},
                "feature_flags": {"type": "object"},
                "infrastructure": _rows("component", {"component": TEXT}),
                "secrets": _rows("name", dict.fromkeys(("name", "fingerprint", "rotated_at"), _SCALAR), closed=True),
                "severity_rules": LIST,
                "accepted_drift": LIST,
            },
            closed=True,
        ),
    ),
    "gate-judgement": (
        "the judgement of a gate",
        _object("gate type verdict clauses evidence lacking notified judged_at plan", _JUDGEMENT),
    ),
    "gate-waivers": (
        "gate-waivers.json",
        _object(
            "waivers",
            {
                "waivers": _rows(
                    "id gate clauses findings state requested_by requested_at justification release_digest "
                    "judgement_sha256 expires_at signatures",
                    _WAIVER,
                )
            },
        ),
    ),
    "feedback-log": (
        "feedback-log.json",
        _object(
            "schema run_id entries",
            {
                "schema": {"const": "gonogo/feedback-log/1"},
                "run_id": TEXT,
                "entries": _rows(
                    "at from about kind text",
                    _texts("about text follow_up")
                    | {
                        "at": TIME,
                        "from": _object("person role protocol", _texts("person role protocol")),
                        "kind": {"enum": ["concern", "suggestion", "rework", "praise"]},
                        "rating": COUNT,
                    },
                ),
            },
        ),
    ),
}
"""Name of a schema to the file that it is about, and what it asks for."""

WRITTEN_AS_YAML: Final = frozenset({"test-failures", "control-lists", "staging-env"})


def file_schema(name: str) -> Schema | None:
    """The schema of this name; None where there is none."""
    found = FILE_SCHEMAS.get(name)
    return None if found is None else {"$schema": DIALECT, "$id": f"urn:gonogo:{name}:1", "title": found[0], **found[1]}
