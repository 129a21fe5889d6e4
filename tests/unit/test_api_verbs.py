"""The table of verbs and their calls: described once, nothing of the machine is named, no value becomes an option.

That every verb has a decision is held in `test_cli_help.py`, beside what else each command has to have.
"""

from __future__ import annotations

import click
import pytest

from gonogo.cli.verb_table import BY_HAND, ROWS, command_named, served
from gonogo.control.served_verbs import Taken, Verb
from gonogo.web.api import CALLS, description
from gonogo.web.api_verbs import verb_calls


def test_a_verb_with_an_older_call_names_one_that_is_there() -> None:
    there = {f"{call.method} {call.path}" for call in CALLS}
    assert {call for calls in BY_HAND.values() for call in calls} - there == set()


def test_no_address_is_there_twice_and_each_is_described_once() -> None:
    calls = (*CALLS, *verb_calls(served()))
    addresses = [f"{call.method} {call.path}" for call in calls]
    assert len(addresses) == len(set(addresses))
    found = description(calls)["paths"]
    assert isinstance(found, dict)
    names = [operation["operationId"] for one in found.values() for operation in one.values()]  # type: ignore[union-attr,index,call-overload]
    assert len(names) == len(set(names)) == len(calls)


def test_no_caller_names_a_file_a_key_an_actor_or_an_address() -> None:
    for row in ROWS:
        command = command_named(row.verb.split()[0])
        taken = set(row.takes.split())
        closed = {str(one.name) for one in command.params if isinstance(one.type, click.Path)} | {"who", "place", "owner"}
        assert taken & closed == set(), row
    for verb in served():
        for one in verb.taken:
            assert one.option not in {"--as", "--key", "--out", "--output", "--project", "--store"}, verb.name


def test_what_changes_something_is_posted_and_asks_for_more_than_reading() -> None:
    for verb in served():
        assert (verb.method == "POST") <= (verb.scope.value != "runs:read"), verb
    assert {verb.name for verb in served() if verb.people} >= {"cleanup", "agent revoke", "trust check"}


@pytest.mark.parametrize("value", ["--key=/etc/shadow", "--", "-C", "x\n--json", "$(id)", "; rm -rf /"])
def test_what_a_caller_says_never_becomes_an_option(value: str) -> None:
    taken = (Taken("run", "", needed=True), Taken("reason", "", "--reason"), Taken("force", "", "--force", flag=True))
    verb = Verb("lock hold", "POST", "/x/{run}", "", taken, ("=hold", "run"))
    said = {"run": (value,), "reason": (value,), "force": ("false",), "key": ("/etc/shadow",)}
    assert verb.argv(said) == ["lock", f"--reason={value}", "--json", "--", "hold", value]
