"""Several services in one release, each on hosts of its own: one after the other, batch by batch, and all of them back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_shipped_together import three

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.reports.planned import planned
from gonogo.terms import RunId
from tests.hosts_world import hosted_project
from tests.projects import Project
from tests.worlds_http import place

SMALL = "deployment-automation"
HOSTS = {"api": ("api1",), "shop": ("shop1", "shop2"), "db": ("db1", "db2")}
STAGED = {"api": ("sapi",), "shop": ("sshop",), "db": ("sdb",)}
CHECKED = """echo "$GONOGO_PURPOSE $1 $2 $3 $GONOGO_FENCE" >> "$RECORD"
test "$GONOGO_SERVICE" = "$4"
echo "$GONOGO_ARTIFACT_DIGEST  $GONOGO_ARTIFACT" | sha256sum -c --quiet
"""


def named(hosts: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(host for names in hosts.values() for host in names)


def written(hosts: dict[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{name}: [{', '.join(names)}]" for name, names in hosts.items())


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Three services on five hosts, without a proxy of gonogo's."""
    world, root = tmp_path / "world", tmp_path / "project"
    with place(world / "staging", named(STAGED)) as staging, place(world / "production", named(HOSTS)) as production:
        found = hosted_project(root, staging, production, routed=False)
        text = (root / "gonogo.yaml").read_text()
        before, mark, after = text.partition("  production:\n")
        before = re.sub(r"(    hosts: .*\n)", rf"\1    hosts_of: {{{written(STAGED)}}}\n", before, count=1)
        after = re.sub(r"(    hosts: .*\n)", rf"\1    hosts_of: {{{written(HOSTS)}}}\n", after, count=1)
        text = (before + mark + after).replace("project: shop\n", f"project: shop\nservices: [{', '.join(HOSTS)}]\n", 1)
        (root / "gonogo.yaml").write_text(text.replace('"{host}"]', '"{host}", "{service}"]'))
        found.edit("scripts/deploy_shop.sh", 'echo "$GONOGO_PURPOSE $1 $2 $3 $GONOGO_FENCE" >> "$RECORD"\n', CHECKED)
        three(root, tuple(HOSTS))
        yield found


def done(project: Project) -> list[str]:
    """`purpose host` of what the scripts did in production, in order."""
    lines = [line.split() for line in project.executions()]
    return [f"{words[0]} {words[3]}" for words in lines if words[1] == "production"]


def versions(project: Project) -> set[str]:
    return {project.production.version(host) for host in project.production.names}


def approvals_used(project: Project, run: RunId) -> list[str]:
    rounds = project.state(run).rounds.values()
    return [known.used_by.rpartition("#")[2] for known in rounds if known.point == "production"]


@pytest.mark.req("ROL-01")
def test_services_on_hosts_are_replaced_in_the_declared_order_batch_by_batch_under_one_approval(project: Project) -> None:
    run = project.release(SMALL)
    assert project.state(run).outcome == "released", project.view(run).halt
    assert done(project) == [f"deploy {host}" for host in named(HOSTS)]
    assert versions(project) == {"v2"}
    assert approvals_used(project, run) == ["install-api1/1"]


@pytest.mark.slow
@pytest.mark.req("ARB-01", "ARB-07", "ROL-01")
def test_a_bad_service_is_seen_beside_its_own_old_hosts_and_the_whole_group_goes_back_in_reverse(project: Project) -> None:
    """Half of the requests of the one new host fail; it is held as long as the judge wants to see it."""
    (project.production.root / "faults.json").write_text(json.dumps({"shop1 v2": 0.5}))
    project.edit("gonogo.yaml", "hold: 400ms, tick: 100ms", "hold: 15s, tick: 200ms")
    run = project.release(SMALL)
    state = project.state(run)
    assert (state.outcome, state.rollback.trigger, state.rollback.cause) == ("rolled_back", "judge", "judge_abort")
    replaced = ["api1", "shop1"]
    assert done(project) == [f"deploy {host}" for host in replaced] + [f"rollback {host}" for host in reversed(replaced)]
    assert versions(project) == {"v1"}
    assert approvals_used(project, run) == ["install-api1/1"]


@pytest.mark.slow
@pytest.mark.req("ARB-01", "ARB-07")
def test_a_service_that_cannot_be_installed_takes_back_those_before_it_and_no_other(project: Project) -> None:
    project.edit("scripts/deploy_shop.sh", 'test "$GONOGO_SERVICE" = "$4"\n', 'test "$GONOGO_SERVICE" = "$4"\n[ "$3" != db1 ] || exit 3\n')
    run = project.release(SMALL)
    state = project.state(run)
    assert (state.outcome, state.rollback.trigger) == ("rolled_back", "task"), project.view(run).halt
    assert done(project) == ["deploy api1", "deploy shop1", "deploy shop2", "deploy db1", "rollback shop2", "rollback shop1", "rollback api1"]
    assert versions(project) == {"v1"}


@pytest.mark.slow
@pytest.mark.req("RBK-01", "RBK-04")
def test_the_rehearsal_proves_the_way_back_of_every_service_on_its_hosts(project: Project) -> None:
    run = project.release("pre-deployment")
    assert project.state(run).outcome == "ready", project.view(run).halt
    lines = [line.split() for line in project.executions()]
    hosts = named(STAGED)
    assert [f"{words[0]} {words[3]}" for words in lines] == [
        *(f"deploy {host}" for host in hosts),
        *(f"rollback {host}" for host in reversed(hosts)),
        *(f"redeploy {host}" for host in hosts),
    ]


@pytest.mark.req("CFG-11")
def test_what_cannot_be_replaced_service_by_service_is_refused_and_the_plan_shows_what_can(project: Project) -> None:
    compiled = compile_for(open_workspace(project.root), SMALL, "v2").plan
    assert compiled is not None
    acts = [act for stage in planned(compiled).stages for act in stage.acts]
    assert [act.title for act in acts if " script of " in act.title and act.title.startswith("batch")] == [
        "batch 1: run the deploy script of api on api1",
        "batch 2: run the deploy script of shop on shop1",
        "batch 3: run the deploy script of shop on shop2",
        "batch 4: run the deploy script of db on db1",
        "batch 5: run the deploy script of db on db2",
    ]
    (way,) = [act.details for act in acts if act.kind == "rollout"]
    assert way[2].endswith("goes on when its requests were counted: no old instance of this service is left to compare it with")
    assert way[4].endswith("then finished")
    good = (project.root / "gonogo.yaml").read_text()
    for old, new, words in (
        ("db: [db1, db2]", "db: [db2, db1]", "the hosts of the services in their order api1, shop1, shop2, db2, db1"),
        ("api: [api1], shop: [shop1", "shop: [api1, shop1", "`hosts_of` names shop, db, and `services` api, shop, db"),
        (f"    hosts_of: {{{written(HOSTS)}}}\n", "", "`hosts_of` names none, and `services` api, shop, db"),
        ("batch: 1", "batch: 2", "`rollout.max_unavailable` allows 2 of 2 hosts of db: nothing would be left to answer"),
        ("batch: 1", "batch: 2, max_unavailable: 1", "makes batches of 2 hosts of db, and `rollout.max_unavailable` allows 1"),
    ):
        project.edit("gonogo.yaml", old, new)
        found = compile_for(open_workspace(project.root), SMALL, "v2")
        assert found.plan is None
        assert any(words in finding.message for finding in found.findings), [str(item) for item in found.findings]
        (project.root / "gonogo.yaml").write_text(good)
