"""`gonogo`: the command line. Results on stdout, words on stderr, exit codes by kind (see `--help`).

Each command lives in a module of its own that is imported only when it is called, so that `gonogo --version` stays
cheap. This module holds the only `except` for gonogo's own errors.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping, Sequence

import click

from gonogo.errors import GonogoError, WrongUsage

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("gonogo.cli.starting", "Write gonogo.yaml and the files around it."),
    "check": ("gonogo.cli.checking", "Say everything that is missing or wrong, with file and line."),
    "plan": ("gonogo.cli.planning", "Show every act that would be done, in order; change nothing."),
    "run": ("gonogo.cli.running", "Open a run of a protocol for a release, and drive it."),
    "status": ("gonogo.cli.looking", "Show where runs are, whom they wait for, why they halted."),
    "approve": ("gonogo.cli.deciding", "Sign a go or no-go, and record it."),
    "acknowledge": ("gonogo.cli.deciding", "Acknowledge a change freeze, and record it."),
    "attest": ("gonogo.cli.deciding", "State a fact that only a person can state, and record it."),
    "halt": ("gonogo.cli.stopping", "Stop a run before its next act."),
    "resume": ("gonogo.cli.stopping", "Drive a run on; lift its halt with a signature."),
    "abort": ("gonogo.cli.stopping", "End a run; touched production is rolled back first."),
    "explain": ("gonogo.cli.explaining", "Explain a code of a finding, or a gate of a run."),
    "report": ("gonogo.cli.reporting", "Print the report of a run."),
    "verify": ("gonogo.cli.verifying", "Verify an evidence package offline."),
    "demo": ("gonogo.cli.demonstrating", "Show a whole release, a bad one, and every refusal, on real parts."),
    "completion": ("gonogo.cli.completing", "Print the shell completion script."),
}

EXIT_CODES = """\b
exit codes: 0 GO or done · 1 something broke · 2 NO-GO, a definite negative answer · 3 waiting for people, or
inconclusive · 4 rolled back · 64 wrong usage
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names in the order of a release."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None where there is no such one."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names with one line each, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

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


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if not value or ctx.resilient_parsing:
        return
    metadata = importlib.import_module("importlib.metadata")
    click.echo(f"gonogo {metadata.version('gonogo')}")
    ctx.exit()


@click.group(
    cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Print the version."
)
def gonogo() -> None:
    """A release go/no-go engine: the protocol document is the program, evidence is measured, people sign."""


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; exits with the code of the kind of error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = gonogo.main(arguments, standalone_mode=False)
    except GonogoError as error:
        sys.exit(_failed(error, arguments))
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(1)
    except click.UsageError as error:
        error.show()
        sys.exit(64)
    except BrokenPipeError:
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("stopped; nothing is lost: `gonogo resume RUN` goes on", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _failed(error: GonogoError, arguments: Sequence[str]) -> int:
    if "--json" in arguments:
        body = {"error": error.what, "where": error.where or None, "next": error.next_step or None}
        click.echo(json.dumps(body | {"exit_code": error.exit_code}, ensure_ascii=False))
    click.echo(f"gonogo: {error}", err=True)
    return error.exit_code


if __name__ == "__main__":
    main()
