"""The arguments of a documented script, read by its row of the table; nothing unknown passes (CMD-00, CFG-08, C62)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from gonogo.errors import WrongUsage
from gonogo.plan.documented_scripts import Flag, Script
from gonogo.plan.limits import seconds_of, time_limit


def read_arguments(script: Script, arguments: Sequence[str]) -> dict[str, str]:
    """The flags by name, with defaults; a switch that is given is `true`. WrongUsage for anything else."""
    known = {flag.name: flag for flag in script.flags}
    found: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.removeprefix("--").partition("=")
        flag = known.get(name) if argument.startswith("--") else None
        if flag is None:
            raise _wrong(script, f"it takes no `{argument}`")
        if name in found:
            raise _wrong(script, f"--{name} stands twice")
        found[name] = _checked(script, flag, value if equals else _value(script, flag, rest))
    return {flag.name: flag.default for flag in script.flags if flag.default} | found


def _value(script: Script, flag: Flag, rest: Iterator[str]) -> str:
    if flag.kind in {"switch", "flag"}:
        return "true"
    value = next(rest, None)
    if value is None:
        raise _wrong(script, f"--{flag.name} needs a value")
    return value


def _checked(script: Script, flag: Flag, value: str) -> str:
    fault = _fault(flag, value)
    if fault:
        raise _wrong(script, f"--{flag.name} is `{value}`; {fault}")
    return value


def _fault(flag: Flag, value: str) -> str:
    if flag.values and value not in flag.values:
        return f"it is one of {', '.join(flag.values)}"
    match flag.kind:
        case "ratio":
            return "" if _ratio(value) else "it is a ratio from 0 to 1"
        case "minutes":
            limit = time_limit(value)
            return "" if limit is not None and seconds_of(limit) > 0 else "it is a time above zero: 10 (minutes), 600s"
        case "path":
            outside = not value or value.startswith("-") or "\0" in value or "\n" in value
            return "it is no path" if outside else ""
        case "switch":
            return "" if value == "true" else "it takes no value"
        case "flag":
            return "" if value in {"true", "false"} else "it is true or false"
        case _:
            return "" if value else "it is empty"


def _ratio(value: str) -> bool:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    return number.is_finite() and 0 <= number <= 1


def _wrong(script: Script, what: str) -> WrongUsage:
    flags = " ".join(f"[--{flag.name}{_shape(flag)}]" for flag in script.flags) or "(no flags)"
    return WrongUsage(f"{what}", where=script.path, next_step=f"python {script.path} {flags}")


def _shape(flag: Flag) -> str:
    if flag.kind in {"switch", "flag"}:
        return ""
    return f" {'|'.join(flag.values)}" if flag.values else f" {flag.kind.upper()}"


def usage(script: Script) -> str:
    """What a script takes and how it ends, for `--help`."""
    lines = [f"{script.path}: {script.purpose}", ""]
    lines += [f"  --{flag.name}{_shape(flag)}  {flag.says}" for flag in script.flags] or ["  (no flags)"]
    lines += ["", "exit status:", *(f"  {code}  {words}" for code, words in script.exits.items())]
    return "\n".join(lines)


def wishes(script: Script, given: Mapping[str, str]) -> dict[str, str]:
    """The limits that a command line asks for, by the short names of gate limits (CFG-03)."""
    return {flag.bounds: given[flag.name] for flag in script.flags if flag.bounds and flag.name in given}
