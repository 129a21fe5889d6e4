"""Reads `gonogo.yaml` into a `Project`; every fault is a finding with file and line (CFG-11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from gonogo.document.yaml_nodes import read_yaml
from gonogo.findings import Finding
from gonogo.measure.providers import BUILT_IN_CHECK_NAMES
from gonogo.plan.announcing import read_announce
from gonogo.plan.binding_metrics import alerting_of, check_latency, metrics_of
from gonogo.plan.binding_target import read_target
from gonogo.plan.cadence import read_cadence
from gonogo.plan.check_binding import read_code_coverage, read_licences, read_scan_binding, read_suite
from gonogo.plan.control_lists import LISTS
from gonogo.plan.encryption import read_encryption
from gonogo.plan.hook_binding import read_hook, read_recovery
from gonogo.plan.hosts import AMOUNT, check_hosts, read_hosts
from gonogo.plan.operations_binding import read_operations
from gonogo.plan.parity_binding import accepted_drift, parity_files, parity_rule, settings_of
from gonogo.plan.project import (
    ArtifactBinding,
    BurnBinding,
    CommandBinding,
    Control,
    Directories,
    DispersionBinding,
    Environment,
    Freeze,
    HealthWindow,
    Objective,
    Project,
    ProjectCheck,
    RolloutBinding,
    SnapshotBinding,
    VersionProbe,
)
from gonogo.plan.reading import WRONG_KIND, WRONG_VALUE, Findings, Section, duration_of, ratio_of
from gonogo.plan.shipped_together import check_services, read_hosts_of, read_services
from gonogo.plan.ssh_binding import read_ssh
from gonogo.plan.target_check import check_target
from gonogo.plan.window_binding import read_windows
from gonogo.values import dataclass

SCHEMA = "gonogo/project/1"
DATABASE = re.compile(r"postgresql://([^\s:@/?#]+@)?[^\s:@/?#]+(:[0-9]{1,5})?/[^\s:@/?#]+")
NAME = r"[a-z0-9][a-z0-9-]{0,31}"
PLACEHOLDERS = frozenset(
    {"environment", "release", "version", "slot", "previous", "url", "out", "python", "project", "host", "service"}
)
STRATEGIES = ("canary", "blue_green", "rolling", "direct")
DEFAULT_CANARY = (5, 25, 50, 100)
CONTEXT = ".cursor/context-kit"
PROTOCOLS = ".cursor/ai-driven-workflow"
_FOLDER = r"(?!/)(?!(?:.*/)?\.\.(?:/|\Z))[^\0\n]+"


@dataclass(frozen=True, slots=True)
class ProjectReading:
    """What came of reading a project file: usable only where no finding is an error."""

    project: Project
    findings: tuple[Finding, ...]
    database: str = ""
    """Where the journal is kept, which is no part of any plan; empty: on this machine."""


def read_project(data: bytes, file: str, notes: Findings | None = None) -> ProjectReading:
    """Read the bytes of `gonogo.yaml`; BadInput only where it is no YAML at all."""
    notes = notes or Findings()
    top = Section(read_yaml(data, file), "", notes)
    top.choice("schema", (SCHEMA,))
    project = _project(top)
    database = _database(top, notes)
    top.finish()
    _cross_check(project, notes)
    return ProjectReading(project, tuple(notes.found), database)


def _database(top: Section, notes: Findings) -> str:
    """The address of the shared database; what is wrong in it is never shown, since it may be the password."""
    found = top.text("database", "")
    if found and not DATABASE.fullmatch(found):
        what = "`database` must be an address without password, such as postgresql://gonogo@db.internal/shop"
        notes.error(WRONG_KIND, what, top.origin_of("database"))
        return ""
    return found


def _project(top: Section) -> Project:
    limits = top.section("limits")
    limit_names = limits.names()
    return Project(
        name=top.text("project", pattern=NAME, kind="a name of lower-case letters, digits and hyphens"),
        manifest=top.text("manifest"),
        approvers=top.text("approvers", "config/release-approvers.yaml"),
        protocols=top.mapping("protocols"),
        environments={name: _environment(name, child) for name, child in _closed_children(top, "environments")},
        commands={name: _command(name, child) for name, child in _closed_children(top, "commands")},
        refresh=top.text("refresh", "") or None,
        snapshot=_snapshot(top.optional("snapshot")),
        alerts=top.text("alerts", "") or None,
        incidents=top.text("incidents", "") or None,
        suites=tuple(read_suite(item) for item in top.sections("tests", required=True)),
        smoke=tuple(read_suite(item) for item in top.sections("smoke", required=True)),
        known_failures=top.text("known_failures", "") or None,
        code_coverage=read_code_coverage(top.optional("code_coverage")),
        scans=tuple(read_scan_binding(item) for item in top.sections("scans", required=True)),
        controls=tuple(_control(item) for item in top.sections("controls")),
        control_lists=_control_lists(top),
        limits={name: limits.text(name) for name in limit_names},
        limit_origins={name: limits.origin_of(name) for name in limit_names},
        rollout=_rollout(top.section("rollout", required=False)),
        health=_health(top.section("health_window")),
        parity=tuple(parity_rule(item) for item in top.sections("parity")),
        accepted_drift=tuple(accepted_drift(item) for item in top.sections("accepted_drift")),
        parity_files=parity_files(top.optional("parity_files")),
        artifacts={name: _artifact(name, child) for name, child in _closed_children(top, "artifacts")},
        operations=read_operations(top.section("operations")),
        freeze=_freeze(top.section("freeze", required=False)),
        windows=read_windows(top.optional("window")),
        notify=top.texts("notify", ()),
        probes=top.mapping("probes"),
        checks={name: _check(name, child) for name, child in top.section("checks", required=False).children()},
        recovery=read_recovery(top.section("recovery", required=False)),
        hooks=tuple(read_hook(item) for item in top.sections("hooks")),
        announce=read_announce(top.section("announce", required=False)),
        cadence=read_cadence(top.section("cadence", required=False)),
        encryption=read_encryption(top.optional("encryption")),
        licences=read_licences(top.optional("licences")),
        directories=_directories(top.section("directories", required=False)),
        receipt_required=top.choice("receipt", ("reported", "required"), "reported") == "required",
        services=top.texts("services", ()),
        compact_packages=top.choice("packages", ("reproducible", "compact"), "reproducible") == "compact",
        origin=top.origin,
    )


def _closed_children(top: Section, key: str) -> tuple[tuple[str, Section], ...]:
    return tuple(top.section(key).children())


def _environment(name: str, section: Section) -> Environment:
    slots = section.section("slots", required=False)
    hosts = read_hosts(section.optional("hosts"))
    metrics = metrics_of(section.optional("metrics"))
    found = Environment(
        name=name,
        kind=section.choice("kind", ("staging", "production"), name if name in {"staging", "production"} else None),
        url=section.text("url", pattern=r"https?://\S+", kind="an http or https address"),
        slots=hosts
        or {slot: slots.text(slot, pattern=r"https?://\S+", kind="an http or https address") for slot in slots.names()},
        version=_version(section.section("version", required=False)),
        target=read_target(section.optional("target")),
        metrics=metrics,
        alerting=alerting_of(section.optional("alerting"), metrics),
        settings_by_class=settings_of(section),
        origin=section.origin,
        hosts=tuple(hosts),
        ssh=read_ssh(section.optional("ssh"), hosts),
        services=read_services(section.optional("services")),
        hosts_of=read_hosts_of(section.optional("hosts_of")),
    )
    if hosts and slots.names():
        words = f"environment `{name}` has `slots` and `hosts`; it is one or the other"
        section.notes.error(WRONG_VALUE, words, section.origin_of("hosts"))
    section.finish()
    return found


def _check(state: str, section: Section) -> ProjectCheck:
    provider = section.provider("provider", BUILT_IN_CHECK_NAMES)
    found = ProjectCheck(state, provider, section.mapping("options"), section.origin)
    section.finish()
    return found


def _version(section: Section) -> VersionProbe:
    found = VersionProbe(
        section.text("path", "/healthz", pattern=r"/\S*"),
        section.text("header", "x-version").lower(),
        section.text("digest_header", "").lower() or None,
        section.texts("run", ()),
    )
    section.finish()
    return found


def _command(name: str, section: Section) -> CommandBinding:
    found = CommandBinding(
        name=name,
        run=section.texts("run"),
        timeout=section.seconds("timeout", Decimal(600)),
        repeatable=section.flag("repeatable", default=False),
        dry_run=section.texts("dry_run", ()) if section.has("dry_run") else None,
        secrets=section.texts("secrets", ()),
        tolerates=section.texts("tolerates", ()),
        origin=section.origin,
    )
    section.finish()
    return found


def _snapshot(section: Section | None) -> SnapshotBinding | None:
    if section is None:
        return None
    found = SnapshotBinding(section.text("take"), section.text("restore"))
    section.finish()
    return found


def _control_lists(top: Section) -> tuple[str, ...]:
    names = top.texts("control_lists", ())
    for name in names:
        if name not in LISTS:
            words = f"`control_lists` names `{name}`; it must be one of {', '.join(LISTS)}"
            top.notes.error(WRONG_VALUE, words, top.origin_of("control_lists"), "own rules stand under `controls`")
    return tuple(dict.fromkeys(names))


def _control(section: Section) -> Control:
    found = Control(section.text("id"), section.text("standard"), section.text("evidence"))
    section.finish()
    return found


def _rollout(section: Section) -> RolloutBinding:
    steps = section.texts("steps", tuple(str(step) for step in DEFAULT_CANARY))
    numbers = tuple(int(step) for step in steps if re.fullmatch(r"\d{1,3}", step))
    rising = all(low < high for low, high in pairwise(numbers))
    if len(numbers) != len(steps) or not rising or not numbers or numbers[-1] != 100 or numbers[0] < 1:
        section.notes.error(
            WRONG_VALUE, "`rollout.steps` must be rising percentages that end at 100", section.origin_of("steps")
        )
    found = RolloutBinding(
        strategy=section.choice("strategy", STRATEGIES, "canary"),
        steps=numbers or DEFAULT_CANARY,
        hold=section.seconds("hold", Decimal(300)),
        tick=section.seconds("tick", Decimal(10)),
        patience=section.seconds("patience", Decimal(3600)),
        alpha=section.ratio("alpha", Decimal("0.05")),
        error_margin=Decimal(
            section.text("error_margin", "1.10", pattern=r"[1-9]\d?(\.\d+)?", kind="a factor from 1 on")
        ),
        latency_margin=Decimal(section.text("latency_margin", "1.03", pattern=r"[1-9]\d?(\.\d+)?", kind="a factor")),
        latency=section.flag("latency", default=True),
        promotions=section.texts("promotions", ()),
        early=section.flag("early", default=False),
        limits=tuple(_objective(item) for item in section.sections("limits")),
        failures=section.integer("failures", 0),
        errors_in_row=section.integer("errors_in_row", 4),
        least_requests=max(1, section.integer("least_requests", 10)),
        batch=section.text("batch", "1", pattern=AMOUNT, kind="a number of hosts or a percentage of them"),
        asks_rollback=section.choice("rollback", ("automatic", "ask"), "automatic") == "ask",
        rollback_deadline=section.seconds("rollback_deadline", Decimal(600)),
        warm_up=section.seconds("warm_up", Decimal(0)),
        dispersion=_dispersion(section.section("dispersion", required=False)),
        limits_as=section.choice("limits_as", ("argo", "flagger"), "argo"),
        limits_every=section.seconds("limits_every", Decimal(0)),
        services_together=section.choice("judge_services", ("apart", "together"), "apart") == "together",
        max_unavailable=section.text("max_unavailable", "", pattern=AMOUNT, kind="a number of hosts or a percentage"),
    )
    found = replace(found, max_unavailable=found.max_unavailable or found.batch)
    _check_promotions(found, section)
    _check_warm_up(found, section)
    section.finish()
    return found


def _dispersion(section: Section) -> DispersionBinding:
    pattern, kind = r"[1-9]\d{0,3}(\.\d+)?", "a factor from 1 on"
    found = DispersionBinding(
        Decimal(section.text("errors", "1", pattern=pattern, kind=kind)),
        Decimal(section.text("latency", "1", pattern=pattern, kind=kind)),
        section.integer("blocks", 0),
    )
    section.finish()
    return found


def _check_warm_up(found: RolloutBinding, section: Section) -> None:
    """What warms up longer than the first step is held would leave that step unjudged."""
    if found.warm_up and found.warm_up >= found.hold:
        section.notes.error(
            WRONG_VALUE,
            f"`rollout.warm_up` of {found.warm_up} s is not shorter than `rollout.hold` of {found.hold} s: "
            "the first step would be left without a comparison",
            section.origin_of("warm_up"),
        )


def _check_promotions(found: RolloutBinding, section: Section) -> None:
    steps = 1 if found.strategy == "blue_green" else len(found.steps) - 1
    if found.strategy == "rolling":
        return  # How many there are depends on the hosts: checked with them.
    if found.promotions and (len(found.promotions) != steps or set(found.promotions) - {"auto", "manual"}):
        section.notes.error(
            WRONG_VALUE,
            f"`rollout.promotions` must say auto or manual for each step that is left: {steps} here",
            section.origin_of("promotions"),
        )


def _health(section: Section) -> HealthWindow:
    found = HealthWindow(
        length=section.seconds("length"),
        tick=section.seconds("tick", Decimal(10)),
        extensions=section.integer("extensions", 0),
        extend_by=section.seconds("extend_by", Decimal(0)),
        objectives=tuple(_objective(item) for item in section.sections("objectives")),
        openslo=_file_or_none(section, "openslo"),
        indicators=section.mapping("indicators"),
        burn=tuple(_burn(item) for item in section.sections("burn")),
    )
    if not found.objectives and not found.openslo:
        section.notes.error(
            WRONG_VALUE,
            "`health_window` names no objective, under `objectives` or in a file `openslo`; no SLO, no pass",
            section.origin,
        )
    section.finish()
    return found if found.burn or not found.openslo else replace(found, burn=(_usual_burn(found),))


def _file_or_none(section: Section, key: str) -> str:
    found = section.text(key, "none")
    return "" if found == "none" else found


def _burn(section: Section) -> BurnBinding:
    factor = section.text("factor", pattern=r"\d{1,6}(\.\d{1,4})?", kind="a number such as 14.4")
    found = BurnBinding(Decimal(factor or 1), section.seconds("long"), section.seconds("short"))
    if not found.factor or not 0 < found.short < found.long:
        what = f"`{section.path}` needs a factor above 0, and a `short` span that is shorter than the `long` one"
        section.notes.error(WRONG_VALUE, what, section.origin)
    section.finish()
    return found


def _usual_burn(health: HealthWindow) -> BurnBinding:
    """14.4 times too fast over the whole window and over its last twelfth (Google SRE workbook, table 5-8)."""
    short = max(health.length / 12, min(2 * health.tick, health.length / 2))
    return BurnBinding(Decimal("14.4"), health.length, short)


def _objective(section: Section) -> Objective:
    metric = section.choice("metric", ("error_rate", "p50", "p95", "p99"))
    raw = section.text("at_most")
    limit = ratio_of(raw) if metric == "error_rate" else duration_of(raw)
    if limit is None and raw:
        kind = "a ratio or percentage" if metric == "error_rate" else "a duration with its unit"
        section.notes.error(
            WRONG_VALUE, f"`{section.path}.at_most` is `{raw}`; it must be {kind}", section.origin_of("at_most")
        )
    found = Objective(section.text("name", metric), metric, limit or Decimal(0), section.origin)
    section.finish()
    return found


def _artifact(name: str, section: Section) -> ArtifactBinding:
    found = ArtifactBinding(
        name=name,
        path=section.text("path", name),
        source=section.text("from", ""),
        max_age=section.seconds("max_age", Decimal(30 * 86400)),
        optional=section.text("optional", "") or None,
        origin=section.origin,
        verdict=section.text("verdict", "", pattern=r"([^#]+#)?/.+", kind="FILE#/pointer or /pointer"),
        verdict_is=section.text("verdict_is", "pass"),
        signature=section.text("signature", ""),
        signed_by=section.text("signed_by", ""),
        owner=section.text("owner", ""),
    )
    if bool(found.signature) != bool(found.signed_by):
        what = f"`{section.path}` needs `signature` and `signed_by` together"
        section.notes.error(
            WRONG_VALUE, what, section.origin, "a signature says nothing without the role it stands for"
        )
    section.finish()
    return found


def _freeze(section: Section) -> Freeze:
    found = Freeze(
        section.seconds("length", Decimal(4 * 3600)),
        section.text("branch", "main"),
        section.text("lock", "") or None,
        section.text("probe", "") or None,
        section.text("unlock", "") or None,
        section.text("queue", "") or None,
    )
    if found.lock and not found.unlock:
        section.notes.warn(
            WRONG_VALUE,
            "`freeze.lock` locks the branch and no `freeze.unlock` opens it again at the end of a run",
            section.origin_of("lock"),
        )
    section.finish()
    return found


def _directories(section: Section) -> Directories:
    kind = "a folder below the project's own"
    found = Directories(
        section.text("context", CONTEXT, pattern=_FOLDER, kind=kind).rstrip("/"),
        section.text("protocols", PROTOCOLS, pattern=_FOLDER, kind=kind).rstrip("/"),
    )
    section.finish()
    return found


def _cross_check(project: Project, notes: Findings) -> None:
    for name in ("deploy", "rollback"):
        if name not in project.commands:
            notes.error("GN1001", f"`commands.{name}` is missing; a release needs it", project.origin)
    for kind in ("staging", "production"):
        if sum(1 for found in project.environments.values() if found.kind == kind) != 1:
            notes.error(WRONG_VALUE, f"exactly one environment must have `kind: {kind}`", project.origin)
    for command in project.commands.values():
        _check_placeholders(command, notes)
    for used, what in _used_commands(project).items():
        if used not in project.commands:
            notes.error(
                WRONG_VALUE, f"{what} names the command `{used}`, which `commands` does not bind", project.origin
            )
    for environment in project.environments.values():
        check_latency(environment, project.rollout, project.health, notes)
        check_target(environment, project.rollout, notes)
    check_hosts(project, notes)
    check_services(project, notes)


def _used_commands(project: Project) -> Mapping[str, str]:
    used = {suite.command: f"suite `{suite.name}`" for suite in (*project.suites, *project.smoke)}
    used |= {scan.command: f"scan `{scan.name}`" for scan in project.scans}
    used |= {command: f"`recovery.{name}`" for name, command in project.recovery.items()}
    if project.code_coverage:
        used[project.code_coverage.command] = "`code_coverage`"
    used |= {
        source.command: f"a source of settings of `{environment.name}`"
        for environment in project.environments.values()
        for sources in environment.settings_by_class.values()
        for source in sources
        if source.command
    }
    extra = {
        "`refresh`": project.refresh,
        "`snapshot.take`": project.snapshot.take if project.snapshot else None,
        "`snapshot.restore`": project.snapshot.restore if project.snapshot else None,
        "`alerts`": project.alerts,
        "`incidents`": project.incidents,
        "`operations.reach`": project.operations.reach,
        "`operations.rota.command`": project.operations.rota,
        "`freeze.lock`": project.freeze.lock,
        "`freeze.probe`": project.freeze.probe,
        "`freeze.unlock`": project.freeze.unlock,
        "`freeze.queue`": project.freeze.queue,
    }
    used |= {command: f"`probes.{state}`" for state, command in project.probes.items()}
    used |= {told.command: "`announce.commands`" for told in project.announce.commands}
    return used | {command: what for what, command in extra.items() if command}


def _check_placeholders(command: CommandBinding, notes: Findings) -> None:
    if not command.run:
        notes.error(WRONG_VALUE, f"`commands.{command.name}.run` is empty", command.origin)
    for argument in (*command.run, *(command.dry_run or ())):
        for name in re.findall(r"\{([^{}]*)\}", argument):
            if name not in PLACEHOLDERS:
                known = ", ".join(sorted(PLACEHOLDERS))
                notes.error(
                    WRONG_VALUE,
                    f"`commands.{command.name}` uses the unknown placeholder {{{name}}}",
                    command.origin,
                    f"known: {known}",
                )
