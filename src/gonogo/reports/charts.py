"""Charts as plain SVG: lines over time with bounds, steps, and bars. Colours come from the page, by class name.

No meaning rests on colour alone: each line is named at its end or in a key beside the chart, has a dash
of its own, and a table stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from gonogo.values import dataclass

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 640, 52, 12, 14, 22
MOST_TICKS = 5
ROW, MOST_NAME = 18, 33


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its name, the class that colours and dashes it, and points (seconds since the start, value).

    `named` writes the name at its end, where no key beside the chart says what it is.
    """

    name: str
    look: str
    points: tuple[tuple[float, float], ...]
    stepped: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """A level that means something when it is crossed."""

    name: str
    look: str
    value: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn. `least` is the least upper end of the value axis, `unit` is written behind its figures."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    bounds: tuple[Bound, ...] = ()
    least: float = 0.0
    height: int = 170
    span: float = 0.0


def line_chart(chart: Chart) -> str:
    """The chart as an SVG element, without a fixed size: it takes the width of its place."""
    values = [y for line in chart.lines for _, y in line.points if math.isfinite(y)]
    values += [bound.value for bound in chart.bounds]
    ticks = scale(min(0.0, *values) if values else 0.0, max([chart.least, *values, 1e-9]))
    last = max([chart.span, 1e-9, *(x for line in chart.lines for x, _ in line.points)])
    place = _Place(last, ticks[0], ticks[-1], chart.height)
    parts = [*_value_axis(place, ticks, chart.unit), *_time_axis(place)]
    parts += [part for bound in chart.bounds for part in _bound(place, bound)]
    parts += [_path(place, line) for line in chart.lines if line.points]
    return _svg(chart.title, chart.height, parts)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it is about (shown on hover) and its parts from below, each with a class and a value."""

    name: str
    parts: tuple[tuple[str, float], ...]


def bar_chart(title: str, bars: Sequence[Bar], height: int = 120) -> str:
    """Stacked bars, one beside the other."""
    tops = [sum(value for _, value in bar.parts) for bar in bars]
    ticks = scale(0.0, max([1.0, *tops]))
    place = _Place(float(max(len(bars), 1)), 0.0, ticks[-1], height)
    parts = [*_value_axis(place, ticks, "")]
    for number, bar in enumerate(bars):
        parts += _bar(place, number, bar)
    return _svg(title, height, parts)


def _bar(place: _Place, number: int, bar: Bar) -> Iterator[str]:
    left, right = place.x(number + 0.12), place.x(number + 0.88)
    below = 0.0
    yield f"<g><title>{escape(bar.name)}</title>"
    for look, value in bar.parts:
        if value > 0:
            top, bottom = place.y(below + value), place.y(below)
            shape = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
            yield f'<rect class="bar {escape(look)}" {shape}/>'
        below += value
    yield "</g>"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted: its name, the class that colours it, begin and end in seconds since the start."""

    name: str
    look: str
    begin: float
    end: float


def span_chart(title: str, spans: Sequence[Span]) -> str:
    """What lasted how long, one row each, under a common axis of time; the shortest still shows as a mark."""
    names = 220
    height = TOP + ROW * len(spans) + BOTTOM
    last = max([1e-9, *(span.end for span in spans)])
    wide = WIDTH - names - RIGHT

    def column(seconds: float) -> float:
        return names + wide * seconds / last

    parts = []
    for value in moments(last):
        if value <= last:
            at = column(value)
            parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>')
            parts.append(
                f'<text class="tick" x="{at:.1f}" y="{height - 6}" text-anchor="middle">{_elapsed(value)}</text>'
            )
    for number, span in enumerate(spans):
        top = TOP + ROW * number
        short = span.name if len(span.name) <= MOST_NAME else f"{span.name[: MOST_NAME - 1]}…"
        shape = (
            f'x="{column(span.begin):.1f}" y="{top + 2}" width="{max(2.0, column(span.end) - column(span.begin)):.1f}"'
        )
        parts.append(f'<text class="label" x="{names - 8}" y="{top + 12}" text-anchor="end">{escape(short)}</text>')
        told = f"{span.name}: {_elapsed(round(span.end - span.begin, 1))}"
        parts.append(
            f'<rect class="bar {escape(span.look)}" {shape} height="{ROW - 5}"><title>{escape(told)}</title></rect>'
        )
    return _svg(title, height, parts)


def scale(low: float, high: float) -> tuple[float, ...]:
    """Round figures from at most `low` to at least `high`, a few of them, evenly apart."""
    rough = max(high - low, 1e-9) / (MOST_TICKS - 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(number * step, 12) for number in range(first, max(last, first + 1) + 1))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where values come to lie in the picture."""

    last: float
    low: float
    high: float
    height: int

    def x(self, value: float) -> float:
        """The column of a moment."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(value / self.last, 0.0), 1.0)

    def y(self, value: float) -> float:
        """The row of a value; what is too large or too small stands at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.height - BOTTOM - (self.height - TOP - BOTTOM) * share


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title, quote=True)}">'
    return f"{head}{''.join(parts)}</svg>"


def _value_axis(place: _Place, ticks: Sequence[float], unit: str) -> Iterator[str]:
    for value in ticks:
        row = place.y(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{row:.1f}" y2="{row:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{row + 3.5:.1f}" text-anchor="end">{value:g}{escape(unit)}</text>'


def moments(last: float) -> tuple[float, ...]:
    """Round moments of an axis of time, in seconds: whole seconds, minutes, hours or days."""
    unit = next((size for size, least in ((86400, 172800), (3600, 7200), (60, 120)) if last >= least), 1)
    return tuple(value * unit for value in scale(0.0, last / unit))


def _time_axis(place: _Place) -> Iterator[str]:
    for value in moments(place.last):
        if value <= place.last:
            anchor = "middle" if place.x(value) < WIDTH - 40 else "end"
            spot = f'x="{place.x(value):.1f}" y="{place.height - 6}" text-anchor="{anchor}"'
            yield f'<text class="tick" {spot}>{_elapsed(value)}</text>'


def _elapsed(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} s"
    if seconds < 7200:
        return f"{seconds / 60:g} min"
    return f"{seconds / 3600:g} h" if seconds < 172800 else f"{seconds / 86400:g} d"


def _bound(place: _Place, bound: Bound) -> Iterator[str]:
    row = place.y(bound.value)
    yield f'<line class="bound {bound.look}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{row:.1f}" y2="{row:.1f}"/>'
    yield f'<text class="label {bound.look}" x="{LEFT + 4}" y="{row - 4:.1f}">{escape(bound.name)}</text>'


def _path(place: _Place, line: Line) -> str:
    spots = [(place.x(x), place.y(y)) for x, y in line.points if math.isfinite(y)]
    if not spots:
        return ""
    words = [f"M{spots[0][0]:.1f} {spots[0][1]:.1f}"]
    for column, row in spots[1:]:
        words.append(f"H{column:.1f}V{row:.1f}" if line.stepped else f"L{column:.1f} {row:.1f}")
    column, row = spots[-1]
    dot = f'<circle class="dot {line.look}" cx="{column:.1f}" cy="{row:.1f}" r="3"/>'
    name = f'<text class="label" x="{column - 6:.1f}" y="{row - 5:.1f}" text-anchor="end">{escape(line.name)}</text>'
    return f'<path class="line {line.look}" d="{"".join(words)}"/>{dot}{name if line.named else ""}'
