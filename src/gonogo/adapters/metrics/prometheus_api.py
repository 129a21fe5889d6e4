"""Prometheus over its HTTP API: instant queries, rules, and which Alertmanagers it feeds.

`status: success` says that a query was understood, not that there was anything to answer: an empty vector, NaN and
old samples come with it (PM-01, PM-05). An answer with a warning is a partial one and is refused.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from gonogo.adapters.http_calls import MOST_BYTES, call, printable
from gonogo.errors import BadInput, Broken
from gonogo.values import dataclass

MOST_SERIES = 10_000
MOST_COURSE = 64 << 20
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One series of an instant vector: its labels, its value (may be NaN or infinite), and the moment of evaluation."""

    labels: Mapping[str, str]
    value: float
    at: float


@dataclass(frozen=True, slots=True)
class Course:
    """One series of a range: its labels, and its values by the moment of evaluation, in seconds since 1970."""

    labels: Mapping[str, str]
    values: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """An alerting rule as Prometheus last evaluated it; `age` in seconds, None where it never did."""

    name: str
    healthy: bool
    age: float | None
    error: str


@dataclass(frozen=True, slots=True)
class PrometheusApi:
    """`url` without `/api/v1`; `seconds` limits one answer."""

    url: str
    seconds: float = 3.0

    def instant(self, query: str, at: float | None = None) -> tuple[Sampled, ...]:
        """The vector of an instant query, empty where nothing matches. Broken or BadInput with the server's words."""
        asked = {"query": query, "timeout": f"{self.seconds:g}s"} | ({"time": repr(at)} if at is not None else {})
        found = self._data(f"/api/v1/query?{urlencode(asked)}")
        rows = found.get("result")
        if found.get("resultType") != "vector" or not isinstance(rows, list) or len(rows) > MOST_SERIES:
            raise BadInput(f"the query gives no vector: {query[:120]}", where=self.url)
        return tuple(_sampled(row, self.url) for row in rows)

    def course(self, query: str, start: float, end: float, step: float) -> tuple[Course, ...]:
        """The series of a query from `start` to `end` every `step` seconds. Broken or BadInput as `instant`."""
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        found = self._data(f"/api/v1/query_range?{urlencode(asked)}", MOST_COURSE)
        rows = found.get("result")
        if found.get("resultType") != "matrix" or not isinstance(rows, list) or len(rows) > MOST_SERIES:
            raise BadInput(f"the query gives no matrix: {query[:120]}", where=self.url)
        return tuple(_course(row, self.url) for row in rows)

    def rules(self) -> tuple[RuleSeen, ...]:
        """Every alerting rule that is loaded."""
        groups = self._data("/api/v1/rules?type=alert").get("groups")
        if not isinstance(groups, list):
            raise BadInput("the list of rules has no groups", where=self.url)
        now = time.time()
        return tuple(_rule(row, now) for group in groups if isinstance(group, dict) for row in group.get("rules") or ())

    def alertmanagers(self) -> int:
        """How many Alertmanagers it sends alerts to now."""
        active = self._data("/api/v1/alertmanagers").get("activeAlertmanagers")
        return len(active) if isinstance(active, list) else 0

    def _data(self, path: str, most: int = MOST_BYTES) -> dict[str, Any]:
        asked = self.url.rstrip("/") + path
        answer = call("GET", asked, fields={"Accept": "application/json"}, seconds=self.seconds, most=most)
        try:
            found = json.loads(answer.body)
        except ValueError as error:
            raise Broken(f"it answered {answer.words(120)}", where=self.url) from error
        if not isinstance(found, dict) or answer.status >= 300 or found.get("status") != "success":
            said = found.get("error") if isinstance(found, dict) else None
            raise Broken(f"it answered {answer.status}: {_words(said or answer.words(120))}", where=self.url)
        if found.get("warnings"):
            raise Broken(f"its answer is partial: {_words(found['warnings'])}", where=self.url)
        data = found.get("data")
        if not isinstance(data, dict):
            raise BadInput("its answer has no data", where=self.url)
        return data


def labelled(label: str, value: str) -> str:
    """A label matcher of the query language: exactly this value."""
    return f'{label}="{_quoted(value)}"'


def labelled_any(label: str, values: Iterable[str]) -> str:
    """A label matcher: any of these values, whatever letters of regular expressions are in them."""
    either = "|".join("".join(letter if letter.isalnum() else f"\\{letter}" for letter in each) for each in values)
    return f'{label}=~"{_quoted(either)}"'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _words(value: object) -> str:
    return printable(str(value).encode("utf-8", "replace"), 200)


def _sampled(row: object, where: str) -> Sampled:
    try:
        assert isinstance(row, dict)
        at, value = row["value"]
        labels = {str(name): str(text) for name, text in row["metric"].items()}
        return Sampled(labels, float(value), float(at))
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput("a series of its answer cannot be read", where=where) from error


def _course(row: object, where: str) -> Course:
    try:
        assert isinstance(row, dict)
        labels = {str(name): str(text) for name, text in row["metric"].items()}
        return Course(labels, tuple((float(at), float(value)) for at, value in row["values"]))
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput("a series of its answer cannot be read", where=where) from error


def _rule(row: object, now: float) -> RuleSeen:
    known = row if isinstance(row, dict) else {}
    evaluated = _moment(known.get("lastEvaluation"))
    return RuleSeen(
        str(known.get("name", "")),
        known.get("health") == "ok",
        None if evaluated is None else now - evaluated,
        _words(known.get("lastError") or known.get("health") or "unknown"),
    )


def _moment(value: object) -> float | None:
    """Seconds since 1970 of an RFC 3339 moment; None for what is none, and for year 1, which stands for never."""
    text = value if isinstance(value, str) else ""
    found = _RFC3339.fullmatch(text)
    if found is None or text.startswith("0001"):
        return None
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        return datetime.fromisoformat(found[1] + zone).timestamp() + float(found[2] or 0)
    except ValueError:
        return None
