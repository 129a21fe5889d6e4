"""The expected findings of every document of the cases, word for word: what people read when something is wrong."""

from __future__ import annotations

import contextlib

import pytest
from command_line import gonogo, same_as

from tests.document_cases import CASES

NAMES = sorted(path.name for path in CASES.iterdir() if path.suffix in {".md", ".yaml"})


@pytest.mark.req("DOC-16", "DOC-24", "DOC-25", "DOC-26")
@pytest.mark.parametrize("name", NAMES)
def test_the_findings_are_those_that_were_reviewed(name: str) -> None:
    with contextlib.chdir(CASES):
        said = gonogo("lint", "--coverage", name)
    assert said.code == (2 if "error[" in said.out else 0)
    same_as(f"lint/{name}", said.out)
