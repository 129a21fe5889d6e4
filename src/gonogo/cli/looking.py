"""`gonogo status`: where runs are, whom they wait for, why they halted (RGD-01, RGD-06)."""

from __future__ import annotations

from gonogo.adapters.standings_read import Glance
from gonogo.cli.driving import EXIT
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.run_list import FEW, row_of
from gonogo.cli.saying import say, say_json
from gonogo.cli.status_asked import StatusOptions, show
from gonogo.cli.watching import lines_of, watch
from gonogo.control.awareness import awareness
from gonogo.control.door import Door
from gonogo.control.viewing import RunView, as_json, view
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_text
from gonogo.run.standing import Standing
from gonogo.terms import RunId

STATES = {"waiting for people": 3, "halted": 2, "running": 3, "open": 3}


def look(options: StatusOptions) -> int:
    """What `gonogo status` shows where a glance is not enough: one run, one that is watched, runs that changed."""
    door = door_at(options.folder)
    if options.watch:
        seen = watch(door, run_named(door, options.run), every=options.every, verbose=options.verbose)
        return code_of(seen) if options.exit_code else 0
    if options.statement:
        return _state(door, options)
    if not options.run:
        return _list(door, options)
    run = run_named(door, options.run)
    seen = view(door.world, door.load(run), driven=door.is_driven(run))
    if options.as_json:
        say_json(as_json(seen))
    else:
        for text, colour in lines_of(seen, verbose=options.verbose):
            say(text, colour)
    return code_of(seen) if options.exit_code else 0


def _state(door: Door, options: StatusOptions) -> int:
    """Print the awareness statement of a run (RSN-08)."""
    found = awareness(door.world, door.load(run_named(door, options.run)))
    if options.as_json:
        say_json(found.as_json())
    else:
        for line in found.lines():
            say(line)
    return 0


def code_of(seen: RunView) -> int:
    """The exit code of the state that a run is in."""
    return EXIT.get(seen.outcome, 1) if seen.outcome else STATES.get(seen.status, 3)


def _list(door: Door, options: StatusOptions) -> int:
    runs = door.runs()
    newest = runs if options.all_runs else runs[-FEW:]
    known = {standing.run: standing for standing in door.world.journal.standings()}
    if not runs and not options.as_json:
        say("no run yet; gonogo run pre-deployment --release VERSION")
        return 0
    show([_row(door, run, known.get(run)) for run in newest], len(runs), as_json=options.as_json)
    return 0


def _row(door: Door, run: RunId, known: Standing | None) -> dict[str, str | None]:
    now = door.world.clock.now()
    if known is not None and (known.due is None or now < known.due) and not door.is_driven(run):
        return _listed(run, known.release, known.status, time_text(known.opened_at), known.following)
    try:
        seen = view(door.world, door.load(run), driven=door.is_driven(run))
    except GonogoError as error:
        # A run that cannot be read must not hide the others.
        what = f"unusable: {error.what}"
        return _listed(run, "", what, "", error.next_step)
    opened = time_text(seen.opened_at) if seen.opened_at else ""
    return _listed(run, seen.release, seen.status, opened, seen.next_step)


def _listed(run: RunId, release: str, status: str, opened_at: str, following: str) -> dict[str, str | None]:
    return row_of(Glance(run, release, status, opened_at, following, known=True))
