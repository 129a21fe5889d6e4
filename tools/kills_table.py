"""The table of a long run of random kills, from the lines that it left: `python tools/kills_table.py TALLY...`.

`make test-crash N=...` prints it at its end; docs/durability.md holds the latest. A line that names no database is of a
run from before there was a choice: SQLite.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

SCENES = {
    "good/0": "a release, from its approval to its end",
    "spoiled": "the same with a bad version: rollout, trigger, rollback",
    "bad/0": "the rollback of that release alone",
}
DATABASES = ("SQLite", "PostgreSQL", "PostgreSQL, whole workers")
COUNTED = ("kills", "asked", "effects", "doubled", "events")


def main(tallies: Sequence[Path]) -> int:
    """Print one row for each scene on each database; 1 where nothing is to tell, or something took effect twice."""
    found: dict[tuple[str, str], list[dict[str, int]]] = defaultdict(list)
    for line in (line for tally in tallies for line in tally.read_text(encoding="utf-8").splitlines()):
        told = json.loads(line)
        found[told.get("database", DATABASES[0]), told["scene"]].append(told)
    if not found:
        print(f"{', '.join(map(str, tallies))}: empty, no scene was played to its end", file=sys.stderr)
        return 1
    print("| database | scene | runs | kills | stopped and asked | effects, doubled | events |")
    print("|---|---|---|---|---|---|---|")
    for database in DATABASES:
        for scene, words in SCENES.items():
            if (database, scene) in found:
                _print_row(f"{database} | {words}", found[database, scene])
    everything = [told for each in found.values() for told in each]
    _print_row("all |", everything)
    return 1 if _sum(everything, "doubled") else 0


def _print_row(head: str, told: Sequence[dict[str, int]]) -> None:
    kills, asked, effects, doubled, events = (_sum(told, name) for name in COUNTED)
    print(f"| {head} | {len(told):,} | {kills:,} | {asked:,} | {effects:,}, **{doubled}** | {events:,} |")


def _sum(told: Sequence[dict[str, int]], name: str) -> int:
    return sum(each[name] for each in told)


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
