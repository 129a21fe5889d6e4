"""The manifest of requirements against the markers of the tests, both directions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.requirements import AREAS, FROM_DESIGN

TESTS = Path(__file__).resolve().parents[1]
OPEN = TESTS / "open_requirements.txt"


def known() -> set[str]:
    return {word.rstrip("?") for ids in AREAS.values() for word in ids.split()}


def marked() -> dict[str, set[str]]:
    """Every id that a test bears, with the files that bear it."""
    found: dict[str, set[str]] = {}
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req":
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found.setdefault(argument.value, set()).add(path.name)
    return found


def still_open() -> set[str]:
    return set(OPEN.read_text(encoding="utf-8").split())


def test_every_marker_names_a_requirement_or_a_rule() -> None:
    rule = re.compile(r"C\d{1,2}|F\d{1,2}|A\d{1,2}|t\d{2}_\w+|GN\d{4}|V\d|L\d|R\d|P\d|T\d{1,2}|TL\d{2}|III\.\d|TST-0\d")
    wrong = {name: sorted(files) for name, files in marked().items() if name not in known() and name not in FROM_DESIGN.split() and not rule.fullmatch(name)}
    assert wrong == {}


def test_every_requirement_is_shown_by_a_test_or_listed_as_open() -> None:
    shown = set(marked()) & known()
    assert sorted(known() - shown - still_open()) == [], "neither shown nor listed as open"
    assert sorted(shown & still_open()) == [], "shown now: take it off the list (tools/open_requirements.py)"
    assert sorted(still_open() - known()) == [], "unknown ids on the list"
