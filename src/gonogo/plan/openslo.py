"""Reads OpenSLO files (openslo/v1) as limits that gonogo can judge: for the rollout's judge and for the health window.

OpenSLO says what is promised; how it is queried there belongs to other tools. What gonogo counts itself is bound by the
project: `health_window.indicators` gives each SLI its meaning here, one of

    error_rate             requests that ended with a server error
    slower than 300ms      requests that took longer
    p95 in ms, p95 in s    the value of a threshold metric is this quantile, in this unit

Nothing is left out in silence: what is not understood, or bound to nothing, is an error with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

from gonogo.document.yaml_nodes import Node, Scalar, read_yaml
from gonogo.findings import Finding, Origin
from gonogo.plan.project import Promise
from gonogo.plan.reading import MISSING_KEY, WRONG_VALUE, Findings, Section, duration_of
from gonogo.values import dataclass

VERSION = "openslo/v1"
BESIDE = ("Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget")
"""Kinds that promise nothing by themselves: they say who is told, and where others query."""

LARGEST_SHARE = Decimal("0.5")
_SLOWER = re.compile(r"slower than (\S+)")
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,2})?) in (ms|s)")
_BETWEEN = re.compile(rb"---\s*")


@dataclass(frozen=True, slots=True)
class OpenSlo:
    """The promises of a file, and what is wrong with it."""

    promises: tuple[Promise, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Indicator:
    """An SLI: whether it is a ratio of requests, or a threshold on a value."""

    name: str
    ratio: bool


@dataclass(frozen=True, slots=True)
class _Reader:
    """What all objects of a file are read with."""

    indicators: Mapping[str, str]
    declared: Mapping[str, _Indicator]
    notes: Findings

    def refuse(self, what: str, origin: Origin, *notes: str) -> None:
        """Note what cannot be judged."""
        self.notes.error(WRONG_VALUE, what, origin, *notes)


def read_openslo(data: bytes, file: str, indicators: Mapping[str, str]) -> OpenSlo:
    """The promises in `data`, a stream of YAML documents; BadInput only where it is no strict YAML."""
    notes = Findings()
    objects = [Section(node, "", notes) for node in documents(data, file)]
    kinds = [(_kind(item), item) for item in objects]
    declared = {found.name: found for kind, item in kinds if kind == "SLI" and (found := _indicator(item, notes))}
    reader = _Reader(indicators, declared, notes)
    promises = tuple(found for kind, item in kinds if kind == "SLO" for found in _promises(item, reader))
    if not any(kind == "SLO" for kind, _ in kinds):
        notes.error(MISSING_KEY, "there is no object of kind SLO; no objective, no pass", Origin(file, 1, 1))
    names = [promise.name for promise in promises]
    for name in sorted({name for name in names if names.count(name) > 1}):
        reader.refuse(f"several objectives are called `{name}`", Origin(file, 1, 1), "give each a name of its own")
    return OpenSlo(promises, tuple(notes.found))


def documents(data: bytes, file: str) -> Iterator[Node]:
    """Each document of a YAML stream, read strictly; lines keep their numbers."""
    lines = data.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _BETWEEN.fullmatch(line)]
    for start, end in zip((0, *(number + 1 for number in starts)), (*starts, len(lines)), strict=True):
        part = lines[start:end]
        if any(line.strip() and not line.lstrip().startswith(b"#") for line in part):
            yield read_yaml(b"\n" * start + b"".join(part), file)


def _kind(item: Section) -> str:
    version, kind = item.text("apiVersion"), item.text("kind")
    if version and version != VERSION:
        item.notes.error(WRONG_VALUE, f"`apiVersion` is `{version}`; {VERSION} is understood", item.origin)
        return ""
    if kind and kind not in {"SLO", "SLI", *BESIDE}:
        item.notes.error(WRONG_VALUE, f"objects of kind `{kind}` are not known", item.origin)
    return kind


def _name(item: Section) -> str:
    about = item.section("metadata")
    for key in ("displayName", "labels", "annotations"):
        about.node(key, required=False)
    name = about.text("name", pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", kind="a name")
    about.finish()
    return name


def _indicator(item: Section, notes: Findings) -> _Indicator | None:
    """An SLI, at the top of a document or inside of an SLO."""
    name, spec = _name(item), item.section("spec")
    for key in ("apiVersion", "kind"):
        item.node(key, required=False)
    spec.node("description", required=False)
    ratio, threshold = spec.optional("ratioMetric"), spec.optional("thresholdMetric")
    spec.finish()
    item.finish()
    if (ratio is None) == (threshold is None):
        notes.error(WRONG_VALUE, f"SLI `{name}` needs either `ratioMetric` or `thresholdMetric`", spec.origin)
        return None
    if ratio is not None:
        _check_ratio(name, ratio)
    return _Indicator(name, ratio is not None)


def _check_ratio(name: str, ratio: Section) -> None:
    """A ratio of counted events; what it queries is read by others."""
    for key in ("counter", "good", "bad", "total"):
        ratio.node(key, required=False)
    if ratio.has("raw") or ratio.has("rawType"):
        what = f"SLI `{name}` gives a ratio that is computed elsewhere (`raw`); gonogo judges counts"
        ratio.notes.error(WRONG_VALUE, what, ratio.origin, "write `total` with `good` or `bad`")
        return
    if not ratio.has("total") or ratio.has("good") == ratio.has("bad"):
        what = f"the ratio of SLI `{name}` needs `total`, and either `good` or `bad`"
        ratio.notes.error(WRONG_VALUE, what, ratio.origin)
    ratio.finish()


def _promises(item: Section, reader: _Reader) -> Iterator[Promise]:
    name, spec = _name(item), item.section("spec")
    item.finish()
    for key in ("description", "service", "alertPolicies"):
        spec.node(key, required=False)
    spec.choice("budgetingMethod", ("Occurrences", "Timeslices"), "Occurrences")
    for window in spec.sections("timeWindow"):
        window.text("duration")
        window.flag("isRolling", default=False)
        window.node("calendar", required=False)
        window.finish()
    indicator = _of_slo(name, spec, reader)
    objectives = tuple(spec.sections("objectives", required=True))
    spec.finish()
    if not objectives and spec.has("objectives"):
        reader.refuse(f"SLO `{name}` has no objective; no objective, no pass", spec.origin)
    for number, objective in enumerate(objectives, 1):
        called = name if len(objectives) == 1 else f"{name}-{number}"
        promise = _promise(called, objective, indicator, reader)
        if promise is not None:
            yield promise


def _of_slo(name: str, spec: Section, reader: _Reader) -> _Indicator | None:
    inline, reference = spec.optional("indicator"), spec.text("indicatorRef", "")
    if inline is not None:
        return _indicator(inline, reader.notes)
    if not reference:
        reader.refuse(f"SLO `{name}` has neither `indicator` nor `indicatorRef`", spec.origin)
        return None
    found = reader.declared.get(reference)
    if found is None:
        known = ", ".join(sorted(reader.declared)) or "none"
        reader.refuse(f"there is no SLI `{reference}` in this file", spec.origin_of("indicatorRef"), f"known: {known}")
    return found


def _promise(name: str, objective: Section, indicator: _Indicator | None, reader: _Reader) -> Promise | None:
    for key in ("displayName", "timeSliceTarget", "timeSliceWindow"):
        objective.node(key, required=False)
    if any(objective.has(key) for key in ("indicator", "indicatorRef", "compositeWeight")):
        reader.refuse(f"`{name}` is composed of several indicators, which is not supported", objective.origin)
        return None
    target = _target(name, objective, reader)
    op, value = objective.text("op", ""), _number(objective, "value")
    objective.finish()
    if indicator is None or target is None:
        return None
    meaning = reader.indicators.get(indicator.name, "")
    if not meaning:
        what = f"what SLI `{indicator.name}` of `{name}` means here is not bound"
        reader.refuse(what, objective.origin, "bind it under `health_window.indicators` in gonogo.yaml")
        return None
    if indicator.ratio and (op or value is not None):
        reader.refuse(f"`{name}` is a ratio; `op` and `value` belong to threshold metrics", objective.origin)
        return None
    if not indicator.ratio and (op not in ("lte", "lt") or value is None or value <= 0):
        what = f"`{name}` needs `op` lte or lt and a `value` above 0; other comparisons are not supported"
        reader.refuse(what, objective.origin)
        return None
    found = _meant(name, meaning, objective.origin, value if not indicator.ratio else None, 1 - target)
    if found is None or not 0 < found.allowed <= LARGEST_SHARE:
        what = f"`{name}` cannot be judged as `{meaning}`"
        hint = (
            "error_rate or `slower than 300ms` for ratios, error_rate or `p95 in ms` for thresholds, at most half bad"
        )
        reader.refuse(what, objective.origin, hint)
        return None
    return found


def _meant(name: str, meaning: str, origin: Origin, value: Decimal | None, bad: Decimal) -> Promise | None:
    if meaning == "error_rate":
        return Promise(name, None, bad if value is None else value, origin)
    slower, quantile = _SLOWER.fullmatch(meaning), _QUANTILE.fullmatch(meaning)
    bound = duration_of(slower[1]) if slower else None
    if bound is not None and value is None:
        return Promise(name, bound, bad, origin)
    if quantile is not None and value is not None:
        unit = Decimal("0.001") if quantile[2] == "ms" else Decimal(1)
        return Promise(name, value * unit, 1 - Decimal(quantile[1]) / 100, origin)
    return None


def _target(name: str, objective: Section, reader: _Reader) -> Decimal | None:
    share, percent = _number(objective, "target"), _number(objective, "targetPercent")
    target = share if percent is None else percent / 100
    if (share is None) == (percent is None) or target is None or not 0 < target < 1:
        what = f"`{name}` needs `target` between 0 and 1, or `targetPercent` between 0 and 100"
        reader.refuse(what, objective.origin)
        return None
    return target


def _number(section: Section, key: str) -> Decimal | None:
    node = section.node(key, required=False)
    if node is None:
        return None
    try:
        found = Decimal(node.text) if isinstance(node, Scalar) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        section.notes.error(WRONG_VALUE, f"`{section.path}.{key}` must be a number", node.origin)
        return None
    return found
