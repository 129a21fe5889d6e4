"""Tokens of agents: who makes them, what is kept of them, and what they open."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.control.agents.reception import TokenBook
from gonogo.control.agents.tokens import create_token, revoke_tokens, token_admitted
from gonogo.control.door import Door
from gonogo.errors import BadInput, Refused
from gonogo.run.agents import Scope, TokenWish, admitted
from gonogo.terms import Agent, Person, Pipeline
from tests.projects import small_project
from tests.worlds_http import Place

ADA, GRACE = Person("ada"), Person("grace")


class Nowhere(Place):
    """An environment whose addresses nobody answers at."""

    def url(self, name: str) -> str:
        """A fixed address of each name."""
        return f"http://127.0.0.1:{ {'front': 1, 'blue': 2, 'green': 3}[name] }"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "shop"
    small_project(found, Nowhere(tmp_path / "world/staging"), Nowhere(tmp_path / "world/production"))
    return found


@pytest.fixture
def door(root: Path) -> Door:
    return Door.at(root, {})


def wish(name: str = "release-bot", owner: str = "ada", hours: int = 8, **changes: object) -> TokenWish:
    asked = {"scopes": frozenset({Scope.READ, Scope.DRIVE}), "protocols": ("pre-*",), "environments": ("staging",)}
    return TokenWish(name=name, owner=owner, lasts=timedelta(hours=hours), **{**asked, **changes})  # type: ignore[arg-type]


def test_a_token_opens_what_it_was_made_for_and_nothing_else(door: Door) -> None:
    made, secret = create_token(door, wish(), ADA)
    found = token_admitted(door.world, TokenBook(door.world.journal), secret.reveal())
    assert found == made
    assert found.agent == Agent("release-bot")
    assert found.reaches("pre-deployment", "staging")
    assert not found.reaches("pre-deployment", "production")
    assert not found.reaches("production-deployment", "staging")


def test_only_the_hash_of_a_token_is_kept_anywhere_on_disk(door: Door, root: Path) -> None:
    _, secret = create_token(door, wish(), ADA)
    text = secret.reveal().encode()
    files = [path for path in (root / ".gonogo").rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if text in path.read_bytes() or text[-43:] in path.read_bytes()] == []
    assert "‹secret›" in repr(secret)


def test_wrong_expired_and_revoked_tokens_are_refused_in_one_and_the_same_sentence(door: Door) -> None:
    made, secret = create_token(door, wish(), ADA)
    _, gone = create_token(door, wish("other-bot"), ADA)
    revoke_tokens(door, "other-bot", ADA)
    known, now = TokenBook(door.world.journal).tokens(), door.world.clock.now()
    text = secret.reveal()
    wrong = (text[:-1] + ("A" if text[-1] != "A" else "B"), text + "\n", text[:20], "", "gonogo_agent_" + "0" * 12 + "_" + "x" * 43)
    said = set()
    for case, moment in [*((item, now) for item in wrong), (gone.reveal(), now), (text, made.expires_at)]:
        with pytest.raises(Refused) as refused:
            admitted(case, known, moment)
        said.add(str(refused.value))
    assert len(said) == 1
    assert admitted(text, known, made.expires_at - timedelta(seconds=1)) == made


def test_a_token_that_was_taken_back_opens_nothing_from_the_next_call_on(door: Door, root: Path) -> None:
    made, secret = create_token(door, wish(), ADA)
    book = TokenBook(door.world.journal)
    assert token_admitted(door.world, book, secret.reveal()) == made
    revoke_tokens(Door.at(root, {}), made.id, GRACE)
    with pytest.raises(Refused):
        token_admitted(door.world, book, secret.reveal())


@pytest.mark.parametrize("actor", [Agent("release-bot"), Pipeline("ci")])
def test_no_agent_and_no_pipeline_lets_agents_in(door: Door, actor: Agent | Pipeline) -> None:
    with pytest.raises(Refused, match="a person does that"):
        create_token(door, wish(), actor)
    assert TokenBook(door.world.journal).tokens() == {}


def test_the_name_of_an_agent_belongs_to_one_person(door: Door) -> None:
    create_token(door, wish(), ADA)
    with pytest.raises(Refused, match="belongs to ada"):
        create_token(door, wish(owner="grace"), GRACE)


@pytest.mark.parametrize(
    "wrong",
    [{"name": "A"}, {"name": "bot\n"}, {"name": "../bot"}, {"hours": 0}, {"hours": 24 * 91}, {"scopes": frozenset()}, {"protocols": ("a/b",)}],
    ids=str,
)
def test_a_wish_that_makes_no_sense_makes_no_token(door: Door, wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        create_token(door, wish(**wrong), ADA)  # type: ignore[arg-type]
    assert TokenBook(door.world.journal).tokens() == {}


def test_tokens_are_made_listed_and_taken_back_on_the_command_line(root: Path) -> None:
    made = gonogo("agent", "create", "helper", "--scope", "runs:read", "--expires", "30m", "--as", "ada", "-C", root)
    assert made.code == 0
    assert made.out.startswith("gonogo_agent_")
    listed = gonogo("agent", "list", "--json", "-C", root)
    assert made.out.strip() not in listed.out
    rows = listed.json()["tokens"]
    assert isinstance(rows, list)
    assert [(row["agent"], row["owner"], row["standing"], row["environments"]) for row in rows] == [("agent:helper", "ada", "valid", ["staging"])]
    assert gonogo("agent", "revoke", "helper", "--as", "agent:helper", "-C", root).code == 2
    assert gonogo("agent", "revoke", "helper", "--as", "ada", "-C", root).code == 0
    assert "revoked" in gonogo("agent", "list", "-C", root).out
    assert gonogo("agent", "revoke", "helper", "--as", "ada", "-C", root).code == 2
