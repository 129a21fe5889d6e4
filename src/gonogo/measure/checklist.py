"""The deployment checklist: body of `deployment-checklist.json` and its Markdown twin (F9, CHK-01..03, C43).

An item is done when its state says so, somebody owns it and a file proves it. Ticks in a Markdown file move nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, get_args

from gonogo.evidence.canonical import Tree
from gonogo.measure.command_runs import ended_well
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, share, without_none
from gonogo.measure.header import RawFile, raw_row
from gonogo.measure.markdown import cell, page, section, table
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass

ItemState: TypeAlias = Literal["open", "done"]


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One item. `proof` is the file that shows that it is done; `learned_from` what of the rehearsal led to it."""

    id: str
    text: str
    phase: str
    owner: str
    required: bool = True
    state: ItemState = "open"
    proof: RawFile | None = None
    learned_from: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One line of the communication plan."""

    when: str
    audience: str
    channel: str


@dataclass(frozen=True, slots=True)
class ChecklistSeen:
    """The checklist as it stands; `source` is the rehearsal log that it was updated from (CHK-01)."""

    items: tuple[ChecklistItem, ...]
    communication_plan: tuple[PlannedMessage, ...]
    source: RawFile
    before: Mapping[str, Tree] | None = None
    """The checklist of the run before, to show what the rehearsal changed in it; None where there is none."""
    before_run: str = ""


def checklist_body(seen: ChecklistSeen) -> Body:
    """Body of the deployment checklist (F9)."""
    raw: Body = {
        "items": [_item_row(item) for item in seen.items],
        "communication_plan": [
            {"when": message.when, "audience": message.audience, "channel": message.channel}
            for message in seen.communication_plan
        ],
        "source": raw_row(seen.source),
        "changes": _changes(seen),
        "compared_with": seen.before_run or "no earlier checklist",
    }
    return filled(raw, derived_checklist(raw))


def derived_checklist(body: Mapping[str, Tree]) -> Derived:
    """Counts, coverage of the required items, and status (III.2). Without a required item there is neither."""
    items = Fields(body).rows("items")
    required = [row for row in items if row.flag("required")]
    done = sum(_is_done(row) for row in required)
    return {
        "/deployment_checklist/completed": sum(_is_done(row) for row in items),
        "/deployment_checklist/total": len(items),
        "/deployment_checklist/coverage": share(done, len(required)),
        "/deployment_checklist/status": None if not required else "complete" if done == len(required) else "open",
    }


def items_from_rehearsal(
    rehearsal: Mapping[str, Tree], owner: str, proof: RawFile | None = None
) -> tuple[ChecklistItem, ...]:
    """What a rehearsal report teaches (CHK-01): each command with the time it took, each failure, each logged error.

    With `proof`, the report by name and digest, a command that ended with 0 is done: it is rehearsed and ready to run.
    """
    fields = Fields(rehearsal)
    items = []
    for row in fields.rows("commands"):
        number, command = row.count("n"), " ".join(row.texts("argv"))
        ended_at = row.maybe_moment("ended_at")
        took = duration_text(ended_at - row.moment("started_at")) if ended_at else "an unknown time"
        well = ended_well(row)
        lesson = f"command {number} took {took} in the rehearsal{'' if well else '; it did not end with 0'}"
        item = ChecklistItem(f"command-{number}", f"Run {command}", "deployment", owner, learned_from=lesson)
        items.append(replace(item, state="done", proof=proof) if well and proof else item)
    for row in fields.rows("errors"):
        place = f"line {row.count('line')} of the rehearsal log"
        text = f"Watch for: {row.text('text')}"
        items.append(ChecklistItem(f"error-{row.count('line')}", text, "deployment", owner, learned_from=place))
    return tuple(items)


def items_by_hand(log: Mapping[str, Tree], owner: str, proof: RawFile) -> tuple[ChecklistItem, ...]:
    """What people did by hand in the rehearsal (CHK-01): production will need a person for it, too."""
    steps: dict[str, Fields] = {}
    for row in Fields(log).rows("entries"):
        steps.setdefault(row.text("step"), row)
    return tuple(
        ChecklistItem(
            f"by-hand-{number}",
            f"By hand: {step}",
            "deployment",
            owner,
            state="done",
            proof=proof,
            learned_from=f"{row.text('person')} did it by hand: {row.text('reason_no_automation')}",
        )
        for number, (step, row) in enumerate(steps.items(), start=1)
    )


def items_from_warnings(complaints: Sequence[tuple[str, int]], owner: str, proof: RawFile) -> tuple[ChecklistItem, ...]:
    """Commands that ended well and complained (CHK-01): (command, bytes on its error output) to what to look at."""
    return tuple(
        ChecklistItem(
            f"warning-{number}",
            f"Look at what {command} says on its error output",
            "deployment",
            owner,
            required=False,
            state="done",
            proof=proof,
            learned_from=f"{size} bytes in the rehearsal, although it ended with 0",
        )
        for number, (command, size) in enumerate(complaints, start=1)
    )


def _changes(seen: ChecklistSeen) -> list[Tree]:
    """What is new, changed or gone since the checklist before, item by item; without one, everything is new."""
    rows = Fields(seen.before).rows("items") if seen.before is not None else ()
    before = {row.text("text"): row.maybe_text("learned_from") or "" for row in rows}
    now = {item.text: item.learned_from or "" for item in seen.items}
    found: list[Tree] = []
    for text, learned in now.items():
        if before.get(text) != learned:
            kind = "changed" if text in before else "new"
            found.append({"item": text, "change": kind, "was": before.get(text, ""), "now": learned})
    gone = [text for text in before if text not in now]
    return [*found, *({"item": text, "change": "gone", "was": before[text], "now": ""} for text in gone)]


def checklist_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `deployment-checklist.md`, rendered from the body."""
    fields = Fields(body)
    summary = fields.part("deployment_checklist")
    items = [
        (
            row.text("id"),
            row.text("phase"),
            row.text("text"),
            row.text("owner"),
            row.flag("required"),
            row.text("state"),
            row.maybe_text("learned_from") or "",
        )
        for row in fields.rows("items")
    ]
    changes = [
        (row.text("change"), row.text("item"), row.text("was"), row.text("now")) for row in fields.rows("changes")
    ]
    plan = [(row.text("when"), row.text("audience"), row.text("channel")) for row in fields.rows("communication_plan")]
    status = cell(summary.maybe_text("status") or "not measurable")
    return page(
        "Deployment checklist",
        f"Status: {status}, {summary.count('completed')} of {summary.count('total')} items done.",
        section("Items", table(("Id", "Phase", "Item", "Owner", "Required", "State", "Learned"), items)),
        section(
            f"What the rehearsal changed (compared with {cell(fields.text('compared_with'))})",
            table(("Change", "Item", "Was", "Now"), changes),
        ),
        section("Communication plan", table(("When", "Audience", "Channel"), plan)),
    )


def _item_row(item: ChecklistItem) -> Body:
    return without_none(
        {
            "id": item.id,
            "text": item.text,
            "phase": item.phase,
            "owner": item.owner,
            "required": item.required,
            "state": item.state,
            "proof": raw_row(item.proof) if item.proof else None,
            "learned_from": item.learned_from,
        }
    )


def _is_done(row: Fields) -> bool:
    if row.word("state", get_args(ItemState)) != "done" or not row.filled("owner"):
        return False
    proof = row.maybe_part("proof")
    return proof is not None and proof.filled("sha256")
