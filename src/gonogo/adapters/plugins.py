"""Finds providers and calls them: gonogo's own directly, foreign ones in a process of their own (the `Providers` port).

A foreign provider is looked up among the entry points of installed packages only when a project names it, and loaded
only in its own process. Whatever it does there (raise, hang, print, exit, fill the memory, answer nonsense), here it is
an error that names the provider and says what to do, and never a pass.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, TypeVar

from gonogo.adapters.bounded_command import Asked, Told, run_bounded
from gonogo.adapters.built_in_checks import BUILT_IN_CHECKS, asked_here
from gonogo.adapters.http_calls import printable
from gonogo.adapters.json_command import PASSED_ON
from gonogo.adapters.metrics_provided import METRIC_READERS
from gonogo.adapters.plugin_process import request
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree, read_object
from gonogo.measure.parity_forms import SETTINGS_READERS
from gonogo.measure.provider_wire import (
    check_of,
    counters_of,
    limits_tree,
    question_tree,
    report_of,
    scan_of,
    settings_of,
)
from gonogo.measure.providers import (
    CHECKS,
    FOREIGN,
    METRICS,
    PARITY,
    SCANNERS,
    TESTS,
    CheckAnswer,
    CheckQuestion,
    MetricQuestion,
    Settings,
)
from gonogo.measure.scan_findings import ScanRead
from gonogo.measure.scanner_reports import SCAN_READERS
from gonogo.measure.test_forms import TEST_READERS
from gonogo.measure.test_reports import ReportRead
from gonogo.values import dataclass

Answer = TypeVar("Answer")

SECONDS = 30.0
"""So long a foreign provider may take for one call."""

MOST_ANSWER = 1 << 26

BUILT_IN: Final[Mapping[str, Mapping[str, Callable[..., object]]]] = {
    SCANNERS: SCAN_READERS,
    PARITY: SETTINGS_READERS,
    CHECKS: BUILT_IN_CHECKS,
    METRICS: METRIC_READERS,
    TESTS: TEST_READERS,
}
"""gonogo's own providers by group and name; the same names stand in its `pyproject.toml`."""


def foreign(group: str, name: str) -> EntryPoint:
    """The entry point `name` of an installed package; BadInput where there is none, or more than one."""
    found = {point.value: point for point in entry_points(group=group, name=name) if not _is_ours(point)}
    if not found:
        known = sorted({point.name for point in entry_points(group=group) if not _is_ours(point)})
        words = f"installed are {', '.join(known)}" if known else "none is installed"
        raise BadInput(
            f"no installed package brings the provider `{name}` of group {group}; {words}",
            where=f"{FOREIGN}{name}",
            next_step="install its package into the environment of gonogo, or correct the name",
        )
    if len(found) > 1:
        raise BadInput(
            f"{len(found)} packages bring a provider `{name}` of group {group}: {', '.join(sorted(found))}",
            where=f"{FOREIGN}{name}",
            next_step="uninstall all but one of them",
        )
    return next(iter(found.values()))


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == "gonogo"


@dataclass(frozen=True, slots=True)
class PluginProviders:
    """Providers as they are installed beside gonogo; `seconds` is the limit of one call of a foreign one."""

    cwd: Path
    seconds: float = SECONDS

    def scan(self, reader: str, data: bytes, name: str) -> ScanRead:
        """The report of a scanner, read by `reader`."""
        own = SCAN_READERS.get(reader)
        return own(data, name) if own else self._asked(SCANNERS, reader, scan_of, source=(name, data))

    def settings(self, reader: str, data: bytes, name: str) -> Settings:
        """A source of settings, read by `reader`."""
        own = SETTINGS_READERS.get(reader)
        return own(data, name) if own else self._asked(PARITY, reader, settings_of, source=(name, data))

    def check(self, provider: str, question: CheckQuestion) -> CheckAnswer:
        """What a check answers; where it does not, that is inconclusive, with the reason."""
        own = BUILT_IN_CHECKS.get(provider)
        if own:
            return asked_here(own, question)
        try:
            return self._asked(CHECKS, provider, check_of, question_tree(question))
        except (BadInput, Broken) as error:
            return CheckAnswer("inconclusive", f"{error.where}: {error.what}" if error.where else error.what)

    def counters(self, provider: str, question: MetricQuestion) -> Mapping[str, Tree]:
        """What a source of metrics says, unchecked."""
        own = METRIC_READERS.get(provider)
        return own(question) if own else self._asked(METRICS, provider, counters_of, question_tree(question))

    def tests(self, reader: str, data: bytes, name: str, limits: Mapping[str, Decimal]) -> ReportRead:
        """The report of a test run, read by `reader`."""
        own = TEST_READERS.get(reader)
        if own:
            return own(data, name, limits)
        return self._asked(TESTS, reader, report_of, limits_tree(limits), source=(name, data))

    def require(self, group: str, word: str) -> None:
        """BadInput where `word` names no provider that is there; nothing is loaded."""
        if word not in BUILT_IN.get(group, {}):
            foreign(group, _name(group, word))

    def _asked(
        self,
        group: str,
        word: str,
        taken: Callable[[Tree], Answer],
        given: Tree = None,
        source: tuple[str, bytes] = ("", b""),
    ) -> Answer:
        name = _name(group, word)
        point = foreign(group, name)
        shown = f"{FOREIGN}{name} ({point.value})"
        command = Asked(
            argv=(sys.executable, "-m", "gonogo.adapters.plugin_process"),
            cwd=self.cwd,
            seconds=self.seconds,
            most_bytes=MOST_ANSWER,
            env={
                **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
                "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
            },
            given=request(group, name, given, *source),
        )
        tree = _answer(shown, run_bounded(command), self.seconds)
        try:
            return taken(tree)
        except BadInput as error:
            place = f"{error.where}: " if error.where else ""
            raise Broken(
                f"the provider answered nonsense: {place}{error.what}",
                where=shown,
                next_step="run its contract test (`gonogo.contracts`), and tell its makers",
            ) from error


def _name(group: str, word: str) -> str:
    if not word.startswith(FOREIGN):
        known = ", ".join(sorted(BUILT_IN.get(group, {})))
        raise BadInput(
            f"`{word}` is no provider of group {group}; known are {known}",
            next_step=f"correct the word, or write {FOREIGN}NAME for one of another package",
        )
    return word.removeprefix(FOREIGN)


def _answer(name: str, told: Told, seconds: float) -> Tree:
    if told.ended_by == "time":
        raise Broken(
            f"the provider did not answer within {seconds:g} s and was killed",
            where=name,
            next_step="ask its makers, or leave the provider out",
        )
    if told.ended_by == "output":
        raise Broken(f"the provider answered more than {MOST_ANSWER} bytes and was killed", where=name)
    try:
        body = read_object(told.output, name="its answer", limit=MOST_ANSWER)
    except BadInput as error:
        how = f"ended with exit status {told.code}" if told.code >= 0 else f"was ended by signal {-told.code}"
        raise Broken(
            f"the provider {how} without an answer",
            where=name,
            next_step="run its contract test (`gonogo.contracts`), and tell its makers",
        ) from error
    if "refused" in body:
        raise BadInput(
            f"the provider refused it: {printable(str(body['refused']).encode())}",
            where=name,
            next_step="give it a source of its kind",
        )
    if "answer" not in body:
        how = f"answered nonsense: {body['nonsense']}" if "nonsense" in body else f"broke: {body.get('raised')}"
        raise Broken(
            f"the provider {printable(how.encode())}",
            where=name,
            next_step="run its contract test (`gonogo.contracts`), and tell its makers",
        )
    return body["answer"]
