"""A real systemd for SSH hosts of the tests: process 1 of its own namespaces, with units of the test and nothing else.

It sees its own processes, mounts and control groups; what it does there touches this machine's in nothing. The sshd of
the host runs in there, too, so that `systemctl` is called as on any host. Needs root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gonogo.demo.processes import wait_until
from tests.ssh_links import Veth, listens
from tests.ssh_world import SSHD, Host, Site, ssh_site

SYSTEMD = next((path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if Path(path).exists()), "")
UNSHARE = shutil.which("unshare") or ""
HIERARCHY = Path("/sys/fs/cgroup/systemd")
"""Where control groups of the first version are mounted: those that systemd names its services in."""

BOOT = """#!/bin/sh
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/sshd
if [ -d {hierarchy} ]; then
  mount -t tmpfs tmpfs /sys/fs/cgroup
  mkdir {hierarchy}
  mount -t cgroup -o none,name=systemd cgroup {hierarchy}
else
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
mount --bind {place}/console /dev/console
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=gonogo SYSTEMD_UNIT_PATH={place}/units \\
  {systemd} --system --unit=default.target --log-target=console --show-status=0
"""
UNITS = {
    "default.target": "[Unit]\nDefaultDependencies=no\nRequires=ssh.service\n",
    "ssh.service": "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart={sshd} -D -e -f {place}/sshd_config\n",
    "web.service": "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\n"
    "ExecStart={place}/srv/current/app {place}/port\nRestart=on-failure\nRestartSec=100ms\n",
}


def _booted(host: Host, group: Path) -> subprocess.Popen[bytes]:
    place = host.place
    (place / "units").mkdir(exist_ok=True)
    (place / "console").touch()
    for name, text in UNITS.items():
        (place / "units" / name).write_text(text.format(sshd=SSHD, place=place))
    boot = place / "boot.sh"
    boot.write_text(BOOT.format(hierarchy=HIERARCHY, place=place, systemd=SYSTEMD))
    group.mkdir()
    alone = [UNSHARE, "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child", "sh", str(boot)]
    joined = f'echo $$ > {group}/cgroup.procs && exec "$@"'
    with (place / "boot.log").open("wb") as log:
        return subprocess.Popen(["sh", "-c", joined, "sh", *host.inside, *alone], stdout=log, stderr=log)


def _emptied(group: Path) -> bool:
    """Remove a control group with those that systemd made in it; whether it is gone."""
    for folder in (*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group):
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not group.exists()


@contextmanager
def systemd_site(root: Path) -> Iterator[Site]:
    """One host whose services are kept by a real systemd, until the block ends."""
    with ssh_site(root, ("web1",), isolated=True) as site:
        host = site.hosts["web1"]
        host.sshd.send_signal(signal.SIGTERM)
        host.sshd.wait()
        group = (HIERARCHY if HIERARCHY.is_dir() else Path("/sys/fs/cgroup")) / f"gonogo-{os.getpid()}-{time.monotonic_ns()}"
        booted = _booted(host, group)
        try:
            up = wait_until(lambda: listens(host.link), 60)
            assert up, (host.place / "boot.log").read_text() + (host.place / "console").read_text()
            site.managed = {"manager": "systemd", "unit": "web.service", "control": ("systemctl",)}
            yield site
        finally:
            booted.kill()
            booted.wait()
            assert isinstance(host.link, Veth)
            host.link.end()
            assert wait_until(lambda: _emptied(group), 60), list(group.rglob("*"))
