"""Every verb of the command line has its call under `/api/v1`, or a written reason why it has none."""

from __future__ import annotations

import click
import pytest

from gonogo.cli.listing import COMMANDS
from gonogo.cli.verb_table import BY_HAND, NONE, ROWS, actions_of, command_named, served
from gonogo.control.served_verbs import Taken, Verb
from gonogo.web.api import CALLS, description
from gonogo.web.api_verbs import verb_calls


def verbs() -> set[str]:
    """Every command of the tree, and each action of those that have actions."""
    found = set()
    for name in COMMANDS:
        actions = actions_of(command_named(name))
        found |= {f"{name} {action}" for action in actions} or {name}
    return found


def test_every_verb_of_the_command_line_has_a_call_or_a_reason_why_it_has_none() -> None:
    decided = {row.verb for row in ROWS} | set(BY_HAND) | set(NONE)
    assert verbs() - decided == set(), "new verbs: give each a row in ROWS, or a reason in NONE"
    assert decided - verbs() == set(), "these verbs are gone"
    assert set(NONE) & ({row.verb for row in ROWS} | set(BY_HAND)) == set(), "a verb with a call needs no reason"
    assert [verb for verb, why in NONE.items() if len(why.split()) < 4] == []


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
