"""Drawings as Mermaid text and as one self-contained SVG. Pure text; the document's words are data and are escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from gonogo.document.display import shown, width_of
from gonogo.protocol.artifacts import Flow
from gonogo.protocol.model import Protocol
from gonogo.reports.drawing import Arrow, Box, Drawing, Shape, draw_protocol, draw_set
from gonogo.values import dataclass

_MERMAID = {
    Shape.EDGE: ('(["', '"])'),
    Shape.MUST: ('["', '"]'),
    Shape.GUIDELINE: ('("', '")'),
    Shape.GATE: ('{{"', '"}}'),
    Shape.PROTOCOL: ('["', '"]'),
    Shape.STOP: ('(("', '"))'),
}
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _LANE_HEAD, _PER_ROW = 190, 54, 34, 34, 24, 22, 4
_STYLE = """
svg{font:12px system-ui,sans-serif;background:Canvas;color:CanvasText}
text{fill:currentColor}.d{font-size:10px;opacity:.75}.l{font-weight:600}
.b{fill:Canvas;stroke:currentColor;stroke-width:1.2}.guideline{stroke-dasharray:4 3}
.gate{stroke:#1769aa;stroke-width:2}.stop{stroke:#b3261e;stroke-width:2}.must{stroke-width:1.6}
.a{fill:none;stroke:currentColor;stroke-width:1.1}.broken{stroke:#b3261e;stroke-dasharray:3 3;opacity:.55}
""".strip()


def protocol_mermaid(protocol: Protocol) -> str:
    """One protocol as a Mermaid flowchart."""
    return mermaid(draw_protocol(protocol))


def protocol_svg(protocol: Protocol) -> str:
    """One protocol as SVG."""
    return svg(draw_protocol(protocol))


def set_mermaid(protocols: Sequence[Protocol], flow: Flow) -> str:
    """A set of protocols and the artifacts between them as a Mermaid flowchart."""
    return mermaid(draw_set(protocols, flow))


def set_svg(protocols: Sequence[Protocol], flow: Flow) -> str:
    """A set of protocols and the artifacts between them as SVG."""
    return svg(draw_set(protocols, flow))


def mermaid(drawing: Drawing) -> str:
    """`drawing` as a Mermaid flowchart; nodes are numbered, so that no text of a document is ever an identifier."""
    names = {box.id: f"n{number}" for number, box in enumerate(drawing.boxes)}
    lines = ["flowchart TD", f"  %% {_one_line(drawing.title)}"]
    for lane, title in enumerate(drawing.lanes):
        inside = [f"{names[box.id]}{_mermaid_box(box)}" for box in drawing.boxes if box.lane == lane]
        if not inside:
            continue
        if title:
            lines.append(f'  subgraph lane{lane}["{_quoted(title)}"]')
            lines += [f"    {box}" for box in inside] + ["  end"]
        else:
            lines += [f"  {box}" for box in inside]
    for arrow in drawing.arrows:
        if arrow.source in names and arrow.target in names:
            line = "-.->" if arrow.broken else "-->"
            text = f'|"{_quoted(arrow.text)}"|' if arrow.text else ""
            lines.append(f"  {names[arrow.source]} {line}{text} {names[arrow.target]}")
    return "\n".join(lines) + "\n"


def _mermaid_box(box: Box) -> str:
    left, right = _MERMAID[box.shape]
    detail = f"<br/>{_quoted(box.detail)}" if box.detail else ""
    return f"{left}{_quoted(box.title)}{detail}{right}"


def _quoted(text: str) -> str:
    """`text` as the inside of a quoted Mermaid label: entities by number for everything that could end it."""
    return "".join(f"#{ord(c)};" if c in '"#&<>\\`;|{}[]()%' else c for c in _one_line(text))


def _one_line(text: str) -> str:
    return shown(" ".join(text.split()))


_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a box stands: its upper left corner."""

    x: int
    y: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + _WIDTH // 2, self.y + _HEIGHT // 2


def svg(drawing: Drawing) -> str:
    """`drawing` as one SVG element with title and description for screen readers; no script, no outside reference."""
    spots, heads, height = _laid_out(drawing)
    used = max((spot.x for spot in spots.values()), default=0) + _WIDTH + _MARGIN
    label = escape(_one_line(drawing.title))
    words = escape(f"{len(drawing.boxes)} states, {len(drawing.arrows)} ways between them")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {used} {height}" aria-labelledby="t d">',
        f'<title id="t">{label}</title><desc id="d">{words}</desc>',
        f"<style>{_STYLE}</style>",
        _TIP,
    ]
    parts += [f'<text class="l" x="{_MARGIN}" y="{y}">{escape(_clipped(title, 90))}</text>' for title, y in heads]
    parts += [_svg_arrow(arrow, spots) for arrow in drawing.arrows if arrow.source in spots and arrow.target in spots]
    parts += [_svg_box(box, spots[box.id]) for box in drawing.boxes]
    return "\n".join((*parts, "</svg>")) + "\n"


def _laid_out(drawing: Drawing) -> tuple[Mapping[str, _Spot], Sequence[tuple[str, int]], int]:
    """Lane by lane from the top, at most four boxes a row; also the lane titles with their heights, and the end."""
    spots: dict[str, _Spot] = {}
    heads: list[tuple[str, int]] = []
    y = _MARGIN
    for lane, title in enumerate(drawing.lanes):
        boxes = [box for box in drawing.boxes if box.lane == lane]
        if not boxes:
            continue
        if title:
            heads.append((_one_line(title), y + _LANE_HEAD - 8))
            y += _LANE_HEAD
        for number, box in enumerate(boxes):
            row, column = divmod(number, _PER_ROW)
            spots[box.id] = _Spot(_MARGIN + column * (_WIDTH + _GAP_X), y + row * (_HEIGHT + _GAP_Y))
        y += math.ceil(len(boxes) / _PER_ROW) * (_HEIGHT + _GAP_Y)
    return spots, heads, y


def _svg_box(box: Box, spot: _Spot) -> str:
    middle = spot.x + _WIDTH // 2
    corner = _HEIGHT // 2 if box.shape in {Shape.EDGE, Shape.STOP} else 6
    whole = _one_line(f"{box.title}: {box.detail}" if box.detail else box.title)
    title, detail = escape(_clipped(box.title, 27)), escape(_clipped(box.detail, 33))
    size = f'x="{spot.x}" y="{spot.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{corner}"'
    lines = [
        f"<g aria-label={quoteattr(whole)}><title>{escape(whole)}</title>",
        f'<rect class="b {box.shape.value}" {size}/>',
        f'<text x="{middle}" y="{spot.y + 23}" text-anchor="middle">{title}</text>',
        f'<text class="d" x="{middle}" y="{spot.y + 40}" text-anchor="middle">{detail}</text>',
    ]
    return "".join(lines) + "</g>"


def _svg_arrow(arrow: Arrow, spots: Mapping[str, _Spot]) -> str:
    (x1, y1), (x2, y2) = _ends(spots[arrow.source], spots[arrow.target])
    kind = "a broken" if arrow.broken else "a"
    bend = (y2 - y1) // 2
    path = f"M{x1} {y1}L{x2} {y2}" if y1 == y2 else f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
    title = f"<title>{escape(_one_line(arrow.text))}</title>" if arrow.text else ""
    return f'<path class="{kind}" d="{path}" marker-end="url(#tip)">{title}</path>'


def _ends(source: _Spot, target: _Spot) -> tuple[tuple[int, int], tuple[int, int]]:
    """From which side to which: sideways inside a row, else from the bottom of the upper to the top of the lower."""
    (sx, sy), (tx, ty) = source.middle, target.middle
    half_w, half_h = _WIDTH // 2, _HEIGHT // 2
    if sy == ty:
        side = half_w if tx > sx else -half_w
        return (sx + side, sy), (tx - side, ty)
    side = half_h if ty > sy else -half_h
    return (sx, sy + side), (tx, ty - side)


def _clipped(text: str, columns: int) -> str:
    """`text` in at most `columns` columns; what is cut off stands in the tooltip."""
    line = _one_line(text)
    if width_of(line) <= columns:
        return line
    while line and width_of(line) > columns - 1:
        line = line[:-1]
    return line.rstrip() + "…"
