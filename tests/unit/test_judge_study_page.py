"""The page about the judge shows what its script prints: every cell, every judge, and the same figures above the tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from judge_study import CELLS, JUDGES, Stop, guarded_row, interval, row, table  # noqa: E402

PAGE = (ROOT / "docs/judge-study.md").read_text("utf-8")
SECTIONS = dict(part.partition("\n")[::2] for part in PAGE.split("\n### ")[1:])
SHARE = re.compile(r"(\d+\.\d)% \((\d+\.\d)% to (\d+\.\d)%\)")


def rows(cell: str) -> dict[str, list[str]]:
    lines = [line.strip("| ").split("|") for line in SECTIONS[cell].splitlines() if line.startswith("| ")]
    return {parts[0].strip(): [part.strip() for part in parts[1:]] for parts in lines[1:]}


def test_every_cell_of_the_study_has_its_table_with_every_judge() -> None:
    assert list(SECTIONS) == [cell.name for cell in CELLS]
    for cell in CELLS:
        assert tuple(rows(cell.name)) == JUDGES, cell.name


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_every_share_stands_with_the_interval_that_its_number_of_releases_gives(cell: object) -> None:
    name = cell.name  # type: ignore[attr-defined]
    releases = int(SECTIONS[name].split(" releases, ")[0].split()[-1])
    for judge, (share, *_) in rows(name).items():
        found = SHARE.match(share)
        assert found, f"{name}: {judge}"
        counts = [count for count in range(releases + 1) if f"{count / releases:.1%}" == f"{found[1]}%"]
        shown = {tuple(f"{end:.1%}" for end in interval(count, releases)) for count in counts}
        assert (f"{found[2]}%", f"{found[3]}%") in shown, f"{name}: {judge}"


def test_the_page_has_the_form_that_the_script_prints() -> None:
    stops = [Stop(20, 39.0)] * 30
    printed = table(CELLS[4], [tuple(stops[:1] * len(JUDGES))] * 30)
    shown = SECTIONS[CELLS[4].name].splitlines()
    assert printed[0] == f"### {CELLS[4].name}"
    assert [line.split("|")[1:3] for line in printed[4:6]] == [line.split("|")[1:3] for line in shown[3:5]]
    assert row("gonogo", stops, good=False) == "| gonogo | 100.0% (88.6% to 100.0%) | 20 | 39 |"


@pytest.mark.req("ARB-01")
@pytest.mark.parametrize(
    ("cell", "seconds", "harm"),
    [("errors x2", 330, 70), ("errors x5", 40, 22), ("errors x20", 20, 41), ("latency +10 %", 30, 135)],
)
def test_the_page_shows_that_a_worse_version_is_stopped_as_soon_as_was_asked_for(cell: str, seconds: int, harm: int) -> None:
    _, median_s, median_harm = rows(cell)["gonogo"]
    assert int(median_s) <= seconds
    assert int(median_harm) <= harm
    assert f"{median_s} s" in PAGE.split("## The tables")[0], "the text above says the same"


@pytest.mark.req("ARB-01")
def test_the_worst_cells_stand_with_more_releases_below_half_a_percent_and_as_the_script_prints_them() -> None:
    part = PAGE.split("## More releases of the worst cells")[1].split("## The tables")[0]
    shown = re.findall(r"^\| (good[^|]*) \| (\d+) of (\d+) \|.*$", part, re.MULTILINE)
    assert len(shown) == 2
    for name, aborted, releases in shown:
        cell = next(cell for cell in CELLS if cell.name == name.strip())
        assert guarded_row(cell, int(aborted), int(releases)) in part
        assert int(aborted) / int(releases) <= 0.005


@pytest.mark.req("ARB-01")
def test_the_page_shows_that_good_releases_are_seldom_aborted_with_all_guards_on() -> None:
    for cell in CELLS:
        if cell.good and cell.rate == 50.0:
            share = rows(cell.name)["gonogo, warm-up 120 s"][0]
            assert float(share.split("%")[0]) <= 0.5, cell.name
    assert float(rows("errors x2, 5 req/s")["gonogo"][0].split("%")[0]) >= 59.0
