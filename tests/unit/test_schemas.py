"""Schemas of every file: sound by a validator of somebody else, each with a whole file that fits and a changed one that fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from command_line import gonogo

from gonogo.control.schemas import faults_of, schema_named, schema_names
from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.environment_file import read_environment_file
from gonogo.measure.evidence_schemas import evidence_schema, wrong_kinds
from gonogo.measure.file_schemas import FILE_SCHEMAS
from gonogo.measure.failure_notes import read_failure_notes
from gonogo.measure.schema_check import Schema, schema_faults
from gonogo.measure.shapes import SHAPES
from gonogo.plan.control_lists import read_control_lists
from gonogo.plan.release import read_release
from gonogo.reports.front_ends import registry

LIBRARY = resources.files("gonogo.library")
EXAMPLES = {
    "project": "gonogo.example.yaml",
    "approvers": "release-approvers.example.yaml",
    "gate-limits": "gate-limits.example.yaml",
    "sidecar": "production-deployment.gonogo.yaml",
}
BROKEN = {
    "project": ("kind: staging", "kind: moon"),
    "approvers": ("people:", "persons:"),
    "gate-limits": ("schema: gonogo/gate-limits/1", "schema: other"),
    "sidecar": ("environment: production", "environment: moon"),
}


def plain(schema: Schema) -> dict[str, object]:
    return json.loads(json.dumps(schema))


def others(name: str) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(plain(schema_named(name)))
    return jsonschema.Draft202012Validator(plain(schema_named(name)))


def sample(schema: Tree, name: str = "") -> Tree:
    """The least value that a schema takes, made from the schema alone."""
    assert isinstance(schema, Mapping)
    options = schema.get("anyOf")
    if isinstance(options, list):
        return sample(options[0])
    words = schema.get("enum")
    if isinstance(words, list):
        return words[0]
    match schema.get("type"):
        case "object":
            parts = schema["properties"]
            assert isinstance(parts, Mapping)
            return {key: sample(parts[key], key) for key in schema.get("required", ())}  # type: ignore[union-attr]  # a list
        case "array":
            return [sample(schema["items"])] if "items" in schema else []
        case "integer":
            return 3
        case "number":
            return 1
        case "boolean":
            return True
        case "string" if "9a-f" in str(schema.get("pattern")):
            return "ab" * 32
        case "string" if str(schema.get("pattern", "")).startswith("^P"):
            return "PT5M"
        case "string" if "pattern" in schema:
            return "2026-11-21T10:00:00Z"
        case _:
            return "text"


@pytest.mark.req("SEC-10")
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_whole_evidence_file_fits_its_schema_and_one_with_a_field_of_another_kind_does_not(name: str) -> None:
    body = sample(schema_named(name))
    assert isinstance(body, dict)
    assert list(schema_faults(schema_named(name), body)) == []
    assert list(others(name).iter_errors(body)) == []
    for damaged in ({**body, "generated_at": "yesterday"}, {**body, "attempt": "first"}, {k: v for k, v in body.items() if k != "run_id"}):
        assert len(list(schema_faults(schema_named(name), damaged))) == 1
        assert list(others(name).iter_errors(damaged)) != []


@pytest.mark.req("SEC-10", "CFG-11")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_annotated_example_fits_the_schema_of_its_reader_and_a_changed_one_does_not(name: str) -> None:
    text = LIBRARY.joinpath(EXAMPLES[name]).read_text(encoding="utf-8")
    others(name)
    assert faults_of(name, text.encode(), EXAMPLES[name]) == ()
    old, new = BROKEN[name]
    assert old in text
    found = faults_of(name, text.replace(old, new).encode(), EXAMPLES[name])
    assert found != ()
    assert faults_of(name, (text + "\nnobody_knows: this\n").encode(), EXAMPLES[name]) != ()


MANIFEST = b"""{"release": {"id": "shop-v2", "version": "v2"}, "services": [{"name": "shop", "artifact": "a.tgz",
 "digest": "%s", "version": "v2", "owner": "maya"}], "changes": [{"id": "S-1", "title": "t", "security_impact": "no"}]}""" % (b"ab" * 32)
NOTES = b"""schema: gonogo/test-failures/1
failures:
  - {test: a, cause: code, owner: sam, plan: later, due: 2026-12-01T00:00:00Z}
"""
STAGING = b"""environment: staging
configuration: {TIMEOUT: 30}
feature_flags: {fast: true}
infrastructure: [{component: db, version: 15}]
secrets: [{name: TOKEN, fingerprint: 00112233445566778899aabbccddeeff}]
"""
LISTS = LIBRARY.joinpath("controls.yaml").read_bytes()
FILES = {
    "release-manifest": (MANIFEST, b'"digest": "ab', b'"digest": "xy', lambda data: read_release(data, "m.json")),
    "test-failures": (NOTES, b"cause: code", b"cause: moon", lambda data: read_failure_notes(data, "n.yaml")),
    "staging-env": (STAGING, b"fingerprint: 00", b"value: 00", lambda data: read_environment_file(data, "s.yaml")),
    "control-lists": (LISTS, b"standard: SOC 2", b"norm: SOC 2", lambda data: read_control_lists(data, "c.yaml")),
    "script-registry": (registry(["scripts/deploy_shop.sh"]), b'"supports_dry_run": true', b'"supports_dry_run": "yes"', None),
}
"""A whole file of each kind, what is broken in it, and its own reader, where it has one."""


@pytest.mark.req("SEC-10", "CFG-05", "REG-01")
@pytest.mark.parametrize("name", FILES)
def test_other_files_fit_their_schema_as_they_fit_their_reader_and_a_broken_one_fits_neither(name: str) -> None:
    data, old, new, read = FILES[name]
    others(name)
    assert faults_of(name, data, name) == ()
    assert old in data
    broken = data.replace(old, new)
    assert faults_of(name, broken, name) != ()
    if read is not None:
        read(data)
        with pytest.raises(BadInput):
            read(broken)


@pytest.mark.req("SEC-10")
@pytest.mark.parametrize("name", ["gate-judgement", "gate-waivers", "feedback-log"])
def test_a_schema_of_what_gonogo_writes_takes_its_least_sample_and_refuses_each_field_that_is_lost(name: str) -> None:
    schema = schema_named(name)
    body = least(schema)
    assert isinstance(body, dict)
    assert list(schema_faults(schema, body)) == []
    assert list(others(name).iter_errors(body)) == []
    for field in body:
        assert list(others(name).iter_errors({key: value for key, value in body.items() if key != field})) != []
        assert faults_of(name, json.dumps({**body, field: 7}).encode(), name) != ()


def least(schema: Tree) -> Tree:
    """As `sample`, also for constants and for lists of objects."""
    assert isinstance(schema, Mapping)
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "object":
        parts = schema["properties"]
        return {key: least(parts[key]) for key in schema["required"]}
    if schema.get("type") == "array":
        return [least(schema["items"])] if "items" in schema else []
    return sample(schema)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, True),
        ({"type": "integer"}, Decimal("1.5")),
        ({"type": ["string", "null"]}, 1),
        ({"enum": ["a", "b"]}, "c"),
        ({"const": 1}, 2),
        ({"pattern": "^a", "type": "string"}, "b"),
        ({"type": "integer", "minimum": 0}, -1),
        ({"type": "object", "properties": {"a": {"type": "boolean"}}}, {"a": 1}),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {"b": 1}),
        ({"type": "object", "patternProperties": {".+": {"type": "string"}}, "additionalProperties": False}, {"b": 1}),
        ({"type": "array", "items": {"type": "string"}}, ["a", 1]),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, 1),
        ({"type": "object", "required": ["a"]}, {}),
    ],
)
def test_our_check_and_that_of_somebody_else_refuse_the_same(schema: Schema, value: Tree) -> None:
    assert len(list(schema_faults(schema, value))) == 1
    assert not jsonschema.Draft202012Validator(plain(schema)).is_valid(json.loads(json.dumps(value, default=float)))


@pytest.mark.req("SEC-10")
def test_what_was_not_measured_is_no_wrong_kind_and_what_is_of_another_kind_is_one() -> None:
    assert wrong_kinds("staging-test-results.json", {"test_execution": {}}) == ()
    assert wrong_kinds("staging-test-results.json", {"test_execution": {"coverage": "all"}}) == (
        "/test_execution/coverage: string stands here, not number",
    )
    assert wrong_kinds("unknown.json", {"a": 1}) == ()
    assert evidence_schema("unknown.json") is None


def test_an_unknown_schema_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadInput, match="no schema `approver`") as caught:
        schema_named("approver")
    assert "did you mean `approvers`" in caught.value.next_step
    assert len(schema_names()) == len(EXAMPLES) + len(FILE_SCHEMAS) + len(SHAPES)


@pytest.mark.req("SEC-10")
def test_the_command_lists_prints_and_holds_a_file_against_a_schema(tmp_path: Path) -> None:
    assert "rehearsal-report.json" in gonogo("schema").out
    assert "approvers" in json.loads(gonogo("schema", "--json").out)["schemas"]
    assert json.loads(gonogo("schema", "project").out)["title"] == "gonogo.yaml"
    file = tmp_path / "limits.yaml"
    file.write_text("schema: gonogo/gate-limits/1\nprotocol: [a]\nlimits: {}\n")
    said = gonogo("schema", "gate-limits", "--check", file, "--json")
    assert said.code == 2
    assert "/protocol: array stands here, not string or number or boolean" in json.loads(said.out)["faults"]
    file.write_bytes(LIBRARY.joinpath("gate-limits.example.yaml").read_bytes())
    assert gonogo("schema", "gate-limits", "--check", file).code == 0
    assert gonogo("schema", "gate-limits", "--check", tmp_path / "none").code == 2
