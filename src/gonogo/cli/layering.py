"""`gonogo analyze`, `gonogo accept`: what a document consists of, whether it is what was asked (GEN-11 to GEN-13)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.durable import write_file
from gonogo.adapters.given_files import given_bytes
from gonogo.cli.documents import document, file_argument, modelled, show
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.scripts import scripts_below
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.cli.written import printable
from gonogo.control.proving import workspace_at
from gonogo.document.generating import generate
from gonogo.document.section_names import section_names
from gonogo.errors import BadInput
from gonogo.protocol.acceptance import Expected, accepted
from gonogo.protocol.acceptance import accept as judged
from gonogo.protocol.layers import analyse, report
from gonogo.protocol.model import Protocol
from gonogo.protocol.references import words_of
from gonogo.reports.model_json import model_json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class AnalyzeOptions:
    """What `gonogo analyze` takes."""

    path: Path
    against: Path | None
    out: Path | None
    as_json: bool


@click.command()
@file_argument
@click.option("--against", metavar="FORM", type=click.Path(path_type=Path), help="Also name what of this form is lost.")
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), help="Write the report there.")
@json_option
@taking(AnalyzeOptions)
def analyze(options: AnalyzeOptions) -> int:
    """Write the layer map of FILE, with lines. With --against: exit 2 where something of the form is lost."""
    given = document(options.path)
    protocol = modelled(given)
    if protocol is None:
        return 2
    wanted = wanted_of(options.against) if options.against else None
    found = analyse(protocol, wanted)
    if options.as_json:
        say_json({"file": given.name, "whole": found.whole, "analysis": model_json(found)})
    elif options.out is not None:
        write_file(options.out, report(found).encode(), 0o644)
        tell(f"{options.out}: written")
    else:
        click.echo(printable(report(found)), nl=False)
    return 2 if wanted is not None and not found.whole else 0


def wanted_of(form: Path) -> Protocol:
    """The model of a form; BadInput, after its findings were told, where it is none."""
    data = given_bytes(form)
    made = generate(data, str(form))
    if made.wanted is None:
        show(made.findings, {str(form): data})
        raise BadInput("cannot be compared with", where=str(form), next_step="fill in what is asked for")
    return made.wanted


def expected_of(wanted: Protocol | None, scripts: frozenset[str] | None) -> Expected:
    """What a document is accepted against: its form, or without one what every production deployment has."""
    if wanted is None:
        return Expected(scripts=scripts)
    return Expected(
        upstream=tuple(dict.fromkeys(words_of(each.protocol) for each in wanted.inputs)),
        downstream=tuple(dict.fromkeys(words_of(each.protocol) for each in wanted.outputs)),
        next_protocol=words_of(wanted.handoff.next_protocol),
        wanted=wanted,
        scripts=scripts,
    )


@dataclass(frozen=True, slots=True)
class AcceptOptions:
    """What `gonogo accept` takes."""

    path: Path
    form: Path | None
    folder: Path
    as_json: bool


@click.command()
@file_argument
@click.option("--form", metavar="FORM", type=click.Path(path_type=Path), help="The form that it was generated from.")
@project_option
@json_option
@taking(AcceptOptions)
def accept(options: AcceptOptions) -> int:
    """Judge FILE by the acceptance checklist. Exit 0 where every item holds, else 2.

    Without --form: by what a production deployment has to have.
    """
    given = document(options.path)
    protocol = modelled(given)
    if protocol is None:
        return 2
    workspace = workspace_at(options.folder)
    scripts = frozenset(scripts_below(options.folder if workspace is None else workspace.root))
    wanted = wanted_of(options.form) if options.form else None
    items = judged(protocol, section_names(given.data), expected_of(wanted, scripts))
    if options.as_json:
        say_json({"file": given.name, "accepted": accepted(items), "items": model_json(items)})
    else:
        for item in items:
            say(f"{'✓' if item.ok else '✗'} {item.text}", "green" if item.ok else "red")
            if not item.ok:
                say(f"    {item.detail}")
        say("accepted" if accepted(items) else "not accepted", bold=True)
    return 0 if accepted(items) else 2
