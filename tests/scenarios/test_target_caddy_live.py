"""Caddy as it really behaves, and what the adapter makes of it (traps PX-05, PX-11, PX-12)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from live_world import Site, site

from gonogo.adapters.http_calls import call
from gonogo.adapters.targets.caddy import HANDLER, CaddyTarget
from gonogo.demo.fronts import choose, start_front
from gonogo.demo.processes import kill, stop
from gonogo.errors import BadInput, Broken, Refused

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    """Caddy before both versions; the fences used here only rise."""
    with site("caddy") as found:
        yield found


def url(found: Site) -> str:
    return f"http://{found.front.admin}{HANDLER}"


def fence_now(found: Site) -> int:
    return int(found.target.traffic().detail.rpartition("fence ")[2])


@pytest.mark.req("PX-11")
def test_a_configuration_that_caddy_refuses_is_a_failure_and_leaves_everything_as_it_was(running: Site) -> None:
    fence = fence_now(running) + 1
    handler = json.loads(call("GET", url(running)).body)
    taken = handler["load_balancing"]["selection_policy"]["@id"].rpartition("-")[0] + f"-{fence}"
    assert call("PATCH", url(running), body=json.dumps({**handler, "@id": taken}).encode(), fields=JSON).status == 200
    before = call("GET", url(running)).body
    with pytest.raises(Broken, match=r"keeps its configuration: .*duplicate ID"):
        running.target.move({"blue": 50, "green": 50}, fence)
    assert call("GET", url(running)).body == before
    assert running.get().status == 200
    assert call("PATCH", url(running), body=json.dumps(handler).encode(), fields=JSON).status == 200


@pytest.mark.req("PX-12")
def test_of_two_drivers_with_the_same_reading_only_one_changes_caddy(running: Site) -> None:
    running.target.move({"blue": 75, "green": 25}, fence_now(running) + 1)
    read = call("GET", url(running))
    fields = {"If-Match": read.fields["etag"], "Content-Type": "application/json"}
    one = read.body.replace(b"[75,25]", b"[90,10]")
    two = read.body.replace(b"[75,25]", b"[10,90]")
    assert call("PATCH", url(running), body=one, fields=fields).status == 200
    assert call("PATCH", url(running), body=two, fields=fields).status == 412
    assert running.target.traffic().weights == {"blue": 90, "green": 10}


@pytest.mark.req("PX-12")
def test_an_engine_with_an_old_fence_cannot_move_caddy_any_more(running: Site) -> None:
    fence = fence_now(running) + 5
    running.target.move({"blue": 95, "green": 5}, fence)
    with pytest.raises(Refused, match=f"fence {fence - 1} is older than {fence}"):
        running.target.move({"blue": 0, "green": 100}, fence - 1)
    assert running.target.traffic().weights == {"blue": 95, "green": 5}


def test_a_binding_to_other_slots_never_overwrites_the_upstreams_of_somebody_else(running: Site) -> None:
    before = running.target.traffic()
    stranger = CaddyTarget(f"http://{running.front.admin}", {"blue": "127.0.0.1:1", "green": "127.0.0.1:2"})
    assert not stranger.traffic().readable
    with pytest.raises(Broken, match="nothing was moved"):
        stranger.move({"blue": 50, "green": 50}, fence_now(running))
    assert running.target.traffic() == before


def test_what_the_owner_wrote_into_the_handler_survives_a_move(running: Site) -> None:
    handler = json.loads(call("GET", url(running)).body)
    handler["load_balancing"]["try_duration"] = "2s"
    handler["headers"] = {"request": {"set": {"X-From": ["here"]}}}
    assert call("PATCH", url(running), body=json.dumps(handler).encode(), fields=JSON).status == 200
    running.target.move({"blue": 60, "green": 40}, fence_now(running))
    after = json.loads(call("GET", url(running)).body)
    assert after["headers"] == handler["headers"]
    assert after["load_balancing"]["try_duration"] == "2s"


def test_at_nothing_the_other_upstream_is_taken_out_of_caddy(running: Site) -> None:
    running.target.move({"blue": 0, "green": 100}, fence_now(running))
    upstreams = json.loads(call("GET", url(running)).body)["upstreams"]
    assert upstreams == [{"dial": str(running.front.slots["green"])}]
    assert running.target.move({"blue": 100, "green": 0}, fence_now(running)).weights == {"blue": 100, "green": 0}


def test_a_policy_without_fixed_shares_is_not_readable() -> None:
    with site("caddy", green="") as found:
        handler = json.loads(call("GET", url(found)).body)
        handler["upstreams"] = [{"dial": str(address)} for address in found.front.slots.values()]
        handler["load_balancing"]["selection_policy"] = {"policy": "random"}
        assert call("PATCH", url(found), body=json.dumps(handler).encode(), fields=JSON).status == 200
        seen = found.target.traffic()
        assert (seen.readable, dict(seen.weights)) == (False, {"blue": 0, "green": 0})
        assert "random" in seen.detail


def test_the_wrong_place_in_caddys_configuration_is_named(running: Site) -> None:
    admin = f"http://{running.front.admin}"
    own = {slot: str(at) for slot, at in running.front.slots.items()}
    with pytest.raises(Broken, match="there is no reverse_proxy handler but None") as named:
        CaddyTarget(admin, own, "/config/apps/http/servers/s/routes/0").traffic()
    assert named.value.next_step == f"write `handler: {HANDLER}` under the target"
    with pytest.raises(Broken, match="is unreadable|does not show") as strange:
        CaddyTarget(admin, {"blue": "127.0.0.1:1"}, "/config/apps/http/servers/none").traffic()
    assert strange.value.next_step.startswith("no reverse_proxy handler here leads to 127.0.0.1:1;")
    with pytest.raises(BadInput, match="no place in Caddy's configuration"):
        CaddyTarget(admin, own, "/id/../load")


@pytest.mark.req("PX-05")
def test_after_a_restart_of_caddy_the_read_back_says_what_really_is() -> None:
    with site("caddy") as found:
        found.target.move({"blue": 95, "green": 5}, 3)
        kill(found.process)
        with pytest.raises(Broken, match="no usable answer"):
            found.target.traffic()
        again = start_front(choose("caddy"), found.front, "v1")
        try:
            assert found.target.traffic().weights == {"blue": 100, "green": 0}
        finally:
            stop(again)
