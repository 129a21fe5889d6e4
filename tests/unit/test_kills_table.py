"""The table of a long run of random kills: a row for each scene on each database, and what is no proof is no success."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "kills_table.py"
PLAYED = {"scene": "good/0", "kills": 1200, "asked": 3, "effects": 4, "doubled": 0, "events": 160}


def printed(tally: Path, *lines: dict[str, object]) -> tuple[int, list[str]]:
    tally.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = subprocess.run([sys.executable, "-S", str(TOOL), str(tally)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_every_scene_on_every_database_has_its_row_and_a_line_that_names_none_is_of_sqlite(tmp_path: Path) -> None:
    shared = {**PLAYED, "database": "PostgreSQL", "scene": "bad/0", "kills": 7}
    code, said = printed(tmp_path / "kills.jsonl", PLAYED, shared, {**PLAYED, "database": "SQLite"})
    assert code == 0
    assert said[2:] == [
        "| SQLite | a release, from its approval to its end | 2 | 2,400 | 6 | 8, **0** | 320 |",
        "| PostgreSQL | the rollback of that release alone | 1 | 7 | 3 | 4, **0** | 160 |",
        "| all | | 3 | 2,407 | 9 | 12, **0** | 480 |",
    ]


def test_an_effect_that_was_had_twice_or_no_scene_at_all_is_a_failure(tmp_path: Path) -> None:
    assert printed(tmp_path / "doubled.jsonl", PLAYED, {**PLAYED, "doubled": 1})[0] == 1
    assert printed(tmp_path / "empty.jsonl") == (1, [])
