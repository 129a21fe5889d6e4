"""Contract tests of providers, for their makers: subclass one in a test file, fill in its samples, run pytest.

    from gonogo.contracts import ScannerContract

    class TestAcme(ScannerContract):
        name = "acme"
        clean = b'{"tool": "acme", "files": 3, "problems": []}'
        dirty = b'{"tool": "acme", "files": 3, "problems": [{"rule": "A1", ...}]}'

gonogo's own providers pass the same tests. What is asked of every provider: it answers only what it can prove from a
whole input of its own kind, refuses everything else with BadInput, and quotes nothing that may be a secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from gonogo.adapters.hosts.port import Hosts, Package
from gonogo.adapters.metrics.command import counted
from gonogo.adapters.plugins import BUILT_IN, PluginProviders, foreign
from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.canonical import write_json
from gonogo.measure.parity_diff import Leaf
from gonogo.measure.parity_leaves import SourceOptions, flattened
from gonogo.measure.provider_wire import report_tree, scan_tree, settings_tree
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
from gonogo.measure.test_reports import ReportRead
from gonogo.terms import Secret

FOREIGN_INPUT = (
    b"",
    b" \n",
    b"null",
    b"0",
    b'"text"',
    b"[]",
    b"{}",
    b"[[[[",
    b"\xff\xfe\x00",
    b"\x00" * 64,
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"error": "unauthorized", "status": 401}',
    b'{"a": 1, "a": 2}',
    b"PK\x03\x04",
)
"""What a failed tool, a proxy or a wrong path leaves instead of a report: no reader may take any of it for one."""

SECONDS = 20.0
"""Generous, since a test may run on a busy machine; a run gives a provider 30 seconds."""

CUTS = 40


class _Contract:
    """What the contracts of all groups share."""

    group: ClassVar[str]
    name: ClassVar[str]
    """The name of the entry point."""

    def _word(self) -> str:
        return self.name if self.name in BUILT_IN[self.group] else f"{FOREIGN}{self.name}"

    def _providers(self) -> PluginProviders:
        return PluginProviders(Path.cwd())

    def _function(self) -> Callable[..., object]:
        own = BUILT_IN[self.group].get(self.name)
        found: Callable[..., object] = own or foreign(self.group, self.name).load()
        return found

    def test_it_is_registered_under_its_name(self) -> None:
        """`[project.entry-points."GROUP"]` of the installed package names the function, once."""
        assert callable(self._function())


def _cuts(whole: bytes) -> Iterator[bytes]:
    for number in range(CUTS):
        part = whole[: len(whole) * number // CUTS]
        if part.strip() != whole.strip():
            yield part


def _refusal(call: object, *arguments: object) -> str | None:
    """The message of the BadInput that a call raises; None where it answers."""
    assert callable(call)
    try:
        call(*arguments)
    except BadInput as error:
        return str(error)
    return None


class ScannerContract(_Contract):
    """A reader of scanner reports. `clean` is a whole report without findings, `dirty` one with at least one."""

    group = SCANNERS
    clean: ClassVar[bytes]
    dirty: ClassVar[bytes]
    planted: ClassVar[str] = ""
    """A secret that `dirty` quotes; it may not be in what is read."""

    def _read(self, data: bytes) -> ScanRead:
        read = self._function()(data, "report.json")
        assert isinstance(read, ScanRead)
        return read

    def test_a_clean_report_has_no_finding_and_says_what_was_scanned(self) -> None:
        """Coverage is evidence: `scanned` is a number above 0, or None where the tool never says it."""
        read = self._read(self.clean)
        assert read.findings == ()
        assert read.tool
        assert read.scanned is None or read.scanned > 0

    def test_a_finding_is_found_and_has_the_same_fingerprint_each_time(self) -> None:
        """The fingerprint is what a waiver names."""
        first, again = self._read(self.dirty), self._read(self.dirty)
        assert first.findings
        assert all(found.fingerprint and found.rule and found.component for found in first.findings)
        assert len({found.fingerprint for found in first.findings}) == len(first.findings)
        assert scan_tree(first) == scan_tree(again)

    def test_nothing_else_is_taken_for_a_report(self) -> None:
        """An empty, foreign or damaged file is refused, never read as a clean scan."""
        taken = [data for data in FOREIGN_INPUT if _refusal(self._read, data) is None]
        assert taken == []

    def test_a_report_that_was_cut_is_refused(self) -> None:
        """A scanner that was killed leaves half a report."""
        taken = [
            len(part)
            for whole in (self.clean, self.dirty)
            for part in _cuts(whole)
            if _refusal(self._read, part) is None
        ]
        assert taken == []

    def test_no_secret_leaves_the_report(self) -> None:
        """Scanners quote what they find (SC-06)."""
        if self.planted:
            assert self.planted.encode() in self.dirty
            assert self.planted.encode() not in write_json(scan_tree(self._read(self.dirty)))

    def test_it_answers_the_same_and_in_time_from_a_process_of_its_own(self) -> None:
        """As a run asks it."""
        began = time.monotonic()
        read = self._providers().scan(self._word(), self.dirty, "report.json")
        assert time.monotonic() - began < SECONDS
        assert scan_tree(read) == scan_tree(self._read(self.dirty))


class ReportContract(_Contract):
    """A reader of test reports. `passing` is a whole report in which all cases passed, `failing` one with a failure."""

    group = TESTS
    passing: ClassVar[bytes]
    failing: ClassVar[bytes]
    limits: ClassVar[Mapping[str, Decimal]] = {}
    """Limits of the project, for reports of load tests."""

    cut_shows: ClassVar[bool] = True
    """Whether a report that was cut can be told from a whole one; formats of lines cannot always."""

    def _read(self, data: bytes) -> ReportRead:
        read = self._function()(data, "report", self.limits)
        assert isinstance(read, ReportRead)
        return read

    def test_a_passing_report_has_cases_and_all_of_them_passed(self) -> None:
        """What ran is counted by cases, never by totals or an exit status."""
        cases = self._read(self.passing).cases
        assert cases
        assert {case.outcome for case in cases} == {"passed"}

    def test_a_failure_is_a_failed_case_with_a_name_and_each_time_the_same(self) -> None:
        """The name is what people record causes and plans for."""
        first, again = self._read(self.failing), self._read(self.failing)
        assert [case for case in first.cases if case.outcome == "failed" and case.name]
        assert report_tree(first) == report_tree(again)

    def test_nothing_else_is_taken_for_a_report(self) -> None:
        """An empty, foreign or damaged file is refused, or has no case that passed."""
        assert [data for data in FOREIGN_INPUT if self._passes(data)] == []

    def test_a_report_that_was_cut_does_not_pass_as_a_whole(self) -> None:
        """A runner that was killed leaves half a report: refused, or with fewer cases than the whole one."""
        whole = len(self._read(self.passing).cases)
        taken = [len(part) for part in _cuts(self.passing) if self._passes(part) >= whole]
        assert taken == [] or not self.cut_shows

    def test_it_answers_the_same_and_in_time_from_a_process_of_its_own(self) -> None:
        """As a run asks it."""
        began = time.monotonic()
        read = self._providers().tests(self._word(), self.failing, "report", self.limits)
        assert time.monotonic() - began < SECONDS
        assert report_tree(read) == report_tree(self._read(self.failing))

    def _passes(self, data: bytes) -> int:
        try:
            return sum(1 for case in self._read(data).cases if case.outcome == "passed")
        except BadInput:
            return 0


class ParityContract(_Contract):
    """A reader of settings. `source` is a whole source; `cut_shows` says whether a cut one can be told from it."""

    group = PARITY
    source: ClassVar[bytes]
    changed: ClassVar[bytes]
    """The same source with one setting changed."""

    cut_shows: ClassVar[bool] = True
    planted: ClassVar[str] = ""
    """A secret in `source`; it may be in no leaf and in no message."""

    def _read(self, data: bytes) -> Settings:
        read = self._function()(data, "source")
        assert isinstance(read, Mapping)
        return read

    def _leaves(self, data: bytes) -> Mapping[str, Leaf]:
        return flattened(self._read(data), "source", SourceOptions("configuration", Secret("salt of the contract")))

    def test_a_source_gives_settings_and_each_time_the_same(self) -> None:
        """Nothing random, no clock: two readings of the same bytes are the same."""
        assert self._leaves(self.source)
        assert settings_tree(self._read(self.source)) == settings_tree(self._read(self.source))

    def test_a_changed_setting_is_a_changed_leaf(self) -> None:
        """What differs in the source differs in the leaves."""
        assert self._leaves(self.source) != self._leaves(self.changed)

    def test_nothing_else_is_taken_for_a_source(self) -> None:
        """Nothing, blanks and bytes that are no text are refused; so is whatever has no setting in it."""
        taken = [data for data in (b"", b" \n", b"\xff\xfe\x00", b"\x00" * 64) if _refusal(self._leaves, data) is None]
        assert taken == []

    def test_a_source_that_was_cut_is_refused(self) -> None:
        """Half a file is no source; only formats of lines cannot tell."""
        taken = [len(part) for part in _cuts(self.source) if _refusal(self._read, part) is None]
        assert taken == [] or not self.cut_shows

    def test_no_secret_leaves_the_source(self) -> None:
        """Neither in a leaf nor in the message about a damaged source (PAR-02)."""
        if not self.planted:
            return
        assert self.planted.encode() in self.source
        assert self.planted not in str(self._leaves(self.source))
        said = [_refusal(self._read, part) or "" for part in _cuts(self.source)]
        said.append(_refusal(self._read, self.source + b"\n}{\xff") or "")
        assert [text for text in said if self.planted in text] == []

    def test_it_answers_the_same_and_in_time_from_a_process_of_its_own(self) -> None:
        """As a run asks it."""
        began = time.monotonic()
        read = self._providers().settings(self._word(), self.source, "source")
        assert time.monotonic() - began < SECONDS
        assert settings_tree(read) == settings_tree(self._read(self.source))


class CheckContract(_Contract):
    """A check. `passing` and `failing` are questions that it can answer where the test runs."""

    group = CHECKS
    passing: ClassVar[CheckQuestion]
    failing: ClassVar[CheckQuestion]

    def _ask(self, question: CheckQuestion) -> CheckAnswer:
        return self._providers().check(self._word(), question)

    def test_it_passes_what_is_good(self) -> None:
        """The passing question passes."""
        answer = self._ask(self.passing)
        assert answer.result == "pass", answer.detail

    def test_it_does_not_pass_what_is_bad_and_says_why(self) -> None:
        """The failing question does not, and `detail` tells people what to do."""
        answer = self._ask(self.failing)
        assert answer.result != "pass"
        assert answer.detail

    def test_it_does_not_pass_without_its_options(self) -> None:
        """A question that lacks what the check needs is no pass."""
        bare = CheckQuestion("bare", "nowhere", "http://127.0.0.1:9", {}, "0", "0" * 64)
        assert self._ask(bare).result != "pass"


class MetricsContract(_Contract):
    """A source of metrics. `question` names slots that it can read where the test runs."""

    group = METRICS
    question: ClassVar[MetricQuestion]

    def test_it_gives_cumulative_counters_of_every_slot(self) -> None:
        """Each slot has requests, errors and buckets that do not contradict each other."""
        sample = counted(self._providers().counters(self._word(), self.question), tuple(self.question.slots))
        assert sample.missing == ()
        assert {slot.slot for slot in sample.slots} == set(self.question.slots)

    def test_a_slot_that_does_not_answer_is_missing_and_never_zero(self) -> None:
        """Nothing listens at port 9 of this machine."""
        silent = MetricQuestion(dict.fromkeys(self.question.slots, "http://127.0.0.1:9"), self.question.options)
        sample = counted(self._providers().counters(self._word(), silent), tuple(silent.slots))
        assert sample.slots == ()
        assert all(why for _, why in sample.missing)


class HostContract:
    """What installs releases on hosts (`gonogo.adapters.hosts.port.Hosts`): a fresh `host`, and two releases for it.

    A subclass sets the four before each test; the host is empty then.
    """

    hosts: Hosts
    host: str
    old: Package
    new: Package

    def test_an_empty_host_runs_nothing_of_ours(self) -> None:
        """Nothing is never a version."""
        state = self.hosts.look(self.host)
        assert (state.version, state.digest, state.running, state.fence) == ("", "", False, 0)

    def test_what_was_installed_is_read_back_and_runs_and_the_one_before_can_run_again(self) -> None:
        """There and back: version and digest are those of the host, not of the request."""
        for number, package in enumerate((self.old, self.new), start=1):
            told = self.hosts.install(self.host, package, number)
            assert (told.version, told.digest, told.running, told.fence) == (
                package.version,
                package.digest,
                True,
                number,
            )
            assert self.hosts.look(self.host) == told
        back = self.hosts.take_back(self.host, self.old.version, 3)
        assert (back.version, back.digest, back.running) == (self.old.version, self.old.digest, True)
        assert self.hosts.take_back(self.host, self.old.version, 3) == back

    def test_the_same_installation_twice_is_one(self) -> None:
        """After a crash it is asked for again: nothing is put there twice, and what ran before stays known."""
        self.hosts.install(self.host, self.old, 1)
        first = self.hosts.install(self.host, self.new, 2)
        assert self.hosts.install(self.host, self.new, 3) == replace(first, fence=3)

    def test_a_stale_writer_is_refused_and_changes_nothing(self) -> None:
        """Whoever comes with an older fence is somebody whose run lost the environment."""
        self.hosts.install(self.host, self.new, 5)
        before = self.hosts.look(self.host)
        for act in (
            lambda: self.hosts.install(self.host, self.old, 4),
            lambda: self.hosts.take_back(self.host, self.old.version, 4),
        ):
            assert _refused(act)
        assert self.hosts.look(self.host) == before

    def test_bytes_that_are_not_those_of_the_release_are_never_switched_to(self) -> None:
        """The digest is computed on the host, of what arrived there."""
        self.hosts.install(self.host, self.old, 1)
        assert _refused(lambda: self.hosts.install(self.host, replace(self.new, digest=self.old.digest), 2))
        assert self.hosts.look(self.host).version == self.old.version

    def test_what_is_not_on_the_host_cannot_be_taken_back_to(self) -> None:
        """No version is run because of its name alone."""
        self.hosts.install(self.host, self.new, 1)
        assert _refused(lambda: self.hosts.take_back(self.host, "never-there", 2))
        assert self.hosts.look(self.host).version == self.new.version

    def test_an_unknown_host_is_an_error(self) -> None:
        """Not a host without a release."""
        assert _refused(lambda: self.hosts.look("nobody"))


def _refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except GonogoError:
        return True
    return False
