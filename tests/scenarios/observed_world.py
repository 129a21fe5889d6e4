"""A shop under observation: slots behind HAProxy, scraped by Prometheus, which feeds Alertmanager. All real, on loopback.

Everything is started by id on free ports with its own folder and ended by id; no system program is used or touched.
Between the shop's project and the two observers stands a relay each, through which an observer can be taken away.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

import pytest
from live_world import folder, haproxy_says

from gonogo.adapters.http_calls import call
from gonogo.demo.addresses import free_ports
from gonogo.demo.processes import Live, kill, launch, log_tail, wait_until
from gonogo.errors import Broken
from tests.projects import UPSTREAM, Project, approvers_file, new_keys, write_upstream

CASE = Path(__file__).resolve().parents[1] / "cases" / "shop"
PROGRAMS = ("haproxy", "prometheus", "prometheus-alertmanager")
ENVIRONMENTS, SLOTS = ("staging", "production"), ("blue", "green")
TOKEN = "correct-horse-deploy-token"

HAPROXY = """global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 15s
    timeout server 15s
    option redispatch
    retries 2
{sections}
"""
HAPROXY_SECTION = """frontend {name}-front
    bind 127.0.0.1:{front}
    default_backend {name}
backend {name}
    balance roundrobin
    option httpchk GET /healthz
    default-server check inter 100ms fall 2 rise 1
    server blue 127.0.0.1:{blue} weight 100
    server green 127.0.0.1:{green} weight 0
"""
PROMETHEUS = """global: {{scrape_interval: 400ms, scrape_timeout: 400ms, evaluation_interval: 400ms}}
rule_files: [{rules}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]}}
scrape_configs:
  - job_name: shop
    static_configs:
      - {{targets: [{staging}], labels: {{environment: staging}}}}
      - {{targets: [{production}], labels: {{environment: production}}}}
"""
RULES = """groups:
  - name: shop
    rules:
      - {alert: ShopPoisoned, expr: max by (environment) (shop_poison) > 0, labels: {severity: critical}}
      - {alert: ShopNoisy, expr: max by (environment) (shop_poison) < 0, labels: {severity: warning}}
"""
ALERTMANAGER = "route: {receiver: nobody, group_wait: 0s, group_interval: 1s}\nreceivers: [{name: nobody}]\n"


def require(*names: str) -> None:
    """Skip with the way to install what is absent; in CI a skip is a failure."""
    absent = [name for name in names if program(name) is None]
    if absent:
        pytest.skip(f"install {' '.join(absent)}: apt-get install -y --no-install-recommends {' '.join(absent)}")


def program(name: str) -> str | None:
    """The path of an installed program, also where only root has its folder in PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")


class Relay:
    """A TCP port before a server: passes on, refuses, or keeps silent."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode = "pass"
        self.port = 0
        self._listen()

    def _listen(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.port}"

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.mode == "silent":
                client.settimeout(30)
                while client.recv(4096):
                    pass
                return
            with socket.create_connection(("127.0.0.1", self.target), timeout=5) as server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(timeout=10)

    @contextmanager
    def being(self, mode: str, target: int = 0) -> Iterator[None]:
        """`down`, `silent`, or `pass` to another server, for the time of the block."""
        before = (self.mode, self.target)
        self.mode, self.target = mode, target or self.target
        if mode == "down":
            self.close()
        try:
            yield
        finally:
            self.mode, self.target = before
            if mode == "down":
                self._listen()

    def close(self) -> None:
        """Listen no more; shutting down first wakes whoever waits in `accept`."""
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(1 << 16):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)


@dataclass
class Customers:
    """Steady requests to some addresses, in a thread."""

    urls: tuple[str, ...]
    pause: float = 0.03
    resting: bool = False
    ended: bool = False
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        while not self.ended:
            for url in () if self.resting else self.urls:
                with suppress(Broken):
                    call("GET", url + "/", seconds=2.0)
            time.sleep(self.pause)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody asks during the block."""
        self.resting = True
        try:
            yield
        finally:
            self.resting = False

    def end(self) -> None:
        """Ask no more."""
        self.ended = True
        self.thread.join(timeout=5)


@dataclass(frozen=True)
class Shop:
    """The running world: ports by environment and place, and the observers."""

    place: Path
    ports: dict[str, dict[str, int]]
    prometheus: Relay
    alertmanager: Relay
    customers: Customers
    ending: ExitStack

    def url(self, environment: str, where: str = "front") -> str:
        """An address of the shop."""
        return f"http://127.0.0.1:{self.ports[environment][where]}"

    def version(self, environment: str, where: str = "front") -> str:
        """What answers there; empty for nothing."""
        try:
            return call("GET", f"{self.url(environment, where)}/healthz", seconds=1.0).fields.get("x-version", "")
        except Broken:
            return ""

    def order(self, environment: str, slot: str, **orders: float) -> None:
        """Tell the process in a slot what to do wrong."""
        (self.place / f"{environment}-{slot}.orders.json").write_text(json.dumps(orders))

    def say(self, command: str) -> str:
        """One command to HAProxy's runtime API."""
        return haproxy_says(self.place / "h.sock", command)

    def put(self, environment: str, slot: str, release: str) -> None:
        """Bring a slot to a release by hand; an empty one ends what is there."""
        argv = ["stop", environment, slot]
        if release:
            argv = ["start", environment, slot, str(self.ports[environment][slot]), f"releases/{release}/app.json"]
        subprocess.run([sys.executable, "-S", "service/slot.py", *argv], cwd=self.place / "hand", check=True)

    def set(self, environment: str, slots: dict[str, str], serving: str) -> None:
        """Bring an environment to a state: releases by slot, all traffic on one of them; only what differs is touched."""
        for slot in SLOTS:
            (self.place / f"{environment}-{slot}.orders.json").unlink(missing_ok=True)
            if self.version(environment, slot) != slots.get(slot, ""):
                self.put(environment, slot, slots.get(slot, ""))
        assert wait_until(lambda: f" {serving} 127.0.0.1 2 " in self.say(f"show servers state {environment}"), 30.0)
        for slot, weight in sorted(((slot, 100 if slot == serving else 0) for slot in SLOTS), key=lambda one: -one[1]):
            assert self.say(f"set server {environment}/{slot} weight {weight}").strip() == ""

    def counted(self, environment: str, slot: str) -> bool:
        """Wait until Prometheus has counted requests of a slot; a scrape that took too long takes the series away."""
        at = f"127.0.0.1:{self.ports[environment][slot]}"
        query = f'http_requests_total{{instance="{at}"}}'
        url = f"{self.prometheus.url}/api/v1/query?{urlencode({'query': query})}"
        return wait_until(lambda: b'"value"' in call("GET", url).body, 60.0)

    def start(self, name: str, *argv: str) -> Live:
        """Start an installed program with its own log; it is ended with the shop."""
        process = launch(
            (str(program(argv[0])), *argv[1:]), log=self.place / f"{name}.log", env={"HOME": str(self.place)}
        )
        self.ending.callback(kill, process)
        return process

    def another_prometheus(self, name: str, settings: str, data: Path | None = None) -> int:
        """A second Prometheus with other settings, for what the good one never does; gives its port."""
        (port,) = free_ports(1)
        file = self.place / f"{name}.yml"
        file.write_text(settings)
        start_prometheus(self, name, file, data or self.place / f"{name}-data", port)
        return port


def start_prometheus(shop: Shop, name: str, settings: Path, data: Path, port: int) -> None:
    """Start Prometheus and wait until it is ready, which is long before its first sample (PM-04)."""
    flags = (f"--config.file={settings}", f"--storage.tsdb.path={data}", f"--web.listen-address=127.0.0.1:{port}")
    shop.start(name, "prometheus", *flags, "--log.level=error")
    ready(shop, name, f"http://127.0.0.1:{port}/-/ready")


def ready(shop: Shop, name: str, url: str) -> None:
    """Wait until an address answers 200."""
    if not wait_until(lambda: _status(url) == 200, 30.0):
        pytest.fail(f"{name} did not start: {log_tail(shop.place / f'{name}.log')}")


def _status(url: str) -> int:
    try:
        return call("GET", url, seconds=1.0).status
    except Broken:
        return 0


@contextmanager
def observed_shop() -> Iterator[Shop]:
    """The whole world; v1 serves in both environments, and Prometheus has counted it in staging."""
    require(*PROGRAMS)
    with folder() as place, ExitStack() as ending:
        found = free_ports(8)
        names = [(environment, where) for environment in ENVIRONMENTS for where in ("front", *SLOTS)]
        ports = {environment: {} for environment in ENVIRONMENTS}
        for (environment, where), port in zip(names, found[:6], strict=True):
            ports[environment][where] = port
        relays = [Relay(port) for port in found[6:]]
        for relay in relays:
            ending.callback(relay.close)
        customers = Customers(tuple(f"http://127.0.0.1:{ports[name]['front']}" for name in ENVIRONMENTS))
        shop = Shop(place, ports, relays[0], relays[1], customers, ending)
        _hand(shop)
        ending.callback(_empty, shop)
        ending.callback(customers.end)
        _start(shop)
        yield shop


def _hand(shop: Shop) -> None:
    """A folder of the test itself from which it starts releases without any project."""
    shutil.copytree(CASE, shop.place / "hand", copy_function=shutil.copy)
    (shop.place / "hand/config/world.txt").write_text(str(shop.place))


def _empty(shop: Shop) -> None:
    for environment in ENVIRONMENTS:
        for slot in SLOTS:
            shop.put(environment, slot, "")


def _start(shop: Shop) -> None:
    for environment in ENVIRONMENTS:
        shop.put(environment, "blue", "v1")
    sections = "".join(HAPROXY_SECTION.format(name=name, **shop.ports[name]) for name in ENVIRONMENTS)
    (shop.place / "h.cfg").write_text(HAPROXY.format(socket=shop.place / "h.sock", sections=sections))
    (shop.place / "rules.yml").write_text(RULES)
    (shop.place / "a.yml").write_text(ALERTMANAGER)
    (shop.place / "p.yml").write_text(settings_of(shop, PROMETHEUS))
    shop.start("haproxy", "haproxy", "-f", str(shop.place / "h.cfg"), "-db")
    listen = f"--web.listen-address=127.0.0.1:{shop.alertmanager.target}"
    flags = (f"--config.file={shop.place / 'a.yml'}", f"--storage.path={shop.place / 'am'}", listen)
    shop.start("alertmanager", "prometheus-alertmanager", *flags, "--cluster.listen-address=", "--log.level=error")
    start_prometheus(shop, "prometheus", shop.place / "p.yml", shop.place / "data", shop.prometheus.target)
    ready(shop, "alertmanager", f"http://127.0.0.1:{shop.alertmanager.target}/-/ready")
    assert wait_until(lambda: shop.version("staging") == "v1" and shop.version("production") == "v1", 30.0)
    counted = f"{shop.prometheus.url}/api/v1/query?query=rate(http_requests_total[3s])"
    assert wait_until(lambda: b'"value"' in call("GET", counted).body, 60.0), log_tail(shop.place / "prometheus.log")


def settings_of(shop: Shop, text: str) -> str:
    """Settings of a Prometheus for this shop."""
    targets = {name: ", ".join(f'"127.0.0.1:{shop.ports[name][slot]}"' for slot in SLOTS) for name in ENVIRONMENTS}
    return text.format(rules=shop.place / "rules.yml", alertmanager=shop.alertmanager.target, **targets)


def write_project(root: Path, shop: Shop) -> Project:
    """A project on disk that releases the shop; everything in it passes."""
    shutil.copytree(CASE, root, copy_function=shutil.copy)
    keys = new_keys()
    (root / "config/release-approvers.yaml").write_text(approvers_file(keys))
    (root / "config/world.txt").write_text(str(shop.place))
    (root / "config/blue-port.txt").write_text(str(shop.ports["staging"]["blue"]))
    (root / "gonogo.yaml").write_text(project_file(shop))
    write_upstream(root)
    artifact = root / "releases/v2/app.json"
    manifest = {
        "release": {"id": "shop-v2", "version": "v2"},
        "services": [
            {
                "name": "shop",
                "artifact": "releases/v2/app.json",
                "digest": sha256(artifact.read_bytes()).hexdigest(),
                "version": "v2",
                "owner": "rm1",
                "rollback": "scripts/rollback_shop.sh",
                "depends_on": [],
            }
        ],
        "changes": [{"id": "C1", "title": "a change", "security_impact": "no"}],
    }
    (root / "releases/v2/release-manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    parts = [{"type": "library", "name": "left-pad", "version": "1.0", "licenses": [{"license": {"id": "MIT"}}]}]
    sbom = {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": parts}
    (root / "releases/v2/sbom.cdx.json").write_text(json.dumps(sbom))
    return Project(root, keys, root.parent / "record.txt", shop, shop, {"DEPLOY_TOKEN": TOKEN})


def _environment(shop: Shop, name: str) -> str:
    return f"""  {name}:
    url: {shop.url(name)}
    slots: {{blue: "{shop.url(name, "blue")}", green: "{shop.url(name, "green")}"}}
    version: {{digest_header: x-artifact-digest}}
    target: {{kind: haproxy, socket: {shop.place}/h.sock, backend: {name}}}
    metrics:
      kind: prometheus
      url: {shop.prometheus.url}
      version_label: version
      saturation: worker_saturation
      window: 3s
      fresh: 3s
      wait: 2s
      at_least: 5
      dashboards: {{Shop: "https://dashboards.example.org/d/shop"}}
    alerting:
      url: {shop.alertmanager.url}
      matchers: ['environment="{name}"']
      rules: [ShopPoisoned]
      fresh: 5s
    settings:
      configuration: [config/{name}.env]
      secrets: [config/{name}-secrets.env]
      feature_flags: [config/{name}-flags.json]
"""


def project_file(shop: Shop) -> str:
    """The project's `gonogo.yaml`."""
    artifacts = "".join(f"  {name}: {{path: upstream/{name}}}\n" for name in UPSTREAM)
    return f"""schema: gonogo/project/1
project: shop
manifest: releases/{{release}}/release-manifest.json
environments:
{_environment(shop, "staging")}{_environment(shop, "production")}commands:
  deploy:
    run: [bash, scripts/deploy_shop.sh, "{{python}}", "{{environment}}", "{{release}}"]
    timeout: 60s
    secrets: [DEPLOY_TOKEN]
  rollback: {{run: [bash, scripts/rollback_shop.sh, "{{python}}", "{{environment}}", "{{release}}"], timeout: 60s}}
  tests: {{run: [bash, scripts/tests.sh, "{{python}}"], timeout: 60s}}
  scan: {{run: [bash, scripts/scan.sh, "{{python}}"], timeout: 60s}}
tests:
  - {{name: shop, command: tests, at_least: 3}}
smoke:
  - {{name: shop, command: tests, at_least: 3}}
scans:
  - {{name: bandit, command: scan, report: bandit.json, format: bandit, expects: [service/shop.py]}}
licences: {{sbom: "releases/{{release}}/sbom.cdx.json", allowed: [MIT], forbidden: [AGPL-3.0-only]}}
controls:
  - {{id: CC8.1, standard: SOC 2, evidence: staging-test-results.json}}
limits: {{rto: 20s}}
rollout: {{steps: [5, 50, 100], hold: 600ms, tick: 100ms, patience: 10s}}
health_window:
  length: 1s
  tick: 500ms
  objectives:
    - {{metric: error_rate, at_most: 5%}}
parity:
  - {{path: /configuration/NAME, severity: none, weight: 0, expected: true}}
artifacts:
{artifacts}operations:
  runbooks: [{{path: docs/runbook.md, service: shop}}]
  on_call: [{{function: shop, primary: sre1, backup: rm1}}]
  escalation: [{{level: 1, contact: "#shop"}}]
"""
