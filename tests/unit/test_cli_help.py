"""What `--help` says, word for word, and what it costs to ask for little things."""

from __future__ import annotations

import resource
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from command_line import gonogo, importing, same_as, spawned

from gonogo.cli.listing import COMMANDS
from gonogo.cli.main import gonogo as group
from gonogo.cli.verb_table import BY_HAND, NONE, ROWS, command_named

TOLD = sorted(set(COMMANDS) - {"demo"})
CHEAP_SECONDS = 0.3
PROBE = """
import sys
from gonogo.cli.main import answer
answer(["--version"])
wrong = sorted(
    name for name in sys.modules
    if name.split(".")[0] in {"yaml", "cryptography", "rich", "urllib3", "sqlite3", "markdown_it"}
    or (name.startswith("gonogo.") and name not in {"gonogo.cli", "gonogo.errors", "gonogo.terms", "gonogo.values"}
        and name not in {"gonogo.cli.main", "gonogo.cli.listing", "gonogo.cli.saying", "gonogo.cli.version", "gonogo.cli.written"})
)
print(",".join(wrong), file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["", *TOLD])
def test_help_is_what_was_agreed(command: str) -> None:
    arguments = [*([command] if command else []), "--help"]
    found = CliRunner().invoke(group, arguments, prog_name="gonogo", terminal_width=100, catch_exceptions=False)
    assert found.exit_code == 0
    same_as(f"help/{command or 'gonogo'}", found.output)


@pytest.mark.parametrize("command", TOLD)
def test_every_command_can_print_json_and_leave_out_colours(command: str) -> None:
    names = {name for param in group.get_command(group.make_context("gonogo", [], resilient_parsing=True), command).params for name in param.opts}
    assert {"--json", "--no-color"} <= names


def test_every_line_of_help_fits_into_a_hundred_columns() -> None:
    for command in TOLD:
        text = CliRunner().invoke(group, [command, "--help"], prog_name="gonogo", terminal_width=100).output
        assert max(len(line) for line in text.splitlines()) <= 100


def test_the_version_costs_less_than_three_tenths_of_a_second_of_processor_time() -> None:
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with spawned("--version") as process:
            out, _ = process.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert out.startswith("gonogo ")
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < CHEAP_SECONDS


def test_the_version_imports_no_command_and_no_library_but_click() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], env=importing(), capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_completion_script(shell: str) -> None:
    said = gonogo("completion", shell)
    assert said.code == 0
    assert "_GONOGO_COMPLETE" in said.out
    assert "gonogo completion" in said.err


def test_a_shell_completes_commands_without_importing_them() -> None:
    program = "import sys; from gonogo.cli.main import main\ntry: main([])\nfinally: print('rich' in sys.modules)"
    asked = importing(_GONOGO_COMPLETE="bash_complete", COMP_WORDS="gonogo st", COMP_CWORD="1")
    done = subprocess.run([sys.executable, "-c", program], env=asked, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["plain,status", "False"]


def verbs() -> set[str]:
    """Every command of the tree, and each action of those that have actions."""
    found = set()
    for name in COMMANDS:
        kinds = [one.type for one in command_named(name).params if one.name == "action" and isinstance(one, click.Argument)]
        found |= {f"{name} {action}" for kind in kinds if isinstance(kind, click.Choice) for action in kind.choices} or {name}
    return found


def test_every_verb_of_the_command_line_has_a_call_or_a_reason_why_it_has_none() -> None:
    decided = {row.verb for row in ROWS} | set(BY_HAND) | set(NONE)
    assert verbs() - decided == set(), "new verbs: give each a row in ROWS, or a reason in NONE"
    assert decided - verbs() == set(), "these verbs are gone"
    assert set(NONE) & ({row.verb for row in ROWS} | set(BY_HAND)) == set(), "a verb with a call needs no reason"
    assert [verb for verb, why in NONE.items() if len(why.split()) < 4] == []
