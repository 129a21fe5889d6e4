"""Reader of JUnit XML in all its dialects, as a stream; numbers come from the cases (TST-02, TR-01..04).

Document types and entities are refused before they can mean anything; size, depth and number of cases are limited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias
from xml.parsers import expat

from gonogo.errors import BadInput
from gonogo.values import dataclass

Outcome: TypeAlias = Literal["passed", "failed", "skipped"]

MOST_BYTES = 1 << 28
MOST_DEPTH = 64
MOST_CASES = 2_000_000
MOST_STAMPS = 10_000

_TOTALS = ("tests", "failures", "errors", "skipped")
_HARMLESS = ("system-out", "system-err", "properties", "property", "output", "stacktrace", "attachments", "attachment")
_NOT_RUN = ("notrun", "disabled", "skipped", "suppressed", "ignored")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One executed or skipped test case. `seconds` is None where the report does not say how long it took."""

    suite: str
    classname: str
    name: str
    outcome: Outcome
    seconds: Decimal | None = None
    flaky: bool = False

    @property
    def id(self) -> str:
        """Class name and name, as people and lists of expected tests write them."""
        return f"{self.classname}::{self.name}" if self.classname else self.name


@dataclass(frozen=True, slots=True)
class ReportRead:
    """A report of a test run; `remarks` says where its own totals disagree with its cases (TR-04).

    `stamps` are the times that the report states, as written, for `made_within`.
    """

    name: str
    cases: tuple[CaseResult, ...]
    remarks: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()


def read_junit(chunks: Iterable[bytes], name: str) -> ReportRead:
    """All cases of one JUnit file, given in pieces; BadInput where it is cut, not JUnit, or too large (TST-07)."""
    reader = _Reader(name)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.EntityDeclHandler = reader.refuse_entity
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                raise reader.unusable(f"larger than {MOST_BYTES} bytes")
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise BadInput(
            f"not well-formed XML: {expat.ErrorString(error.code)}",
            where=f"{name}:{error.lineno}",
            next_step="let the test run finish and write its report again",
        ) from error
    return reader.report()


class _Reader:
    """What the parser calls; holds the open elements and the cases found so far."""

    __slots__ = (
        "_case",
        "_cases",
        "_depth",
        "_flaky",
        "_name",
        "_outcome",
        "_root",
        "_stamps",
        "_stated",
        "_strange",
        "_suites",
    )

    def __init__(self, name: str) -> None:
        self._name = name
        self._depth = 0
        self._root = ""
        self._suites: list[str] = []
        self._stated: list[Mapping[str, str]] = []
        self._case: Mapping[str, str] | None = None
        self._outcome: Outcome = "passed"
        self._flaky = False
        self._cases: list[CaseResult] = []
        self._strange: list[str] = []
        self._stamps: dict[str, None] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        tag = tag.rpartition(":")[2].lower()
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self.unusable(f"nested deeper than {MOST_DEPTH} elements")
        if self._depth == 1:
            self._begin(tag)
        if tag in ("testsuite", "testsuites"):
            self._suites.append(attributes.get("name", ""))
            if attributes.get("timestamp") and len(self._stamps) < MOST_STAMPS:
                self._stamps[attributes["timestamp"]] = None
            if len(self._suites) == 1 + (self._root == "testsuites" and "tests" not in attributes):
                self._stated.append(attributes)
        elif tag == "testcase":
            self._open_case(attributes)
        elif self._case is not None:
            self._note(tag)

    def end(self, tag: str) -> None:
        """An element ends."""
        tag = tag.rpartition(":")[2].lower()
        self._depth -= 1
        if tag in ("testsuite", "testsuites"):
            self._suites.pop()
        elif tag == "testcase" and self._case is not None:
            self._close_case(self._case)
            self._case = None

    def refuse_doctype(self, *_declaration: object) -> None:
        """A document type begins: a test report has none."""
        raise self.unusable("it declares a document type")

    def refuse_entity(self, *_declaration: object) -> None:
        """An entity is declared: a test report has none."""
        raise self.unusable("it declares entities")

    def unusable(self, reason: str) -> BadInput:
        """The error that refuses this report."""
        return BadInput(
            f"unusable test report: {reason}",
            where=self._name,
            next_step="give the JUnit XML that the test runner wrote, or bind the report under its own format",
        )

    def report(self) -> ReportRead:
        """Everything that was read."""
        return ReportRead(self._name, tuple(self._cases), tuple(self._remarks()), tuple(self._stamps))

    def _begin(self, tag: str) -> None:
        if tag not in ("testsuite", "testsuites"):
            raise self.unusable(f"its root element is <{tag[:40]}>")
        self._root = tag

    def _open_case(self, attributes: Mapping[str, str]) -> None:
        if self._case is not None:
            raise self.unusable("a test case lies inside a test case")
        if len(self._cases) >= MOST_CASES:
            raise self.unusable(f"more than {MOST_CASES} test cases")
        self._case = attributes
        words = (attributes.get("status", "").lower(), attributes.get("result", "").lower())
        self._flaky = False
        self._outcome = "skipped" if any(word in _NOT_RUN for word in words) else "passed"
        if any(word in ("fail", "failed", "failure", "error") for word in words):
            self._outcome = "failed"

    def _note(self, tag: str) -> None:
        if tag in ("failure", "error"):
            self._outcome = "failed"
        elif tag == "skipped" and self._outcome != "failed":
            self._outcome = "skipped"
        elif tag in ("flakyfailure", "flakyerror", "rerunfailure", "rerunerror"):
            self._flaky = True
        elif tag not in _HARMLESS and tag not in self._strange:
            self._strange.append(tag)

    def _close_case(self, case: Mapping[str, str]) -> None:
        suite = next((name for name in reversed(self._suites) if name), "")
        self._cases.append(
            CaseResult(
                suite=suite,
                classname=case.get("classname", ""),
                name=case.get("name", ""),
                outcome=self._outcome,
                seconds=_seconds(case.get("time")),
                flaky=self._flaky,
            )
        )

    def _remarks(self) -> Iterable[str]:
        counted = {
            "tests": len(self._cases),
            "failures": sum(case.outcome == "failed" for case in self._cases),
            "skipped": sum(case.outcome == "skipped" for case in self._cases),
        }
        stated = _sums(self._stated)
        if "failures" in stated:
            stated["failures"] += stated.get("errors", 0)
        for word, number in counted.items():
            if word in stated and stated[word] != number:
                yield f"{self._name} states {stated[word]} {word}; its cases are {number}"
        for tag in self._strange[:5]:
            yield f"{self._name} has <{tag[:40]}> inside a test case, which means nothing here"
        identities = [(case.suite, case.id) for case in self._cases]
        if len(set(identities)) != len(identities):
            yield f"{self._name} lists {len(identities) - len(set(identities))} cases more than once"


def _sums(stated: Iterable[Mapping[str, str]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for attributes in stated:
        for word in _TOTALS:
            if attributes.get(word, "").isdecimal():
                sums[word] = sums.get(word, 0) + int(attributes[word][:9])
    return sums


def _seconds(text: str | None) -> Decimal | None:
    try:
        seconds = Decimal((text or "").replace(",", ""))
    except InvalidOperation:
        return None
    return seconds if seconds.is_finite() and seconds >= 0 else None
