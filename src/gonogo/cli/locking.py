"""`gonogo compile`: the lock of a protocol document, which runs are then held to (DOC-27)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.documents import short, show
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.cli.version import version
from gonogo.control.proving import Compiled, compiled, unbound, workspace_at, write_lock
from gonogo.document.rendering_formats import finding_json
from gonogo.errors import BadInput
from gonogo.findings import Finding, forbids
from gonogo.plan.lock import LockFacts, graph_digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What `gonogo compile` takes."""

    target: str
    release: str
    folder: Path
    as_json: bool


@click.command("compile")
@click.argument("target", metavar="FILE|PROTOCOL")
@click.option(
    "--release", default="", help="Also read this release's manifest. Default: the lock holds for any release."
)
@project_option
@json_option
@taking(CompileOptions)
def compile_document(options: CompileOptions) -> int:
    """Compile a document with the bindings of the project, prove it, and write NAME.gonogo.lock.json beside it.

    Exit 2, and nothing is written, where an error forbids it.
    """
    if workspace_at(options.folder) is None:
        raise BadInput(
            "a lock holds bindings, and there is no gonogo.yaml here or above",
            where=str(options.folder.absolute()),
            next_step="`gonogo init` begins a project; `gonogo lint` and `gonogo prove` need none",
        )
    found = compiled(options.target, options.folder, options.release)
    findings = _findings(found)
    if forbids(findings):
        return _refused(found, findings, as_json=options.as_json)
    place, facts = write_lock(found, options.folder, version())
    if options.as_json:
        say_json(
            {
                "lock": str(place),
                "document_sha256": facts.source,
                "sidecar_sha256": facts.sidecar,
                "bindings": dict(facts.bindings),
                "machine_sha256": graph_digest(facts.graph),
                "proof_sha256": facts.certificate.digest,
                "findings": [finding_json(each) for each in findings],
            }
        )
        return 0
    show(findings, found.texts)
    _say(place, facts)
    return 0


compile = compile_document  # noqa: A001 - the name of the command, as the group looks it up


def _findings(found: Compiled) -> tuple[Finding, ...]:
    return unbound(found) or found.compilation.findings


def _refused(found: Compiled, findings: tuple[Finding, ...], *, as_json: bool) -> int:
    if as_json:
        say_json({"lock": None, "findings": [finding_json(each) for each in findings]})
    else:
        show(findings, found.texts)
        tell(f"{found.name}: no lock was written; the errors forbid it", "red")
    return 2


def _say(place: Path, facts: LockFacts) -> None:
    say(f"{place}: written", "green", bold=True)
    say(f"  document   sha256 {short(facts.source)}  {facts.slug}")
    bindings = {"sidecar": facts.sidecar, **facts.bindings}
    for name, digest in bindings.items():
        say(f"  {name:<10} sha256 {short(digest)}")
    say(f"  machine    sha256 {short(graph_digest(facts.graph))}  {len(facts.graph.states)} states")
    say(f"  proof      sha256 {short(facts.certificate.digest)}  {len(facts.certificate.cuts)} cuts")
    if facts.encoding != "utf-8":
        say(f"  encoding   {facts.encoding}; the digest is that of the bytes as they are")
