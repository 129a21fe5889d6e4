"""`environments.NAME.ssh` of `gonogo.yaml`: how gonogo itself installs on hosts, without a script (ROL-01)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlsplit

from gonogo.findings import Origin
from gonogo.plan.reading import WRONG_VALUE, Section
from gonogo.values import dataclass

MANAGERS = ("systemd", "supervisor", "process")
FIELDS = frozenset({"folder", "current", "program", "host"})
SSH_PORT = 22
_ADDRESS = r"[A-Za-z0-9_.:\[\]-]+"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class SshBinding:
    """How hosts are reached and how a release is started there; times in seconds.

    `addresses` are host and port by name. `key` names the environment variable with the path of the private key, and
    `known_hosts` the project's file of host keys. `folder` is an absolute path on the hosts and may hold {host}.
    `control` is the argument list that reaches the process manager (`systemctl`, `supervisorctl`), `start` that of a
    plain process; they may use {folder}, {current}, {program} and {host}.
    """

    user: str
    addresses: Mapping[str, tuple[str, int]]
    known_hosts: str
    key: str
    folder: str
    service: str
    manager: str
    unit: str
    control: tuple[str, ...]
    start: tuple[str, ...]
    timeout: Decimal
    connect: Decimal
    origin: Origin


def read_ssh(section: Section | None, hosts: Mapping[str, str]) -> SshBinding | None:
    """Read the section; None where an environment has none."""
    if section is None:
        return None
    manager = section.choice("manager", MANAGERS)
    control = {"systemd": ("systemctl",), "supervisor": ("supervisorctl",), "process": ("start-stop-daemon",)}
    found = SshBinding(
        user=section.text("user", pattern=r"[a-z_][a-z0-9_-]{0,31}", kind="a name of a user"),
        addresses=_addresses(section, hosts),
        known_hosts=section.text("known_hosts"),
        key=section.text("key", pattern=r"[A-Z][A-Z0-9_]*", kind="the name of an environment variable"),
        folder=section.text("folder", pattern=r"/([A-Za-z0-9_./-]|\{host\})+", kind="an absolute path").rstrip("/"),
        service=section.text("service", ""),
        manager=manager,
        unit=section.text("unit", "", pattern=r"[A-Za-z0-9@_.:-]+", kind="a name of a unit or program"),
        control=section.texts("control", control.get(manager, ())),
        start=section.texts("start", ()),
        timeout=section.seconds("timeout", Decimal(60)),
        connect=section.seconds("connect_timeout", Decimal(10)),
        origin=section.origin,
    )
    _check(found, section, hosts)
    section.finish()
    return found


def _addresses(section: Section, hosts: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    given = section.section("addresses", required=False)
    said = {name: given.text(name, pattern=_ADDRESS, kind="HOST or HOST:PORT") for name in given.names()}
    for name in sorted(set(said) - set(hosts)):
        words = f"`{given.path}` names `{name}`, which is no host of this environment"
        section.notes.error(WRONG_VALUE, words, given.origin_of(name))
    return {name: _split(said.get(name) or urlsplit(url).hostname or name) for name, url in hosts.items()}


def _split(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else (text, SSH_PORT)


def _check(found: SshBinding, section: Section, hosts: Mapping[str, str]) -> None:
    faults = []
    if not hosts:
        faults.append("`ssh` needs `hosts` in the same environment")
    if found.manager in {"systemd", "supervisor"} and not found.unit:
        faults.append(f"`ssh.manager: {found.manager}` needs `unit`, what is restarted")
    if found.manager == "process" and not found.start:
        faults.append("`ssh.manager: process` needs `start`, the argument list of the process")
    if ".." in found.folder.split("/"):
        faults.append("`ssh.folder` must not hold `..`")
    unknown = {name for part in (*found.control, *found.start) for name in _PLACEHOLDER.findall(part)} - FIELDS
    if unknown:
        faults.append(f"`ssh` uses the unknown placeholder {{{min(unknown)}}}; known: {', '.join(sorted(FIELDS))}")
    for fault in faults:
        section.notes.error(WRONG_VALUE, fault, section.origin)
