"""Hosts whose service is kept by a real systemd: started, restarted, taken back, and what it says of what does not run."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from gonogo.adapters.hosts.port import Package
from gonogo.contracts import HostContract
from gonogo.demo.processes import wait_until
from gonogo.errors import Broken
from gonogo.terms import Digest
from tests.ssh_links import namespaces_allowed
from tests.ssh_world import Host, Site, answers
from tests.systemd_host import SYSTEMD, systemd_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if os.geteuid() != 0 or not SYSTEMD or not namespaces_allowed():
        hint = "no systemd of one's own can be begun here: that needs root, namespaces and Debian's systemd"
        pytest.fail(hint) if os.environ.get("CI") == "true" else pytest.skip(hint)
    with systemd_site(tmp_path_factory.mktemp("systemd")) as found:
        yield found


@pytest.fixture
def host(site: Site) -> Host:
    """The one host, with nothing of ours on it."""
    found = site.hosts["web1"]
    subprocess.run(["rm", "-rf", str(found.folder)], check=True)
    found.folder.mkdir()
    return found


class TestSystemd(HostContract):
    """systemd: what every installer of hosts has to do."""

    @pytest.fixture(autouse=True)
    def _hosts(self, site: Site, host: Host) -> None:
        self.hosts, self.host = site.reached(), host.name
        self.old, self.new = site.package("v1"), site.package("v2")


def pid_of(host: Host) -> int:
    """The process that answers, by its number on this machine."""
    shown = subprocess.run(["pgrep", "-f", f"{host.folder}/current/app"], capture_output=True, text=True, check=True)
    return int(shown.stdout.split()[0])


@pytest.mark.req("ROL-01", "ROL-06")
def test_systemd_restarts_what_is_current_keeps_it_alive_and_takes_it_back(site: Site, host: Host) -> None:
    hosts = site.reached()
    assert hosts.install("web1", site.package("v1"), 1).running
    assert answers(host) == "v1"
    assert hosts.install("web1", site.package("v2"), 2).version == "v2"
    assert answers(host) == "v2"
    first = pid_of(host)
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: answers(host, 0.1) == "v2" and hosts.look("web1").running, 30)
    assert pid_of(host) != first
    assert hosts.take_back("web1", "v1", 3).version == "v1"
    assert answers(host) == "v1"


def broken(site: Site, version: str, text: bytes) -> Package:
    found = site.package(version)
    found.path.write_bytes(text)
    return replace(found, digest=Digest(sha256(text).hexdigest()))


@pytest.mark.req("ROL-01", "ARB-08")
@pytest.mark.parametrize("text", [b"#!/bin/false\n", b"no program at all"], ids=["ends at once", "cannot be begun"])
def test_a_release_that_systemd_cannot_keep_running_is_no_installed_one_and_the_old_one_comes_back(
    site: Site, host: Host, text: bytes
) -> None:
    hosts = site.reached()
    hosts.install("web1", site.package("v1"), 1)
    with pytest.raises(Broken, match="does not stay|not running"):
        hosts.install("web1", broken(site, "v3", text), 2)
    assert not answers(host, 0.5)
    assert hosts.take_back("web1", "v1", 3).running
    assert answers(host) == "v1"


def test_a_unit_that_is_not_there_is_told_in_the_words_of_systemd(site: Site, host: Host) -> None:
    with pytest.raises(Broken, match=r"Unit other\.service not found"):
        site.reached(unit="other.service").install("web1", site.package("v1"), 1)


def test_this_machine_has_the_same_mounts_and_control_groups_as_before(tmp_path: Path) -> None:
    groups = Path("/sys/fs/cgroup")
    before = (Path("/proc/self/mounts").read_text(), {path for path in groups.glob("*/*") if path.is_dir()})
    with systemd_site(tmp_path / "own"):
        pass
    assert before == (Path("/proc/self/mounts").read_text(), {path for path in groups.glob("*/*") if path.is_dir()})
