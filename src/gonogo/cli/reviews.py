"""`gonogo reviews`: which reviews are due, and putting one on file that was held (LRN-19)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, recording_options
from gonogo.cli.taking import taking
from gonogo.control.learning.reviews import hold_review, reviews_of
from gonogo.errors import WrongUsage
from gonogo.reports.reviews import ReviewKind, review_row
from gonogo.terms import Json
from gonogo.values import dataclass

COLOURS = {"due": "yellow", "overdue": "red"}


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """What `gonogo reviews` takes."""

    held: str | None
    about: str
    participants: tuple[str, ...]
    finding: str
    everything: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.option(
    "--held", type=click.Choice([kind.value for kind in ReviewKind]), help="Put on file that this was reviewed."
)
@click.option("--about", default="", help="The run or the protocol that it was about.")
@click.option("--with", "participants", multiple=True, help="Who took part; repeatable.")
@click.option("--finding", default="", help="What was found; what should change is an improvement.")
@click.option("--all", "everything", is_flag=True, help="Show those that are due later, too.")
@recording_options
@taking(ReviewOptions)
def reviews(options: ReviewOptions) -> int:
    """Show which reviews are due: of ended and halted runs, documents, gates, automation, patterns.

    Documents come up by `cadence.template_review` of gonogo.yaml, the others by `cadence.calibration`; a gate that
    stops most of what comes is due at once. Exit 0 where nothing is due, else 3.
    """
    door = door_at(options.folder)
    if options.held is not None:
        if not options.about:
            raise WrongUsage("a review is about a run or a protocol", next_step="name it with --about")
        said = {"participants": [*options.participants], "findings": options.finding}
        hold_review(door, ReviewKind(options.held), options.about, {**said}, actor_of(options.who))
    elif options.about or options.participants or options.finding:
        raise WrongUsage("these say something about a review that was held", next_step="say which: --held KIND")
    now, found = door.world.clock.now(), reviews_of(door)
    due = [review for review in found if review.standing(now) != "later"]
    shown = found if options.everything else due
    if options.as_json:
        rows: list[Json] = [review_row(review, now) for review in shown]
        say_json({"reviews": rows, "due": len(due)})
    else:
        for review in shown:
            standing = review.standing(now)
            say(
                f"{standing:<8} {review.due:%Y-%m-%d}   {review.kind.value:<10} {review.about}",
                COLOURS.get(standing, ""),
            )
            say(f"    {review.why}")
        say(f"{len(due)} reviews are due" if due else "no review is due")
    return 3 if due else 0
