"""What a project file may say of settings, duties, lists and limits, and what a bare number means."""

from __future__ import annotations

from datetime import timedelta
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.measure.rollback import read_rto
from gonogo.plan.bindings import ProjectReading, read_project
from gonogo.plan.limits import recovery_limit, seconds_of, time_limit

EXAMPLE = resources.files("gonogo.library").joinpath("gonogo.example.yaml").read_text(encoding="utf-8")


def changed(old: str, new: str) -> ProjectReading:
    assert old in EXAMPLE
    return read_project(EXAMPLE.replace(old, new, 1).encode(), "gonogo.yaml")


def errors(reading: ProjectReading) -> list[str]:
    return [str(finding.message) for finding in reading.findings]


@pytest.mark.req("PAR-01")
def test_settings_are_read_by_class_and_a_plain_list_is_configuration() -> None:
    example = changed("project: shop", "project: shop").project
    sources = example.environments["staging"].settings_by_class
    assert {name: tuple(source.path for source in found) for name, found in sources.items()} == {
        "configuration": ("config/staging-env.yaml",),
        "secrets": ("config/staging-secrets.env",),
        "infrastructure": ("config/staging-hosts.yaml", ""),
        "feature_flags": ("config/staging-flags.json",),
        "environment": ("config/staging-description.yaml",),
    }
    assert len(example.environments["staging"].settings) == 5
    plain = read_project(b"environments:\n  staging:\n    url: http://x\n    settings: [a.env, b.env]\n", "gonogo.yaml")
    found = plain.project.environments["staging"].settings_by_class
    assert [(source.path, source.form) for source in found["configuration"]] == [("a.env", "env"), ("b.env", "env")]


@pytest.mark.req("CFG-11")
def test_a_class_of_settings_that_is_unknown_is_named_with_the_nearest_known_one() -> None:
    said = errors(changed("      secrets: [config/staging-secrets.env]", "      secretes: [config/staging-secrets.env]"))
    assert any("unknown key `environments.staging.settings.secretes`; did you mean `secrets`?" in text for text in said)


@pytest.mark.req("OPS-02")
def test_a_duty_without_zone_is_refused_with_an_example() -> None:
    said = errors(changed("from: 2026-11-30T08:00:00Z", "from: 2026-11-30T08:00:00"))
    assert any("operations.on_call[0].from" in text and "moment with its zone" in text for text in said)


@pytest.mark.parametrize("key", ["alerts", "incidents"])
def test_a_list_command_that_is_not_bound_is_named(key: str) -> None:
    said = errors(changed(f"{key}: list-{key}", f"{key}: list-nothing"))
    assert f"`{key}` names the command `list-nothing`, which `commands` does not bind" in said


@pytest.mark.req("RBK-04")
@pytest.mark.parametrize(
    ("text", "seconds"), [("10", 600), ("10m", 600), ("600s", 600), ("PT10M", 600), ("1.5", 90), ("1h", 3600)]
)
def test_a_bare_number_is_minutes_and_units_are_kept(text: str, seconds: int) -> None:
    assert recovery_limit(changed("rto: 10m", f"rto: {text}").project) == timedelta(seconds=seconds)
    assert time_limit(text) == read_rto(text)


@pytest.mark.req("RBK-04")
@pytest.mark.parametrize("text", ["0", "0s", "", "soon", "-1", "1e3", "nan", "10 parsecs", "١٠"])
def test_no_time_and_no_number_is_no_limit(text: str) -> None:
    assert time_limit(text) is None


@given(minutes=st.integers(min_value=1, max_value=10**5))
@settings(max_examples=30)
def test_minutes_and_their_seconds_are_the_same_limit(minutes: int) -> None:
    assert time_limit(str(minutes)) == time_limit(f"{minutes * 60}s") == time_limit(f"{minutes}m")
    assert seconds_of(timedelta(minutes=minutes)) == minutes * 60
