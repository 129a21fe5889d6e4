"""`gonogo`: the command line. Results on stdout, words on stderr, exit codes by kind (see `--help`).

Each command lives in a module of its own that is imported only when it is called, so that `gonogo --version` stays
cheap. This module holds the only `except` for gonogo's own errors.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click
from click.shell_completion import CompletionItem

from gonogo.cli.listing import COMMANDS, SECTIONS
from gonogo.cli.saying import error_body, error_text, say_json, tell
from gonogo.cli.version import version
from gonogo.cli.written import take_any_letter
from gonogo.errors import Broken, GonogoError, WrongUsage

EXIT_CODES = """\b
exit codes:
  0   GO, or done
  1   something broke
  2   NO-GO, a definite negative answer; also what it needs is missing, unknown or unusable
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
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])

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
    take_any_letter()
    # Logs are many small objects without cycles, and modules stay: looking for cycles in them costs a tenth.
    gc.set_threshold(150_000, 20, 20)
    code = answer(list(sys.argv[1:] if argv is None else argv))
    # The interpreter would look through all modules for cycles once more before it ends: a quarter of what they cost.
    gc.freeze()
    sys.exit(code)


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
    advice = f"`{path} --help` shows what it takes"
    # One argument too many is plain `UsageError`; where the run is an option, it is most likely what was meant.
    if context and type(error) is click.UsageError and any("--run" in param.opts for param in context.command.params):
        advice = f"name the run by an option, `{path} ... --run RUN`; {advice}"
    return WrongUsage(message[:1].lower() + message[1:], next_step=advice)


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
