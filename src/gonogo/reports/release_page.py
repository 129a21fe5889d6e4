"""The report of a run as one HTML file: pictures and tables, no script, nothing from elsewhere, readable on paper.

Everything that stands in it comes from the ledger and from sealed evidence. Foreign text is text: Markdown links,
images and HTML are switched off where the sections are rendered, and a policy in the page forbids what could get by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Final

from markdown_it import MarkdownIt

from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import time_text
from gonogo.measure.stored_fields import Fields
from gonogo.plan.model import Plan, all_stages
from gonogo.reports.charts import Span, span_chart
from gonogo.reports.gate_cards import GateCard
from gonogo.reports.live import Live
from gonogo.reports.release import outcome_word, release_sections
from gonogo.run.state import RunState
from gonogo.terms import RunId
from gonogo.values import dataclass

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MOST_DIFFERENCES: Final = 200
GOOD: Final = frozenset({"pass", "waived", "released", "ready", "ok", "go", "done"})
BAD: Final = frozenset({"fail", "error", "failed", "rolled back", "aborted", "no_go", "halted"})
_DRAWN: Final = frozenset({"Gates", "Rollout"})
"""Sections of the Markdown report in whose place the page shows more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page shows beside plan and state: gates as cards, rollouts drawn, the sealed parity report."""

    cards: tuple[GateCard, ...]
    lives: tuple[Live, ...]
    parity: Mapping[str, Tree] | None
    sealed: str
    """SHA-256 of the sealed Markdown report; empty before there is one."""


def release_page(plan: Plan, state: RunState, run: RunId, seen: Seen, now: datetime, style: str) -> str:
    """The whole page, as of `now`; `style` is the style sheet that is put into it."""
    title = f"{plan.title}: {plan.project.name} {plan.release.version}"
    word = outcome_word(state)
    body = "".join(_body(plan, state, run, seen, now))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<header><p class='over'>{escape(plan.title)}</p><h1>{escape(plan.project.name)} "
        f"{escape(plan.release.version)} {_badge(word)}</h1>"
        f"<p class='muted'>run <code>{escape(run)}</code>, as of {_moment(now)}"
        f"{_sealed(seen.sealed)}</p></header>{body}</main></body></html>\n"
    )


def _sealed(digest: str) -> str:
    if not digest:
        return ", put together from what is on record now; no report is sealed yet"
    return f". The sealed report of this run is <code>{escape(digest)}</code>"


def _body(plan: Plan, state: RunState, run: RunId, seen: Seen, now: datetime) -> Iterator[str]:
    sections = dict(release_sections(plan, state, run, now))
    yield _section("Outcome", _rendered(sections.pop("Outcome")))
    yield _section("Timeline", _timeline(plan, state) + _folded("as a table", _rendered(sections.pop("Timeline"))))
    yield _section("Gates", "".join(_gate(card) for card in seen.cards) or "<p>None was judged.</p>")
    yield _section("Rollout", "".join(_rollout(live) for live in seen.lives) or "<p>No traffic was moved.</p>")
    yield _section("Decisions", _rendered(sections.pop("Decisions")))
    yield _section("Staging against production", _parity(seen.parity))
    for name, text in sections.items():
        if name not in _DRAWN:
            yield _section(name, _rendered(text))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def _badge(word: str) -> str:
    look = "go" if word in GOOD else "nogo" if word in BAD or word.startswith("halted") else "rest"
    return f'<span class="badge {look}">{escape(word)}</span>'


def _moment(at: datetime) -> str:
    return f'<time datetime="{time_text(at)}">{time_text(at)}</time>'


def _rendered(markdown: str) -> str:
    """Markdown that gonogo wrote itself, from facts; what could point anywhere is switched off."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["link", "image", "autolink", "reference", "html_block", "html_inline"])
    found = str(parser.render(markdown))
    return found.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")


def _timeline(plan: Plan, state: RunState) -> str:
    """Steps as bars over time; waits for people look other than work."""
    began = [item.began for item in state.tasks.values()]
    if not began:
        return "<p>No step has begun.</p>"
    first = min(began)
    spans = []
    for stage in all_stages(plan):
        known = [state.tasks[task.id] for task in stage.tasks if task.id in state.tasks]
        if known:
            start = min(item.began for item in known)
            end = max((item.ended for item in known if item.ended), default=start)
            failed = any(item.outcome == "failed" for item in known)
            look = "failed" if failed else "gate" if stage.id.startswith("gate/") else "step"
            spans.append(Span(stage.title, look, (start - first).total_seconds(), (end - first).total_seconds()))
    return f'<div class="scroll">{span_chart("Steps of the run over time", spans)}</div>'


def _gate(card: GateCard) -> str:
    rows = "".join(
        f"<tr><td>{escape(row.text)}</td><td>{escape(row.measured)}</td><td>{escape(row.limit)}</td>"
        f"<td>{_badge(row.result or 'not judged')}</td><td><code>{escape(row.source)}</code></td></tr>"
        for row in card.clauses
    )
    lacking = "".join(f"<li><code>{escape(name)}</code>: {escape(why)}</li>" for name, _, why in card.lacking)
    return (
        f"<h3>{escape(card.name)} {_badge(card.verdict)}</h3>"
        + (f"<p>{escape(card.purpose)}</p>" if card.purpose else "")
        + _table(("clause", "measured", "limit", "result", "evidence"), rows)
        + (f"<p>Lacking:</p><ul>{lacking}</ul>" if lacking else "")
        + (f"<p class='muted'>judgement <code>{escape(card.sha256)}</code></p>" if card.sha256 else "")
    )


def _table(titles: Sequence[str], rows: str) -> str:
    head = "".join(f"<th scope='col'>{escape(title)}</th>" for title in titles)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _rollout(live: Live) -> str:
    sides = "".join(
        f"<tr><td>{name}</td><td>{escape(side.version or '?')}</td><td>{side.requests}</td><td>{side.errors}</td>"
        f"<td>{escape(side.rate)}</td></tr>"
        for name, side in (("new", live.new), ("old", live.old))
    )
    charts = "".join(
        f"<figure><figcaption><strong>{escape(title)}</strong> {escape(how)}</figcaption>{drawn}</figure>"
        for title, how, drawn in live.charts
    )
    aborted = f'<p class="bad"><strong>Taken back:</strong> {escape(live.aborted)}</p>' if live.aborted else ""
    answer = live.answer.replace("_", " ") or ("taken back" if live.aborted else "no answer")
    said = f"<p>{_badge(answer)} {escape(live.explanation)}</p>"
    key = '<p class="key"><span class="k new">new version</span> <span class="k old">old version</span></p>'
    head = f"<h3>{'Health window' if live.is_window else 'Rollout'}, from {_moment(live.began)}</h3>"
    counts = _table(("version", "name", "requests", "errors", "rate"), sides)
    return f"{head}{aborted}{said}{counts}{key}<div class='charts'>{charts}</div>"


def _parity(body: Mapping[str, Tree] | None) -> str:
    if body is None:
        return "<p>This run has not compared them.</p>"
    fields = Fields(body)
    about = fields.part("staging_parity")
    figures = (
        f"<p>worst severity {_badge(about.maybe_text('drift_severity') or 'not known')}, compared "
        f"{about.count('compared')}, differing {about.count('differing')}</p>"
    )
    rows = fields.rows("differences")
    if not rows:
        return figures
    shown = "".join(
        _cells(row, ("severity", "path", "staging", "production", "cause")) for row in rows[:MOST_DIFFERENCES]
    )
    left = len(rows) - MOST_DIFFERENCES
    more = f"<p>… and {left} more in the sealed report.</p>" if left > 0 else ""
    return figures + _table(("severity", "setting", "staging", "production", "cause"), shown) + more


def _cells(row: Fields, names: Iterable[str]) -> str:
    texts = (row.maybe_text(name) or "" for name in names)
    return f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in texts)}</tr>"
