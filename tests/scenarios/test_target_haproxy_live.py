"""HAProxy as it really behaves, and what the adapter makes of it (traps PX-01 to PX-06, PX-15)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from os import kill as send_signal

import pytest
from live_world import Site, haproxy_target, say_to, site, start_haproxy

from gonogo.adapters.targets.haproxy import HaproxyTarget
from gonogo.demo.processes import kill, read_pid, stop, wait_until
from gonogo.demo.world import start_release
from gonogo.errors import Broken


@pytest.mark.req("PX-01")
def test_lowering_first_leaves_no_server_and_raising_first_never_does() -> None:
    with site("haproxy") as running:
        say_to(running.front, "set server app/blue weight 0")
        assert running.get().status == 503, "the reversed order is caught: no server has a weight"
        say_to(running.front, "set server app/green weight 100")
        assert running.get().status == 200
        say_to(running.front, "set server app/blue weight 100")
        assert running.get().status == 200
        say_to(running.front, "set server app/green weight 0")
        assert running.get().status == 200


@pytest.fixture(scope="module")
def calm() -> Iterator[Site]:
    """HAProxy before one service, for tests that leave everything on blue."""
    with site("haproxy", green="") as running:
        yield running


@pytest.mark.req("PX-02")
def test_haproxy_refuses_in_words_on_a_call_that_succeeds(calm: Site) -> None:
    assert "No such server" in say_to(calm.front, "set server app/purple weight 5")
    assert "between 0 and 256" in say_to(calm.front, "set server app/green weight 500")
    assert calm.target.traffic().weights == {"blue": 100, "green": 0}


@pytest.mark.req("PX-03")
def test_two_commands_in_one_line_are_no_transaction_in_haproxy(calm: Site) -> None:
    reply = say_to(calm.front, "set server app/purple weight 5; set server app/blue weight 7")
    assert "No such server" in reply
    assert " blue 127.0.0.1 2 0 7 100 " in say_to(calm.front, "show servers state app")
    assert say_to(calm.front, "set server app/blue weight 100").strip() == ""


@pytest.mark.req("PX-04")
def test_a_relative_weight_is_accepted_in_silence_and_means_nothing(calm: Site) -> None:
    assert say_to(calm.front, "set server app/green weight 5%").strip() == ""
    assert calm.target.traffic().weights == {"blue": 100, "green": 0}


@pytest.mark.req("PX-05")
def test_after_a_restart_of_haproxy_the_read_back_says_what_really_is() -> None:
    with site("haproxy") as running:
        assert running.target.move({"blue": 95, "green": 5}, 1).weights == {"blue": 95, "green": 5}
        kill(running.process)
        with pytest.raises(Broken, match="does not answer"):
            running.target.traffic()
        again = start_haproxy(running.front)
        try:
            assert running.target.traffic().weights == {"blue": 100, "green": 0}
        finally:
            stop(again)


@pytest.mark.req("PX-06")
def test_a_slot_without_a_process_gets_no_traffic_even_while_haproxy_believes_in_it() -> None:
    with site("haproxy", green="") as running:
        say_to(running.front, "disable health app/green")  # a second later it would have found out by itself
        assert "green 127.0.0.1 2 " in say_to(running.front, "show servers state app")
        seen = running.prober.ask("green")
        assert (seen.version, seen.healthy) == (None, False)
        assert "refused" in seen.detail
        say_to(running.front, "enable health app/green")
        assert wait_until(lambda: "green 127.0.0.1 0 " in say_to(running.front, "show servers state app"), 30.0)
        with pytest.raises(Broken, match="does not hold it up"):
            running.target.move({"blue": 95, "green": 5}, 1)
        assert running.target.traffic().weights == {"blue": 100, "green": 0}
        start_release(running.world, "production", "green", "v2")
        assert wait_until(lambda: "green 127.0.0.1 2 " in say_to(running.front, "show servers state app"), 30.0)
        assert running.target.move({"blue": 95, "green": 5}, 1).readable


@pytest.mark.req("PX-15")
def test_a_stopped_process_answers_nothing_and_the_probe_says_so_within_its_limit() -> None:
    with site("haproxy") as running:
        noted = read_pid(running.world.pid_file("production", "green"))
        assert noted is not None
        send_signal(noted.pid, signal.SIGSTOP)
        seen = replace(running.prober, seconds=0.4).ask("green")
        assert (seen.version, seen.healthy) == (None, False)
        assert "timed out" in seen.detail.lower()
        assert wait_until(lambda: "green 127.0.0.1 0 " in say_to(running.front, "show servers state app"), 30.0)
        assert running.share_of("v1", 20) == 20


def test_a_server_that_was_put_into_maintenance_is_not_readable_as_a_share() -> None:
    with site("haproxy") as running:
        running.target.move({"blue": 50, "green": 50}, 1)
        say_to(running.front, "set server app/green state maint")
        seen = running.target.traffic()
        assert not seen.readable
        assert "green" in seen.detail


def test_a_backend_with_other_servers_than_bound_is_refused_before_anything_is_moved(calm: Site) -> None:
    other = replace(haproxy_target(calm.front), slots={"blue": "blue", "green": "emerald"})
    assert not other.traffic().readable
    with pytest.raises(Broken, match="is bound to blue, emerald"):
        other.move({"blue": 50, "green": 50}, 1)
    with pytest.raises(Broken, match="does not list"):
        HaproxyTarget(str(calm.front.folder / "h.sock"), "nowhere", {"blue": "blue"}).traffic()
