"""Limits of gates beside the document: as strict or stricter, never weaker, never forgotten."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.control.compiled import compile_with
from gonogo.control.sources import open_workspace
from gonogo.errors import BadInput
from gonogo.plan.compiling import Compilation, compile_plan
from gonogo.plan.sources import Source, Sources
from gonogo.plan.gate_limits import asked_for, file_names, read_gate_limits
from gonogo.plan.model import Plan

LIBRARY = resources.files("gonogo.library")
MANIFEST = b"""{"release": {"id": "shop-v2", "version": "2.0.0"}, "services": [{"name": "web", "artifact": "web.tar",
"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "version": "2.0.0", "owner": "sam",
"rollback": "scripts/rollback_web.sh"}], "changes": [{"id": "c1", "title": "search", "security_impact": "no"}]}"""
LIMITS = {
    "completeness": "100%",
    "drift_severity": "low",
    "deployment_success": "100%",
    "coverage": "0.90",
    "rto": "10m",
    "severity": "medium",
    "manifest_completeness": "95%",
    "approval_coverage": "100%",
}


def limits_file(**changed: str | None) -> bytes:
    """A whole file of gate limits, with some of them changed or (None) left out."""
    stated = {**LIMITS, **changed}
    lines = [f"  {name}: {value}" for name, value in stated.items() if value is not None]
    head = "schema: gonogo/gate-limits/1\nprotocol: pre-deployment\naliases: ['14']\nsigned_by: remy\nlimits:\n"
    return (head + "\n".join(lines) + "\n").encode()


@cache
def compiled(limits: bytes | None) -> Compilation:
    """Pre-deployment with the example project and these limits."""

    def stored(name: str) -> Source:
        return Source(name, LIBRARY.joinpath(name).read_bytes())

    return compile_plan(
        Sources(
            document=stored("pre-deployment.md"),
            sidecar=stored("pre-deployment.gonogo.yaml"),
            project=stored("gonogo.example.yaml"),
            manifest=Source("release-manifest.json", MANIFEST),
            approvers=stored("release-approvers.example.yaml"),
            scripts={},
            gate_limits=None if limits is None else Source("config/protocol_gates/14.yaml", limits),
        )
    )


def plan_of(limits: bytes | None) -> Plan:
    """The plan; there has to be one."""
    found = compiled(limits)
    assert found.plan is not None, [str(each) for each in found.findings]
    return found.plan


def limit(plan: Plan, metric: str) -> tuple[str, str]:
    """The limit of a metric, and who set it."""
    clauses = (clause for rule in plan.gates.values() for clause in rule.clauses if clause.metric.lower() == metric)
    clause = next(clauses)
    return str(clause.limit.value), clause.limit_from


@pytest.mark.req("CFG-01", "F40")
def test_limits_as_strict_as_the_document_change_no_gate() -> None:
    assert plan_of(limits_file()).gates == plan_of(None).gates


@pytest.mark.req("CFG-01", "CFG-02")
def test_a_stricter_limit_counts_and_says_where_it_stands() -> None:
    value, source = limit(plan_of(limits_file(coverage="0.95")), "coverage")
    assert (value, source) == ("0.95", "config/protocol_gates/14.yaml:9")
    assert plan_of(limits_file(coverage="0.95")).digest != plan_of(limits_file()).digest


@pytest.mark.req("CFG-02")
@pytest.mark.parametrize(
    "weaker", [{"coverage": "0.80"}, {"drift_severity": "high"}, {"rto": "20m"}, {"approval_coverage": "99%"}]
)
def test_a_limit_weaker_than_the_document_is_refused_at_its_line(weaker: dict[str, str]) -> None:
    found = compiled(limits_file(**weaker))
    assert found.plan is None
    (finding,) = [each for each in found.findings if each.code == "GN1011"]
    assert next(iter(weaker)) in finding.message
    assert finding.primary.file == "config/protocol_gates/14.yaml"
    assert finding.primary.line > 5


@pytest.mark.req("CFG-01")
@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_needed_limit_that_is_missing_is_an_error(name: str) -> None:
    found = compiled(limits_file(**{name: None}))
    assert found.plan is None
    assert any(f"`limits.{name}` is missing" in each.message for each in found.findings)


@pytest.mark.req("CFG-01")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (limits_file(coverage="lots"), "is `lots`, which is no ratio"),
        (limits_file(coverage="NaN"), "which is no ratio"),
        (limits_file(luck="0.9"), "`limits.luck` bounds nothing"),
        (limits_file().replace(b"protocol: pre-deployment", b"protocol: lamp-change"), "these limits are for"),
        (limits_file() + b"gates:\n  - id: no-such-gate\n    limits: {coverage: 0.95}\n", "which is no gate"),
        (limits_file() + b"bypass: true\n", "unknown key `bypass`"),
        (b"schema: other\n", "must be one of gonogo/gate-limits/1"),
        (b"- 1\n", "must be a mapping"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_file_of_limits_that_cannot_be_used_is_an_error(data: bytes, words: str) -> None:
    found = compiled(data)
    assert found.plan is None
    assert any(words in each.message for each in found.findings), [each.message for each in found.findings]


@pytest.mark.req("CFG-01")
def test_a_limit_of_one_gate_leaves_the_others_alone() -> None:
    only = b"gates:\n  - id: deployment-rehearsal-gate\n    limits: {coverage: 0.99}\n"
    assert limit(plan_of(limits_file() + only), "coverage")[0] == "0.99"


@given(st.decimals(0, 1, places=3))
@settings(max_examples=12, deadline=None)
@pytest.mark.req("CFG-02")
def test_whatever_limit_is_configured_no_gate_judges_by_less_than_the_document(value: object) -> None:
    plan = compiled(limits_file(coverage=f"{value}")).plan
    assert plan is None or float(limit(plan, "coverage")[0]) >= 0.9


@pytest.mark.req("CFG-03")
def test_a_weaker_limit_on_a_command_line_judges_with_the_configured_one_and_says_so() -> None:
    rule = plan_of(limits_file()).gates["deployment-rehearsal-gate"]
    asked = asked_for(rule, {"coverage": "0.50"})
    assert asked.rule == rule
    clause = next(each for each in rule.clauses if each.metric.lower() == "coverage")
    said = f"--coverage 0.50 is weaker and does not count; the gate judges with `{clause.text}` ({clause.limit_from})"
    assert asked.said == (said,)


@pytest.mark.req("CFG-03")
def test_a_stricter_limit_on_a_command_line_counts() -> None:
    rule = plan_of(limits_file()).gates["deployment-rehearsal-gate"]
    asked = asked_for(rule, {"coverage": "0.97"})
    clause = next(each for each in asked.rule.clauses if each.metric.lower() == "coverage")
    assert (str(clause.limit.value), clause.limit_from) == ("0.97", "command line")
    assert asked.said == ("--coverage 0.97 counts: it is as strict",)


@pytest.mark.req("CFG-03")
@pytest.mark.parametrize("wish", [{"coverage": "NaN"}, {"coverage": "-1"}, {"luck": "1"}, {"rto": "2h"}])
def test_nothing_on_a_command_line_makes_a_gate_weaker(wish: dict[str, str]) -> None:
    for rule in plan_of(limits_file()).gates.values():
        asked = asked_for(rule, wish)
        assert asked.rule == rule
        assert asked.said


@pytest.mark.req("CFG-01")
def test_the_file_is_found_by_slug_or_number_and_two_of_them_are_refused(tmp_path: Path) -> None:
    assert file_names("pre-deployment", "pre", ("6", "14")) == tuple(
        f"config/protocol_gates/{stem}.yaml" for stem in ("pre-deployment", "pre", "6", "06", "14")
    )
    for name, stored in {
        "gonogo.yaml": "gonogo.example.yaml",
        "config/release-approvers.yaml": "release-approvers.example.yaml",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        text = LIBRARY.joinpath(stored).read_text().replace("protocols/pre-deployment.md", "builtin")
        path.write_text(text)
    gates = tmp_path / "config/protocol_gates"
    gates.mkdir()
    (gates / "14.yaml").write_bytes(limits_file(coverage="0.80"))
    workspace = open_workspace(tmp_path)
    manifest = Source("release-manifest.json", MANIFEST)
    assert "GN1011" in {each.code for each in compile_with(workspace, "pre-deployment", manifest).findings}
    (gates / "pre-deployment.yaml").write_bytes(limits_file())
    with pytest.raises(BadInput, match="hold limits of the same protocol"):
        compile_with(workspace, "pre-deployment", manifest)


def test_a_reading_keeps_every_limit_with_its_place() -> None:
    found = read_gate_limits(limits_file(), "14.yaml").limits
    assert [each.name for each in found.limits] == list(LIMITS)
    assert replace(found.limits[0], name="x").origin.line == 6
