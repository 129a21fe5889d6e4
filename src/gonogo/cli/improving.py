"""`gonogo improvements` and `gonogo proposals`: what should change, planned by people; neither changes a rule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import click

from gonogo.cli.learning import filed, listed
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, json_option, project_option, recording_options, run_argument
from gonogo.cli.taking import taking
from gonogo.control.audit.searching import demand_reader
from gonogo.control.door import Door
from gonogo.control.learning.adapting import proposals_of
from gonogo.control.learning.improving import plan_improvement, roadmap_of
from gonogo.control.learning.notes import IMPROVEMENT
from gonogo.errors import WrongUsage
from gonogo.evidence.canonical import Tree
from gonogo.reports.proposals import Direction, proposal_row
from gonogo.reports.roadmap import KINDS, item_row, roadmap_lines
from gonogo.terms import Json
from gonogo.values import dataclass

COLOURS = {Direction.STRICTER: "green", Direction.WEAKER: "red"}


@dataclass(frozen=True, slots=True)
class ImprovementOptions:
    """What `gonogo improvements` takes."""

    run: str
    what: str
    reason: str
    evidence: str
    expected: str
    roadmap: bool
    item: int | None
    kind: str | None
    benefit: int | None
    effort: float | None
    owner: str
    milestone: str
    due: datetime | None
    after: tuple[int, ...]
    waits_for: tuple[str, ...]
    needs: tuple[str, ...]
    links: tuple[str, ...]
    done: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option("--what", default="", help="What should change: text, limit, automation. `none` where nothing should.")
@click.option("--reason", default="", help="Why.")
@click.option("--evidence", default="", help="What of the run shows it.")
@click.option("--expected", default="", help="What is expected of it.")
@click.option("--roadmap", is_flag=True, help="Show all of them ranked, with dates, needs and what stands in the way.")
@click.option("--item", type=click.IntRange(min=1), help="Plan the improvement with this number of the roadmap.")
@click.option("--kind", type=click.Choice(KINDS), help="What kind of change it is.")
@click.option("--benefit", type=click.IntRange(1, 5), help="How much it is worth, from 1 to 5.")
@click.option("--effort", type=click.FloatRange(min=0.1, max=999), help="Person-days that it takes.")
@click.option("--owner", default="", help="Who does it.")
@click.option("--milestone", default="", help="The milestone that it belongs to.")
@click.option("--due", type=click.DateTime(["%Y-%m-%d"]), help="The day on which it has to be done.")
@click.option(
    "--after", type=click.IntRange(min=1), multiple=True, help="The number of one that comes first; repeatable."
)
@click.option("--waits-for", multiple=True, metavar="WHAT=DAY", help="Work of others, and its day; repeatable.")
@click.option("--needs", multiple=True, help="Equipment or infrastructure that it needs; repeatable.")
@click.option("--links", multiple=True, help="Another protocol that it touches; repeatable.")
@click.option("--done", is_flag=True, help="It is done, and leaves the roadmap.")
@recording_options
@taking(ImprovementOptions)
def improvements(options: ImprovementOptions) -> int:
    """Log an improvement that RUN suggests, or list them; plan one with --item, and show the --roadmap of all.

    It only proposes: documents and limits change by review, in later runs. The roadmap ranks by benefit for each day of
    work, for the team that `cadence.capacity` of gonogo.yaml states.
    """
    door = door_at(options.folder)
    said = _planned(options)
    if options.item is not None:
        return _plan(door, options, options.item, said)
    if said:
        raise WrongUsage("these say something about one improvement", next_step="name it with --item NUMBER")
    body: dict[str, Tree] = {
        "what": options.what,
        "reason": options.reason,
        "evidence": options.evidence,
        "expected": options.expected,
    }
    if any(body.values()):
        return filed(door, IMPROVEMENT, options.run, body, options.who, as_json=options.as_json)
    demand_reader(door, actor_of(options.who), "improvements")
    if options.roadmap:
        return _show_roadmap(door, as_json=options.as_json)
    return listed(door, IMPROVEMENT, options.run, "", as_json=options.as_json)


def _planned(options: ImprovementOptions) -> dict[str, Tree]:
    """What was said about an improvement, as it is stored; nothing where nothing was said."""
    waits: list[Tree] = [_wait(text) for text in options.waits_for]
    said: dict[str, Tree] = {
        "kind": options.kind,
        "benefit": options.benefit,
        "effort": None if options.effort is None else f"{options.effort:g}",
        "owner": options.owner,
        "milestone": options.milestone,
        "due": None if options.due is None else str(options.due.date()),
        "after": [*options.after],
        "waits_for": waits,
        "needs": [*options.needs],
        "links": [*options.links],
        "done": options.done,
    }
    return {name: value for name, value in said.items() if value}


def _wait(text: str) -> Tree:
    what, _, day = text.rpartition("=")
    try:
        return {"what": what, "until": str(date.fromisoformat(day))} if what else _no_wait(text)
    except ValueError:
        return _no_wait(text)


def _no_wait(text: str) -> Tree:
    raise WrongUsage(
        f"`{text}` names no work and day", next_step='write for example --waits-for "new proxy=2027-01-31"'
    )


def _plan(door: Door, options: ImprovementOptions, number: int, said: dict[str, Tree]) -> int:
    if not said:
        raise WrongUsage("nothing was said about it", next_step="say for example --benefit 4 --effort 3 --owner NAME")
    found = plan_improvement(door, number, said, actor_of(options.who))
    if options.as_json:
        say_json({"number": found.number, "planned": [*said]})
    else:
        say(f"planned: #{found.number} {found.what}")
    return 0


def _show_roadmap(door: Door, *, as_json: bool) -> int:
    found, team = roadmap_of(door)
    if as_json:
        items: list[Json] = [item_row(item) for item in found.items]
        milestones: list[Json] = [{"name": name, "day": str(day)} for name, day in found.milestones]
        say_json({"items": items, "milestones": milestones, "days": str(found.days), "weeks": f"{found.weeks:.1f}"})
        return 0
    for line in roadmap_lines(found, team):
        say(line, "yellow" if line.lstrip().startswith("!") else "")
    return 0


@dataclass(frozen=True, slots=True)
class ProposalOptions:
    """What `gonogo proposals` takes."""

    folder: Path
    as_json: bool


@click.command()
@project_option
@json_option
@taking(ProposalOptions)
def proposals(options: ProposalOptions) -> int:
    """Show what earlier runs and this machine suggest to adapt: limits, steps, automation, people. Nothing is changed.

    A proposal holds for nobody. Whoever wants it edits the file that it names and has that reviewed; where admins
    govern the file they sign it. It then holds for runs that are opened later; open ones keep their plan.
    """
    found = proposals_of(door_at(options.folder))
    if options.as_json:
        say_json({"proposals": [proposal_row(item) for item in found]})
        return 0
    for item in found:
        say(f"{item.id}   {item.kind}   {item.about}   {item.direction.value}", COLOURS.get(item.direction, ""))
        for name, text in _said(
            (item.what, item.why, f"{item.file}: {item.write}" if item.write else item.file, item.takes)
        ):
            say(f"    {name:<7}{text}")
    say(
        f"{len(found)} proposals; none is in force"
        if found
        else "nothing is proposed: it takes five runs that say the same"
    )
    return 0


def _said(texts: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(("do", "why", "where", "takes"), texts, strict=True))
