"""A project that is rolled out host by host: real HTTP hosts, its own scripts with `{host}`, with or without a proxy.

Files named after hosts tell the scripts how to fail: `hang`, `dies`, `stuck`. Those that have to `meet` (in a
deployment) or to `part` (on the way back) succeed only while all the others of that folder are at work, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.projects import Project, small_project
from tests.worlds_http import Place, place

HOSTS = ("web1", "web2", "web3")
STAGED = ("stage1",)

DEPLOY = """#!/usr/bin/env bash
set -euo pipefail
echo "$GONOGO_PURPOSE $1 $2 $3 $GONOGO_FENCE" >> "$RECORD"
root=$PLACES/$1
[ -e "$root/hang/$3" ] && sleep 60
if [ -e "$root/meet/$3" ]; then
  touch "$root/met/$3"
  for _ in $(seq 300); do [ "$(ls "$root/met")" = "$(ls "$root/meet")" ] && break; sleep 0.05; done
  [ "$(ls "$root/met")" = "$(ls "$root/meet")" ] || { echo "$3 is alone" >&2; exit 1; }
fi
[ -e "$root/dies/$3" ] && { printf %s "$2" > "$root/slots/$3"; touch "$root/dead/$3"; echo "connection lost" >&2; exit 255; }
[ -e "$root/dead/$3" ] && { echo "$3: no route to host" >&2; exit 255; }
printf %s "$2" > "$root/slots/$3"
"""

ROLLBACK = """#!/usr/bin/env bash
set -euo pipefail
echo "$GONOGO_PURPOSE $1 $2 $3 $GONOGO_FENCE" >> "$RECORD"
root=$PLACES/$1
if [ -e "$root/part/$3" ]; then
  touch "$root/parted/$3"
  for _ in $(seq 300); do [ "$(ls "$root/parted")" = "$(ls "$root/part")" ] && break; sleep 0.05; done
  [ "$(ls "$root/parted")" = "$(ls "$root/part")" ] || { echo "$3 is alone" >&2; exit 1; }
fi
[ -e "$root/dead/$3" ] && { echo "$3: no route to host" >&2; exit 255; }
[ -e "$root/stuck/$3" ] && { echo "$3: cannot be rolled back" >&2; exit 1; }
printf v1 > "$root/slots/$3"
"""


def _addresses(found: Place) -> str:
    return ", ".join(f'{name}: "{found.url(name)}"' for name in found.names)


class _Slotted(Place):
    """A place as the small project wants it: with two slots, which are replaced before anybody asks for them."""

    def __init__(self, found: Place) -> None:
        self.root = found.root
        self._found = found

    def url(self, name: str) -> str:
        return f"http://{name}" if name in {"blue", "green"} else self._found.url(name)


def hosted_project(root: Path, staging: Place, production: Place, *, routed: bool, batch: str = "1") -> Project:
    """The small project, turned to hosts."""
    for name in ("hang", "dies", "stuck", "meet", "met", "part", "parted"):
        (production.root / name).mkdir(exist_ok=True)
        (staging.root / name).mkdir(exist_ok=True)
    project = small_project(root, _Slotted(staging), _Slotted(production))
    text = (root / "gonogo.yaml").read_text()
    for found in (staging, production):
        text = re.sub(r"slots: \{[^}]*\}", f"hosts: {{{_addresses(found)}}}", text, count=1)
    lines = text.splitlines(keepends=True)
    if not routed:
        lines = [line for line in lines if not line.lstrip().startswith(("target:", "kind: commands", "observe:", "traffic:", "drain:"))]
    text = "".join(lines)
    text = text.replace('deploy_shop.sh, "{environment}", "{release}"]', 'deploy_shop.sh, "{environment}", "{release}", "{host}"]')
    text = text.replace(
        'rollback_shop.sh, "{environment}", "{release}"]', 'rollback_shop.sh, "{environment}", "{release}", "{host}"]'
    )
    text = text.replace("secrets: [RECORD]", "secrets: [RECORD, PLACES]")
    text = text.replace("steps: [5, 50, 100], hold: 600ms", f"strategy: rolling, batch: {batch}, hold: 400ms")
    (root / "gonogo.yaml").write_text(text)
    (root / "scripts/deploy_shop.sh").write_text(DEPLOY)
    (root / "scripts/rollback_shop.sh").write_text(ROLLBACK)
    places = {"PLACES": str(production.root.parent)}
    return Project(root, project.keys, project.record, staging, production, places)


@contextmanager
def hosts_at(root: Path, *, routed: bool = False, hosts: tuple[str, ...] = HOSTS, batch: str = "1") -> Iterator[Project]:
    """A project with hosts that answer on loopback until the block ends."""
    world = root / "world"
    with place(world / "staging", STAGED) as staging, place(world / "production", hosts) as production:
        yield hosted_project(root / "project", staging, production, routed=routed, batch=batch)
