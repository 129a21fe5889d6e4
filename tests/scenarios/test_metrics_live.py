"""Counters from real HAProxy, nginx and Caddy: their statistics and their access logs, beside what was really served."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator, Mapping
from os import kill as send_signal
from pathlib import Path

import pytest
import yaml
from live_world import Site, folder, front_of, site, slots, start_haproxy
from test_target_nginx_live import CONFIGURATION, NGINX

from gonogo.adapters.http_calls import call
from gonogo.adapters.metrics.haproxy import HaproxyStatistics
from gonogo.adapters.metrics_provided import log_of, statistics_of
from gonogo.adapters.targets.caddy import CaddyTarget
from gonogo.contracts import MetricsContract
from gonogo.demo.fronts import Front, caddy_binary
from gonogo.demo.processes import kill, launch, log_tail, read_pid, stop, wait_until
from gonogo.errors import Broken
from gonogo.measure.providers import MetricQuestion
from gonogo.ports import CounterSample, MetricSource

EVEN = {"blue": 50, "green": 50}
GOOD, BAD = "/?customer=1", "/?customer=999999"
"""v3 answers 500 to the customers from a certain number on."""

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = (DOCS / "rollouts.md").read_text("utf-8")
LOGGED = "    timeout server 1s\n    log stdout format raw local0\n" + SHOWN.split("```haproxy\n")[1].split("\n```")[0]
"""With the line of the page; those of nginx and Caddy are from there, too."""


def addresses(front: Front) -> dict[str, str]:
    return {slot: f"http://{at}" for slot, at in front.slots.items()}


def by_slot(source: MetricSource) -> dict[str, CounterSample]:
    sample = source.sample()
    assert sample.missing == (), sample.missing
    return {one.slot: one for one in sample.slots}


def grown(before: Mapping[str, CounterSample], after: Mapping[str, CounterSample], slot: str) -> tuple[int, int]:
    return after[slot].requests - before[slot].requests, after[slot].errors - before[slot].errors


def statistics(running: Site) -> HaproxyStatistics:
    options = {"socket": str(running.front.folder / "h.sock"), "backend": "app"}
    return statistics_of(MetricQuestion(addresses(running.front), options))


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    """HAProxy before a good and a bad version, with its log as JSON."""
    with site("haproxy", green="v3", more=LOGGED) as found:
        found.target.move(EVEN, 1)
        yield found


@pytest.mark.req("PX-16")
def test_the_statistics_of_haproxy_count_what_each_version_answered_and_so_does_its_log(running: Site) -> None:
    options = {"format": "haproxy", "file": str(running.front.folder / "h.log")}
    log = log_of(MetricQuestion(addresses(running.front), options), Path())
    source = statistics(running)
    before = by_slot(source)
    assert all(slot.buckets == () for slot in before.values()), "HAProxy knows no distribution of latencies"
    statuses = [running.get(GOOD).status for _ in range(10)]
    # Who is asked next is the proxy's affair, and a version that was slow for a moment is left out for a while.
    assert wait_until(lambda: statuses.append(running.get(BAD).status) or statuses.count(500) >= 5, 60.0)
    after = by_slot(source)
    assert (grown(before, after, "blue")[1], grown(before, after, "green")[1]) == (0, 5)
    assert sum(grown(before, after, slot)[0] for slot in EVEN) == len(statuses)
    assert wait_until(lambda: sum(slot.requests for slot in log.sample().slots) >= sum(slot.requests for slot in after.values()), 60.0)
    logged = by_slot(log)
    assert (logged["blue"].errors, logged["green"].errors) == (0, after["green"].errors)
    assert logged["green"].requests == logged["green"].buckets[-1][1] == after["green"].requests


@pytest.mark.req("PX-15")
def test_a_stopped_version_fails_in_the_statistics_although_it_answered_nothing(running: Site) -> None:
    source = statistics(running)
    noted = read_pid(running.world.pid_file("production", "green"))
    assert noted is not None
    before = by_slot(source)
    send_signal(noted.pid, signal.SIGSTOP)
    answered = list[int]()
    try:
        assert wait_until(lambda: answered.append(running.get().status) or answered[-1] == 504, 60.0)
    finally:
        send_signal(noted.pid, signal.SIGCONT)
    assert set(answered[:-1]) <= {200}
    assert grown(before, by_slot(source), "green") == (1, 1)
    assert grown(before, by_slot(source), "blue") == (len(answered) - 1, 0)


def test_a_server_that_haproxy_does_not_have_is_missing_by_name(running: Site) -> None:
    sock = str(running.front.folder / "h.sock")
    sample = HaproxyStatistics(sock, "app", {"blue": "blue", "green": "127.0.0.1:9"}).sample()
    assert [slot.slot for slot in sample.slots] == ["blue"]
    assert sample.missing[0][0] == "green"
    assert "0 servers of app are 127.0.0.1:9" in sample.missing[0][1]


class TestHaproxy(MetricsContract):
    name = "haproxy"

    @pytest.fixture(autouse=True)
    def served(self, running: Site) -> None:
        options = {"socket": str(running.front.folder / "h.sock"), "backend": "app"}
        self.question = MetricQuestion(addresses(running.front), options)


def test_a_restarted_haproxy_counts_from_nothing_and_a_dead_one_counts_nothing() -> None:
    with site("haproxy", green="") as alone:
        source = statistics(alone)
        for _ in range(6):
            alone.get()
        assert by_slot(source)["blue"].requests > 5
        kill(alone.process)
        silent = source.sample()
        assert silent.slots == ()
        assert all("does not answer `show stat`" in why for _, why in silent.missing)
        again = start_haproxy(alone.front)
        try:
            assert by_slot(source)["blue"].requests < 5
        finally:
            stop(again)


@pytest.fixture
def nginx_log(tmp_path: Path) -> Iterator[tuple[Front, Path, Path]]:
    if NGINX is None:
        hint = "nginx is not installed: apt-get install -y --no-install-recommends nginx-light"
        pytest.fail(hint) if os.environ.get("CI") == "true" else pytest.skip(hint)
    with folder() as place, slots(place, {"blue": "v1", "green": "v3"}) as world:
        front = front_of(world)
        servers = "".join(f"server {at} max_fails=0; " for at in front.slots.values())
        (place / "app.conf").write_text(f"upstream app {{ {servers} }}\n", "ascii")
        form = SHOWN.split("```nginx\n")[1].split("```")[0]
        access = tmp_path / "access.log"
        text = CONFIGURATION.format(place=place, listen=front.listen).replace("access_log off;", f"{form}\n    access_log {access} gonogo;")
        (place / "nginx.conf").write_text(text, "ascii")
        process = launch((str(NGINX), "-p", str(place), "-c", "nginx.conf"), log=place / "nginx.log", env={})
        try:
            assert wait_until(lambda: answers(front), 30.0), log_tail(place / "nginx.log")
            yield front, access, place
        finally:
            stop(process)


def answers(front: Front) -> bool:
    try:
        return call("GET", f"http://{front.listen}/healthz", seconds=1.0).status == 200
    except Broken:
        return False


def test_the_log_of_nginx_is_followed_over_a_rotation_as_logrotate_does_it(nginx_log: tuple[Front, Path, Path]) -> None:
    front, access, place = nginx_log
    source = log_of(MetricQuestion(addresses(front), {"format": "nginx", "file": str(access)}), Path())
    for _ in range(10):
        call("GET", f"http://{front.listen}{BAD}")
    # nginx writes a line after its answer has gone: all of these have to be there, and the one that it was ready by.
    assert wait_until(lambda: sum(one.requests for one in source.sample().slots) >= 11, 60.0), source.sample()
    before = by_slot(source)
    assert before["green"].errors >= 1
    assert before["blue"].errors == 0
    access.rename(access.with_suffix(".1"))
    call("GET", f"http://{front.listen}{GOOD}")
    assert source.sample().slots == (), "between the renaming and the new file nobody knows"
    noted = int((place / "nginx.pid").read_text())
    send_signal(noted, signal.SIGUSR1)
    assert wait_until(access.exists, 60.0)
    for _ in range(9):
        call("GET", f"http://{front.listen}{GOOD}")
    assert wait_until(lambda: sum(grown(before, by_slot(source), slot)[0] for slot in EVEN) == 10, 60.0)
    source.tail.close()


def test_caddy_with_the_file_of_the_page_is_moved_and_its_log_counts_what_each_version_answered(tmp_path: Path) -> None:
    binary = caddy_binary()
    assert binary is not None, "the development dependencies hold Caddy"
    page = (DOCS / "targets.md").read_text("utf-8").partition("\n## Caddy\n")[2]
    keys = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["target"]
    with folder() as place, slots(place, {"blue": "v1", "green": "v3"}) as world:
        front = front_of(world)
        file, access = place / "Caddyfile", tmp_path / "access.log"
        text = page.split("```caddy\n")[1].split("```")[0]
        for shown, real in (
            ("127.0.0.1:2019", str(front.admin)),
            (":8100", f":{front.listen.port}"),
            ("127.0.0.1:8101", str(front.slots["blue"])),
            ("/var/log/caddy/access.log", str(access)),
        ):
            assert shown in text
            text = text.replace(shown, real)
        file.write_text(text)
        env = {"HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
        process = launch((str(binary), "run", "--config", str(file), "--adapter", "caddyfile"), log=place / "caddy.log", env=env)
        try:
            assert wait_until(lambda: answers(front), 60.0), log_tail(place / "caddy.log")
            target = CaddyTarget(f"http://{front.admin}", {slot: str(at) for slot, at in front.slots.items()}, keys["handler"])
            assert target.traffic().weights == {"blue": 100, "green": 0}
            for turn in range(4):
                target.move({"blue": 100, "green": 0} if turn % 2 else {"blue": 0, "green": 100}, turn)
                for path in (GOOD, BAD):
                    call("GET", f"http://{front.listen}{path}")
            source = log_of(MetricQuestion(addresses(front), {"format": "caddy", "file": str(access)}), Path())
            assert wait_until(lambda: not source.sample().missing, 60.0), source.sample().missing
            assert wait_until(lambda: by_slot(source)["green"].requests == 4, 60.0), by_slot(source)
            after = by_slot(source)
            assert (after["blue"].errors, after["green"].errors, after["green"].buckets[-1][1]) == (0, 2, 4)
        finally:
            stop(process)


def test_a_socket_that_is_something_else_says_nothing(tmp_path: Path) -> None:
    with folder() as place, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place / "s"))
        sample = HaproxyStatistics(str(place / "s"), "app", {"blue": "blue"}).sample()
        assert sample.slots == ()
        assert "does not answer" in sample.missing[0][1]
