"""A whole release over SSH: gonogo's own installer is the deploy command, the hosts' real sshd and programs the world."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from command_line import gonogo
from test_shipped_together import three

from tests.hosts_world import hosted_project
from tests.projects import Project
from tests.ssh_world import Site, answers, program, ssh_site
from tests.worlds_http import Place

SMALL = "deployment-automation"
TOOL = '"{python}", -m, gonogo, host'


class Reached(Place):
    """An environment whose hosts are those of a site; the first one is its front."""

    def __init__(self, root: Path, site: Site, names: tuple[str, ...]) -> None:
        super().__init__(root, names)
        self.site = site

    def url(self, name: str) -> str:
        return self.site.hosts[self.names[0] if name == "front" else name].url


def ssh_part(site: Site, names: tuple[str, ...]) -> str:
    addresses = ", ".join(f'{name}: "{site.hosts[name].link.address}:{site.hosts[name].link.port}"' for name in names)
    told = site.binding()
    return f"""  ssh:
      user: {told.user}
      addresses: {{{addresses}}}
      known_hosts: known_hosts
      key: SHOP_SSH_KEY
      folder: "{told.folder}"
      manager: process
      start: ["{{current}}/{{program}}", "{site.root}/{{host}}/port"]
      timeout: 20s
      connect_timeout: 5s
"""


@contextmanager
def ssh_project(root: Path, *, padding: int = 0, services: tuple[str, ...] = ()) -> Iterator[tuple[Project, Site]]:
    """Hosts that run v1, and a project that installs on them by `gonogo host`: one service, or two, each on its host."""
    staged = ("stage1", "stage2") if services else ("stage1",)
    with ssh_site(root / "ssh", (*staged, "web1", "web2")) as site:
        staging = Reached(root / "world" / "staging", site, staged)
        production = Reached(root / "world" / "production", site, ("web1", "web2"))
        project = hosted_project(root / "project", staging, production, routed=False)
        text = (project.root / "gonogo.yaml").read_text()
        for found in (staging, production):
            line = next(line for line in text.splitlines() if line.lstrip().startswith("hosts:") and found.names[0] in line)
            own = ", ".join(f"{name}: [{host}]" for name, host in zip(services, found.names, strict=False))
            told = f"  hosts_of: {{{own}}}\n  " if services else ""
            text = text.replace(line, f"{line}\n  {told}{ssh_part(site, found.names)}", 1)
        text = text.replace("project: shop\n", f"project: shop\nservices: [{', '.join(services)}]\n", 1) if services else text
        for script, action, version in (("deploy", "install", "release"), ("rollback", "take-back", "previous")):
            old = f'[bash, scripts/{script}_shop.sh, "{{environment}}", "{{release}}", "{{host}}"]'
            text = text.replace(old, f'[{TOOL}, {action}, "{{environment}}", "{{host}}", "{{{version}}}"]')
        text = text.replace("secrets: [RECORD, PLACES]", "secrets: [SHOP_SSH_KEY]").replace("timeout: 20s, sec", "timeout: 60s, sec")
        (project.root / "gonogo.yaml").write_text(text)
        shutil.copy(site.known_hosts, project.root / "known_hosts")
        release(project, "v2", program("v2") + b"#" * padding)
        for host in site.hosts:
            site.reached().install(host, site.package("v1"))
            assert answers(site.hosts[host]) == "v1"
        environ = {"SHOP_SSH_KEY": str(site.key), "PYTHONPATH": os.pathsep.join(sys.path)}
        yield Project(project.root, project.keys, project.record, staging, production, environ), site


def release(project: Project, version: str, data: bytes) -> None:
    artifact = project.root / f"releases/{version}/app.txt"
    old = sha256(artifact.read_bytes()).hexdigest()
    artifact.write_bytes(data)
    project.edit(f"releases/{version}/release-manifest.json", old, sha256(data).hexdigest())


def versions(site: Site) -> dict[str, str]:
    return {name: answers(host) for name, host in site.hosts.items()}


@pytest.mark.req("ROL-01", "ROL-06")
def test_a_release_goes_over_real_hosts_and_a_stale_run_cannot_touch_them_afterwards(tmp_path: Path) -> None:
    with ssh_project(tmp_path) as (project, site):
        run = project.release(SMALL)
        assert project.state(run).outcome == "released", project.view(run).halt
        assert versions(site) == {"stage1": "v2", "web1": "v2", "web2": "v2"}
        states = {host: site.reached().look(host) for host in site.hosts}
        digest = sha256(program("v2")).hexdigest()
        assert {state.digest for state in states.values()} == {digest}
        assert states["web2"].fence > states["web1"].fence > 0
        known = {name.rpartition("#")[2]: task.facts for name, task in project.state(run).tasks.items()}
        assert known["answers-web2"]["digest"] == digest
        assert b"current leads to releases/v2-" in project.door().world.vault.read(known["install-web1"]["stdout"])
        stale = gonogo("host", "take-back", "production", "web2", "v1", "-C", str(project.root), **project.environ, GONOGO_FENCE="1")
        assert stale.code == 2
        assert "somebody newer is at work there" in stale.err
        looked = gonogo("host", "look", "production", "web2", "--json", "-C", str(project.root), **project.environ)
        assert looked.json()["version"] == "v2"


@pytest.mark.slow
@pytest.mark.req("ROL-01", "ROL-06")
def test_two_services_go_over_real_hosts_of_their_own_each_with_its_own_bytes(tmp_path: Path) -> None:
    with ssh_project(tmp_path, services=("db", "shop")) as (project, site):
        three(project.root, ("db", "shop"))
        digests = {}
        for name in ("db", "shop"):
            artifact = project.root / f"releases/v2/{name}.txt"
            old = sha256(artifact.read_bytes()).hexdigest()
            artifact.write_bytes(program("v2") + f"# {name}\n".encode())
            digests[name] = sha256(artifact.read_bytes()).hexdigest()
            project.edit("releases/v2/release-manifest.json", old, digests[name])
        run = project.release(SMALL)
        assert project.state(run).outcome == "released", project.view(run).halt
        assert versions(site) == dict.fromkeys(("stage1", "stage2", "web1", "web2"), "v2")
        found = {host: site.reached().look(host).digest for host in ("web1", "web2")}
        assert found == {"web1": digests["db"], "web2": digests["shop"]}


@pytest.mark.slow
@pytest.mark.req("ARB-01", "ROL-06")
def test_a_host_that_is_cut_off_in_mid_batch_stops_the_roll_and_what_was_replaced_runs_the_old_bytes_again(
    tmp_path: Path,
) -> None:
    with ssh_project(tmp_path, padding=1_000_000) as (project, site):
        text = (project.root / "gonogo.yaml").read_text()
        (project.root / "gonogo.yaml").write_text(text.replace("connect_timeout: 5s", "connect_timeout: 3s"))
        web2 = site.hosts["web2"]
        run = project.begin(SMALL)
        door = project.door()

        def pull(_state: object, entry: object) -> None:
            event = entry.event
            if type(event).__name__ == "HostsReplaced" and event.step == 0:
                web2.link.cut_after(300_000)

        for _ in range(8):
            door.drive(run, patient=False, listener=pull)
            if not project.sign_all(run):
                break
        state = project.state(run)
        assert (state.rollback.trigger, state.halted.cause) == ("task", "rollback_failed"), project.view(run).halt
        assert answers(site.hosts["web1"]) == "v1"
        halt = project.view(run).halt
        assert "gonogo host take-back production web2 v1" in halt
        web2.link.mend()
        project.lift(run)
        project.go_on(run)
        assert project.state(run).outcome == "rolled_back", project.view(run).halt
        assert versions(site) == {"stage1": "v2", "web1": "v1", "web2": "v1"}
