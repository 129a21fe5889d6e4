"""`gonogo completion`: the script that teaches a shell the commands, options, protocols and runs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from gonogo.cli.saying import say_json, tell
from gonogo.cli.shared_options import json_option
from gonogo.cli.taking import taking
from gonogo.errors import Broken
from gonogo.values import dataclass

VARIABLE = "_GONOGO_COMPLETE"
PLACES = {
    "bash": 'eval "$(gonogo completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(gonogo completion zsh)"   in ~/.zshrc',
    "fish": "gonogo completion fish > ~/.config/fish/completions/gonogo.fish",
}


@dataclass(frozen=True, slots=True)
class CompletionOptions:
    """What `gonogo completion` takes."""

    shell: str
    as_json: bool


@click.command()
@click.argument("shell", type=click.Choice(list(PLACES)))
@json_option
@taking(CompletionOptions)
def completion(options: CompletionOptions) -> int:
    """Print the completion script for SHELL; where to put it stands on stderr."""
    build = get_completion_class(options.shell)
    if build is None:
        raise Broken(f"this click knows no completion for {options.shell}", next_step="install click 8.1 or newer")
    group = click.get_current_context().find_root().command
    script = build(group, {}, "gonogo", VARIABLE).source()
    if options.as_json:
        say_json({"shell": options.shell, "script": script, "use": PLACES[options.shell]})
        return 0
    click.echo(script)
    tell(f"# {PLACES[options.shell]}")
    return 0
