"""`gonogo`: the command line. Results on stdout, words on stderr, exit codes by kind (see `--help`).

Each command lives in a module of its own that is imported only when it is called, so that `gonogo --version` stays
cheap. This module holds the only `except` for gonogo's own errors.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise

import click
from click.shell_completion import CompletionItem

from gonogo.cli.saying import error_body, error_text, say_json, tell
from gonogo.cli.version import version
from gonogo.errors import Broken, GonogoError, WrongUsage

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("gonogo.cli.starting", "Write gonogo.yaml and the files around it."),
    "check": ("gonogo.cli.checking", "Say everything that is missing or wrong, with file and line."),
    "plan": ("gonogo.cli.planning", "Show every act that would be done, in order; change nothing."),
    "parity": ("gonogo.cli.paring", "Compare staging with production as they are now."),
    "run": ("gonogo.cli.running", "Open a run of a protocol for a release, and drive it."),
    "status": ("gonogo.cli.looking", "Show where runs are, whom they wait for, why they halted."),
    "review": ("gonogo.cli.reviewing", "Show package, gates, risks and open items of a run in one view."),
    "window": ("gonogo.cli.windows", "Show when production may be touched, and whether it may now."),
    "break-glass": ("gonogo.cli.windows", "Ask that a run may begin in production outside its window."),
    "approve": ("gonogo.cli.deciding", "Sign a go or no-go, and record it."),
    "acknowledge": ("gonogo.cli.deciding", "Acknowledge a change freeze, and record it."),
    "attest": ("gonogo.cli.deciding", "State a fact that only a person can state, and record it."),
    "halt": ("gonogo.cli.stopping", "Stop a run before its next act."),
    "resume": ("gonogo.cli.stopping", "Drive a run on; lift its halt with a signature."),
    "abort": ("gonogo.cli.stopping", "End a run; touched production is rolled back first."),
    "explain": ("gonogo.cli.explaining", "Explain a code of a finding, or a gate of a run."),
    "gate": ("gonogo.cli.gating", "Judge a gate of a run from its sealed evidence; change nothing."),
    "evidence": ("gonogo.cli.evidence", "List the evidence of a run, or print a file of it."),
    "metrics": ("gonogo.cli.metrics", "Show gates and intake over all runs: rates, failures, gaps."),
    "report": ("gonogo.cli.reporting", "Print the report of a run."),
    "verify": ("gonogo.cli.verifying", "Verify an evidence package offline, or a run of this project."),
    "sums": ("gonogo.cli.summing", "List the files of a folder with their SHA-256."),
    "cleanup": ("gonogo.cli.cleaning", "Show, and with --apply delete, what has outlived its time."),
    "hold": ("gonogo.cli.holding", "Sign that files are kept longer, let go again, or erased."),
    "retrieve": ("gonogo.cli.holding", "Get a file back out of the archive, verified first."),
    "witness": ("gonogo.cli.witness", "Keep checkpoints of logs, or hand ours to somebody who does."),
    "audit": ("gonogo.cli.auditing", "List all changes of a period, with evidence and gaps for an auditor."),
    "manual": ("gonogo.cli.by_hand", "Answer the questions of a step by hand, signed; it is no measurement."),
    "waive": ("gonogo.cli.waiving", "Ask for a waiver of a failed gate, or sign one."),
    "dissent": ("gonogo.cli.waiving", "Put a signed objection on record; it stops nothing."),
    "sign-off": ("gonogo.cli.stating", "Sign a run off: complete, as its owner, downstream, received."),
    "consent": ("gonogo.cli.stating", "Accept by signature what is weaker than it should be."),
    "prepare": ("gonogo.cli.stating", "Write the bytes of any statement, to be signed elsewhere."),
    "hand-in": ("gonogo.cli.stating", "Record a statement that was signed elsewhere."),
    "keys": ("gonogo.cli.keys", "Make, list, enrol and revoke the keys of people."),
    "limits": ("gonogo.cli.governing", "Show or export the limits that gates judge with, and who set them."),
    "trust": ("gonogo.cli.trust", "Build and check the files by which others verify."),
    "lint": ("gonogo.cli.linting", "Say what is wrong in protocol documents; repair what can be repaired."),
    "fmt": ("gonogo.cli.formatting", "Show or write the canonical layout of a document."),
    "compile": ("gonogo.cli.locking", "Write the lock of a document, which runs are then held to."),
    "diff": ("gonogo.cli.comparing", "Show what became stronger or weaker between two revisions."),
    "prove": ("gonogo.cli.proving", "Prove that no way leads to production round a guard."),
    "graph": ("gonogo.cli.graphing", "Draw a protocol, or a set and its artifacts."),
    "generate": ("gonogo.cli.generating", "Turn a filled form into a protocol and its bindings."),
    "analyze": ("gonogo.cli.layering", "Write the layer map of a document, also against its form."),
    "accept": ("gonogo.cli.layering", "Judge a document by the acceptance checklist."),
    "lsp": ("gonogo.cli.editing", "Serve editors over standard input and output."),
    "script": ("gonogo.cli.scripting", "Carry out a script that a document names; its front end calls this."),
    "scripts": ("gonogo.cli.registering", "List the scripts as they really are, with drift against the documents."),
    "handoff": ("gonogo.cli.handing", "Compute the handoff of a run; sign it; go on with the next protocol."),
    "receive": ("gonogo.cli.handing", "Verify a handed-over package and sign its receipt."),
    "apply": ("gonogo.cli.applying", "Go on with the next protocol, as `@apply PATH` in a handoff says."),
    "ci": ("gonogo.cli.pipelines", "Write CI workflows; report the gates of a run to a CI system."),
    "check-scripts": ("gonogo.cli.trying", "Show at a fake target that a dry run of your scripts changes nothing."),
    "schema": ("gonogo.cli.showing_schemas", "Print the JSON Schema of a file, or hold a file against it."),
    "doctor": ("gonogo.cli.examining", "Say what this machine lacks for running protocols here."),
    "demo": ("gonogo.cli.demonstrating", "Show a whole release, a bad one, and every refusal, on real parts."),
    "completion": ("gonogo.cli.completing", "Print the shell completion script."),
}

EXIT_CODES = """\b
exit codes:
  0   GO, or done
  1   something broke
  2   NO-GO: a definite negative answer
  3   waiting for people, or inconclusive
  4   rolled back
  64  wrong usage
"""


def _without_colour(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    if value or os.environ.get("NO_COLOR"):
        ctx.color = False


def no_colour_option() -> click.Option:
    """`--no-color`, which every command has; NO_COLOR in the environment means the same."""
    return click.Option(
        ["--no-color"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_without_colour,
        help="No colours; also where NO_COLOR is set.",
    )


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names in the order of a release."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command, or None where there is no such one."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        if not isinstance(command, click.Command):
            return None
        if not any(param.name == "no_color" for param in command.params):
            command.params.append(no_colour_option())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Names with one line each, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names that begin so, without importing any, and the group's own options."""
        named = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items() if name.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and a misspelt name gets the nearest one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            difflib = importlib.import_module("difflib")
            near = difflib.get_close_matches(name, list(COMMANDS), n=1)
            hint = f"did you mean `{near[0]}`?" if near else "`gonogo --help` lists the commands"
            raise WrongUsage(f"there is no command `{name}`", next_step=hint)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"gonogo {version()}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=EXIT_CODES,
    params=[no_colour_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Print the version."
)
def gonogo() -> None:
    """A release go/no-go engine: the protocol document is the program, evidence is measured, people sign."""


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; exits with the code of the kind of answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the locale cannot write must not end a release with a traceback.
            stream.reconfigure(errors="backslashreplace")
    # Logs are many small objects without cycles: looking for cycles after every 700 of them costs a tenth.
    gc.set_threshold(50_000, 20, 20)
    sys.exit(answer(list(sys.argv[1:] if argv is None else argv)))


def answer(arguments: list[str]) -> int:
    """Run one command line and give its exit code; every error is told in one place and in one form."""
    try:
        code = gonogo.main(arguments, prog_name="gonogo", standalone_mode=False)
    except GonogoError as error:
        return _failed(error, arguments)
    except click.ClickException as error:
        return _failed(_wrong_usage(error), arguments)
    except click.Abort:
        return _failed(GonogoError("stopped", next_step="nothing is lost: `gonogo resume` goes on"), arguments)
    except OSError as error:
        where = str(error.filename or "")
        advice = "look at the disk and the rights of this path, then start the command again"
        return _failed(Broken(f"{error.strerror or error}", where=where, next_step=advice), arguments)
    return code if isinstance(code, int) else 0


def _wrong_usage(error: click.ClickException) -> WrongUsage:
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "gonogo"
    return WrongUsage(message[:1].lower() + message[1:], next_step=f"`{path} --help` shows what it takes")


def _failed(error: GonogoError, arguments: Sequence[str]) -> int:
    if wants_json(arguments):
        say_json(error_body(error))
    tell(error_text(error))
    return error.exit_code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON on stdout, also where it cannot be understood as a whole."""
    if {"--json", "--format=json"} & set(arguments):
        return True
    return ("--format", "json") in pairwise(arguments)


if __name__ == "__main__":
    main()
