"""The table of a long run of random kills, from the lines that it left: `python tools/kills_table.py TALLY`.

`make test-crash N=...` prints it at its end; docs/durability.md holds the latest.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

SCENES = {
    "good/0": "a release, from its approval to its end",
    "spoiled": "the same with a bad version: rollout, trigger, rollback",
    "bad/0": "the rollback of that release alone",
}


def main(tally: Path) -> int:
    """Print one row for each scene; 1 where there is nothing to tell, or something took effect twice."""
    found: dict[str, list[dict[str, int]]] = defaultdict(list)
    for line in tally.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        found[told["scene"]].append(told)
    if not found:
        print(f"{tally} is empty: no scene was played to its end", file=sys.stderr)
        return 1
    print("| scene | runs | kills | stopped and asked | effects, doubled | events |")
    print("|---|---|---|---|---|---|")
    doubled = 0
    for scene in [*SCENES, ""]:
        told = found[scene] if scene else [each for each_scene in SCENES for each in found[each_scene]]
        total = {name: sum(each[name] for each in told) for name in ("kills", "asked", "effects", "doubled", "events")}
        words = SCENES.get(scene, "all")
        doubled = total["doubled"]
        print(
            f"| {words} | {len(told):,} | {total['kills']:,} | {total['asked']:,} "
            f"| {total['effects']:,}, **{doubled}** | {total['events']:,} |"
        )
    return 1 if doubled else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
