"""`gonogo prove`: no way to production round a guard, checked over all states, twice (RGD-02 to RGD-04)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from gonogo.cli.documents import show
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.proving import Compiled, compiled, unbound
from gonogo.control.sources import BUILTIN_PROTOCOLS
from gonogo.document.rendering_formats import finding_json
from gonogo.errors import WrongUsage
from gonogo.findings import Finding, Level
from gonogo.plan.compiling import Proven
from gonogo.plan.model import Effect
from gonogo.plan.proof_check import recheck
from gonogo.protocol.artifacts import follow
from gonogo.protocol.guardrail import guardrail_parts
from gonogo.protocol.model import Protocol
from gonogo.terms import Json
from gonogo.values import dataclass

PROOF = ("GN0801", "GN0802", "GN0803", "GN0505")
PROPERTY = {
    "GN0801": "every act on production lies behind every MUST step, gate and approval that stands before it",
    "GN0802": "every part of every guardrail is guarded by a state on every way to production",
    "GN0803": "every state can be reached, every run can end, and no way goes round for ever",
    "GN0505": "prerequisites of the protocols do not go round",
}


@dataclass(frozen=True, slots=True)
class ProveOptions:
    """What `gonogo prove` takes."""

    protocols: tuple[str, ...]
    builtin: bool
    folder: Path
    as_json: bool


@click.command()
@click.argument("protocols", metavar="PROTOCOL|FILE...", nargs=-1)
@click.option("--all", "builtin", is_flag=True, help="All built-in protocols.")
@project_option
@json_option
@taking(ProveOptions)
def prove(options: ProveOptions) -> int:
    """Prove that no way through a protocol leads to production round a guard. Exit 0 where that holds, else 2.

    In a project its bindings count; elsewhere those of the example that gonogo ships.
    """
    targets = (*options.protocols, *(BUILTIN_PROTOCOLS if options.builtin else ()))
    if not targets:
        raise WrongUsage("nothing to prove", next_step="name a protocol or a document, or say --all")
    found = [compiled(target, options.folder) for target in dict.fromkeys(targets)]
    rounds = _rounds(found)
    if options.as_json:
        say_json({"protocols": [_json(each) for each in found], "rounds": [finding_json(one) for one in rounds]})
    else:
        for each in found:
            _say(each)
        show(rounds, {name: data for each in found for name, data in each.texts.items()})
    return 0 if all(_holds(each) for each in found) and not rounds else 2


def _rounds(found: list[Compiled]) -> tuple[Finding, ...]:
    read = [each.compilation.reading for each in found]
    protocols: list[Protocol] = [one.protocol for one in read if one is not None and one.protocol is not None]
    return tuple(finding for finding in follow(protocols).findings if finding.code == "GN0505")


def _errors(found: Compiled) -> tuple[Finding, ...]:
    return unbound(found) or tuple(each for each in found.compilation.findings if each.level is Level.ERROR)


def _doubts(proven: Proven | None) -> tuple[str, ...]:
    """What the second checker, which shares no search with the first, has against the certificate."""
    return () if proven is None else recheck(proven.graph, proven.certificate)


def _holds(found: Compiled) -> bool:
    proven = found.compilation.proven
    return proven is not None and not _errors(found) and not _doubts(proven)


def _say(found: Compiled) -> None:
    errors = _errors(found)
    proven = found.compilation.proven
    show(errors, found.texts)
    verdict, colour = ("proved", "green") if _holds(found) else ("NOT proved", "red")
    about = f" in {found.project}" if found.project else " with the bindings of the example project"
    say(f"{found.name}: {verdict}{about}", colour, bold=True)
    if proven is None:
        tell("the machine cannot be built before these errors are gone")
        return
    for text in _lines(found, proven):
        say(f"  {text}")
    for doubt in _doubts(proven):
        say(f"  the second check disagrees: {doubt}", "red")


def _lines(found: Compiled, proven: Proven) -> Iterator[str]:
    graph, cuts = proven.graph, proven.certificate.cuts
    acts = [state.id for state in graph.states if state.effect is Effect.PRODUCTION]
    codes = {each.code for each in found.compilation.findings}
    yield f"{len(graph.states)} states, {len(graph.edges)} ways between them, {len(acts)} acts on production"
    yield f"{_mark(broken='GN0801' in codes)} {PROPERTY['GN0801']} ({len(cuts)} cuts)"
    yield f"{_mark(broken='GN0802' in codes)} {PROPERTY['GN0802']}"
    reading = found.compilation.reading
    for guardrail in reading.protocol.guardrails if reading and reading.protocol else ():
        yield from (f"    {part}" for part in guardrail_parts(guardrail.text))
    yield f"{_mark(broken='GN0803' in codes)} {PROPERTY['GN0803']}"
    yield f"certificate sha256 {proven.certificate.digest}"


def _mark(*, broken: bool) -> str:
    return "✗" if broken else "✓"


def _json(found: Compiled) -> Json:
    proven = found.compilation.proven
    body: dict[str, Json] = {
        "protocol": found.name,
        "project": found.project or None,
        "proved": _holds(found),
        "findings": [finding_json(each) for each in _errors(found)],
        "doubts": list(_doubts(proven)),
    }
    if proven is None:
        return body
    acts = [state.id for state in proven.graph.states if state.effect is Effect.PRODUCTION]
    return body | {
        "states": len(proven.graph.states),
        "ways": len(proven.graph.edges),
        "acts_on_production": acts,
        "cuts": [{"effect": cut.effect, "guard": cut.guard} for cut in proven.certificate.cuts],
        "certificate_sha256": proven.certificate.digest,
        "properties": {code: text for code, text in PROPERTY.items() if code in PROOF},
    }
