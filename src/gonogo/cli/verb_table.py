"""Every verb of the command line: its call under `/api/v1` (a row of `ROWS`, or one of its own), or why it has none.

A verb is a command, and its action where it has actions (`lock hold`). What a row takes is described by the command
itself: names, types, choices and help texts are those of its options. `tests/unit/test_cli_help.py` holds the tables
against the tree of commands: a new command without a decision fails there.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import click

from gonogo.cli.listing import COMMANDS
from gonogo.control.served_verbs import Taken, Verb
from gonogo.errors import GonogoError
from gonogo.run.agents import Scope
from gonogo.values import dataclass

READ, DRIVE, WORDS = Scope.READ, Scope.DRIVE, Scope.EVIDENCE
GET, POST = "GET", "POST"
_EQUALS: Final = re.compile(r"\{(\w+)=\w+\}")


LESSON: Final = "context insight action outcome applies_to"
IMPROVEMENT: Final = "what reason evidence expected"
CAUSE: Final = "kind cause resolution prevention"


@dataclass(frozen=True, slots=True)
class Row:
    """A verb as a call. `takes` are parameters of the command, by the names that its code has for them.

    A `{name}` of the path is such a parameter, too; `{run=subject}` is the parameter `subject`, which callers know as
    the run. `fixed` options are always said, `whole` and `people` are those of `Verb`; `needed` are parameters that the
    command leaves open and this call does not.
    """

    verb: str
    method: str
    path: str
    takes: str = ""
    needed: str = ""
    fixed: tuple[str, ...] = ()
    scope: Scope = READ
    whole: bool = False
    people: bool = False


ROWS: Final = (
    Row("check", GET, "/check", "release", whole=True),
    Row("doctor", GET, "/doctor", "trust agents", whole=True),
    Row("schema", GET, "/schemas"),
    Row("schema", GET, "/schemas/{schema=name}"),
    Row("worker list", GET, "/workers", whole=True),
    Row("worker evict", POST, "/workers/{worker=name}/evict", scope=DRIVE, people=True),
    Row("status", GET, "/runs/{run}/awareness", fixed=("--statement",)),
    Row("review", GET, "/runs/{run}/review", "scope production"),
    Row("window", GET, "/windows"),
    Row("window", GET, "/runs/{run}/window"),
    Row("break-glass", POST, "/runs/{run}/break-glass", scope=DRIVE),
    Row("host look", GET, "/hosts/{environment}/{host=name}", scope=DRIVE, whole=True),
    Row("lock status", GET, "/locks", whole=True),
    Row("lock hold", POST, "/locks/{environment}/hold", "reason", "reason", scope=DRIVE, whole=True),
    Row("lock lift", POST, "/locks/{environment}/lift", scope=DRIVE, whole=True),
    Row("parity", POST, "/parity", "release", scope=DRIVE, whole=True),
    Row("explain", GET, "/codes/{code=subject}"),
    Row("explain", GET, "/runs/{run=subject}/explanation", "gate limits"),
    Row("rootcause", GET, "/runs/{run}/root-causes"),
    Row("rootcause", POST, "/runs/{run}/root-causes", CAUSE, CAUSE, scope=WORDS),
    Row("gate", GET, "/runs/{run}/gates/{gate=name}/judgement"),
    Row("judge replay", GET, "/runs/{run=subject}/judge"),
    Row("metrics", GET, "/figures/{figure=subject}", whole=True),
    Row("tell", POST, "/tell", scope=DRIVE, whole=True),
    Row("report", GET, "/runs/{run}/report"),
    Row("decide", GET, "/runs/{run}/options"),
    Row("manual", GET, "/runs/{run}/questions", "step", "step"),
    Row("feedback", GET, "/runs/{run}/feedback"),
    Row(
        "feedback",
        POST,
        "/runs/{run}/feedback",
        "text answers kind about role protocol rating follow_up",
        scope=WORDS,
    ),
    Row("trust check", GET, "/trust", people=True),
    Row("limits", GET, "/protocols/{protocol}/limits", whole=True),
    Row("retro", GET, "/runs/{run}/retrospective"),
    Row("retro", POST, "/runs/{run}/retrospective", "participants well poorly actions", "participants", scope=WORDS),
    Row("lessons", GET, "/lessons", "search", whole=True),
    Row("lessons", GET, "/runs/{run}/lessons", "search"),
    Row("lessons", POST, "/runs/{run}/lessons", LESSON, LESSON, scope=WORDS),
    Row("improvements", GET, "/improvements", whole=True),
    Row("improvements", GET, "/runs/{run}/improvements"),
    Row("improvements", POST, "/runs/{run}/improvements", IMPROVEMENT, IMPROVEMENT, scope=WORDS),
    Row("history", GET, "/protocols/{protocol}/history", whole=True),
    Row(
        "history",
        POST,
        "/protocols/{protocol}/history",
        "reason impact evidence deprecates",
        "reason impact",
        ("--record",),
        WORDS,
        whole=True,
    ),
    Row(
        "history",
        POST,
        "/protocols/{protocol}/history/outcome",
        "held reason evidence",
        "held",
        scope=WORDS,
        whole=True,
    ),
    Row("knowledge", GET, "/knowledge", "search gate cause", whole=True),
    Row("knowledge", POST, "/runs/{run}/knowledge", fixed=("--update",), scope=WORDS, whole=True),
    Row("search", GET, "/search", "words kinds", "words", whole=True),
    Row("proposals", GET, "/proposals", whole=True),
    Row("reviews", GET, "/reviews", "everything", whole=True),
    Row("reviews", POST, "/reviews", "held about participants finding", "held participants", scope=WORDS, whole=True),
    Row("verify", GET, "/runs/{run=subject}/verification"),
    Row("audit sample", GET, "/audit/sample", "period sample seed", "period", whole=True),
    Row("audit export", GET, "/audit/export", "start end", "start end", whole=True),
    Row("witness add", POST, "/runs/{run=subject}/anchor", scope=DRIVE),
    Row("witness status", GET, "/anchors", whole=True),
    Row("witness key", GET, "/log-key"),
    Row("cleanup", GET, "/cleanup", whole=True),
    Row("cleanup", POST, "/cleanup", fixed=("--apply",), scope=DRIVE, people=True),
    Row("handoff", GET, "/runs/{run}/handoff"),
    Row("handoff", POST, "/runs/{run}/handoff/continue", fixed=("--continue",), scope=DRIVE, people=True),
    Row("prove", GET, "/protocols/{protocol=protocols}/proof", whole=True),
    Row("graph", GET, "/graph", fixed=("--all",)),
    Row("agent list", GET, "/agents", people=True),
    Row("agent revoke", POST, "/agents/{agent=name}/revoke", scope=DRIVE, people=True),
    Row("scripts", GET, "/scripts", whole=True),
    Row("check-scripts", POST, "/scripts/check", "release", scope=DRIVE, whole=True),
    Row("ci report", GET, "/protocols/{protocol}/gates", whole=True),
)
"""Verbs that the command itself answers."""

BY_HAND: Final[Mapping[str, tuple[str, ...]]] = {
    "plan": ("GET /plan",),
    "run": ("POST /runs",),
    "apply": ("POST /runs",),
    "status": ("GET /runs", "GET /runs/{run}", "GET /runs/{run}/live"),
    "resume": ("POST /runs/{run}/drive",),
    "halt": ("POST /runs/{run}/halt",),
    "abort": ("POST /runs/{run}/abort",),
    "waive": ("POST /runs/{run}/waivers",),
    "evidence list": ("GET /runs/{run}/evidence",),
    "evidence show": ("GET /runs/{run}/evidence/{sha256}",),
    "report": ("GET /runs/{run}/report.html",),
    "prepare": ("POST /runs/{run}/requests", "POST /runs/{run}/requests/{round}/statement"),
    "hand-in": ("POST /runs/{run}/requests/{round}/signatures",),
    "keys list": ("GET /keys",),
    "parity": ("GET /runs/{run}/parity",),
}
"""Verbs whose call is older than the table, or does more than the command: it drives in the background, it pages."""

SIGNED: Final = "a signature: POST /runs/{run}/requests asks, its /statement gives the bytes, its /signatures takes it"
OWN_FILES: Final = "it reads or writes files of whoever calls it; protocols change by review, in the repository"
PROCESS: Final = "a process of its own, on the machine where somebody starts it"
MACHINE: Final = "it is about the place where gonogo stands: whoever has that machine decides it there"
KEYS: Final = "keys and trust change by review of files, or on the page of the person whose key it is"
NONE: Final[Mapping[str, str]] = {
    "approve": SIGNED,
    "acknowledge": SIGNED,
    "attest": SIGNED,
    "dissent": SIGNED,
    "sign-off": SIGNED,
    "consent": SIGNED,
    "hold": "a signature over files; it is made where the key is, and comes in by review",
    "receive": "a signature of the receiver, over a bundle that they have",
    "lock release": "a signature that states what became of a run; it is made where somebody looked",
    "lock adopt": MACHINE,
    "init": OWN_FILES,
    "upgrade": MACHINE,
    "migrate": MACHINE,
    "completion": "it is about a shell",
    "demo": "it shows gonogo on parts of its own",
    "serve": PROCESS,
    "drive": PROCESS + "; POST /runs/{run}/drive lets one run go on",
    "worker start": PROCESS,
    "lsp": PROCESS,
    "mcp serve": PROCESS,
    "mcp tools": "the door for agents lists its tools itself, at /mcp and /agents/v1",
    "mcp install": OWN_FILES,
    "guard": "a hook of an agent's client, on the machine of the agent",
    "judge calibrate": "it reads hours of history, over the network, for lines that come in by review of gonogo.yaml",
    "judge record": PROCESS,
    "host install": "only the run that holds the environment installs; by hand it would go round its gates",
    "host take-back": "only the run that holds the environment takes back; by hand it would go round its gates",
    "script": "front end of a script that a document names; its arguments are paths",
    "ci write": OWN_FILES,
    "agent create": "a token that makes tokens would outlive its own end; people make them where gonogo stands",
    "keys new": KEYS,
    "keys challenge": KEYS,
    "keys enrol": KEYS,
    "keys revoke": KEYS,
    "keys lint": KEYS,
    "trust init": KEYS,
    "trust build": KEYS,
    "trust sign": SIGNED,
    "witness know": PROCESS,
    "witness serve": PROCESS,
    "retrieve": "it writes a file where it is called; GET /runs/{run}/evidence/{sha256} gives the bytes",
    "sums": OWN_FILES,
    "lint": OWN_FILES + "; GET /check tells what is wrong in those of the project",
    "fmt": OWN_FILES,
    "compile": OWN_FILES,
    "diff": OWN_FILES,
    "generate": OWN_FILES,
    "analyze": OWN_FILES,
    "accept": OWN_FILES,
}
"""Verbs without a call, each with its reason."""


def command_named(name: str) -> click.Command:
    """A command of the tree."""
    found = getattr(importlib.import_module(COMMANDS[name][0]), name.replace("-", "_"))
    if not isinstance(found, click.Command):
        raise GonogoError(f"`{name}` is no command", next_step="report this fault")
    return found


def served() -> tuple[Verb, ...]:
    """Every row as a verb, described by its command."""
    return tuple(_verb(row) for row in ROWS)


def _verb(row: Row) -> Verb:
    name, _, action = row.verb.partition(" ")
    command = command_named(name)
    path = dict(_variable(part) for part in row.path.split("/") if part.startswith("{"))
    known = {param: said for said, param in path.items()}
    wanted, needed = {*known, *row.takes.split()}, {*known, *row.needed.split()}
    params = [one for one in command.params if one.name in wanted]
    taken = tuple(replace(_taken(one, known.get(str(one.name))), needed=one.name in needed) for one in params)
    names = {str(one.name): said.name for one, said in zip(params, taken, strict=True)}
    positions = tuple(
        f"={action}" if one.name == "action" else names[str(one.name)]
        for one in command.params
        if isinstance(one, click.Argument) and (one.name == "action" or one.name in wanted)
    )
    about = (command.help or "").split("\n\n")[0].replace("\n", " ").strip()
    address = _EQUALS.sub("{\\1}", row.path)
    who = (row.scope, row.whole or row.people, row.people)
    return Verb(row.verb, row.method, address, f"`{row.verb}`: {about}", taken, positions, row.fixed, *who)


def _variable(part: str) -> tuple[str, str]:
    """What callers know a part of a path as, and the parameter that it is."""
    said, _, param = part[1:-1].partition("=")
    return said, param or said


def _taken(param: click.Parameter, said: str | None) -> Taken:
    """What a caller may say, from a parameter of a command; no path can be among it."""
    if isinstance(param.type, click.Path):
        raise GonogoError(f"`{param.name}` is a path, which no caller names", next_step="report this fault")
    about = str(getattr(param, "help", "") or "")
    option = max(param.opts, key=len) if isinstance(param, click.Option) else ""
    name = said or option.lstrip("-").replace("-", "_") or str(param.name)
    choices = tuple(str(one) for one in param.type.choices) if isinstance(param.type, click.Choice) else ()
    number = isinstance(param.type, click.types.IntParamType)
    flag = isinstance(param, click.Option) and param.is_flag
    many = (param.multiple or param.nargs == -1) and said is None
    return Taken(name, about, option, number=number, flag=flag, many=many, choices=choices)
