"""Readers of code coverage: Cobertura XML, LCOV and coverage.py's JSON (TST-02). A second metric beside C18."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from xml.parsers import expat

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.measure.figures import share
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass

MOST_BYTES = 1 << 27
_LCOV = re.compile(rb"^(LF|LH):([0-9]{1,9})\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CoverageRead:
    """Covered lines of all lines that could be covered; `remarks` says where stated totals disagree with the lines."""

    name: str
    covered: int
    valid: int
    remarks: tuple[str, ...] = ()

    @property
    def ratio(self) -> Decimal | None:
        """Share of covered lines; None where there is no line at all."""
        return share(self.covered, self.valid)


def read_cobertura(data: bytes, name: str) -> CoverageRead:
    """Lines and hits of a Cobertura file, counted from its `line` elements; BadInput where it is unusable."""
    counter = _LineCounter(name)
    parser = expat.ParserCreate()
    parser.StartElementHandler = counter.start
    parser.EndElementHandler = counter.end
    parser.EntityDeclHandler = counter.refuse_entity
    parser.StartDoctypeDeclHandler = counter.refuse_own_declarations
    if len(data) > MOST_BYTES:
        raise _unusable(name, f"larger than {MOST_BYTES} bytes")
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise _unusable(f"{name}:{error.lineno}", expat.ErrorString(error.code)) from error
    return counter.read()


def read_lcov(data: bytes, name: str) -> CoverageRead:
    """Totals of an LCOV trace (`LF` found, `LH` hit); BadInput where a record has no end or hits exceed lines."""
    if data.count(b"end_of_record") != len(re.findall(rb"^SF:", data, re.MULTILINE)) or b"end_of_record" not in data:
        raise _unusable(name, "a record is not closed, or there is none")
    sums = {b"LF": 0, b"LH": 0}
    for word, number in _LCOV.findall(data):
        sums[word] += int(number)
    return _checked(CoverageRead(name, sums[b"LH"], sums[b"LF"]))


def read_coverage_json(data: bytes, name: str) -> CoverageRead:
    """Totals over all files of coverage.py's JSON report; BadInput where it is not one."""
    files = Fields(read_object(data, name=name, limit=MOST_BYTES)).part("files")
    covered = valid = 0
    for path, entry in files.values.items():
        summary = _summary(entry, f"{name}: {path}")
        covered += summary.count("covered_lines")
        valid += summary.count("num_statements")
    return _checked(CoverageRead(name, covered, valid))


class _LineCounter:
    """What the parser calls: counts lines once per file and class, methods' copies of lines left out."""

    __slots__ = ("_covered", "_in_methods", "_name", "_root", "_stated", "_valid")

    def __init__(self, name: str) -> None:
        self._name = name
        self._root = ""
        self._in_methods = 0
        self._covered = 0
        self._valid = 0
        self._stated: Mapping[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if not self._root:
            if tag != "coverage":
                raise _unusable(self._name, f"its root element is <{tag[:40]}>")
            self._root, self._stated = tag, attributes
        if tag == "methods":
            self._in_methods += 1
        elif tag == "line" and not self._in_methods:
            self._valid += 1
            self._covered += attributes.get("hits", "0").strip("0") != ""

    def end(self, tag: str) -> None:
        """An element ends."""
        if tag == "methods":
            self._in_methods -= 1

    def refuse_entity(self, *_declaration: object) -> None:
        """An entity is declared: a coverage report has none."""
        raise _unusable(self._name, "it declares entities")

    def refuse_own_declarations(self, *declaration: object) -> None:
        """Allow the reference to Cobertura's DTD, which is never fetched, and nothing that declares on its own."""
        if declaration[-1]:
            raise _unusable(self._name, "it declares a document type of its own")

    def read(self) -> CoverageRead:
        """The sums, with a remark where the file states others."""
        stated = (self._stated.get("lines-covered", ""), self._stated.get("lines-valid", ""))
        own = (str(self._covered), str(self._valid))
        remark = f"{self._name} states {stated[0]} of {stated[1]} lines; its lines are {own[0]} of {own[1]}"
        return CoverageRead(self._name, self._covered, self._valid, (remark,) if all(stated) and stated != own else ())


def _summary(entry: Tree, where: str) -> Fields:
    if not isinstance(entry, Mapping):
        raise _unusable(where, "an entry of `files` is not an object")
    return Fields(entry, where).part("summary")


def _checked(read: CoverageRead) -> CoverageRead:
    if read.covered > read.valid:
        raise _unusable(read.name, f"{read.covered} lines covered of {read.valid}")
    return read


def _unusable(where: str, reason: str) -> BadInput:
    return BadInput(f"unusable coverage report: {reason}", where=where, next_step="write the report again")
