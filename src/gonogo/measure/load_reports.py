"""Reader of locust's statistics (`--csv`): figures to be judged by limits, never by the exit code (TR-05, PDV-05)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from gonogo.errors import BadInput
from gonogo.measure.figures import burden
from gonogo.values import dataclass

MOST_BYTES = 1 << 24

_NEEDED = ("Name", "Request Count", "Failure Count")
_TOTAL = "Aggregated"


@dataclass(frozen=True, slots=True)
class LoadRead:
    """Requests, failures and latency percentiles (milliseconds by column, e.g. `95%`) of a whole load run."""

    requests: int
    failures: int
    percentiles: Mapping[str, Decimal]

    @property
    def failure_rate(self) -> Decimal | None:
        """Share of failed requests, rounded up; None where there was no request at all."""
        return burden(self.failures, self.requests)


def read_locust(data: bytes, name: str) -> LoadRead:
    """The aggregated row of `*_stats.csv`, checked against the sum of the others; BadInput where it is not usable."""
    rows = _rows(data, name)
    totals = [row for row in rows if row["Name"] == _TOTAL]
    if len(totals) != 1:
        raise _unusable(name, "it has no single row of totals")
    requests, failures = (_count(totals[0], column, name) for column in ("Request Count", "Failure Count"))
    others = [row for row in rows if row["Name"] != _TOTAL]
    if failures > requests or sum(_count(row, "Request Count", name) for row in others) != requests:
        raise _unusable(name, "its totals are not the sum of its rows")
    found = {column: _decimal(totals[0][column]) for column in totals[0] if column and column.endswith("%")}
    return LoadRead(requests, failures, {column: value for column, value in found.items() if value is not None})


def _rows(data: bytes, name: str) -> list[dict[str, str]]:
    if len(data) > MOST_BYTES:
        raise _unusable(name, f"larger than {MOST_BYTES} bytes")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unusable(name, str(error)) from error
    if not set(_NEEDED) <= set(reader.fieldnames or ()) or any(None in row.values() for row in rows):
        raise _unusable(name, "columns are missing")
    return rows


def _count(row: Mapping[str, str], column: str, name: str) -> int:
    if not (row[column].isascii() and row[column].isdecimal() and len(row[column]) <= 18):
        raise _unusable(name, f"`{row[column][:20]}` is not a {column.lower()}")
    return int(row[column])


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None


def _unusable(name: str, reason: str) -> BadInput:
    return BadInput(f"unusable load statistics: {reason}", where=name, next_step="run the load test again with --csv")
