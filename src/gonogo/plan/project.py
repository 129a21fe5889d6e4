"""`gonogo.yaml`: what a project binds the protocols to. Values only; `bindings.py` reads them.

The annotated example `library/gonogo.example.yaml` documents every key and is the test of this schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal

from gonogo.findings import Origin
from gonogo.plan.announcing import Announce
from gonogo.plan.cadence import DAILY, Cadence
from gonogo.plan.encryption import Encryption
from gonogo.plan.parity_project import AcceptedDrift, ParityFiles, ParityRule, SettingsSource
from gonogo.plan.ssh_binding import SshBinding
from gonogo.plan.windows import Windows
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class VersionProbe:
    """How a slot is asked which version it runs: a path and the headers with version and digest, or a command `run`."""

    path: str
    header: str
    digest_header: str | None
    run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetBinding:
    """What distributes requests over the slots: `caddy`, `haproxy`, `kubernetes`, ..., or `none`.

    `drain` is how many seconds a place that was taken out of the traffic may take to end what it has begun, before a
    script ends it.
    """

    kind: str
    options: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    drain: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class MetricsBinding:
    """Where request counts come from: `scrape` of each slot, a declared `command`, a `prometheus`, or a provider.

    `window`, `fresh` and `wait` are seconds; `saturation` names a gauge between 0 and 1, empty for none.
    """

    kind: str
    path: str
    requests: str
    code_label: str
    histogram: str
    run: tuple[str, ...]
    saturation: str
    url: str
    slot_label: str
    version_label: str
    window: Decimal
    fresh: Decimal
    wait: Decimal
    at_least: int
    dashboards: Mapping[str, str]
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProjectCheck:
    """A check of a state by a provider of group `gonogo.checks`, with what it is asked."""

    state: str
    provider: str
    options: Mapping[str, str]
    origin: Origin


@dataclass(frozen=True, slots=True)
class AlertingBinding:
    """The Alertmanager that knows what is firing, and the rules that its Prometheus has to evaluate (PM-03).

    `fresh` is in seconds: an older evaluation of a rule says nothing about now.
    """

    url: str
    prometheus: str
    matchers: tuple[str, ...]
    severity_label: str
    rules: tuple[str, ...]
    fresh: Decimal


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment. `kind` decides what may happen there: `staging` or `production`.

    Where it is rolled out host by host, `hosts` names them in that order, and `slots` has their addresses; `ssh` says
    how gonogo itself installs there, None where the project's own scripts do. `services` are the addresses of each
    service in each slot, where several are released together; `hosts_of` are the hosts of each, where they have hosts.

    `settings_by_class` are the sources that describe it, by what they hold: configuration, secrets, infrastructure or
    feature_flags (PAR-01).
    """

    name: str
    kind: str
    url: str
    slots: Mapping[str, str]
    version: VersionProbe
    target: TargetBinding
    metrics: MetricsBinding | None
    alerting: AlertingBinding | None
    settings_by_class: Mapping[str, tuple[SettingsSource, ...]]
    origin: Origin
    hosts: tuple[str, ...] = ()
    ssh: SshBinding | None = None
    services: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    hosts_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def service_on(self, host: str) -> str:
        """The service that runs on a host; empty where the hosts all run the only one."""
        return next((name for name, hosts in self.hosts_of.items() if host in hosts), "")

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings files of all classes, each once."""
        sources = (source for sources in self.settings_by_class.values() for source in sources)
        return tuple(dict.fromkeys(source.path for source in sources if source.path))


@dataclass(frozen=True, slots=True)
class CommandBinding:
    """A command of the user, as an argument list with typed placeholders; never a shell line.

    `tolerates` are globs of lines on its error output that look like errors and are known to be harmless (REH-03).
    """

    name: str
    run: tuple[str, ...]
    timeout: Decimal
    repeatable: bool
    dry_run: tuple[str, ...] | None
    secrets: tuple[str, ...]
    tolerates: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class SnapshotBinding:
    """The commands that save the state of an environment before a deployment, and that bring it back."""

    take: str
    restore: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A test suite: the command that runs it, the reports that it leaves in `GONOGO_OUT` (or `stdout`), their format.

    `targets` are the cases that are meant to run, empty for all; `retried` says that its runner repeats failed cases;
    `max_age` is how much older than the run a report may be, in seconds; `limits` judge a load test (percentiles in
    milliseconds).
    """

    name: str
    kind: str
    command: str
    results: tuple[str, ...]
    form: str
    at_least: int
    targets: tuple[str, ...]
    not_critical: tuple[str, ...]
    retried: bool
    max_age: Decimal
    limits: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class CodeCoverage:
    """The share of code that the tests ran: the command that leaves the report, its format, the least share (C18)."""

    command: str
    report: str
    form: str
    at_least: Decimal


@dataclass(frozen=True, slots=True)
class Scan:
    """A scanner: its command, the report it leaves in `GONOGO_OUT` (or `stdout`), and the format of that report.

    `expects` are items that the report has to name, `tool` the name that it has to state, `blocks` globs of rules that
    block at any severity. `max_age` is how much older than the scan the report may be; `database` the file that states
    the age of the advisories, which may be `database_max_age`. Times in seconds.
    """

    name: str
    command: str
    report: str
    form: str
    expects: tuple[str, ...]
    tool: str
    blocks: tuple[str, ...]
    max_age: Decimal
    database: str
    database_max_age: Decimal


@dataclass(frozen=True, slots=True)
class Objective:
    """A service level objective over the health window: `error_rate` or `p95`-like, at most `limit`."""

    name: str
    metric: str
    limit: Decimal
    origin: Origin


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise from an OpenSLO file: at most the share `allowed` of the requests is bad.

    Bad is an error, or, with a `bound` in seconds, whatever took longer.
    """

    name: str
    bound: Decimal | None
    allowed: Decimal
    origin: Origin


@dataclass(frozen=True, slots=True)
class BurnBinding:
    """How many times too fast an error budget may burn, over a long and a short span (seconds) at once."""

    factor: Decimal
    long: Decimal
    short: Decimal


@dataclass(frozen=True, slots=True)
class DispersionBinding:
    """How many times more than chance errors and latency of the old version vary between its own instances.

    `blocks` is from how many blocks of history that is known; 0 where nobody looked.
    """

    errors: Decimal = Decimal(1)
    latency: Decimal = Decimal(1)
    blocks: int = 0


INDEPENDENT = DispersionBinding()


@dataclass(frozen=True, slots=True)
class RolloutBinding:
    """How production traffic moves; all times in seconds. `promotions` says of each step but the last who ends it.

    `limits` are fixed limits on the new version beside the judge; `failures` beyond them are forgiven in all, and
    `errors_in_row` measurements without a figure (fewer than `least_requests` give none); `limits_as` says of what tool
    the counting is, and `limits_every` is the time between two measurements, 0 for each tick. `batch` and
    `max_unavailable` are numbers of hosts, or percentages of them. Where it `asks_rollback`, people have until
    `rollback_deadline` to say that production stays as it is; then it is rolled back. During `warm_up` the judge looks
    for catastrophes only; `dispersion` is how far from independent requests are. Several services are judged each by
    itself, but for `services_together`.
    """

    strategy: str
    steps: tuple[int, ...]
    hold: Decimal
    tick: Decimal
    patience: Decimal
    alpha: Decimal
    error_margin: Decimal
    latency_margin: Decimal
    latency: bool
    promotions: tuple[str, ...]
    early: bool
    limits: tuple[Objective, ...]
    failures: int
    errors_in_row: int
    least_requests: int
    batch: str = "1"
    max_unavailable: str = "1"
    asks_rollback: bool = False
    rollback_deadline: Decimal = Decimal(600)
    warm_up: Decimal = Decimal(0)
    dispersion: DispersionBinding = INDEPENDENT
    services_together: bool = False
    limits_as: str = "argo"
    limits_every: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class HealthWindow:
    """How long production is watched after the rollout; times in seconds.

    It may be extended `extensions` times by `extend_by` each; 0 is the length of the window.
    `openslo` is the path of a file with further promises, `indicators` what its SLIs mean here; `promises` are what
    was read from it, and `burn` how fast their budgets may be spent.
    """

    length: Decimal
    tick: Decimal
    extensions: int
    objectives: tuple[Objective, ...]
    openslo: str = ""
    indicators: Mapping[str, str] = field(default_factory=dict)
    burn: tuple[BurnBinding, ...] = ()
    promises: tuple[Promise, ...] = ()
    extend_by: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class ArtifactBinding:
    """Where an upstream artifact lies. `optional` gives the reason for doing without it (C7), else None.

    `verdict` says where its verdict stands and `verdict_is` which one counts; `signature` is the file with a detached
    SSH signature of its bytes, by somebody who has the role `signed_by`; `owner` is asked for what is missing.
    """

    name: str
    path: str
    source: str
    max_age: Decimal
    optional: str | None
    origin: Origin
    verdict: str = ""
    verdict_is: str = ""
    signature: str = ""
    signed_by: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook that has to be fresh and to have each of `sections` as a heading with something below it."""

    path: str
    service: str
    max_age: Decimal
    sections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is called for a function, ISO 8601 with zone; without `begins` and `ends` it is a standing duty."""

    function: str
    primary: str
    backup: str
    begins: str | None
    ends: str | None


@dataclass(frozen=True, slots=True)
class EscalationLevel:
    """One level of the escalation matrix."""

    level: int
    contact: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """A duty calendar (RFC 5545): who is `primary` or `backup` (`place`) of a function, shift by shift."""

    path: str
    function: str
    place: str


@dataclass(frozen=True, slots=True)
class Operations:
    """Runbooks, on-call and escalation (section 12 of the requirements); `reach` is the command that tries contacts.

    Who is on call stands in `on_call`, in `calendars`, or in what the command `rota` leaves (empty: none is bound).
    """

    runbooks: tuple[Runbook, ...]
    on_call: tuple[OnCall, ...]
    escalation: tuple[EscalationLevel, ...]
    reach: str | None
    rota: str
    calendars: tuple[Calendar, ...]


@dataclass(frozen=True, slots=True)
class HookBinding:
    """A command that runs at a step of a protocol and has to write `writes`; `purpose` says what for (CMD-60)."""

    protocol: str
    step: str
    command: str
    writes: str
    purpose: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Control:
    """A compliance control and the evidence file that answers it."""

    id: str
    standard: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Licences:
    """Where the release's parts list lies, in which form, and which licences (SPDX ids) may be shipped (SEC-02).

    `names` says which SPDX id a licence has that the parts list states in other words.
    """

    sbom: str
    form: str
    allowed: tuple[str, ...]
    forbidden: tuple[str, ...]
    names: Mapping[str, str]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Freeze:
    """The change freeze: its length, and the commands that lock the branch, prove it, and open it again at the end.

    `queue` is the command that lists the changes that wait (FRZ-03).
    """

    length: Decimal
    branch: str
    lock: str | None
    probe: str | None
    unlock: str | None
    queue: str | None


@dataclass(frozen=True, slots=True)
class Directories:
    """Where a project keeps context and configuration artifacts, and its protocols (CFG-06, CFG-07, C51)."""

    context: str
    protocols: str


@dataclass(frozen=True, slots=True)
class Project:
    """The whole of `gonogo.yaml`. `alerts` and `incidents` name the commands that list what is open, or are None.

    `known_failures` is the file in which people record causes and mitigations of failing tests, or None.
    """

    name: str
    manifest: str
    approvers: str
    protocols: Mapping[str, str]
    environments: Mapping[str, Environment]
    commands: Mapping[str, CommandBinding]
    refresh: str | None
    snapshot: SnapshotBinding | None
    alerts: str | None
    incidents: str | None
    suites: tuple[Suite, ...]
    smoke: tuple[Suite, ...]
    known_failures: str | None
    code_coverage: CodeCoverage | None
    scans: tuple[Scan, ...]
    controls: tuple[Control, ...]
    control_lists: tuple[str, ...]
    limits: Mapping[str, str]
    limit_origins: Mapping[str, Origin]
    rollout: RolloutBinding
    health: HealthWindow
    parity: tuple[ParityRule, ...]
    accepted_drift: tuple[AcceptedDrift, ...]
    parity_files: ParityFiles
    artifacts: Mapping[str, ArtifactBinding]
    operations: Operations
    freeze: Freeze
    windows: Windows | None
    notify: tuple[str, ...]
    announce: Announce
    probes: Mapping[str, str]
    checks: Mapping[str, ProjectCheck]
    licences: Licences | None
    directories: Directories
    compact_packages: bool
    origin: Origin
    # What came after plans began to be kept has a default, so that a plan kept before can be read (plan/stored.py).
    services: tuple[str, ...] = ()
    cadence: Cadence = DAILY
    encryption: Encryption | None = None
    hooks: tuple[HookBinding, ...] = ()
    recovery: Mapping[str, str] = field(default_factory=dict)
    receipt_required: bool = False
