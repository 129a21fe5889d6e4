"""What a provider is: a plain function that reads one kind of report, source or system for gonogo.

There are five groups of entry points. A provider is registered in the `pyproject.toml` of its package:

    [project.entry-points."gonogo.scanners"]
    acme = "acme_gonogo.scanner:read_acme"

| group | the function takes | and gives |
|---|---|---|
| `gonogo.scanners` | bytes of a report, its name (`ScanReader`) | what the scanner saw and found, a `ScanRead` |
| `gonogo.parity` | bytes of a source, its name (`SettingsReader`) | names with values, nested: `Settings` |
| `gonogo.checks` | a `CheckQuestion` (`Check`) | a `CheckAnswer` |
| `gonogo.metrics` | a `MetricQuestion` (`MetricReader`) | counters of each slot, as a declared command prints them |
| `gonogo.tests` | bytes of a report, its name, limits of the project (`TestReader`) | its cases, a `ReportRead` |

gonogo's own readers are functions of the same form: each stands in the table of its group (`SCAN_READERS`,
`SETTINGS_READERS`, ...) and, by the same name, in gonogo's own `pyproject.toml`; a test compares the two. Whoever adds
a built-in one adds it in both places. A project names a built-in provider by its word and a foreign one as
`plugin:NAME`; only then it is loaded, in a process of its own with a time limit (`gonogo.adapters.plugins`).

A reader raises BadInput for what it does not understand, with file and what was expected, and never quotes values.
Nothing that it leaves out counts as good: a reader that is in doubt refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.parity_diff import Encrypted, Fingerprint, Unknown
from gonogo.measure.scan_findings import ScanRead
from gonogo.measure.test_reports import ReportRead
from gonogo.terms import Secret
from gonogo.values import dataclass

SCANNERS = "gonogo.scanners"
PARITY = "gonogo.parity"
CHECKS = "gonogo.checks"
METRICS = "gonogo.metrics"
TESTS = "gonogo.tests"

BUILT_IN_CHECK_NAMES = ("http", "tcp")
"""The checks that come with gonogo (`gonogo.adapters.built_in_checks`)."""

FOREIGN = "plugin:"
"""How a project names a provider that is not gonogo's own: `plugin:acme`."""

Setting: TypeAlias = (
    "bool | int | Decimal | float | str | date | datetime | time | Secret | Fingerprint | Encrypted | Unknown"
    " | Sequence[Setting] | Mapping[str, Setting] | None"
)
"""One setting, or several below a name. `Secret` is compared by fingerprint only, `Unknown` by nobody (PAR-09)."""

Settings: TypeAlias = Mapping[str, Setting]
"""What a parity source holds: names with values, nested as deep as the source nests them."""

CheckResult: TypeAlias = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class CheckQuestion:
    """What a check is asked: about which environment, for which release, with which options of the project."""

    name: str
    environment: str
    url: str
    slots: Mapping[str, str]
    version: str
    digest: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What a check found. `detail` is for people and has to say what to do where `result` is not `pass`."""

    result: CheckResult
    detail: str


@dataclass(frozen=True, slots=True)
class MetricQuestion:
    """Which slots are asked for their counters (name to address), with the options of the project."""

    slots: Mapping[str, str]
    options: Mapping[str, str] = field(default_factory=dict)


class ScanReader(Protocol):
    """Reads the report of one scanner; no exit status is an input (SC-04)."""

    def __call__(self, data: bytes, name: str, /) -> ScanRead:
        """The findings and the coverage in `data`; BadInput where it is not a whole report of this scanner."""


class SettingsReader(Protocol):
    """Reads one source of settings."""

    def __call__(self, data: bytes, name: str, /) -> Settings:
        """The settings in `data`; BadInput where it is not a whole source of this kind."""


class Check(Protocol):
    """Looks at something outside and changes nothing."""

    def __call__(self, question: CheckQuestion, /) -> CheckAnswer:
        """What the check found; an exception or a hang is an `inconclusive` answer."""


class MetricReader(Protocol):
    """Reads cumulative counters of the slots of one environment."""

    def __call__(self, question: MetricQuestion, /) -> Mapping[str, Tree]:
        """`{"slots": {NAME: {"requests", "errors", "buckets"}}, "missing": {NAME: why}}`, all cumulative."""


class Providers(Protocol):
    """Readers, checks and sources of figures by name: gonogo's own, and those of installed packages (`plugin:NAME`)."""

    def scan(self, reader: str, data: bytes, name: str) -> ScanRead:
        """The report of a scanner; BadInput where it is no such report, Broken where the provider fails."""

    def settings(self, reader: str, data: bytes, name: str) -> Settings:
        """A source of settings; BadInput where it is no such source, Broken where the provider fails."""

    def check(self, provider: str, question: CheckQuestion) -> CheckAnswer:
        """What a check found; inconclusive with the reason where it fails in any way."""

    def counters(self, provider: str, question: MetricQuestion) -> Mapping[str, Tree]:
        """Cumulative counters of slots, as a declared command prints them; Broken where the provider fails."""

    def tests(self, reader: str, data: bytes, name: str, limits: Mapping[str, Decimal]) -> ReportRead:
        """The report of a test run; BadInput where it is no such report, Broken where the provider fails."""

    def require(self, group: str, word: str) -> None:
        """BadInput where nobody provides `word` in `group`; nothing is loaded for that."""
