"""`gonogo demo`: the whole story on real parts, in a folder of its own (DE-01)."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from gonogo.cli.taking import taking
from gonogo.demo.story import Wishes, tell_story
from gonogo.demo.story_stage import FAST, Pace, wish_of
from gonogo.demo.telling import WIDTH, Telling
from gonogo.errors import GonogoError
from gonogo.values import dataclass

DEFAULT_FOLDER = "demo-run"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What `gonogo demo` takes."""

    proxy: str | None
    keep: Path
    fast: bool
    capture: Path | None


@click.command()
@click.option(
    "--proxy",
    type=click.Choice(["caddy", "asyncio"]),
    default=None,
    help="What distributes requests. Default: Caddy where it is installed, else gonogo's own.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(DEFAULT_FOLDER),
    show_default=True,
    help="The folder of the demonstration; an earlier one in it is replaced.",
)
@click.option("--fast", is_flag=True, help="Shorter canary steps and health window; fewer requests to judge by.")
@click.option(
    "--capture", type=click.Path(path_type=Path, dir_okay=False), help="Write the end of the story as an SVG picture."
)
@taking(DemoOptions)
def demo(options: DemoOptions) -> int:
    """Show a whole release, a bad one, and every refusal, on real parts, in under a minute."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    pictured = options.capture is not None
    console = Console(
        record=pictured,
        width=WIDTH if pictured or not sys.stdout.isatty() else None,
        highlight=False,
        no_color=True if click.get_current_context().color is False else None,
    )
    pace = FAST if options.fast else Pace()
    wishes = Wishes(options.keep.absolute(), wish_of(options.proxy or ""), pace, options.capture)
    try:
        tell_story(wishes, Telling(console, time.monotonic))
    except KeyboardInterrupt:
        raise GonogoError(
            "stopped; every process that was started is ended", next_step="gonogo demo begins anew"
        ) from None
    return 0


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    """Leave as after ctrl-C, so that every process is ended on the way out."""
    raise KeyboardInterrupt
