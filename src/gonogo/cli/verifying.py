"""`gonogo verify`: a package offline, without its store; or a run of this project (ARC-07, EVS-16, REV-03)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.audit.verifying_given import Asked, verify_given
from gonogo.errors import WrongUsage
from gonogo.evidence.verifying import REFUSED, VERIFIED, Verification
from gonogo.terms import Json
from gonogo.values import dataclass

COLOURS = {VERIFIED: "green", REFUSED: "red"}


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What `gonogo verify` takes."""

    subject: str
    trust: Path | None
    anchors: tuple[Path, ...]
    repo: Path | None
    recompute: bool
    anchored: bool
    folder: Path
    as_json: bool


@click.command()
@click.argument("subject", metavar="PACKAGE.zip|RUN")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help="Who may sign: an approvers file, or a folder with it and anchors/. Not the copy in the package.",
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint kept elsewhere: a file, a copy of the branch, or FILE.tsr with FILE and a .pem beside it.",
)
@click.option("--recompute", is_flag=True, help="Judge every gate again from the raw evidence in the package.")
@click.option(
    "--repo",
    type=click.Path(path_type=Path),
    help="A copy of the repository: who changed what is read from it, and compared with what was signed.",
)
@click.option(
    "--anchored/--no-anchor-needed",
    default=True,
    help="Whether the end of the log has to be confirmed by a checkpoint kept elsewhere. Default: it has to.",
)
@project_option
@json_option
@taking(VerifyOptions)
def verify(options: VerifyOptions) -> int:
    """Verify a sealed package, or RUN of this project. Exit 0 verified, 2 refused, 3 consistent but incomplete."""
    path = Path(options.subject)
    now = datetime.now(UTC)
    if path.suffix == ".zip" or path.is_file():
        asked = Asked(options.trust, options.anchors, options.repo, options.recompute, options.anchored)
        found = verify_given(path, asked, now)
    elif options.trust or options.anchors or options.repo or options.recompute:
        what = "--trust, --anchor, --repo and --recompute are for packages"
        raise WrongUsage(what, next_step="a run of this project is verified by its own ledger")
    else:
        found = _run_of_this_project(options, now)
    _print(found, options)
    return found.exit_code


def _run_of_this_project(options: VerifyOptions, now: datetime) -> Verification:
    # A package is verified without the rest of gonogo: that is most of the time and memory of a small one.
    module = importlib.import_module("gonogo.cli.verifying_run")
    verify_named: Callable[[Path, str, datetime], Verification] = module.verify_named
    return verify_named(options.folder, options.subject, now)


def _print(found: Verification, options: VerifyOptions) -> None:
    if options.as_json:
        checks: list[Json] = [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in found.checks]
        say_json({"verdict": found.verdict, "exit_code": found.exit_code, "checks": checks})
        return
    say(found.verdict, COLOURS.get(found.exit_code, "yellow"), bold=True)
    for check in found.checks:
        say(f"  {'ok  ' if check.ok else 'FAIL'}  {check.name:<11} {check.detail}", "" if check.ok else "red")
    advice = _advice(found, options)
    if advice:
        tell(f"next: {advice}")


def _advice(found: Verification, options: VerifyOptions) -> str:
    failed = next((check.name for check in found.checks if not check.ok), "")
    if found.exit_code == VERIFIED:
        return ""
    if options.trust is None and found.exit_code != REFUSED:
        return f"gonogo verify {options.subject} --trust config/release-approvers.yaml, from your own checkout"
    if failed == "seal":
        listed = options.trust or "the package"
        return f"no engine that {listed} lists sealed it; where you know the engine, list its key under `engines`"
    if failed == "protocol":
        return "where the approvers file was changed since, give --trust the version that the run was opened with"
    if found.exit_code == REFUSED:
        return "do not rely on it; ask for the package again, and compare with `gonogo verify RUN` where it was made"
    return "keep a checkpoint of the log elsewhere (anchors/), or say --no-anchor-needed"
