"""Puts the ports of one project together: the only place that knows every adapter."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from gonogo.adapters.age_cipher import AgeCipher
from gonogo.adapters.clock import SystemClock
from gonogo.adapters.commands import SupervisedCommands
from gonogo.adapters.engine_keys import engine_key
from gonogo.adapters.git_history import GitHistory
from gonogo.adapters.json_command import JsonCommand
from gonogo.adapters.metrics.alerts_alertmanager import AlertmanagerSource
from gonogo.adapters.metrics.command import CommandSource
from gonogo.adapters.metrics.prometheus import Asked, PrometheusSource
from gonogo.adapters.metrics.prometheus_api import PrometheusApi
from gonogo.adapters.metrics.scrape import MetricNames, ScrapeSource
from gonogo.adapters.metrics.together import TogetherSource
from gonogo.adapters.metrics_provided import ProvidedSource, log_of, statistics_of
from gonogo.adapters.pipe_asker import PipeAsker
from gonogo.adapters.plugins import PluginProviders
from gonogo.adapters.posting.announcing import Announcers, LogAnnouncer, StreamAnnouncer
from gonogo.adapters.posting.carrying import ChannelPost, nobody_else
from gonogo.adapters.posting.channels import channels_of
from gonogo.adapters.project_files import ProjectFiles
from gonogo.adapters.run_lock import RunLocks
from gonogo.adapters.targets.caddy import HANDLER, CaddyTarget
from gonogo.adapters.targets.commands import CommandsTarget
from gonogo.adapters.targets.haproxy import HaproxyTarget
from gonogo.adapters.targets.nginx import NginxTarget
from gonogo.adapters.targets.probe_command import CommandProber
from gonogo.adapters.targets.probe_http import HttpProber
from gonogo.adapters.targets.probe_ssh import SshProber
from gonogo.adapters.targets.proxy import ProxyTarget
from gonogo.adapters.views import Views
from gonogo.control.clusters import argo_prober, argo_target, kubernetes_target
from gonogo.control.hosts_reached import hosts_reached
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.stores.storing import Store, address_of, open_store
from gonogo.control.workspaces import Workspace
from gonogo.engine.bench import World
from gonogo.errors import BadInput
from gonogo.evidence.signers import Ring
from gonogo.measure.providers import FOREIGN, MetricQuestion
from gonogo.plan.approvers import read_approvers
from gonogo.plan.project import Environment, MetricsBinding, Project
from gonogo.ports import AlertSource, Announcer, CrashPoint, MetricSource, Prober, Target

VIEWS_FOLDER = ".artifacts"
CRASH_VARIABLE = "GONOGO_CRASH_AT"
TRACE_VARIABLE = "GONOGO_CRASH_TRACE"

Report: TypeAlias = Callable[[str], None]


def _pass_on(_point: str) -> None:
    """The crash point of real runs: nothing happens."""


def crash_point(wanted: str, trace: str = "") -> CrashPoint:
    """Nothing, or SIGKILL of this very process the n-th time that a point of this name is reached (`CP-03 intent@2`).

    With `trace` every point that is reached is written to that file, a line each: so a test learns what there is.
    """
    if not wanted and not trace:
        return _pass_on
    name, _, count = wanted.partition("@")
    left = [int(count or 1)]

    def reached(point: str) -> None:
        if trace:
            with Path(trace).open("a", encoding="utf-8") as lines:
                lines.write(f"{point}\n")
        if name and point.startswith(name):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def silent(_text: str) -> None:
    """Nobody listens."""


def store_at(workspace: Workspace, environ: Mapping[str, str], *, by_worker: bool = False) -> Store:
    """Where a project keeps its truth, as its file and the environment say."""
    crash = crash_point(environ.get(CRASH_VARIABLE, ""), environ.get(TRACE_VARIABLE, ""))
    state, address = workspace.root / STATE_FOLDER, address_of(workspace.database, environ)
    return open_store(state, address, crash, project=workspace.project.name, by_worker=by_worker)


def assemble(
    root: Path, project: Project, environ: Mapping[str, str], report: Report = silent, *, store: Store | None = None
) -> World:
    """The world of a project: every port with its real adapter. Without a `store`: what the environment names."""
    state = root / STATE_FOLDER
    crash = crash_point(environ.get(CRASH_VARIABLE, ""), environ.get(TRACE_VARIABLE, ""))
    store = store or open_store(state, address_of("", environ), crash, project=project.name)
    commands = SupervisedCommands(state / "effects", environ)
    files = ProjectFiles(root)

    @lru_cache(maxsize=1)
    def read_ring(data: bytes) -> Ring:
        return read_approvers(data, project.approvers).ring

    def ring() -> Ring:
        # Asked before every act: the file is read each time, and parsed again where it has changed.
        return read_ring(files.read(project.approvers))

    environments = project.environments.values()
    clock = SystemClock()
    cipher = cipher_of(project, environ)
    vault = store.vault_for(cipher)
    about = {"channel": ", ".join(project.notify) or "stakeholders"}
    return World(
        clock=clock,
        journal=store.journal,
        vault=vault,
        commands=commands,
        files=files,
        views=Views(root / VIEWS_FOLDER, vault, cipher),
        targets={each.name: target for each in environments if (target := target_of(root, each))},
        probers={name: asked for each in environments for name, asked in probers_of(root, each, environ).items()},
        metrics={each.name: found for each in environments if (found := metrics_of(root, each))},
        announcer=_announcer(project, LogAnnouncer(state / "announcements.jsonl", clock, about, report), report),
        # Where a database is shared workers drive on other hosts, and no lock of this one says who carries.
        post=ChannelPost(
            tuple(channels_of(project, root, environ, clock)),
            clock,
            nobody_else if store.shared else RunLocks(state / "runs", clock).carrying,
        ),
        figures={each.name: asked for each in environments if (asked := prometheus_of(each))},
        alerts={each.name: alerts for each in environments if (alerts := alerts_of(each))},
        key=engine_key(environ, state / "keys" / "engine"),
        crash=crash,
        environ=environ,
        ring=ring,
        history=GitHistory(root, environ),
        providers=PluginProviders(root),
        asker=PipeAsker(environ),
        place=commands.place() if store.shared else "",
    )


def cipher_of(project: Project, environ: Mapping[str, str]) -> AgeCipher | None:
    """What encrypts the stored files of a project; None where its policy does not ask for it (SEC-09)."""
    asked = project.encryption
    return AgeCipher(asked.recipients, environ, str(asked.origin)) if asked is not None else None


def _announcer(project: Project, log: Announcer, report: Report) -> Announcer:
    """The log of messages, and the terminal where the project wants them there, too."""
    if not project.announce.terminal:
        return log
    return Announcers((log, StreamAnnouncer(sys.stderr, report)), report)


def _filled(argv: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(argument.replace("{python}", sys.executable) for argument in argv)


def _hosts(environment: Environment) -> dict[str, str]:
    return {name: urlsplit(url).netloc for name, url in environment.slots.items()}


def target_of(root: Path, environment: Environment) -> Target | None:
    """The adapter that an environment's `target` names; BadInput where it lacks an option."""
    binding = environment.target
    option = binding.options

    def needed(key: str) -> str:
        if key not in option:
            raise BadInput(
                f"`environments.{environment.name}.target.{key}` is missing",
                where=str(environment.origin),
                next_step=f"a target of kind {binding.kind} needs `{key}`",
            )
        return option[key]

    match binding.kind:
        case "caddy":
            return CaddyTarget(needed("admin"), _hosts(environment), option.get("handler", HANDLER))
        case "proxy":
            return ProxyTarget(needed("admin"), _hosts(environment))
        case "haproxy":
            return HaproxyTarget(needed("socket"), needed("backend"), _hosts(environment))
        case "nginx":
            test = binding.lists.get("test", ("nginx", "-t"))
            reload = binding.lists.get("reload", ("nginx", "-s", "reload"))
            return NginxTarget(
                root / needed("include"),
                needed("upstream"),
                needed("status"),
                _hosts(environment),
                JsonCommand(_filled(test), root),
                JsonCommand(_filled(reload), root),
            )
        case "commands":
            return CommandsTarget(
                JsonCommand(_filled(binding.lists.get("observe", ())), root),
                JsonCommand(_filled(binding.lists.get("traffic", ())), root),
                _hosts(environment),
            )
        case "kubernetes":
            return kubernetes_target(root, environment)
        case "argo_rollout":
            return argo_target(root, environment)
        case _:
            return None


def probers_of(root: Path, environment: Environment, environ: Mapping[str, str]) -> dict[str, Prober]:
    """How an environment is asked, and each of its services by `ENVIRONMENT/SERVICE`."""
    name = environment.name
    services = {
        f"{name}/{service}": _plain_prober(root, environment, slots, service)
        for service, slots in environment.services.items()
    }
    return {name: prober_of(root, environment, environ), **services}


def _plain_prober(root: Path, environment: Environment, slots: Mapping[str, str], service: str = "") -> Prober:
    version = environment.version
    if version.run:
        return CommandProber(JsonCommand(_filled(version.run), root), slots, environment.url, service)
    return HttpProber(slots, environment.url, version.path, version.header, version.digest_header)


def prober_of(root: Path, environment: Environment, environ: Mapping[str, str]) -> Prober:
    """How an environment's slots or hosts are asked for their version."""
    if environment.target.kind == "argo_rollout":
        return argo_prober(root, environment)
    plain = _plain_prober(root, environment, environment.slots)
    if environment.ssh is None:
        return plain
    return SshProber(plain, lambda: hosts_reached(root, environment, environ))


def metrics_of(root: Path, environment: Environment) -> MetricSource | None:
    """Where an environment's request counts come from."""
    binding = environment.metrics
    if binding is None:
        return None
    if binding.kind == "command":
        return CommandSource(JsonCommand(_filled(binding.run), root), tuple(environment.slots))
    if binding.kind == "prometheus":
        return prometheus_of(environment)
    question = MetricQuestion(environment.slots, binding.options)
    if binding.kind == "haproxy":
        return statistics_of(question)
    if binding.kind == "access_log":
        return log_of(question, root)
    if binding.kind.startswith(FOREIGN):
        return ProvidedSource(PluginProviders(root), binding.kind, question)
    if environment.services:
        services = environment.services.items()
        return TogetherSource({name: ScrapeSource(slots, binding.path, _names(binding)) for name, slots in services})
    return ScrapeSource(environment.slots, binding.path, _names(binding))


def _names(binding: MetricsBinding) -> MetricNames:
    return MetricNames(binding.requests, binding.code_label, binding.histogram, binding.saturation)


def prometheus_of(environment: Environment) -> PrometheusSource | None:
    """The Prometheus that scrapes an environment; None where its figures come from elsewhere."""
    binding = environment.metrics
    if binding is None or binding.kind != "prometheus":
        return None
    by_address = binding.slot_label == "instance"
    slots = _hosts(environment) if by_address else {name: name for name in environment.slots}
    asked = Asked(
        binding.slot_label, binding.version_label, float(binding.window), float(binding.fresh), binding.at_least
    )
    return PrometheusSource(PrometheusApi(binding.url), slots, _names(binding), asked)


def alerts_of(environment: Environment) -> AlertSource | None:
    """The Alertmanager of an environment; None where none is bound."""
    binding = environment.alerting
    if binding is None:
        return None
    return AlertmanagerSource(
        binding.url,
        PrometheusApi(binding.prometheus),
        binding.rules,
        binding.matchers,
        binding.severity_label,
        float(binding.fresh),
    )
