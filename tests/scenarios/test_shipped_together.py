"""Several services in one release: installed in their declared order, one decision, judged together, taken back in reverse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.run.machine import Parked
from tests.projects import Project, small_project
from tests.worlds_http import Place, place

SMALL = "deployment-automation"
NAMES = ("db", "api", "shop")

DEPLOY = """#!/usr/bin/env bash
set -euo pipefail
echo "deploy $1 $2 $3 $GONOGO_FENCE" >> "$RECORD"
test "$GONOGO_SERVICE" = "$3"
echo "$GONOGO_ARTIFACT_DIGEST  $GONOGO_ARTIFACT" | sha256sum -c --quiet
[ -e "$PLACES/$1-$3/broken" ] && exit 3
printf %s "$2" > "$PLACES/$1-$3/slots/$GONOGO_SLOT"
"""
ROLLBACK = """#!/usr/bin/env bash
set -euo pipefail
echo "rollback $1 $2 $3 $GONOGO_FENCE" >> "$RECORD"
rm -f "$PLACES/$1-$3/slots/$GONOGO_SLOT"
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Three services, each at addresses of its own; the front and the traffic are those of the shop."""
    world = tmp_path / "world"
    with ExitStack() as stack:
        places = {
            (kind, name): stack.enter_context(place(world / f"{kind}-{name}"))
            for kind in ("staging", "production")
            for name in NAMES
        }
        shared(places)
        root = tmp_path / "project"
        found = small_project(root, places["staging", "shop"], places["production", "shop"])
        text = (root / "gonogo.yaml").read_text()
        for kind in ("staging", "production"):
            front = places[kind, "shop"]
            slots = f'slots: {{blue: "{front.url("blue")}", green: "{front.url("green")}"}}'
            services = ", ".join(
                f'{name}: {{blue: "{places[kind, name].url("blue")}", green: "{places[kind, name].url("green")}"}}'
                for name in NAMES
            )
            text = text.replace(slots, f"{slots}\n    services: {{{services}}}")
        text = re.sub(r'(_shop\.sh, "\{environment\}", "\{release\}")', r'\1, "{service}"', text)
        text = text.replace("secrets: [RECORD]", "secrets: [RECORD, PLACES]")
        text = text.replace("project: shop\n", f"project: shop\nservices: [{', '.join(NAMES)}]\n", 1)
        (root / "gonogo.yaml").write_text(text)
        (root / "scripts/deploy_shop.sh").write_text(DEPLOY)
        (root / "scripts/rollback_shop.sh").write_text(ROLLBACK)
        three(root, NAMES)
        environ = {"PLACES": str(world)}
        yield Project(root, found.keys, found.record, found.staging, found.production, environ)


def shared(places: dict[tuple[str, str], Place]) -> None:
    """All services of an environment get the traffic that its front says."""
    for (kind, name), found in places.items():
        if name != "shop":
            (found.root / "weights.json").unlink()
            (found.root / "weights.json").symlink_to(places[kind, "shop"].root / "weights.json")


def three(root: Path, names: tuple[str, ...]) -> None:
    path = root / "releases/v2/release-manifest.json"
    manifest = json.loads(path.read_text())
    pattern = manifest["services"][0]
    manifest["services"] = []
    for name in names:
        artifact = root / f"releases/v2/{name}.txt"
        artifact.write_text(f"the program {name}\n")
        digest = sha256(artifact.read_bytes()).hexdigest()
        manifest["services"].append({**pattern, "name": name, "artifact": f"releases/v2/{name}.txt", "digest": digest})
    path.write_text(json.dumps(manifest))


def done(project: Project, kind: str) -> list[str]:
    lines = [line.split() for line in project.executions()]
    return [f"{words[0]} {words[3]}" for words in lines if words[1] == kind]


def versions(project: Project, slot: str) -> dict[str, str]:
    world = project.production.root.parent
    paths = {name: world / f"production-{name}" / "slots" / slot for name in NAMES}
    return {name: path.read_text() if path.exists() else "" for name, path in paths.items()}


@pytest.mark.req("ROL-01")
def test_services_are_installed_in_the_declared_order_by_one_approval_and_switched_together(project: Project) -> None:
    run = project.release(SMALL)
    state = project.state(run)
    assert state.outcome == "released", project.view(run).halt
    assert done(project, "staging") == [f"deploy {name}" for name in NAMES]
    assert done(project, "production") == [f"deploy {name}" for name in NAMES]
    assert versions(project, "green") == dict.fromkeys(NAMES, "v2")
    assert [known.used_by.rpartition("#")[2] for known in state.rounds.values() if known.point == "production"] == [
        "install-db/1"
    ]


@pytest.mark.slow
@pytest.mark.req("ARB-01", "ARB-07")
def test_a_service_that_cannot_be_installed_takes_back_those_before_it_in_reverse_and_no_other(project: Project) -> None:
    (project.production.root.parent / "production-api" / "broken").touch()
    run = project.release(SMALL)
    state = project.state(run)
    assert (state.outcome, state.rollback.trigger) == ("rolled_back", "task"), project.view(run).halt
    assert done(project, "production") == ["deploy db", "deploy api", "rollback api", "rollback db"]
    assert versions(project, "blue") == dict.fromkeys(NAMES, "v1")
    assert versions(project, "green") == dict.fromkeys(NAMES, "")


@pytest.mark.req("ARB-01")
def test_one_bad_service_is_seen_by_the_judge_over_all_and_the_whole_group_goes_back_in_reverse(project: Project) -> None:
    (project.production.root.parent / "production-api" / "faults.json").write_text(json.dumps({"v2": 0.5}))
    run = project.release(SMALL)
    state = project.state(run)
    assert (state.outcome, state.rollback.trigger) == ("rolled_back", "judge"), project.view(run).halt
    assert done(project, "production")[3:] == [f"rollback {name}" for name in reversed(NAMES)]
    assert project.production.weights() == {"blue": 100, "green": 0}


@pytest.mark.req("CFG-11")
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("services: [db, api, shop]", "services: [db, api]", "the release ships api, db, shop, and `services` names"),
        ("services: [db, api, shop]", "services: [db, api, shop, mail]", "one address per slot of every service: mail"),
        (', "{service}"]', "]", "is run once for each service, and {service} is missing"),
    ],
)
def test_what_is_released_is_what_is_declared(project: Project, old: str, new: str, words: str) -> None:
    project.edit("gonogo.yaml", old, new)
    found = compile_for(open_workspace(project.root), SMALL, "v2")
    assert found.plan is None
    assert any(words in finding.message for finding in found.findings), [str(item) for item in found.findings]


@pytest.mark.slow
@pytest.mark.req("RBK-01", "RBK-04")
def test_the_rehearsal_proves_the_way_back_of_every_service(project: Project) -> None:
    run = project.release("pre-deployment")
    assert project.state(run).outcome == "ready", project.view(run).halt
    assert done(project, "staging") == [
        *(f"deploy {name}" for name in NAMES),
        *(f"rollback {name}" for name in reversed(NAMES)),
        *(f"deploy {name}" for name in NAMES),
    ]
    assert not isinstance(project.go_on(run), Parked)
