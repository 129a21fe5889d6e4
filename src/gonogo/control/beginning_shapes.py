"""The shapes of a new project: one service or several, in two slots or on hosts that are replaced in batches.

A shape is the words that fill the same templates, so that what does not depend on it is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from gonogo.control.checking import MARK
from gonogo.values import dataclass

PLACES = ("staging", "production")
FIRST_PORT = {"staging": 8100, "production": 8200}
SLOTS = ("blue", "green")
_WAYS = {"staging": "testers", "production": "users"}

SLOTTED = """\
# url is what people reach. The two slots are the places where a version can run; one of them serves, the other is idle.
# Each slot answers /healthz with its version in the header x-version, and /metrics with its request counts.
"""
HOSTED = """\
# url is what people reach. A release goes over the hosts in the order in which they stand here, batch by batch.
# Each host answers /healthz with its version in the header x-version, and /metrics with its request counts. A proxy
# before them that is to leave out whoever is being replaced is a `target` (docs/targets.md).
"""
PARTED = """\
# url is what people reach. A release goes over the hosts in the order in which they stand here, batch by batch; every
# host runs one service, which `hosts_of` says, and new hosts of a service are judged against its old ones.
# Each host answers /healthz with its version in the header x-version, and /metrics with its request counts. There is no
# `target`: your scripts take a host out of the traffic of its service, and let it in again.
"""
SHARED = """\
# url is what people reach, through the last service. The two slots are the places where a version of all services can
# run; one of them serves, the other is idle. Each service answers in each slot: /healthz with its version in the header
# x-version, and /metrics with its request counts.
"""
NAMED = """
# The services of a release, in the order in which they are installed. One decision carries them all; whatever fails,
# all that was begun is taken back in reverse.
"""
INSTALLER = """\
  # Instead of the two scripts gonogo can install over SSH by itself (docs/hosts.md). Each environment then says how:
  #   ssh: {user: deploy, known_hosts: config/known_hosts, key: DEPLOY_SSH_KEY, folder: /srv/@SERVICE@,
  #         manager: systemd, unit: @SERVICE@.service, control: [sudo, -n, systemctl]}
  # and the two commands are, each with `secrets: [DEPLOY_SSH_KEY]`:
  #   deploy:   run: ["{python}", -m, gonogo, host, install, "{environment}", "{host}", "{release}"]
  #   rollback: run: ["{python}", -m, gonogo, host, take-back, "{environment}", "{host}", "{previous}"]
"""
OUT = """\
# First take $host out of the traffic of $service, and let it answer what it has begun; at the end let it in again.
"""
CANARY = "rollout: {strategy: canary, steps: [5, 25, 50, 100], hold: 2m}"
ROLLING = """\
# batch: so many hosts, or a share such as 25%, are replaced at the same time; max_unavailable: so many may be away,
# those that do not answer included.
rollout: {strategy: rolling, batch: 1, max_unavailable: 1, hold: 2m}"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a project releases: `service` alone, or `services` in their declared order; in slots, or on `hosts`.

    `hosts_of` says which of the hosts run which of the services, where there are several of both.
    """

    service: str
    hosts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    hosts_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def shape_words(shape: Shape) -> dict[str, str]:
    """Words of the templates and what stands for them."""
    if shape.hosts:
        return _on_hosts(shape)
    return _together(shape) if shape.services else _in_slots(shape)


def artifacts_of(shape: Shape) -> tuple[str, ...]:
    """What the manifest of a release names."""
    return shape.services or (shape.service,)


def _operations(shape: Shape) -> dict[str, str]:
    runbook = f"docs/runbook-{shape.service}.md"
    names = artifacts_of(shape)
    return {
        "RUNBOOKS": ", ".join(f"{{path: {runbook}, service: {name}}}" for name in names),
        "ONCALL": ", ".join(f"{{function: {name}, primary: @PERSON@, backup: @BACKUP@}}" for name in names),
    }


def _url(place: str, behind: str) -> str:
    return (
        f"    url: http://127.0.0.1:{FIRST_PORT[place]}  "
        f"# {MARK}: the address that {_WAYS[place]} reach, and {behind} behind it\n"
    )


def _slots(place: str) -> str:
    listed = "".join(f"      {slot}: {_address(place, number)}\n" for number, slot in enumerate(SLOTS, 1))
    return f"    slots:\n{listed}"


def _address(place: str, number: int) -> str:
    return f"http://127.0.0.1:{FIRST_PORT[place] + number}"


def _routed(place: str) -> str:
    script = "bash, scripts/traffic_@SERVICE@.sh"
    return (
        f"    target:\n      kind: commands\n      observe: [{script}, show, {place}]\n"
        f'      traffic: [{script}, set, {place}, "{{weights}}"]\n'
    )


def _measured(place: str) -> str:
    return f"    metrics: {{kind: scrape}}\n    settings: [config/{place}.env]\n"


def _in_slots(shape: Shape) -> dict[str, str]:
    places = "".join(
        f"  {place}:\n{_url(place, 'the two slots')}{_slots(place)}{_routed(place)}{_measured(place)}"
        for place in PLACES
    )
    return _operations(shape) | {
        "NAMED": "",
        "PLACES": f"{SLOTTED}environments:\n{places}",
        "MORE": "",
        "INSTALLER": "",
        "ROLLOUT": CANARY,
        **_SLOT_WORDS,
        **_NO_OPTION,
    }


_NO_OPTION: Mapping[str, str] = {
    "USAGE": "",
    "VARIABLES": "",
    "OPTIONS": "",
    "NEEDED": "",
    "WHAT": "$release",
    "BEFORE": "",
}
_SLOT_WORDS: Mapping[str, str] = {
    "TARGET": "where no traffic goes",
    "BACK": ", after gonogo has sent the traffic back",
    "ASKED": "the slot",
    "ASKEDBACK": "the front",
    "MOVES": "gonogo moves the traffic, not this.",
    "SLOT": "slot=${GONOGO_SLOT:-}\n",
    "SHOWN": "in slot ${slot:-?}",
    "WHERE": "in $slot",
    "TOLD": "#   GONOGO_SLOT              the slot that the release is about  GONOGO_URL    its address\n",
}


def _options(*names: str) -> dict[str, str]:
    return {
        "USAGE": "".join(f" --{name} {name.upper()}" for name in names),
        "VARIABLES": "".join(f'{name}="" ' for name in names),
        "OPTIONS": "".join(f"    --{name}) {name}=${{2:?--{name} needs a value}}; shift 2 ;;\n" for name in names),
        "NEEDED": "".join(f' "${{{name}:?--{name} is missing}}"' for name in names),
        "MORE": "".join(f', --{name}, "{{{name}}}"' for name in names),
    }


def _hosts(place: str, shape: Shape) -> str:
    """The hosts of a place: those of production as they were named, in staging one for each service."""
    runs = dict(shape.hosts_of)
    hosts = shape.hosts
    if place == "staging":
        runs = {name: (f"stage{number}",) for number, name in enumerate(runs, 1)}
        hosts = tuple(host for each in runs.values() for host in each) or ("stage1",)
    listed = "".join(f"      {host}: {_address(place, number)}\n" for number, host in enumerate(hosts, 1))
    parted = ", ".join(f"{name}: [{', '.join(each)}]" for name, each in runs.items())
    return f"    hosts:\n{listed}" + (f"    hosts_of: {{{parted}}}\n" if parted else "")


def _on_hosts(shape: Shape) -> dict[str, str]:
    several = bool(shape.services)
    places = "".join(
        f"  {place}:\n{_url(place, 'the hosts')}{_hosts(place, shape)}{_measured(place)}" for place in PLACES
    )
    return {
        **_operations(shape),
        "NAMED": _named(shape),
        "PLACES": f"{PARTED if several else HOSTED}environments:\n{places}",
        "INSTALLER": INSTALLER,
        "ROLLOUT": ROLLING,
        **_options("host", *(("service",) if several else ())),
        "WHAT": "$service of $release" if several else "$release",
        "MOVES": "Without a `target` this takes the host out of its traffic, and lets it in again.",
        "BEFORE": OUT if several else "",
        "TARGET": "on one host",
        "BACK": " from one host",
        "ASKED": "the host",
        "ASKEDBACK": "the host",
        "SLOT": "",
        "SHOWN": "on $host",
        "WHERE": "on $host",
        "TOLD": "#   GONOGO_HOST              the host, as in --host             GONOGO_FRONT_URL  what people reach\n",
    }


def _together(shape: Shape) -> dict[str, str]:
    places = ""
    for place in PLACES:
        rows = []
        for row, name in enumerate(shape.services):
            addresses = (f'{slot}: "{_address(place, 2 * row + end)}"' for end, slot in enumerate(SLOTS, 1))
            rows.append(f"      {name}: {{{', '.join(addresses)}}}\n")
        front = f"    slots: {rows[-1].partition(': ')[2]}"
        places += f"  {place}:\n{_url(place, 'each service')}{front}    services:\n{''.join(rows)}"
        places += _routed(place) + _measured(place)
    return _operations(shape) | {
        "NAMED": _named(shape),
        "PLACES": f"{SHARED}environments:\n{places}",
        "INSTALLER": "",
        "ROLLOUT": CANARY,
        **_SLOT_WORDS,
        **_options("service"),
        "WHAT": "$service of $release",
        "BEFORE": "",
    }


def _named(shape: Shape) -> str:
    return f"{NAMED}services: [{', '.join(shape.services)}]\n" if shape.services else ""
