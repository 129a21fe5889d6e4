"""Reads what a project binds for tests, coverage, scans and licences (sections 8 and 11 of the requirements)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from gonogo.measure.licences import PARTS_READERS
from gonogo.measure.scanner_reports import SCAN_READERS
from gonogo.measure.test_forms import COVERAGE_READERS, TEST_READERS
from gonogo.plan.project import CodeCoverage, Licences, Scan, Suite
from gonogo.plan.reading import WRONG_VALUE, Section, duration_of, ratio_of

FILE_STEM = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
FILE_STEM_WORDS = "a name of letters, digits, dots, hyphens and underscores"
SUITE_KINDS = ("smoke", "end_to_end", "acceptance", "regression")
_PERCENTILE = re.compile(r"\d{1,2}(\.\d+)?%")


def read_suite(section: Section) -> Suite:
    """One entry of `tests` or `smoke`."""
    found = Suite(
        name=section.text("name", pattern=FILE_STEM, kind=FILE_STEM_WORDS),
        kind=section.choice("kind", SUITE_KINDS, "smoke"),
        command=section.text("command"),
        results=section.texts("results", ("junit.xml",)),
        form=section.provider("format", tuple(TEST_READERS), "junit"),
        at_least=section.integer("at_least", 1, least=1),
        targets=section.texts("targets", ()),
        not_critical=section.texts("not_critical", ()),
        retried=section.flag("retried", default=False),
        max_age=section.seconds("max_age", Decimal(0)),
        limits=_load_limits(section),
    )
    section.finish()
    return found


def _load_limits(section: Section) -> Mapping[str, Decimal]:
    """Limits of a load test: a ratio for `failure_rate`, a number for `requests`, a duration for a percentile."""
    bound = section.optional("limits")
    if bound is None:
        return {}
    found: dict[str, Decimal] = {}
    for key in bound.names():
        raw = bound.text(key)
        limit = _load_limit(key, raw)
        if limit is None:
            section.notes.error(
                WRONG_VALUE,
                f"`{bound.path}.{key}` is `{raw}`; it must be failure_rate with a ratio, requests with a number, "
                "or a percentile such as 95% with a duration",
                bound.origin_of(key),
            )
        else:
            found[key] = limit
    return found


def _load_limit(key: str, raw: str) -> Decimal | None:
    if key == "failure_rate":
        return ratio_of(raw)
    if key == "requests":
        try:
            return Decimal(raw)
        except InvalidOperation:
            return None
    seconds = duration_of(raw) if _PERCENTILE.fullmatch(key) else None
    return None if seconds is None else seconds * 1000


def read_code_coverage(section: Section | None) -> CodeCoverage | None:
    """`code_coverage`, None where the project binds none."""
    if section is None:
        return None
    found = CodeCoverage(
        command=section.text("command"),
        report=section.text("report"),
        form=section.choice("format", tuple(COVERAGE_READERS), "cobertura"),
        at_least=section.ratio("at_least"),
    )
    section.finish()
    return found


def read_scan_binding(section: Section) -> Scan:
    """One entry of `scans`."""
    found = Scan(
        name=section.text("name", pattern=FILE_STEM, kind=FILE_STEM_WORDS),
        command=section.text("command"),
        report=section.text("report"),
        form=section.provider("format", tuple(SCAN_READERS), "sarif"),
        expects=section.texts("expects", ()),
        tool=section.text("tool", ""),
        blocks=section.texts("blocks", ()),
        max_age=section.seconds("max_age", Decimal(0)),
        database=section.text("database", ""),
        database_max_age=section.seconds("database_max_age", Decimal(86400)),
    )
    section.finish()
    return found


def read_licences(section: Section | None) -> Licences | None:
    """`licences`, None where the project binds none."""
    if section is None:
        return None
    found = Licences(
        sbom=section.text("sbom"),
        form=section.choice("format", tuple(PARTS_READERS), "cyclonedx"),
        allowed=section.texts("allowed"),
        forbidden=section.texts("forbidden", ()),
        names=section.mapping("names"),
        origin=section.origin,
    )
    section.finish()
    return found
