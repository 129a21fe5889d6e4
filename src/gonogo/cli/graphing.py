"""`gonogo graph`: phases, gates and artifacts of one protocol or of a set, drawn (IOP-07, IOP-08)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gonogo.adapters.durable import write_file
from gonogo.cli.documents import Document, builtin_documents, documents, exit_code, fitting, modelled, show
from gonogo.cli.saying import say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.proving import workspace_at
from gonogo.control.sources import protocol_sources
from gonogo.document.reading import read_document
from gonogo.document.rendering_formats import finding_json
from gonogo.errors import WrongUsage
from gonogo.plan.linting import sidecar_of
from gonogo.protocol.artifacts import Flow
from gonogo.protocol.model import Protocol
from gonogo.reports.drawing import draw_protocol, draw_set
from gonogo.reports.graph import protocol_mermaid, protocol_svg, set_mermaid, set_svg
from gonogo.reports.model_json import model_json
from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """What `gonogo graph` takes."""

    paths: tuple[Path, ...]
    everything: bool
    form: str
    out: Path | None
    folder: Path
    as_json: bool


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="The built-in protocols and those of the project here.")
@click.option(
    "--format", "form", type=click.Choice(["mermaid", "svg"]), default=None, help="Default: by -o, or mermaid."
)
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), default=None, help="Default: standard output.")
@project_option
@json_option
@taking(GraphOptions)
def graph(options: GraphOptions) -> int:
    """Draw one protocol, or a set and the artifacts between them. Exit 2 where the artifacts of a set do not fit."""
    given = (*documents(options.paths), *(installed(options.folder) if options.everything else ()))
    if not given:
        raise WrongUsage("nothing to draw", next_step="name documents, or say --all")
    protocols = [protocol for each in given if (protocol := modelled(each)) is not None]
    if len(protocols) < len(given):
        return 2
    flow = fitting(given)
    if options.as_json:
        drawing = draw_protocol(protocols[0]) if len(protocols) == 1 else draw_set(protocols, flow)
        findings: list[Json] = [finding_json(each) for each in flow.findings]
        say_json({"drawing": model_json(drawing), "transfers": model_json(flow.transfers), "findings": findings})
        return exit_code(flow.findings)
    show(flow.findings, {each.name: each.data for each in given})
    _put(_drawn(options, protocols, flow), options.out)
    return exit_code(flow.findings)


def installed(folder: Path) -> tuple[Document, ...]:
    """The built-in protocols, and those of the project that `folder` lies in."""
    workspace = workspace_at(folder)
    found = {each.name: each for each in builtin_documents()}
    if workspace is None:
        return tuple(found.values())
    for name in workspace.project.protocols:
        source, sidecar = protocol_sources(workspace, name)
        found.pop(f"{name}.md", None)
        read = read_document(source.data, source.name)
        found[source.name] = Document(source.name, source.data, read, sidecar_of(sidecar.data, sidecar.name))
    return tuple(found.values())


def _drawn(options: GraphOptions, protocols: Sequence[Protocol], flow: Flow) -> str:
    suffix = options.out.suffix.removeprefix(".") if options.out else ""
    as_svg = (options.form or suffix) == "svg"
    if len(protocols) == 1:
        return protocol_svg(protocols[0]) if as_svg else protocol_mermaid(protocols[0])
    return set_svg(protocols, flow) if as_svg else set_mermaid(protocols, flow)


def _put(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    write_file(out, text.encode(), 0o644)
    tell(f"{out}: written")
