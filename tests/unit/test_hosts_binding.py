"""Hosts in a project file: what is read, what is refused with its line, and how they fall into batches."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import BadInput
from gonogo.plan.bindings import ProjectReading, read_project
from gonogo.plan.hosts import amount, batch_sizes, batches
from gonogo.plan.release import read_release
from gonogo.run.arms import Arms
from gonogo.run.shifting import shares

EXAMPLE = resources.files("gonogo.library").joinpath("gonogo.example.yaml").read_text(encoding="utf-8")
PAGE = (Path(__file__).resolve().parents[2] / "docs/hosts.md").read_text("utf-8")


def blocks() -> list[dict[str, dict[str, dict[str, object]]]]:
    return [yaml.safe_load(part.split("```")[0]) for part in PAGE.split("```yaml\n")[1:]]


def hosted(change: dict[str, object] | None = None, ssh: dict[str, object] | None = None) -> ProjectReading:
    """The annotated example with the first block of the page in the place of its slots, and its second with `ssh`."""
    block, reached = blocks()
    whole = yaml.safe_load(EXAMPLE)
    for name, environment in block["environments"].items():
        whole["environments"][name].pop("slots", None)
        whole["environments"][name].pop("target", None)
        whole["environments"][name] |= environment
    whole["commands"] |= block["commands"]
    if ssh is not None:
        whole["environments"]["production"]["ssh"] = {**reached["environments"]["production"]["ssh"], **ssh}
        whole["commands"] |= reached["commands"]
    whole["rollout"] = {**block["rollout"], **(change or {})}
    return read_project(json.dumps(whole, default=str).encode(), "gonogo.yaml")


def errors(reading: ProjectReading) -> list[str]:
    return [finding.message for finding in reading.findings if finding.level.name == "ERROR"]


@pytest.mark.req("ROL-01", "CFG-11")
def test_the_block_of_the_page_is_a_whole_project_of_hosts() -> None:
    reading = hosted()
    assert errors(reading) == []
    production = reading.project.environments["production"]
    assert production.hosts == tuple(production.slots) == ("web1", "web2", "web3", "web4")
    assert batches(reading.project) == (("web1",), ("web2",), ("web3",), ("web4",))


@pytest.mark.req("ROL-01", "CFG-11")
def test_the_block_about_ssh_can_be_put_into_it() -> None:
    reading = hosted(ssh={"addresses": {"web2": "10.0.0.12:2222"}})
    assert errors(reading) == []
    told = reading.project.environments["production"].ssh
    assert told is not None
    assert (told.addresses["web1"], told.addresses["web2"]) == (("10.0.0.11", 22), ("10.0.0.12", 2222))
    assert told.control == ("sudo", "-n", "systemctl")


@pytest.mark.req("CFG-11")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"addresses": {"web9": "10.0.0.19"}}, "names `web9`, which is no host"),
        ({"folder": "srv/shop"}, "an absolute path"),
        ({"folder": "/srv/../etc"}, "must not hold `..`"),
        ({"unit": ""}, "needs `unit`"),
        ({"manager": "process"}, "needs `start`"),
        ({"control": ["sudo", "{user}"]}, "unknown placeholder {user}"),
        ({"key": "config/id_ed25519"}, "the name of an environment variable"),
        ({"agent": True}, "unknown key"),
    ],
)
def test_what_does_not_fit_in_ssh_is_named(change: dict[str, object], words: str) -> None:
    assert any(words in message for message in errors(hosted(ssh=change))), errors(hosted(ssh=change))


@pytest.mark.req("CFG-11")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch": 2}, "batches of 2 hosts, and `rollout.max_unavailable` allows 1"),
        ({"max_unavailable": "100%"}, "nothing would be left to answer"),
        ({"batch": 0}, "a number of hosts or a percentage"),
        ({"strategy": "canary"}, "which only `rollout.strategy: rolling` replaces"),
        ({"promotions": ["auto"]}, "for each batch that is left: 3 here"),
    ],
)
def test_what_does_not_fit_together_is_named(change: dict[str, object], words: str) -> None:
    assert any(words in message for message in errors(hosted(change)))


@pytest.mark.req("CFG-11")
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    slots:\n", "    hosts: {a: http://127.0.0.1:1}\n    slots:\n", "has `slots` and `hosts`"),
        ("    slots:\n", "    hosts: {A_b: http://127.0.0.1:1}\n    slots:\n", "is no name of a host"),
        ('"{environment}"', '"{host}"', "uses {host}, and no environment has `hosts`"),
    ],
)
def test_half_a_project_of_hosts_is_named(old: str, new: str, words: str) -> None:
    assert old in EXAMPLE
    reading = read_project(EXAMPLE.replace(old, new, 1).encode(), "gonogo.yaml")
    assert any(words in message for message in errors(reading)), errors(reading)


@pytest.mark.req("CFG-11", "ROL-01")
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"project": ', '"services": ["db", "shop"], "project": ', "`hosts_of` names none, and `services` db, shop"),
        ('"hosts": ', '"target": {"kind": "kubernetes", "service": "web"}, "hosts": ', "the target `kubernetes` moves pods"),
    ],
)
def test_hosts_are_of_a_declared_service_and_no_pods(old: str, new: str, words: str) -> None:
    whole = yaml.safe_load(EXAMPLE)
    for environment in whole["environments"].values():
        environment.pop("slots", None)
        environment.pop("target", None)
        environment["hosts"] = {"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:2"}
    text = json.dumps(whole | {"rollout": {"strategy": "rolling"}}, default=str)
    said = errors(read_project(text.replace(old, new).encode(), "gonogo.yaml"))
    assert [message for message in said if words in message], said


@pytest.mark.req("CFG-11", "ROL-01")
def test_a_project_of_hosts_in_one_environment_only_still_has_to_tell_its_scripts_the_service() -> None:
    """Told a host, a script knows its service; in the environment that has slots it would know neither."""
    whole = yaml.safe_load(EXAMPLE)
    staging, production = whole["environments"]["staging"], whole["environments"]["production"]
    for name in ("slots", "target"):
        production.pop(name)
    production |= {"hosts": {"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:2"}, "hosts_of": {"db": ["a"], "shop": ["b"]}}
    staging["services"] = {name: dict(staging["slots"]) for name in ("db", "shop")}
    whole |= {"services": ["db", "shop"], "rollout": {"strategy": "rolling"}}
    said = errors(read_project(json.dumps(whole, default=str).encode(), "gonogo.yaml"))
    assert [text for text in said if "{service} is missing in it" in text], said
    assert [text for text in said if "environment `staging` has no `hosts`" in text], said


@pytest.mark.req("CFG-11", "ROL-01")
def test_a_target_beside_hosts_of_several_services_is_refused_with_what_the_scripts_have_to_do_instead() -> None:
    whole = yaml.safe_load(EXAMPLE)
    for environment in whole["environments"].values():
        environment.pop("slots")
        environment |= {"hosts": {"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:2"}, "hosts_of": {"db": ["a"], "web": ["b"]}}
    whole |= {"services": ["db", "web"], "rollout": {"strategy": "rolling"}}
    found = read_project(json.dumps(whole, default=str).encode(), "gonogo.yaml").findings
    (said,) = {(each.message, *each.notes) for each in found if "environment `production`: its `target`" in each.message}
    assert said[0] == "environment `production`: its `target` (commands) shares requests over the hosts of one service, and there are several"
    assert "leave `target` out" in said[1]
    assert "take the host out of the traffic of its service and let it in again (docs/hosts.md)" in said[1]


@pytest.mark.req("CFG-11")
def test_a_key_that_a_kind_of_target_does_not_have_is_named_with_the_one_that_was_meant() -> None:
    whole = yaml.safe_load(EXAMPLE)
    whole["environments"]["production"]["target"] = {"kind": "caddy", "admin": "http://127.0.0.1:2019", "hanlder": "/x", "drain": "3s"}
    reading = read_project(json.dumps(whole, default=str).encode(), "gonogo.yaml")
    assert errors(reading) == ["unknown key `environments.production.target.hanlder`; did you mean `handler`?"]
    assert [reading.project.environments[name].target.drain for name in ("staging", "production")] == [10, 3]


@pytest.mark.req("ROL-01")
def test_a_service_that_is_not_released_is_never_taken_for_another_one() -> None:
    shipped = [
        {"name": name, "artifact": f"{name}.tar", "digest": digit * 64, "version": "v2"} for name, digit in (("db", "1"), ("web", "2"))
    ]
    manifest = {"release": {"id": "r", "version": "v2"}, "services": shipped}
    release = read_release(json.dumps(manifest).encode(), "manifest.json")
    assert (release.service().name, release.service("web").name) == ("db", "web")
    with pytest.raises(BadInput) as refused:
        release.service("wbe")
    assert refused.value.what == "the release ships no service `wbe`"
    assert refused.value.next_step == "name one that it ships: db, web"


def test_scripts_that_are_not_told_the_host_are_refused() -> None:
    whole = json.dumps(yaml.safe_load(EXAMPLE), default=str)
    slots = json.loads(whole)
    for environment in slots["environments"].values():
        environment.pop("slots", None)
        environment.pop("target", None)
        environment["hosts"] = {"a": "http://127.0.0.1:1", "b": "http://127.0.0.1:2"}
    slots["rollout"] = {"strategy": "rolling"}
    said = errors(read_project(json.dumps(slots).encode(), "gonogo.yaml"))
    assert [text for text in said if "{host} is missing" in text] == [
        f"`commands.{name}` is run once for each host and is not told which: {{host}} is missing"
        for name in ("deploy", "rollback")
    ]


ROLLOUT = hosted().project.rollout


@given(st.integers(1, 200), st.one_of(st.integers(1, 250).map(str), st.integers(1, 100).map(lambda n: f"{n}%")))
def test_batches_cover_every_host_once_and_none_is_larger_than_declared(count: int, batch: str) -> None:
    sizes = batch_sizes(replace(ROLLOUT, batch=batch), count)
    assert sum(sizes) == count
    assert max(sizes) <= amount(batch, count)
    assert min(sizes) >= 1


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100), min_size=1).filter(lambda found: sum(found.values())),
    st.sets(st.sampled_from("abcdefgh")),
)
def test_shares_are_whole_percent_of_all_and_who_is_out_gets_none_while_anybody_is_left(
    base: dict[str, int], out: set[str]
) -> None:
    found = shares(base, out)
    assert sum(found.values()) == 100 or found == base
    assert set(found) == set(base)
    if set(base) - out:
        assert all(found[host] == 0 for host in out & set(base))


def test_a_host_that_was_replaced_between_two_readings_counts_on_neither_side() -> None:
    arms = Arms(batches=(("a",), ("b", "c"), ("d",)))
    assert arms.between(-1, -1) == (("a", "b", "c", "d"), ())
    assert arms.between(0, 1) == (("d",), ("a",))
    assert arms.between(2, 2) == ((), ("a", "b", "c", "d"))
    assert [arms.named(host, 0, 1) for host in "abcd"] == ["new", "", "", "old"]
    assert Arms("blue", "green").between(0, 3) == (("blue",), ("green",))
