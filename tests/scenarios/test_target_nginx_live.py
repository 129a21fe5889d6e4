"""nginx as it really behaves, and what the adapter makes of it (traps PX-08 to PX-10, PX-12)."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from live_world import Site, folder, front_of, slots, traffic

from gonogo.adapters.http_calls import call
from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.targets.nginx import NginxTarget, parse_loaded, upstream_file
from gonogo.control.assembling import target_of
from gonogo.demo.addresses import Address, free_ports
from gonogo.demo.processes import Live, launch, log_tail, stop, wait_until
from gonogo.demo.tally import OK
from gonogo.errors import BadInput, Broken, Refused
from gonogo.plan.project import Environment, TargetBinding, VersionProbe
from gonogo.findings import Origin

NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
START = {"blue": 100, "green": 0}
CONFIGURATION = """daemon off;
worker_processes 2;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {place}/t1; proxy_temp_path {place}/t2; fastcgi_temp_path {place}/t3;
    uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
    include {place}/app.conf;
    server {{
        listen {listen};
        location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}
}}
"""


@dataclass(frozen=True)
class Place:
    """A running nginx before two slots, with the adapter that moves its traffic."""

    site: Site
    target: NginxTarget
    status: Address

    @property
    def folder(self) -> Path:
        return self.site.front.folder


@contextmanager
def nginx_site(green: str = "v2") -> Iterator[Place]:
    if NGINX is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is not installed: apt-get install -y --no-install-recommends nginx-light")
        pytest.skip("nginx is not installed: apt-get install -y --no-install-recommends nginx-light")
    with folder() as place, slots(place, {"blue": "v1", "green": green}) as world:
        front = front_of(world)
        status = Address("127.0.0.1", free_ports(1)[0])
        target = target_in(place, status, {slot: str(at) for slot, at in front.slots.items()})
        target.include.write_text(upstream_file("app", str(status), target.slots, START), "ascii")
        (place / "nginx.conf").write_text(CONFIGURATION.format(place=place, listen=front.listen), "ascii")
        process = start(place, status)
        try:
            yield Place(Site(world, front, target, process), target, status)
        finally:
            stop(process)


def start(place: Path, status: Address) -> Live:
    log = place / "nginx.log"
    process = launch((str(NGINX), "-p", str(place), "-c", "nginx.conf"), log=log, env={})
    if not wait_until(lambda: answers(status), 30.0):
        stop(process)
        pytest.fail(f"nginx did not start: {log_tail(log)}")
    return process


def answers(status: Address) -> bool:
    try:
        return call("GET", f"http://{status}/", seconds=1.0).status == 200
    except Broken:
        return False


def target_in(place: Path, status: Address, addresses: dict[str, str]) -> NginxTarget:
    base = (str(NGINX), "-p", str(place), "-c", "nginx.conf")
    return NginxTarget(
        place / "app.conf", "app", str(status), addresses, JsonCommand((*base, "-t"), place), JsonCommand((*base, "-s", "reload"), place)
    )


@pytest.fixture(scope="module")
def calm() -> Iterator[Place]:
    with nginx_site() as running:
        yield running


@pytest.mark.req("PX-09", "PX-10")
def test_a_move_is_read_back_from_the_workers_and_only_the_wished_version_answers_afterwards() -> None:
    with nginx_site() as running:
        for fence, green in enumerate((5, 100, 0), 1):
            seen = running.target.move({"blue": 100 - green, "green": green}, fence)
            assert (seen.readable, seen.weights) == (True, {"blue": 100 - green, "green": green})
            if green in {0, 100}:
                assert running.site.share_of("v2", 20) == 20 * green // 100


@pytest.mark.req("PX-08")
def test_a_canary_there_and_back_under_load_is_served_and_its_share_is_right() -> None:
    with nginx_site() as running, traffic(running.site) as load:
        for fence, green in enumerate((5, 50, 100, 50, 0), 1):
            running.target.move({"blue": 100 - green, "green": green}, fence)
            time.sleep(0.2)
        seen = load.end()
    assert seen.failed == 0, seen.by_version()
    assert min(seen.by_version()[version][OK] for version in ("v1", "v2")) > 30


@pytest.mark.req("PX-12")
def test_a_writer_with_a_lower_fence_than_the_running_file_is_refused(calm: Place) -> None:
    calm.target.move(START, 9)
    with pytest.raises(Refused, match="fence 8 is older than 9"):
        calm.target.move({"blue": 0, "green": 100}, 8)
    assert calm.target.traffic().weights == START
    assert calm.target.move(START, 9).readable, "the same fence may go on"


def test_a_file_that_nginx_does_not_accept_is_put_back_and_nothing_moves(calm: Place) -> None:
    before = calm.target.include.read_bytes()
    broken = replace(calm.target, test=JsonCommand(("sh", "-c", "echo unknown directive >&2; exit 1"), calm.folder))
    with pytest.raises(Broken, match=r"the old one was put back and nothing was moved: .*unknown directive"):
        broken.move({"blue": 0, "green": 100}, 50)
    assert calm.target.include.read_bytes() == before
    assert calm.target.traffic().weights == START


@pytest.mark.req("PX-10")
def test_a_reload_that_does_nothing_is_not_believed() -> None:
    with nginx_site() as running:
        lying = replace(running.target, reload=JsonCommand(("true",), running.folder))
        with pytest.raises(Broken, match="the target now does blue 100 %, green 0 %"):
            lying.move({"blue": 50, "green": 50}, 4)
        seen = running.target.traffic()
        assert seen.weights == START
        assert "a restart would run that" in seen.detail, "the file on disk is ahead of the workers"


@pytest.mark.req("PX-05")
def test_nginx_comes_back_after_a_restart_with_the_weights_that_it_had() -> None:
    with nginx_site() as running:
        running.target.move({"blue": 95, "green": 5}, 3)
        stop(running.site.process)
        with pytest.raises(Broken):
            running.target.traffic()
        again = start(running.folder, running.status)
        try:
            assert running.target.traffic().weights == {"blue": 95, "green": 5}
        finally:
            stop(again)


def test_the_page_shows_the_file_that_gonogo_writes_and_keys_that_make_a_target(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/targets.md").read_text("utf-8").partition("\n## nginx\n")[2]
    addresses = {"blue": "127.0.0.1:8101", "green": "127.0.0.1:8102"}
    made = upstream_file("app", "127.0.0.1:8180", addresses, START)
    assert page.split("```nginx\n")[1].split("```")[0] == made.partition("\n")[2], "all but the comment on its first line"
    keys = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["target"]
    assert set(keys) == {"kind", "include", "upstream", "status", "test", "reload"}
    lists = {key: tuple(value) for key, value in keys.items() if isinstance(value, list)}
    options = {key: value for key, value in keys.items() if isinstance(value, str) and key != "kind"}
    slots_ = {slot: f"http://{address}" for slot, address in addresses.items()}
    probe = VersionProbe("/healthz", "x-version", None)
    nowhere = Origin("gonogo.yaml", 1)
    binding = TargetBinding("nginx", options, lists)
    target = target_of(tmp_path, Environment("production", "production", "http://127.0.0.1:1", slots_, probe, binding, None, None, {}, nowhere))
    assert isinstance(target, NginxTarget)
    assert (str(target.include), target.status) == ("/etc/nginx/conf.d/app-upstream.conf", "127.0.0.1:8180")


@pytest.mark.parametrize(
    "text", ["", "hello", "gonogo fence=1", "gonogo fence=1 blue=50", "gonogo fence=1 blue=50 green=50 red=0", "gonogo fence=-1 blue=1 green=2"]
)
def test_an_answer_about_other_slots_or_from_something_else_is_no_read_back(text: str) -> None:
    with pytest.raises(ValueError, match=r"no answer|it names"):
        parse_loaded(text, {"blue": "a:1", "green": "a:2"})


@pytest.mark.parametrize("address", ["127.0.0.1:80; } evil {", "nowhere", "a b:80", ""])
def test_an_address_that_would_change_the_configuration_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot stand in nginx's configuration"):
        target_in(tmp_path, Address("127.0.0.1", 1), {"blue": address, "green": "127.0.0.1:2"})
