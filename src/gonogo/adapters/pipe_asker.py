"""Declared commands that are asked for settings, over pipes and with bounds (the `Asker` port).

Their output may hold secrets: it is kept in memory only, and neither it nor what they say on stderr is ever quoted.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.adapters.bounded_command import Asked, Told, run_bounded
from gonogo.adapters.command_checks import check_spec, environment
from gonogo.errors import Broken
from gonogo.ports import CommandSpec
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class PipeAsker:
    """Starts commands with the environment that every declared command gets; `inherited` is gonogo's own."""

    inherited: Mapping[str, str]

    def ask(self, spec: CommandSpec, most_bytes: int) -> bytes:
        """All that the command prints on stdout."""
        env = environment(spec, self.inherited)
        check_spec(spec, env["PATH"])
        env |= {"GONOGO_FENCE": str(spec.fence)} if spec.fence else {}
        env |= {name: secret.reveal() for name, secret in spec.secrets.items()}
        asked = Asked(spec.argv, spec.cwd, spec.timeout, most_bytes, env)
        told = run_bounded(asked)
        fault = _fault(told, spec, most_bytes)
        if fault:
            said = f"{told.complained} bytes on stderr are not shown, they may hold a secret"
            raise Broken(
                f"the command {fault}; {said}" if told.complained else f"the command {fault}",
                where=asked.name,
                next_step="run it by hand; it has to print the settings on stdout and end with 0",
            )
        return told.output


def _fault(told: Told, spec: CommandSpec, most_bytes: int) -> str:
    if told.ended_by == "time":
        return f"did not end within {spec.timeout:g} s and was killed"
    if told.ended_by == "output":
        return f"printed more than {most_bytes} bytes and was killed"
    if told.code:
        return f"ended with exit status {told.code}" if told.code > 0 else f"was ended by signal {-told.code}"
    return "" if told.output.strip() else "printed nothing on stdout"
