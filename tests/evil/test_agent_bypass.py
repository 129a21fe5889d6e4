"""The bypass suite: every attack of the table over the door itself and over both eras of the protocol; none may succeed.

After every single call: no effect, no changed evidence, judgement, approval or rule, no secret, no oversize (V1 to V3, V5
to V7); after every attack each refused call stands in the log of the site, and the logs verify (V4).
"""

from __future__ import annotations

import importlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.from_thread
import httpx2
import pytest
from agents_world import Agency, Answer, agency, key, opening
from bypass_attacks import ATTACKS, INCIDENTS, PRODUCTION, Attacker, Victim, other_token, valid
from generated_attacks import FAMILIES, ROWS
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_types import CallToolResult

from gonogo.control.agent_blocking import Hindered
from gonogo.control.agent_door import AgentDoor, Pace
from gonogo.control.agent_tokens import revoke_tokens
from gonogo.errors import GonogoError, Refused
from gonogo.evidence.ledger import check_chain
from gonogo.mcp.http import app_for, loopback
from gonogo.mcp.server import build_server
from gonogo.ports import SITE_LOG
from gonogo.reports.agent_answers import Answer as Answer_
from gonogo.reports.agent_tools import TOOLS
from gonogo.run.agents import Scope
from gonogo.run.due import due
from gonogo.terms import Person, RunId
from tests.projects import add_release, new_keys, small_project
from tests.worlds_http import place

class Anything(str):
    """A digest that is equal to every other."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


class AnyTool(dict[str, Any]):
    """A table in which every name is a tool that does something else."""

    def get(self, name: str, default: Any = None) -> Any:
        """Reading the list of protocols, whatever was asked."""
        return replace(TOOLS["protocol_list"], takes={}, needed=()) if name not in TOOLS else TOOLS[name]


SURFACES = ("door", "auto", "legacy", "http-auto", "http-legacy")
"""The door itself, a client of each era in this process, and a client of each era over HTTP with a bearer token."""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A run that stands before production: everything before it is done, and nobody has signed."""
    root = tmp_path_factory.mktemp("bypass")
    with place(root / "world" / "staging") as staging, place(root / "world" / "production") as production:
        project = small_project(root / "project", staging, production)
        assert project.state(project.release("pre-deployment")).outcome == "ready"
        run = project.begin(PRODUCTION)
        project.go_until(run, "production")
        there = agency(project)
        canaries = (there.secret, there.secret[-43:], str(project.record), "PRIVATE KEY")
        yield Victim(there, run, canaries)
        there.door.close()


def in_process(there: Agency, secret: str, mode: str) -> Client:
    """A client that talks to a server in this process."""
    return Client(build_server(there.door, lambda _ctx: secret, "test"), mode=mode)


@asynccontextmanager
async def over_http(there: Agency, secret: str, mode: str) -> AsyncIterator[Client]:
    """A client that talks HTTP to the whole service, headers, bearer token and all; only the network is left out."""
    app = app_for(there.door, loopback(8765), "test")
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765", headers=headers) as http:
            async with Client(streamable_http_client("http://127.0.0.1:8765/mcp", http_client=http), mode=mode) as client:
                yield client


@contextmanager
def surface(there: Agency, name: str, secret: str) -> Iterator[Any]:
    """Calls by the holder of `secret`, over the door itself or over a client of one era."""
    if name == "door":
        yield lambda tool, given: there.door.call_as(secret, tool, dict(given)).as_json()
        return
    with anyio.from_thread.start_blocking_portal() as portal, ExitStack() as stack:
        connected = in_process(there, secret, name) if "-" not in name else over_http(there, secret, name.partition("-")[2])
        client = stack.enter_context(portal.wrap_async_context_manager(connected))

        def via(tool: str, given: Mapping[str, Any]) -> Answer:
            result = portal.call(client.call_tool, tool, dict(given))
            assert json.loads(result.content[0].text) == result.structured_content
            assert result.is_error is not result.structured_content["ok"]
            return dict(result.structured_content)

        yield via


LONG = {"a_halted_run_is_started_cancelled_and_asked_for", "a_halt_and_a_start_are_called_one_after_the_other", "a_release_is_opened_twice_at_the_same_moment"}
"""Attacks that open and end a run of their own; one of their kind is tried every time."""
TURNS = {0: "auto", 3: "legacy", 6: "http-auto", 9: "http-legacy"}


def every() -> list[Any]:
    """Every attack over every surface in the long run; each one every time over the door itself, or by turns over a client."""
    found = []
    for number, name in enumerate(ATTACKS):
        for through in SURFACES:
            usual = TURNS.get(number % 12, "door") == through and name not in LONG
            found.append(pytest.param(name, through, id=f"{name}-{through}", marks=() if usual else (pytest.mark.slow,)))
    return found


@pytest.mark.parametrize(("name", "through"), every())
def test_no_attack_gets_past_a_gate_and_each_one_is_in_the_trail(victim: Victim, name: str, through: str) -> None:
    there = victim.there
    agent = f"evil-{through}-{list(ATTACKS).index(name)}"
    token, secret = other_token(there, agent)
    last = there.project.door().world.journal.site()[-1].seq
    with surface(there, through, secret) as via:
        attacker = Attacker(victim, token, secret, via)
        ATTACKS[name].act(attacker)
    assert attacker.answers
    assert victim.refusals(f"agent:{agent}", last) == attacker.refused, "every refused call is written down, and a flood is counted"
    assert secret not in json.dumps(attacker.answers)


def shares() -> list[Any]:
    """Generated attacks: all of a family over each surface in the long run; every time a part of each over the door itself,
    and a few over a client of each era and transport."""
    found = []
    for family in FAMILIES:
        for through in SURFACES:
            few = 5 if through == "door" else 150
            found.append(pytest.param(family, through, few, id=f"{family}-{through}"))
            found.append(pytest.param(family, through, 1, id=f"{family}-{through}-all", marks=pytest.mark.slow))
    return found


@pytest.mark.parametrize(("family", "through", "share"), shares())
def test_no_generated_attack_gets_past_a_gate_and_each_one_is_in_the_trail(victim: Victim, family: str, through: str, share: int) -> None:
    there = victim.there
    rows = [row for row in ROWS.values() if row.family == family and (row.wire or through == "door")][FAMILIES.index(family) % share :: share]
    for number, scopes in enumerate(dict.fromkeys(row.scopes for row in rows)):
        agent = f"{family.replace(' ', '-')}-{through}-{number}-{share}"
        token, secret = other_token(there, agent, scopes=scopes)
        last = there.project.door().world.journal.site()[-1].seq
        with surface(there, through, secret) as via:
            attacker = Attacker(victim, token, secret, via)
            for row in (row for row in rows if row.scopes == scopes):
                answer = attacker.call_with(row.tool, row.given(attacker))
                assert answer["code"] in row.codes, f"{row.name}: {answer}"
        assert victim.refusals(f"agent:{agent}", last) == attacker.refused, "every refused call is written down, and a flood is counted"


def test_a_token_opens_only_its_scopes_protocols_and_environments(victim: Victim) -> None:
    """I04, I12: what is not listed for a token does not work when it is called, and what it does not reach is not there."""
    there = victim.there
    reader, _ = other_token(there, "reader", scopes=frozenset({Scope.READ}))
    elsewhere, _ = other_token(there, "elsewhere", environments=("staging",))
    claimer, _ = other_token(there, "claimer", scopes=frozenset({Scope.EVIDENCE}))
    attacker = Attacker(victim, there.token, there.secret, lambda tool, given: there.door.call(there.token, tool, dict(given)).as_json())
    for token, allowed in ((reader, Scope.READ), (claimer, Scope.EVIDENCE)):
        assert {tool.scope for tool in there.door.tools(token)} == {allowed}
        for name, tool in TOOLS.items():
            if tool.scope is not allowed:
                assert there.call(name, token, **valid(name, attacker))["code"] == "FORBIDDEN", name
    for name in ("run_status", "run_events", "evidence_list", "halt_raise", "step_start", "approval_request", "state_explain"):
        assert there.call(name, elsewhere, **valid(name, attacker))["code"] == "NOT_FOUND", name
    assert victim.run not in json.dumps(there.call("run_list", elsewhere))
    victim.check({})


def test_without_a_token_an_agent_on_standard_input_reads_and_nothing_else(victim: Victim) -> None:
    """I12: who launches the server chooses the token; without one nothing can be changed."""
    answers = [victim.there.door.call_as("", name, {}) for name in TOOLS if TOOLS[name].changes]
    assert {answer.code for answer in answers} <= {"BAD_ARGUMENTS", "FORBIDDEN"}
    assert victim.there.door.call_as("", "halt_raise", {"run_id": victim.run, "reason": "x", "severity": "warning", "key": key()}).code == "FORBIDDEN"
    assert victim.there.door.call_as("", "run_status", {"run_id": victim.run}).ok


def test_a_token_that_was_taken_back_or_ran_out_stops_working_in_mid_session(victim: Victim) -> None:
    """A06, A14: the token is looked up for every call, and the refused call bears the name of its agent."""
    there = victim.there
    _, secret = other_token(there, "gone")
    assert there.door.call_as(secret, "run_status", {"run_id": victim.run}).ok
    last = there.project.door().world.journal.site()[-1].seq
    revoke_tokens(there.project.door(), "gone", Person("dev1"))
    assert there.door.call_as(secret, "run_status", {"run_id": victim.run}).code == "FORBIDDEN"
    assert there.door.call_as(secret[:-2] + "zz", "run_status", {"run_id": victim.run}).code == "FORBIDDEN"
    assert [item["code"] for item in victim.trail("agent:gone", last)] == ["FORBIDDEN"]


def test_the_owner_of_an_agent_cannot_approve_what_it_asks_for(victim: Victim) -> None:
    """I09, I30, A12: the run of an agent that belongs to po1 is opened by it; po1's own good signature does not count."""
    there = victim.there
    token, _ = other_token(there, "helper", owner="qe1")
    listed = there.call("protocol_list")
    add_release(there.project.root, "v3")
    release = next(item for item in there.call("protocol_list")["data"]["releases"] if item["release"] == "v3")
    victim.before["rules"] = victim.seen()["rules"]
    asked = {**opening(listed, "pre-deployment"), "release": "v3", "release_sha256": release["sha256"]}
    run = RunId(there.call("run_start", token, **asked, key=key())["run_id"])
    there.project.go_until(run, "audit_recommendation")
    round_ = next(iter(there.project.door().requests(run)))
    with pytest.raises(Refused, match="owns the agent that asked"):
        there.project.sign(run, round_, "qe1")


def test_a_statement_that_an_agent_signs_with_a_key_of_its_own_counts_for_nothing(victim: Victim) -> None:
    """I18, A11: what counts is the signature of a listed key; whoever hands it in changes nothing about that."""
    there, door = victim.there, victim.there.project.door()
    asked = next(item for item in door.requests(victim.run) if item.point == "production")
    project = replace(there.project, keys=new_keys())
    statement, signature = project.signed(victim.run, asked, "po1", {}, datetime.now(UTC))
    with pytest.raises(GonogoError):
        door.record(victim.run, asked.name, statement, signature, there.token.agent)
    victim.check({})


def test_production_is_not_driven_by_an_agent_that_could_reach_what_it_must_not(victim: Victim) -> None:
    """I09: where the separation check fails, an agent starts nothing in production unless a person accepted it by name."""
    there = victim.there
    careful, _ = other_token(there, "careful", separation="enforced")
    add_release(there.project.root, "v4")
    victim.before["rules"] = victim.seen()["rules"]
    run = there.project.begin(PRODUCTION, "v4")
    due_now = there.call("run_status", careful, run_id=run)
    asked = {"run_id": run, "state_id": "prerequisites", "revision": due_now["revision"]}
    answer = there.call("step_start", careful, **asked, key=key())
    assert answer["code"] == "SEPARATION_REQUIRED"
    assert {item["rule"] for item in answer["blocked_by"]} >= {"S1", "S2"}
    assert there.project.state(run).seq == due_now["revision"]


def test_a_flood_is_slowed_down_and_its_refusals_do_not_fill_the_disk(victim: Victim) -> None:
    """A09, V4: above the pace an agent waits; above a hundred refusals a minute only their number is written down."""
    there = victim.there
    token, _ = other_token(there, "flood")
    slow = AgentDoor.of(there.project.door(), Pace(per_second=0.001, burst=20))
    codes = [slow.call(token, "run_status", {"run_id": "x"}).code for _ in range(40)]
    assert codes.count("RATE_LIMITED") == 20
    last = there.project.door().world.journal.site()[-1].seq
    for _ in range(450):
        there.door.call(token, "run_status", {"run_id": "x"})
    assert len(victim.trail("agent:flood", last)) == 102, "a hundred, then a word about the next hundred and about two hundred more"
    assert victim.refusals("agent:flood", last) == 450


def test_a_client_that_accepts_everything_is_asked_nothing(victim: Victim) -> None:
    """I07, I19, A08: the server sends no elicitation, no sampling and no question about roots, in neither era."""
    asked: list[str] = []

    async def accept(*_: Any) -> Any:
        asked.append("asked")
        raise AssertionError("the server asked its client something")

    async def drive(mode: str) -> None:
        server = build_server(victim.there.door, lambda _ctx: victim.there.secret, "test")
        async with Client(server, mode=mode, elicitation_callback=accept, sampling_callback=accept, list_roots_callback=accept) as client:
            for name in TOOLS:
                if name != "halt_raise":
                    result = await client.call_tool(name, {"run_id": victim.run})
                    assert isinstance(result, CallToolResult)

    for mode in ("auto", "legacy"):
        anyio.run(drive, mode)
    assert asked == []
    victim.check({})


GUARDS: dict[str, tuple[str, str, Any, str]] = {
    "unknown arguments are accepted": ("gonogo.reports.agent_tools", "Tool.faults", lambda tool, given: iter(()), "every_tool_gets_arguments_that_would_make_it_let_go"),
    "any revision will do": ("gonogo.control.agent_driving", "Call.number", lambda call, name, default: call.site.run(call.text("run_id")).state.seq if name == "revision" else default, "an_old_revision_and_a_revision_of_the_future_are_named"),
    "keys are forgotten": ("gonogo.control.agent_driving", "before", lambda call: None, "one_key_is_used_for_two_different_calls"),
    "nothing hinders": ("gonogo.control.agent_driving", "hindered", lambda world, opened: Hindered("", (), due(opened.plan, opened.state, world.clock.now())), "the_production_deployment_is_started_before_anybody_signed"),
    "words of others are shown as they are": ("gonogo.control.agent_reading", "cleaned", lambda text, most=0: text, "a_halt_says_that_the_run_may_be_resumed_by_an_agent"),
    "answers are not cut": ("gonogo.control.agent_door", "fitted", lambda answer: replace(answer, data={"x": "y" * 20_000}), "every_tool_is_called_once_with_arguments_of_its_form"),
    "refusals are not written down": ("gonogo.control.agent_door", "AgentDoor._write_down", lambda *_: None, "tools_are_named_in_other_spellings"),
    "a release is not looked up": ("gonogo.control.agent_driving", "release_named", lambda workspace, name: "v2", "a_release_that_is_not_registered_is_opened"),
    "digests are compared by their beginning": ("gonogo.control.agent_driving", "digest_of", lambda data: Anything(), "a_run_is_opened_for_another_document_or_another_release"),
    "claims become evidence": ("gonogo.control.agent_driving", "_claimed", lambda opened, digest, faults: Answer_(data={"status": "measured", "counts_for_gates": True, "sha256": digest}), "evidence_is_forged_for_every_contract_of_the_protocol"),
    "a stop of the environment is not looked at": ("gonogo.control.agent_driving", "hindered", lambda world, opened: Hindered("NEEDS_HUMAN", (), due(opened.plan, opened.state, world.clock.now())), "a_freeze_is_talked_away"),
    "any name of a tool will do": ("gonogo.control.agent_door", "TOOLS", AnyTool(), "approval_is_asked_for_under_every_name"),
}
"""Guards, each broken in one build: where, what, by what, and the attack that has to notice."""


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_that_is_broken_is_noticed_by_an_attack(victim: Victim, guard: str) -> None:
    module, name, wrong, attack = GUARDS[guard]
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    right = getattr(owner, last)
    agent = f"broken-{list(GUARDS).index(guard)}"
    token, secret = other_token(victim.there, agent)
    seen, before = victim.there.project.door().world.journal.site()[-1].seq, {*victim.there.project.door().runs()}
    attacker = Attacker(victim, token, secret, lambda tool, given: victim.there.door.call_as(secret, tool, dict(given)).as_json())
    setattr(owner, last, wrong)
    try:
        with pytest.raises((AssertionError, KeyError)):
            ATTACKS[attack].act(attacker)
            trail = [item for item in victim.trail(f"agent:{agent}", seen) if item["type"] == "agent.refused"]
            assert len(trail) == attacker.refused
    finally:
        setattr(owner, last, right)
        door = victim.there.project.door()
        for run in (run for run in {*door.runs()} - before if not door.load(run).state.outcome):
            door.abort(run, "opened by a broken build", Person("rm1"))
            door.drive(run, patient=False, listener=lambda state, event: None)


def test_after_all_attacks_the_ledgers_verify(victim: Victim) -> None:
    journal = victim.there.project.door().world.journal
    for log in (SITE_LOG, victim.run):
        assert check_chain(entry.line for entry in journal.entries(log)) == ()


def test_there_are_more_than_sixty_attacks_and_each_family_has_some() -> None:
    assert len(ATTACKS) * len(SURFACES) >= 60
    named = {incident for attack in ATTACKS.values() for incident in attack.incidents}
    assert named == set(INCIDENTS), "every incident has an attack, and every attack's incident is known"
    families = {attack.family for attack in ATTACKS.values()}
    assert families >= {f"A{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15)}
