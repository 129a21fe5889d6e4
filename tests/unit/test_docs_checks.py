"""The page on checks: each block is read as the part of a project that it is, each command runs."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
import yaml
from command_line import gonogo

from gonogo.findings import Level
from gonogo.measure.failure_notes import read_failure_notes
from gonogo.measure.scanner_reports import SCAN_READERS
from gonogo.measure.test_forms import COVERAGE_READERS, TEST_READERS
from gonogo.plan.bindings import read_project

PAGE = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
BLOCKS = [(found[1].strip(), found[2]) for found in re.finditer(r"```(yaml[^\n]*|sh)\n(.*?)```", PAGE, re.DOTALL)]
PARTS = [text for kind, text in BLOCKS if kind == "yaml"]
EXAMPLE = resources.files("gonogo.library").joinpath("gonogo.example.yaml").read_text(encoding="utf-8")


def faults(project: dict[str, object]) -> set[str]:
    text = yaml.safe_dump(project, sort_keys=False)
    return {item.message for item in read_project(text.encode(), "gonogo.yaml").findings if item.level is Level.ERROR}


@pytest.mark.parametrize("part", PARTS, ids=range(len(PARTS)))
def test_each_block_is_read_as_part_of_a_project_without_a_finding(part: str) -> None:
    whole, added = yaml.safe_load(EXAMPLE), yaml.safe_load(part)
    commands = {**whole["commands"], **added.get("commands", {})}
    assert faults({**whole, **added, "commands": commands}) - faults(whole) == set()


def test_the_block_of_known_failures_is_one() -> None:
    (text,) = [text for kind, text in BLOCKS if kind == "yaml test-failures"]
    assert list(read_failure_notes(text.encode(), "config/test-failures.yaml")) == ["tests.smoke.test_shop::test_banner"]


def test_the_commands_of_the_page_run() -> None:
    (text,) = [text for kind, text in BLOCKS if kind == "sh"]
    for line in text.splitlines():
        assert gonogo(*line.split()[1:]).code == 0


def test_the_page_names_every_format_that_is_understood() -> None:
    missing = [form for form in (*SCAN_READERS, *TEST_READERS, *COVERAGE_READERS) if f"{form}" not in PAGE]
    assert missing == []
