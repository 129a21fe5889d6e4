"""`gonogo ci`: the workflows for GitHub and GitLab, and what a job reports: summary, JUnit XML, annotations."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.starting import COLOURS
from gonogo.cli.taking import taking
from gonogo.control.beginning import begin, settings_of, workflow_files
from gonogo.control.pipelines import JudgedRun, judged_now
from gonogo.control.stores.project_root import find_root
from gonogo.errors import WrongUsage
from gonogo.reports.gate_reports import github_annotations, junit, summary
from gonogo.run.gate import judgement_body
from gonogo.terms import Json, Verdict
from gonogo.values import dataclass

ACTIONS = ("write", "report")
CODES = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 3}


@dataclass(frozen=True, slots=True)
class CiOptions:
    """What `gonogo ci` takes."""

    action: str
    protocol: str
    summary: Path | None
    junit: Path | None
    annotate: bool
    dry_run: bool
    force: bool
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.option("--protocol", default="", help="report: whose newest run is judged.")
@click.option("--summary", type=click.Path(path_type=Path), help="report: append a summary in Markdown to this file.")
@click.option("--junit", type=click.Path(path_type=Path), help="report: write the gates as JUnit XML.")
@click.option("--annotate", is_flag=True, help="report: print GitHub annotations at the lines of the document.")
@click.option("--dry-run", is_flag=True, help="write: show what would be written; write nothing.")
@click.option("--force", is_flag=True, help="write: also renew what an earlier version wrote and nobody edited.")
@project_option
@json_option
@taking(CiOptions)
def ci(options: CiOptions) -> int:
    """`write` the CI workflows, or `report` the gates of a run. A job can run, judge and report; it signs nothing.

    `report` ends with 0 where every gate passes, 3 where something cannot be judged yet, 2 where a gate does not pass.
    """
    return _write(options) if options.action == "write" else _report(options)


def _write(options: CiOptions) -> int:
    root = find_root(options.folder.absolute())
    done = begin(root, workflow_files(settings_of(root)[1]), force=options.force, dry_run=options.dry_run)
    if options.as_json:
        rows: list[Json] = [{"path": item.path, "state": item.word} for item in done]
        say_json({"dry_run": options.dry_run, "files": rows})
        return 0
    for item in done:
        say(f"{item.word:<11}{item.path}", COLOURS.get(item.word, ""))
    return 0


def _report(options: CiOptions) -> int:
    if not options.protocol:
        raise WrongUsage("report needs a protocol", next_step="gonogo ci report --protocol pre-deployment")
    found = judged_now(door_at(options.folder), options.protocol)
    title = f"{options.protocol}: {found.opened.run if found.opened else 'no run yet'}"
    if options.junit is not None:
        options.junit.write_text(junit(options.protocol, found.gates), encoding="utf-8")
    if options.summary is not None:
        with options.summary.open("a", encoding="utf-8") as file:
            file.write(summary(title, found.gates))
    if options.as_json:
        say_json(_body(options, found))
    elif options.annotate:
        click.echo(github_annotations(found.gates), nl=False)
    if not options.as_json:
        for each in found.gates:
            say(f"{each.verdict.word.upper():13} {each.rule.name}", "green" if each.verdict is Verdict.PASS else "red")
    if not found.gates:
        tell(f"NO-GO: no run of {options.protocol} has evidence that could be judged here")
    return CODES.get(found.verdict, 2)


def _body(options: CiOptions, found: JudgedRun) -> dict[str, Json]:
    return {
        "protocol": options.protocol,
        "run": found.opened.run if found.opened else None,
        "release": found.opened.plan.release.version if found.opened else None,
        "verdict": found.verdict.word,
        "gates": [judgement_body(each) for each in found.gates],
    }
