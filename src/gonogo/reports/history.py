"""History and trends over all runs, from the log of the site alone: how many, how they ended, how long they took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median

from gonogo.evidence.ledger import Entry
from gonogo.reports.charts import Bar, Chart, Line, bar_chart, line_chart
from gonogo.run.site import CLOSED, OPENED
from gonogo.values import dataclass

WEEKS = 26
LOOKS = {"released": "go", "ready": "ready", "rolled_back": "back", "aborted": "aborted"}


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over."""

    protocol: str
    opened_at: datetime
    closed_at: datetime
    outcome: str

    @property
    def hours(self) -> float:
        """From its opening to its end."""
        return (self.closed_at - self.opened_at).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class ProtocolFigures:
    """A protocol over all its finished runs; `share` of those that ended well, `median_hours` of their length."""

    protocol: str
    runs: int
    outcomes: tuple[tuple[str, int], ...]
    share: float
    median_hours: float


@dataclass(frozen=True, slots=True)
class History:
    """Figures by protocol, and the last half year week by week, drawn."""

    protocols: tuple[ProtocolFigures, ...]
    weeks: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    outcomes_chart: str
    hours_chart: str
    open: int
    total: int


def history_of(site: Sequence[Entry], now: datetime) -> History:
    """The history that the log of a site tells."""
    opened = {str(entry.data.get("run")): entry for entry in site if entry.type == OPENED}
    ended = tuple(_ended(opened, site))
    begin = _monday(now) - timedelta(weeks=WEEKS - 1)
    weeks = [begin + timedelta(weeks=number) for number in range(WEEKS)]
    by_week = [[run for run in ended if start <= run.closed_at < start + timedelta(weeks=1)] for start in weeks]
    rows = tuple((f"{start:%Y-%m-%d}", _counted(inside)) for start, inside in zip(weeks, by_week, strict=True))
    bars = [
        Bar(
            f"week of {name}: {_words(counts)}",
            tuple((LOOKS.get(word, "back"), float(count)) for word, count in counts),
        )
        for name, counts in rows
    ]
    points = tuple((number * 604800.0, median(run.hours for run in one)) for number, one in enumerate(by_week) if one)
    hours = Chart("Median length of a run in hours, week by week", " h", (Line("median", "new", points),), (), 1.0, 120)
    return History(
        protocols=tuple(_figures(name, ended) for name in dict.fromkeys(run.protocol for run in ended)),
        weeks=tuple(reversed(rows)),
        outcomes_chart=bar_chart("Finished runs by week and outcome", bars),
        hours_chart=line_chart(hours),
        open=len(opened) - len(ended),
        total=len(opened),
    )


def _ended(opened: dict[str, Entry], site: Iterable[Entry]) -> Iterable[Ended]:
    for entry in site:
        first = opened.get(str(entry.data.get("run"))) if entry.type == CLOSED else None
        if first is not None:
            yield Ended(str(first.data.get("protocol")), first.ts, entry.ts, str(entry.data.get("outcome")))


def _figures(protocol: str, ended: Sequence[Ended]) -> ProtocolFigures:
    runs = [run for run in ended if run.protocol == protocol]
    well = sum(run.outcome in {"ready", "released"} for run in runs)
    return ProtocolFigures(protocol, len(runs), _counted(runs), well / len(runs), median(run.hours for run in runs))


def _counted(runs: Iterable[Ended]) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for run in runs:
        found[run.outcome] = found.get(run.outcome, 0) + 1
    return tuple(sorted(found.items()))


def _words(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts) or "none"


def _monday(now: datetime) -> datetime:
    return (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
