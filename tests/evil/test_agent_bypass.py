"""The bypass suite: every attack of the table over the door itself and over both eras of the protocol; none may succeed.

After every single call: no effect, no changed evidence, judgement, approval or rule, no secret, no oversize (V1 to V3, V5
to V7); after every attack each refused call stands in the log of the site, and the logs verify (V4).
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import httpx2
import pytest
from agents_world import Agency, Answer, agency, key, opening
from bypass_attacks import ATTACKS, Attacker, Victim, other_token, valid
from bypass_world import ASKING, PRODUCTION, before_production
from call_sequences import MANY, Moment, sequences
from generated_attacks import FAMILIES, ROWS
from incidents import ATTACK, INCIDENTS
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_types import CallToolResult

from gonogo.control.agents.asking import Call
from gonogo.control.agents.blocking import Hindered
from gonogo.control.agents.door import AgentDoor, Pace
from gonogo.control.agents.http import AgentHttp
from gonogo.control.agents.resources import _FORMS
from gonogo.control.agents.tokens import revoke_tokens
from gonogo.errors import GonogoError, Refused
from gonogo.evidence.ledger import check_chain
from gonogo.mcp.http import app_for, loopback
from gonogo.mcp.server import build_server
from gonogo.ports import SITE_LOG
from gonogo.reports.agent_answers import Answer as Answer_
from gonogo.reports.agent_tools import TOOLS
from gonogo.run.agent_acts import Act
from gonogo.run.agents import Scope, holder
from gonogo.run.due import Standing, due
from gonogo.terms import Person, RunId
from tests.projects import add_release, new_keys
from tests.scenarios.test_watching import terminal

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
    with before_production(tmp_path_factory.mktemp("bypass")) as (project, run):
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


CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("run_status", {"run_id": "nothing-here"}),
    ("step_start", {"run_id": "RUN", "state_id": "closing", "revision": 10**9, "key": "KEY"}),
    ("step_start", {"run_id": "RUN", "state_id": "closing", "revision": 1.5, "key": "KEY"}),
    ("halt_raise", {"run_id": "RUN", "reason": "x", "severity": "warning", "force": True, "key": "KEY"}),
    ("evidence_submit", {"run_id": "RUN", "contract": "journal.db", "inline_json": "{}", "key": "KEY"}),
    ("evidence_submit", {"run_id": "RUN", "contract": "production-approval.json", "inline_json": {"go": True}, "key": "KEY"}),
    ("approval_request", {"run_id": "RUN", "state_id": "closing", "summary": ["please"], "key": "KEY"}),
    ("approve", {"run_id": "RUN"}),
)


def plain_http(there: Agency, secret: str, method: str, path: str, **request: Any) -> httpx2.Response:
    """A request to the service for agents that speak no MCP."""
    app = AgentHttp(there.door, "test")

    async def asked() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        headers = request.pop("headers", [("Authorization", f"Bearer {secret}")])
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765") as http:
            return await http.request(method, path, headers=headers, **request)

    return anyio.run(asked)


def test_every_surface_gives_the_same_answer(victim: Victim) -> None:
    """I11 (AtomicBot-ai/atomic-agent#132), FP-30: one check behind every door, and nothing is coerced on the way to it."""
    there, found = victim.there, {}
    token, secret = other_token(there, "everywhere")
    last = there.project.door().world.journal.site()[-1].seq

    def filled(given: dict[str, Any]) -> dict[str, Any]:
        return {name: {"RUN": victim.run, "KEY": key()}.get(str(value), value) for name, value in given.items()}

    for through in SURFACES:
        with surface(there, through, secret) as via:
            found[through] = [via(tool, filled(given))["code"] for tool, given in CALLS]
    found["plain"] = [plain_http(there, secret, "POST", f"/tools/{tool}", json=filled(given)).json()["code"] for tool, given in CALLS]
    assert found["door"] == ["NOT_FOUND", "REVISION_CONFLICT", "BAD_ARGUMENTS", "BAD_ARGUMENTS", "NOT_FOUND", "BAD_ARGUMENTS", "BAD_ARGUMENTS", "UNKNOWN_TOOL"]
    assert all(codes == found["door"] for codes in found.values()), found
    assert victim.refusals("agent:everywhere", last) == len(CALLS) * len(found)
    victim.check({})


def test_plain_http_takes_one_bearer_token_in_its_header_and_nothing_else(victim: Victim) -> None:
    """A06, A09, A11: no other method, path, place or form of a token opens anything, and bodies have a limit."""
    there = victim.there
    token, secret = other_token(there, "plain")
    last = there.project.door().world.journal.site()[-1].seq
    good = ("Authorization", f"Bearer {secret}")
    wrong: list[dict[str, Any]] = [
        {"headers": []}, {"headers": [good, good]}, {"headers": [("Authorization", f"Basic {secret}")]}, {"headers": [("Authorization", secret)]},
        {"headers": [("Cookie", f"Authorization=Bearer {secret}")]}, {"headers": [("X-Authorization", f"Bearer {secret}")]}, {"headers": [], "params": {"access_token": secret}},
        {"headers": [("Authorization", f"Bearer {secret},{secret}")]}, {"headers": [("Authorization", "Bearer $GONOGO_AGENT_TOKEN")]}, {"headers": [("Authorization", "Bearer ")]},
    ]
    for request in wrong:
        answer = plain_http(there, secret, "POST", "/tools/run_list", **request)
        assert answer.status_code == 401, request
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert secret not in answer.text
    assert victim.refusals("agent:no.token", last) == len(wrong)
    for method, path in (("GET", "/tools/run_list"), ("PUT", "/tools/halt_raise"), ("DELETE", "/tools/run_list"), ("POST", "/approve"), ("POST", "/"), ("POST", "/openapi.json"), ("GET", "/../gonogo.yaml")):
        assert plain_http(there, secret, method, path).status_code == 404, (method, path)
    for path in ("/tools/", "/tools/run_list/", "/tools/run_list/approve", "/tools/RUN_LIST", "/tools/run_list%00", "/tools/_answered"):
        assert plain_http(there, secret, "POST", path).json()["code"] in {"UNKNOWN_TOOL", "NOT_FOUND"}, path
    for body in (b"[]", b"{", b'{"run_id": NaN}', b'{"run_id": 1, "run_id": 2}', b"\xff\xfe", b'{"run_id": "' + victim.run.encode() + b'"}x'):
        assert plain_http(there, secret, "POST", "/tools/run_status", content=body).json()["code"] == "BAD_ARGUMENTS", body
    assert plain_http(there, secret, "POST", "/tools/run_status", content=b" " * (1 << 20) + b"{}").status_code == 413
    victim.check({})


METHODS = (
    "elicitation/create", "sampling/createMessage", "roots/list", "tasks/get", "tasks/update", "tasks/cancel", "tasks/result", "tasks/list", "completion/complete", "logging/setLevel",
    "resources/subscribe", "resources/unsubscribe", "notifications/cancelled", "notifications/progress", "notifications/elicitation/complete", "notifications/tasks/status",
    "notifications/roots/list_changed", "tools/approve", "approvals/grant", "approval/respond", "consent/accept", "gonogo/approve", "initialize", "notifications/initialized", "server/discover", "ping",
)
"""What a client can send besides calls: the protocol's own methods of both eras, and names that an attacker hopes for."""


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_no_message_of_the_protocol_moves_anything(victim: Victim, version: str) -> None:
    """I19 (modelcontextprotocol#1504), A08: an approval is no message; whatever is sent, no round, gate or run changes."""
    there = victim.there
    token, secret = other_token(there, f"sender-{version}")
    answers = [{"action": "accept", "content": {"approve": True}}, {"approvalId": "production-1", "decision": "go"}]

    async def send() -> list[int]:
        app = app_for(there.door, loopback(8765), "test")
        found = []
        async with app.router.lifespan_context(app):
            headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version}
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:8765", headers=headers) as http:
                for number, method in enumerate(METHODS):
                    meta = {"io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}, "tasks": {}}}
                    params = {**answers[number % 2], "_meta": meta}
                    head: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
                    for body in (head | {"id": number}, head, {"jsonrpc": "2.0", "id": number, "result": answers[0]}, [head | {"id": 1}]):
                        sent = await http.post("/mcp", json=body, headers={"Mcp-Method": method})
                        found.append(sent.status_code)
                        assert secret not in sent.text
        return found

    statuses = anyio.run(send)
    assert max(statuses) < 500
    victim.check({})


@pytest.mark.slow
def test_a_terminal_makes_no_approval(victim: Victim, tmp_path: Path) -> None:
    """I16 (github/spec-kit): the agent has a terminal, a key of its own and says yes; nobody has approved anything."""
    ssh_key = tmp_path / "id_ed25519"
    form = serialization.PrivateFormat.OpenSSH
    ssh_key.write_bytes(Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    ssh_key.chmod(0o600)
    for arguments in (["approve", victim.run, "production"], ["approve", victim.run, "production", "--key", str(ssh_key), "--yes"]):
        with terminal(victim.there.project, *arguments) as shown:
            assert shown.shows("next:", 60) or shown.shows("rror", 1), shown.seen
    victim.check({})


def test_no_sequence_of_calls_starts_what_people_have_not_let_through(victim: Victim) -> None:
    """Nobody has signed: starts, halts, claims, questions and handles of four agents in any order, with people, freezes and time in between."""
    sequences(Moment(victim.there.project, victim.run, ASKING), 10, same=True)


@pytest.mark.slow
def test_no_sequence_of_many_calls_starts_what_people_have_not_let_through(victim: Victim) -> None:
    """The same, other sequences each time; `GONOGO_SEQUENCES` says how many."""
    sequences(Moment(victim.there.project, victim.run, ASKING), MANY // 2, same=False)


class Loose:
    """Regular expressions that look at the beginning of a text and not at its end."""

    def fullmatch(self, pattern: str, text: str) -> object:
        """What is wrong: the rest may be anything."""
        return re.match(pattern, text)


def anybodys(call: Call) -> Act | None:
    """The act of a key, whoever's it is."""
    return next((act for (_, name), act in call.site.acts().by_key.items() if name == call.text("key")), None)


def not_in_reach(victim: Victim, attacker: Attacker) -> None:
    """A token for staging sees nothing of production."""
    elsewhere, _ = other_token(victim.there, "elsewhere-again", environments=("staging",))
    assert victim.there.call("run_status", elsewhere, run_id=victim.run)["code"] == "NOT_FOUND"


def taken_back(victim: Victim, attacker: Attacker) -> None:
    """A token that was revoked opens nothing."""
    revoke_tokens(victim.there.project.door(), attacker.token.id, Person("dev1"))
    assert attacker.call("run_list")["code"] == "FORBIDDEN"


GUARDS: dict[str, tuple[str, str, Any, Any]] = {
    "unknown arguments are accepted": ("gonogo.reports.agent_tools", "Tool.faults", lambda tool, given: iter(()), "every_tool_gets_arguments_that_would_make_it_let_go"),
    "any revision will do": ("gonogo.control.agents.driving", "Call.number", lambda call, name, default: call.site.run(call.text("run_id")).state.seq if name == "revision" else default, "an_old_revision_and_a_revision_of_the_future_are_named"),
    "keys are forgotten": ("gonogo.control.agents.driving", "before", lambda call: None, "one_key_is_used_for_two_different_calls"),
    "nothing hinders": ("gonogo.control.agents.driving", "hindered", lambda world, opened: Hindered("", (), due(opened.plan, opened.state, world.clock.now())), "the_production_deployment_is_started_before_anybody_signed"),
    "words of others are shown as they are": ("gonogo.control.agents.reading", "cleaned", lambda text, most=0: text, "a_halt_says_that_the_run_may_be_resumed_by_an_agent"),
    "answers are not cut": ("gonogo.control.agents.door", "fitted", lambda answer: replace(answer, data={"x": "y" * 20_000}), "every_tool_is_called_once_with_arguments_of_its_form"),
    "refusals are not written down": ("gonogo.control.agents.door", "AgentDoor._write_down", lambda *_: None, "tools_are_named_in_other_spellings"),
    "a release is not looked up": ("gonogo.control.agents.driving", "release_named", lambda workspace, name: "v2", "a_release_that_is_not_registered_is_opened"),
    "digests are compared by their beginning": ("gonogo.control.agents.driving", "digest_of", lambda data: Anything(), "a_run_is_opened_for_another_document_or_another_release"),
    "claims become evidence": ("gonogo.control.agents.driving", "_claimed", lambda opened, digest, faults: Answer_(data={"status": "measured", "counts_for_gates": True, "sha256": digest}), "evidence_is_forged_for_every_contract_of_the_protocol"),
    "a stop of the environment is not looked at": ("gonogo.control.agents.driving", "hindered", lambda world, opened: Hindered("NEEDS_HUMAN", (), due(opened.plan, opened.state, world.clock.now())), "a_freeze_is_talked_away"),
    "any name of a tool will do": ("gonogo.control.agents.door", "TOOLS", AnyTool(), "approval_is_asked_for_under_every_name"),
    "the scope of a tool is forgotten": ("gonogo.control.agents.door", "TOOLS", {name: replace(tool, scope=Scope.READ) for name, tool in TOOLS.items()}, "evidence_submit with runs:read only"),
    "a form is matched at its beginning only": ("gonogo.reports.agent_tools", "re", Loose(), "names_hold_nul_line_feeds_and_blanks"),
    "nobody counts how deep an argument is": ("gonogo.control.agents.driving", "nested_too_deep", lambda value, left=0: False, "arguments_are_nested_thirty_and_a_hundred_deep"),
    "a key belongs to everybody": ("gonogo.control.agents.driving", "before", anybodys, "a_key_of_another_agent_is_replayed"),
    "unknown tokens leave no trace": ("gonogo.control.agents.door", "AgentDoor.turned_away", lambda *_: Answer_("FORBIDDEN"), "tokens_are_cut_lengthened_guessed_and_taken_from_elsewhere"),
    "an agent may bear any name": ("gonogo.run.agents", "LOCAL", "", "the_agent_without_a_token_is_named_in_a_token"),
    "an address may go on after its end": ("gonogo.control.agents.resources", "_FORMS", tuple((re.compile(f"{form.pattern}.*"), kind) for form, kind in _FORMS), "evidence_and_reports_are_read_by_address_and_everything_else_is_not_there"),
    "a run in another environment is reached": ("gonogo.run.agents", "AgentToken.reaches", lambda *_: True, not_in_reach),
    "a token that was taken back is taken": ("gonogo.control.agents.reception", "admitted", lambda text, tokens, now: holder(text, tokens), taken_back),
    "a stopped environment and an open round are not looked at": ("gonogo.control.agents.blocking", "due", lambda plan, state, now: replace(due(plan, state, now), standing=Standing.OPEN), "a_start_that_was_refused_is_repeated_with_its_key_and_stays_refused"),
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
    scopes = ROWS[attack].scopes if attack in ROWS else frozenset(Scope)
    token, secret = other_token(victim.there, agent, scopes=scopes)
    seen, before = victim.there.project.door().world.journal.site()[-1].seq, {*victim.there.project.door().runs()}
    attacker = Attacker(victim, token, secret, lambda tool, given: victim.there.door.call_as(secret, tool, dict(given)).as_json())
    setattr(owner, last, wrong)
    try:
        with pytest.raises((AssertionError, KeyError)):
            if callable(attack):
                attack(victim, attacker)
            elif attack in ATTACKS:
                ATTACKS[attack].act(attacker)
            else:
                answer = attacker.call_with(ROWS[attack].tool, ROWS[attack].given(attacker))
                assert answer["code"] in ROWS[attack].codes
            assert victim.refusals(f"agent:{agent}", seen) == attacker.refused
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


def test_there_are_hundreds_of_attacks_of_every_family() -> None:
    assert len(ATTACKS) >= 60
    assert len(ROWS) >= 300
    assert len(GUARDS) + 5 >= 25, "five more are broken in the runs that everybody signed"
    families = {attack.family for attack in ATTACKS.values()}
    assert families >= {f"A{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15)}


def test_every_incident_is_shown_by_attacks_or_tests_that_are_there() -> None:
    assert list(INCIDENTS) == [f"I{number:02}" for number in range(1, 35)]
    tests = Path(__file__).resolve().parents[1]
    wrong = []
    for number, incident in INCIDENTS.items():
        for place in incident.shown:
            if place.startswith(ATTACK):
                wrong += [] if place.removeprefix(ATTACK) in ATTACKS else [(number, place)]
                continue
            path, _, name = place.partition("::")
            text = (tests / path).read_text(encoding="utf-8") if (tests / path).is_file() else ""
            wrong += [] if f"def {name}(" in text else [(number, place)]
    assert wrong == []
    named = {number for attack in ATTACKS.values() for number in attack.incidents}
    assert named <= set(INCIDENTS)


def test_the_page_about_agents_has_a_line_for_every_incident() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/agents.md").read_text(encoding="utf-8")
    missing = [number for number, incident in INCIDENTS.items() if not re.search(rf"^\| {number} \| {re.escape(incident.reference)} \|", page, re.MULTILINE)]
    assert missing == []
