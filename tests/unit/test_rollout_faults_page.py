"""The page about faults of rollouts names only tests that there are; and the one fault that nothing else shows: skew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gonogo.errors import BadInput
from gonogo.run.counters import Reading, Snapshot, tick_between

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/rollout-faults.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(test_[a-z0-9_]+)`", PAGE)))


def test_every_test_that_the_page_names_is_there() -> None:
    found = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(NAMED) > 20
    assert [name for name in NAMED if f"def {name}(" not in found] == []


@pytest.mark.req("SOK-05")
@pytest.mark.parametrize("later", [1000, 999])
def test_a_sample_from_the_past_is_no_tick(later: int) -> None:
    with pytest.raises(BadInput, match="the later snapshot is of"):
        tick_between(Reading("new", "old"), Snapshot(1000, ()), Snapshot(later, ()), 0, 0)
