"""The report of a run: the sealed one, or one put together now."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.viewing import why_taken_back
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import Tree, read_object
from gonogo.reports.gate_cards import NOT_JUDGED, GateCard, gate_card
from gonogo.reports.live import Look, lives
from gonogo.reports.release import release_report
from gonogo.reports.release_page import Seen, release_page
from gonogo.run.events import recorded
from gonogo.run.tracing import traced
from gonogo.terms import Digest
from gonogo.values import dataclass

MOST_JUDGEMENT = 16 << 20
PARITY = "staging-parity-report.json"

REPORTS = ("RUN-REPORT.md", "DEPLOYMENT-REPORT.md")
"""Names of sealed reports; the one at the end of the run knows more than the one before it."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report; without `digest` it was put together just now and is on no record."""

    name: str
    text: str
    digest: Digest | None


def report_of(door: Door, opened: Opened) -> Report:
    """The report of a run: sealed bytes from the store, or made now where there are none."""
    for name in REPORTS:
        sealed = opened.state.evidence.get(name)
        if sealed is not None:
            return Report(name, door.world.vault.read(sealed.digest).decode("utf-8", "replace"), sealed.digest)
    text = release_report(opened.plan, opened.state, opened.run, door.world.clock.now())
    return Report(REPORTS[0], text, None)


def page_of(door: Door, opened: Opened) -> str:
    """The report of a run as one HTML file, with pictures of what the ledger holds now."""
    now = door.world.clock.now()
    weighed = traced(opened.plan, (recorded(entry) for entry in opened.entries)).weighed
    found = report_of(door, opened)
    seen = Seen(
        cards=tuple(card_of(door, opened, name) for name in opened.plan.gates),
        lives=lives(opened.plan, opened.state, weighed, Look(now, why_taken_back(door.world, opened))),
        parity=body_of(door, opened, PARITY)[0],
        sealed=found.digest or "",
    )
    style = resources.files("gonogo.library").joinpath("report.css").read_text("utf-8")
    return release_page(opened.plan, opened.state, opened.run, seen, now, style)


def body_of(door: Door, opened: Opened, name: str) -> tuple[Mapping[str, Tree] | None, str]:
    """Current evidence of a run as it was sealed, with its digest; None where the run has none."""
    found = opened.state.evidence.get(name)
    if found is None:
        return None, ""
    return read_object(door.world.vault.read(found.digest), name=name, limit=MOST_JUDGEMENT), found.digest


def card_of(door: Door, opened: Opened, name: str) -> GateCard:
    """The card of a gate; a judgement that cannot be read is told as an error, never left out."""
    rule = opened.plan.gates[name]
    judged = opened.state.judgements.get(name)
    if judged is None:
        return gate_card(rule, NOT_JUDGED, "", None)
    try:
        body = read_object(door.world.vault.read(Digest(judged.digest)), name=name, limit=MOST_JUDGEMENT)
    except GonogoError:
        return gate_card(rule, "error", judged.digest, None)
    return gate_card(rule, judged.verdict, judged.digest, body)
