"""Hosts by SSH as they really behave: a real sshd, real managers, and what is left when something is cut off in the middle."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gonogo.adapters.hosts.host_commands import asks, quoted, restarts, runs, stayed
from gonogo.adapters.targets.probe_http import HttpProber
from gonogo.adapters.targets.probe_ssh import SshProber
from gonogo.adapters.hosts.ssh_connection import MOST_OUTPUT, Said, connected
from gonogo.contracts import HostContract
from gonogo.demo.processes import wait_until
from gonogo.errors import BadInput, Broken, Refused
from tests.ssh_links import Veth
from tests.ssh_world import Host, Site, answers, end_program, program, ssh_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ssh_site(tmp_path_factory.mktemp("ssh"), ("web1",)) as found:
        yield found


@pytest.fixture
def host(site: Site) -> Host:
    """The one host, with nothing of ours on it, reachable, known."""
    found = site.hosts["web1"]
    found.link.mend()
    site.know()
    end_program(found)
    shutil.rmtree(found.folder, ignore_errors=True)
    found.folder.mkdir()
    return found


class TestProcesses(HostContract):
    """Plain processes: what every installer of hosts has to do."""

    @pytest.fixture(autouse=True)
    def _hosts(self, site: Site, host: Host) -> None:
        self.hosts, self.host = site.reached(), host.name
        self.old, self.new = site.package("v1"), site.package("v2")


@pytest.mark.req("ROL-01")
def test_what_runs_on_the_host_answers_and_its_bytes_are_read_there(site: Site, host: Host) -> None:
    package = site.package("v1")
    state = site.reached().install("web1", package, 1)
    assert (state.version, state.digest, state.running) == ("v1", package.digest, True)
    assert answers(host) == "v1"
    assert (host.folder / "current" / "app").read_bytes() == program("v1")
    http = HttpProber({"web1": host.url}, host.url)
    prober = SshProber(http, site.reached)
    seen = prober.ask("web1")
    assert (seen.version, seen.digest, seen.healthy) == ("v1", package.digest, True)
    (host.folder / "current" / "app").write_bytes(program("v1") + b"# changed behind our back\n")
    changed = prober.ask("web1")
    assert (changed.version, changed.healthy) == ("v1", False)
    assert "does not hold the bytes that were put there" in changed.detail


@pytest.fixture(params=[None, False], ids=["a link where it may be", "a relay"])
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A host whose link can be cut: a real one where the machine allows network namespaces, and the stand-in for others."""
    with ssh_site(tmp_path / "far", ("web1",), isolated=request.param) as found:
        yield found


@pytest.mark.slow
@pytest.mark.req("ROL-06")
def test_a_connection_that_is_lost_in_mid_upload_changes_nothing_and_the_next_try_finds_what_is_there(far: Site) -> None:
    host, hosts = far.hosts["web1"], far.reached(timeout=6)
    far.reached().install("web1", far.package("v1"), 1)
    big = replace(far.package("v2"), path=host.place / "big")
    big.path.write_bytes(program("v2") + b"#" * (1 << 20))
    big = replace(big, digest=_sum(big.path))
    host.link.cut_after(1 << 19)
    with pytest.raises(Broken, match="did not answer within|not responding to keepalive|onnection lost"):
        hosts.install("web1", big, 2)
    assert host.current().startswith("releases/v1-")
    assert 0 < (host.folder / big.folder / ".part-2").stat().st_size < big.path.stat().st_size
    with pytest.raises(Broken):
        hosts.look("web1")
    host.link.mend()
    assert answers(host) == "v1"
    assert far.reached().look("web1").version == "v1"
    assert far.reached().install("web1", big, 3).version == "v2"
    assert answers(host) == "v2"


@pytest.mark.slow
@pytest.mark.req("ROL-06")
def test_packets_that_are_dropped_are_a_host_that_does_not_answer_and_never_one_that_refused(far: Site) -> None:
    host = far.hosts["web1"]
    far.reached().install("web1", far.package("v1"), 1)
    host.link.drop()
    with pytest.raises(Broken, match=r"did not answer within|[Tt]imed? ?out|timeout"):
        far.reached(connect=2, timeout=4).install("web1", far.package("v2"), 2)
    seen = SshProber(HttpProber({"web1": host.url}, host.url), far.reached).ask("web1")
    assert (seen.version, seen.healthy) == ((None, False) if isinstance(host.link, Veth) else ("v1", False))
    host.link.mend()
    assert far.reached().look("web1").version == "v1"


@pytest.mark.slow
@pytest.mark.req("ROL-06")
def test_a_link_that_loses_packets_makes_an_installation_slow_and_never_wrong(far: Site) -> None:
    host = far.hosts["web1"]
    package = far.package("v1")
    package.path.write_bytes(program("v1") + b"#" * (1 << 18))
    package = replace(package, digest=_sum(package.path))
    if isinstance(host.link, Veth):
        host.link.narrow("4mbit", "4kb")
    assert far.reached(timeout=60, connect=20).install("web1", package, 1).digest == package.digest
    assert (host.folder / "current" / "app").read_bytes() == package.path.read_bytes()
    if isinstance(host.link, Veth):
        assert host.link.lost() > 0
        host.link.mend()
    assert answers(host) == "v1"


def _sum(path: Path) -> str:
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]


def test_a_full_disk_switches_nothing_and_is_named(site: Site, host: Host) -> None:
    hosts = site.reached()
    hosts.install("web1", site.package("v1"), 1)
    package = site.package("v2")
    place = host.folder / package.folder
    place.mkdir(parents=True)
    (place / ".part-2").symlink_to("/dev/full")
    with pytest.raises(Broken):
        hosts.install("web1", package, 2)
    assert host.current().startswith("releases/v1-")
    assert answers(host) == "v1"


@pytest.mark.req("ROL-06")
def test_a_changed_host_key_stops_everything_before_a_byte_is_sent(site: Site, host: Host) -> None:
    text = site.known_hosts.read_text()
    other = (site.root / "id.pub").read_text().split()[1]
    site.known_hosts.write_text(" ".join((*text.split()[:2], other)) + "\n")
    with pytest.raises(Refused, match="does not show the host key that is known"):
        site.reached().install("web1", site.package("v1"), 1)
    site.known_hosts.write_text("")
    with pytest.raises(Refused, match="does not show the host key that is known"):
        site.reached().look("web1")
    site.known_hosts.unlink()
    with pytest.raises(BadInput, match=r"ssh.known_hosts"):
        site.reached().look("web1")
    assert list(host.folder.iterdir()) == []


def test_a_key_that_is_not_let_in_is_refused_and_nothing_else_is_tried(site: Site, host: Host) -> None:
    stranger = site.root / "stranger"
    if not stranger.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    with pytest.raises(Refused, match="does not let the key in"):
        replace(site.reached(), key=stranger).look("web1")


def said(site: Site, *argv: str) -> Said:
    async def run() -> Said:
        async with connected(site.reached()._reach("web1")) as session:
            return await session.run(argv)

    return asyncio.run(run())


def test_every_word_arrives_as_it_is_and_no_agent_goes_along(site: Site, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(site.root / "agent"))
    words = ("a b", "$(touch gone)", "`id`", "'", '"', "*", "-n", "\\", "ü", "x;y|z&", "")
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    printed = said(site, sys.executable, "-c", code, *words)
    assert __import__("json").loads(printed.out) == list(words)
    assert "SSH_AUTH_SOCK" not in said(site, "env").out


def test_output_without_end_is_capped_and_ends_with_the_time_limit(site: Site, host: Host) -> None:
    printed = said(site, sys.executable, "-c", "print('x' * 5_000_000)")
    assert (printed.code, len(printed.out)) == (0, MOST_OUTPUT)
    with pytest.raises(Broken, match="did not answer within 2 s"):
        site.reached(manager="supervisor", unit="web", control=("yes",), timeout=2).look("web1")


@pytest.fixture
def supervised(site: Site, host: Host) -> Iterator[Site]:
    """The same host with a real supervisord that starts what `current` leads to."""
    place = host.place / "supervisor"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    settings = place / "supervisord.conf"
    settings.write_text(
        f"[supervisord]\nnodaemon=true\nlogfile={place}/log\npidfile={place}/pid\nchildlogdir={place}\n"
        f"[unix_http_server]\nfile={place}/socket\n"
        f"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        f"[supervisorctl]\nserverurl=unix://{place}/socket\n"
        f"[program:web]\ncommand={host.folder}/current/app {host.place}/port\nautostart=false\nstartsecs=1\n"
    )
    tool = Path(sys.executable).parent
    daemon = subprocess.Popen([*host.inside, tool / "supervisord", "-c", settings], stdout=subprocess.DEVNULL)
    try:
        assert wait_until((place / "socket").exists, 60)
        control = (str(tool / "supervisorctl"), "-c", str(settings))
        site.managed = {"manager": "supervisor", "unit": "web", "control": control}
        yield site
    finally:
        site.managed = {}
        daemon.terminate()
        daemon.wait(20)


@pytest.mark.req("ROL-01")
def test_supervisor_restarts_what_is_current_and_says_that_it_runs(supervised: Site, host: Host) -> None:
    hosts = supervised.reached()
    assert hosts.install("web1", supervised.package("v1"), 1).running
    assert answers(host) == "v1"
    assert hosts.install("web1", supervised.package("v2"), 2).version == "v2"
    assert answers(host) == "v2"
    assert hosts.take_back("web1", "v1", 3).version == "v1"
    assert answers(host) == "v1"
    broken = supervised.package("v3")
    broken.path.write_bytes(b"#!/bin/false\n")
    with pytest.raises(Broken, match="supervisorctl"):
        hosts.install("web1", replace(broken, digest=_sum(broken.path)), 4)


VALUES = {"folder": "/srv/shop", "current": "/srv/shop/current", "program": "app", "host": "web1"}


@pytest.mark.req("ROL-01")
def test_the_argument_lists_of_each_manager_are_exactly_these(site: Site) -> None:
    systemd = site.binding(manager="systemd", unit="shop@web.service", control=("sudo", "-n", "systemctl"))
    assert restarts(systemd, VALUES) == (("sudo", "-n", "systemctl", "restart", "--", "shop@web.service"),)
    shown = ("show", "--property=ActiveState,SubState,MainPID,NRestarts", "--", "shop@web.service")
    assert asks(systemd, VALUES) == ("sudo", "-n", "systemctl", *shown)
    supervisor = site.binding(manager="supervisor", unit="web", control=("supervisorctl", "-c", "{folder}/s.conf"))
    assert restarts(supervisor, VALUES) == (("supervisorctl", "-c", "/srv/shop/s.conf", "restart", "web"),)
    process = site.binding(manager="process", start=("{current}/{program}", "--port", "8080"))
    pid = "/srv/shop/gonogo.pid"
    stop = ("--stop", "--oknodo", "--retry", "TERM/5/KILL/5", "--remove-pidfile", "--pidfile", pid)
    start = ("--start", "--background", "--make-pidfile", "--pidfile", pid, "--chdir", "/srv/shop/current")
    assert restarts(process, VALUES) == (
        ("start-stop-daemon", *stop),
        ("start-stop-daemon", *start, "--startas", "/srv/shop/current/app", "--", "--port", "8080"),
    )
    assert quoted(("a b", "it's")) == """'a b' 'it'"'"'s'"""


@pytest.mark.parametrize(
    ("manager", "code", "printed", "expected"),
    [
        ("systemd", 0, "ActiveState=active\nSubState=running\nMainPID=7\nNRestarts=0\n", True),
        ("systemd", 0, "ActiveState=activating\nSubState=auto-restart\nMainPID=0\nNRestarts=5\n", False),
        ("systemd", 0, "", False),
        ("systemd", 1, "ActiveState=active\nSubState=running\n", False),
        ("supervisor", 0, "web                              RUNNING   pid 7, uptime 0:00:03\n", True),
        ("supervisor", 3, "web                              BACKOFF   Exited too quickly\n", False),
        ("supervisor", 0, "other RUNNING pid 7\n", False),
        ("supervisor", 0, "", False),
        ("process", 0, "", True),
        ("process", 3, "", False),
    ],
)
def test_only_a_managers_own_word_says_that_something_runs(
    site: Site, manager: str, code: int, printed: str, expected: bool
) -> None:
    assert runs(site.binding(manager=manager, unit="web"), code, printed) is expected


def test_a_program_that_systemd_begins_again_and_again_did_not_stay(site: Site) -> None:
    first, again = "ActiveState=active\nMainPID=7\nNRestarts=0\n", "ActiveState=active\nMainPID=9\nNRestarts=1\n"
    unit = site.binding(manager="systemd", unit="web.service")
    assert stayed(unit, first, first)
    assert not stayed(unit, first, again)
    assert not stayed(unit, first, "")
    assert stayed(site.binding(), "", "")
