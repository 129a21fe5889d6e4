"""The auditor's table: the whole population of changes, a sample that anybody can draw again, and what each one proves.

Points are those of SOC 2 CC8.1 (changes are authorised, tested, approved, documented) and of ISO/IEC 27001:2022 A.8.32
(changes are assessed, authorised, tested, communicated, can be taken back, and are recorded). A point without evidence
is a gap and says what is missing; nothing is called met because nobody looked.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from gonogo.errors import WrongUsage
from gonogo.evidence.ledger import Entry, check_chain, time_text
from gonogo.plan.model import Plan
from gonogo.run.site import CLOSED, OPENED, SEALED
from gonogo.run.state import RunState
from gonogo.terms import Json
from gonogo.values import dataclass

_PERIOD: Final = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
YEAR: Final = 12
SOC2: Final = "SOC 2 CC8.1"
ISO: Final = "ISO 27001 A.8.32"


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`, UTC."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A run as the site's log names it. `number` is that of its entry; empty texts say that it has not come to that."""

    number: int
    run: str
    protocol: str
    version: str
    environment: str
    requested_by: str
    opened_at: datetime
    closed_at: str
    outcome: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a standard about one change: `evidence` names what shows it, `gap` what is missing."""

    standard: str
    point: str
    evidence: str
    gap: str


@dataclass(frozen=True, slots=True)
class Audited:
    """The whole answer: period, population, the points of the runs that were drawn, what the population lacks."""

    period: Period
    seed: int
    population: tuple[Change, ...]
    points: Mapping[str, tuple[Point, ...]]
    gaps: tuple[str, ...]


def period_of(text: str) -> Period:
    """The period that `2026`, `2026-Q3` or `2026-09` names; WrongUsage for anything else."""
    found = _PERIOD.fullmatch(text)
    if found is None or not 1 <= int(found[1]) < 9999:
        raise WrongUsage(f"`{text}` is no period", next_step="write a year, quarter or month: 2026, 2026-Q3, 2026-09")
    year = int(found[1])
    first, months = 1, YEAR
    if found[2]:
        first, months = 3 * int(found[2]) - 2, 3
    if found[3]:
        first, months = int(found[3]), 1
    over, last = divmod(first + months - 1, YEAR)
    return Period(text, datetime(year, first, 1, tzinfo=UTC), datetime(year + over, last + 1, 1, tzinfo=UTC))


def population(site: Sequence[Entry], period: Period) -> tuple[Change, ...]:
    """Every run that was opened in the period, in the order of the site's log."""
    closed = {str(entry.data.get("run")): entry for entry in site if entry.type == CLOSED}
    sealed: dict[str, list[str]] = {}
    for entry in site:
        if entry.type == SEALED:
            sealed.setdefault(str(entry.data.get("run")), []).append(str(entry.data.get("sha256")))
    return tuple(
        _change(entry, closed, sealed)
        for entry in site
        if entry.type == OPENED and period.start <= entry.ts < period.end
    )


def _change(entry: Entry, closed: Mapping[str, Entry], sealed: Mapping[str, Sequence[str]]) -> Change:
    said = {name: str(value) for name, value in entry.data.items()}
    run = said.get("run", "")
    end = closed.get(run)
    return Change(
        number=entry.seq,
        run=run,
        protocol=said.get("protocol", ""),
        version=said.get("version", ""),
        environment=said.get("environment", ""),
        requested_by=said.get("requested_by", ""),
        opened_at=entry.ts,
        closed_at=time_text(end.ts) if end else "",
        outcome=str(end.data.get("outcome")) if end else "",
        packages=tuple(sealed.get(run, ())),
    )


def population_gaps(site: Sequence[Entry], runs: Sequence[str]) -> tuple[str, ...]:
    """Why the population may not be whole: numbers that are missing, a broken chain, runs that no entry names."""
    found = list(check_chain(entry.line for entry in site)) if site else []
    named = {str(entry.data.get("run")) for entry in site if entry.type == OPENED}
    found += [f"{run} is in the store, and the log of the site does not name it" for run in runs if run not in named]
    found += [f"the log of the site names {run}, and its own log is gone" for run in sorted(named - set(runs))]
    return tuple(found)


def drawn(changes: Sequence[Change], count: int, seed: int) -> tuple[Change, ...]:
    """`count` changes by the SHA-256 of `seed:run`, smallest first: anybody can draw the same sample again."""
    order = sorted(changes, key=lambda change: sha256(f"{seed}:{change.run}".encode()).hexdigest())
    return tuple(order[:count])


def points_of(change: Change, plan: Plan, state: RunState, entries: Sequence[Entry]) -> tuple[Point, ...]:
    """What the run shows for each point, and what it does not."""
    gates = _gates(plan, state)
    people = _people(state, change)
    whole = check_chain(entry.line for entry in entries)
    log = f"log of {len(entries)} entries, head sha256 {entries[-1].digest}" if entries else ""
    told = sum(entry.type == "message.announced" for entry in entries)
    return (
        Point(SOC2, "authorised", *_asked(change)),
        Point(SOC2, "tested", *gates),
        Point(SOC2, "approved", *people),
        Point(SOC2, "documented", *_packages(change)),
        Point(ISO, "assessed", *_named(state, "intake-validation-report.json", "deployment-readiness-checklist.json")),
        Point(ISO, "authorised by others than its authors", *_apart(state, change)),
        Point(ISO, "can be taken back", *_named(state, "rollback-verification-report.json", "rollback-plan.json")),
        Point(
            ISO, "communicated", f"{told} messages on record" if told else "", "" if told else "no message on record"
        ),
        Point(ISO, "recorded", "" if whole else log, "; ".join(whole[:2])),
        Point(ISO, "completed", change.outcome, "" if change.outcome else "the run was never closed"),
    )


def _asked(change: Change) -> tuple[str, str]:
    who = change.requested_by
    return (f"opened by {who} (entry 0 of the run)", "") if who else ("", "nobody is named who asked for the change")


def _gates(plan: Plan, state: RunState) -> tuple[str, str]:
    judged = [
        f"{rule.id} {known.verdict} sha256 {known.digest}"
        for rule in plan.gates.values()
        if (known := state.judgements.get(rule.id))
    ]
    failing = [
        f"{rule.id} is {known.verdict if known else 'not judged'}"
        for rule in plan.gates.values()
        if (known := state.judgements.get(rule.id)) is None or known.verdict not in {"pass", "waived"}
    ]
    return "; ".join(judged), "; ".join(failing) or ("" if judged else "no gate was judged")


def _people(state: RunState, change: Change) -> tuple[str, str]:
    signed = [
        f"{asked.point}: {answer.person} ({answer.role}) {answer.decision}, statement sha256 {answer.statement}"
        for asked in state.rounds.values()
        for answer in asked.answers
        if asked.kind == "approval"
    ]
    refused = [
        answer.person for asked in state.rounds.values() for answer in asked.answers if answer.decision == "no_go"
    ]
    if refused:
        return "; ".join(signed), f"no-go by {', '.join(refused)}"
    needed = "production" if change.environment == "production" else "readiness"
    complete = any(asked.point == needed and asked.answers for asked in state.rounds.values())
    return "; ".join(signed), "" if complete else f"nobody signed at `{needed}`"


def _apart(state: RunState, change: Change) -> tuple[str, str]:
    people = sorted({a.person for asked in state.rounds.values() if asked.kind == "approval" for a in asked.answers})
    if not people:
        return "", "nobody approved"
    own = change.requested_by in people
    told = f"{', '.join(people)} signed; {change.requested_by} asked"
    return ("", f"{change.requested_by} asked for the change and approved it") if own else (told, "")


def _named(state: RunState, *names: str) -> tuple[str, str]:
    found = [f"{name} sha256 {state.evidence[name].digest}" for name in names if name in state.evidence]
    return "; ".join(found), "" if found else f"none of {', '.join(names)} is on file"


def _packages(change: Change) -> tuple[str, str]:
    found = [f"package sha256 {digest}" for digest in change.packages]
    return "; ".join(found), "" if found else "no package was sealed"


_COLUMNS: Final = (
    "number",
    "run",
    "protocol",
    "version",
    "environment",
    "requested_by",
    "opened_at",
    "closed_at",
    "outcome",
    "sampled",
    "standard",
    "point",
    "status",
    "evidence",
    "gap",
)


def cells_of(change: Change) -> dict[str, str]:
    """What every table says about a change, by column."""
    return {
        "number": str(change.number),
        "run": change.run,
        "protocol": change.protocol,
        "version": change.version,
        "environment": change.environment,
        "requested_by": change.requested_by,
        "opened_at": time_text(change.opened_at),
        "closed_at": change.closed_at,
        "outcome": change.outcome or "open",
    }


def rows_of(found: Audited) -> list[dict[str, str]]:
    """One row for each change of the population, and one for each point of those that were drawn."""
    rows = []
    for change in found.population:
        fixed = {**cells_of(change), "sampled": "yes" if change.run in found.points else "no"}
        blank = Point("", "", "", "")
        for point in found.points.get(change.run, (blank,)):
            status = "" if point is blank else "gap" if point.gap else "evidence"
            more = {"standard": point.standard, "point": point.point, "status": status}
            rows.append({**fixed, **more, "evidence": point.evidence, "gap": point.gap})
    return rows


def as_csv(found: Audited) -> str:
    """The rows as CSV (RFC 4180); a cell that a spreadsheet would take for a formula is quoted as text."""
    gaps = [{"run": "POPULATION", "status": "gap", "gap": gap} for gap in found.gaps]
    return csv_of(_COLUMNS, [*rows_of(found), *gaps])


def csv_of(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """Rows under a header as CSV (RFC 4180), safe to open in a spreadsheet."""
    every = [{name: name for name in columns}, *rows]
    return "".join(",".join(_cell(row.get(name, "")) for name in columns) + "\n" for row in every)


def _cell(text: str) -> str:
    safe = f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
    return '"' + safe.replace('"', '""') + '"' if set(safe) & set(',"\n\r') else safe


def as_html(found: Audited) -> str:
    """One page that needs nothing else, with the gaps first."""
    rows = rows_of(found)
    gaps = [
        *found.gaps,
        *(f"{row['run']}: {row['standard']} {row['point']}: {row['gap']}" for row in rows if row["gap"]),
    ]
    listed = "".join(f"<li>{html.escape(gap)}</li>" for gap in gaps) or "<li>none</li>"
    head = "".join(f"<th>{html.escape(name)}</th>" for name in _COLUMNS)
    body = "".join(
        f'<tr class="{row["status"]}">' + "".join(f"<td>{html.escape(row[name])}</td>" for name in _COLUMNS) + "</tr>\n"
        for row in rows
    )
    title = f"Changes of {found.period.name}"
    counts = f"{len(found.population)} changes, {len(found.points)} drawn with seed {found.seed}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        "<style>body{font:14px sans-serif}table{border-collapse:collapse}td,th{border:1px solid #999;padding:3px 6px;"
        "vertical-align:top;overflow-wrap:anywhere}.gap{background:#fdd}</style></head>\n"
        f"<body><h1>{html.escape(title)}</h1><p>{html.escape(counts)}</p>\n<h2>Gaps</h2><ul>{listed}</ul>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></body></html>\n"
    )


def as_tree(found: Audited) -> dict[str, Json]:
    """The answer for `--json`."""
    return {
        "period": {"name": found.period.name, "from": time_text(found.period.start), "to": time_text(found.period.end)},
        "seed": found.seed,
        "population": len(found.population),
        "sampled": sorted(found.points),
        "gaps": list(found.gaps),
        "rows": [dict(row) for row in rows_of(found)],
    }
