"""Calls of agents in any order, with people, freezes, time and revoked tokens in between; beside them a plain reading of the rules.

The run is a real one, its ledger copied into memory for each sequence; what an agent gets started is only written down. The
model knows who may call, whether somebody stopped something, who signed, and what waits: it never looks into the door. After
every call both have to agree, and nothing that counts may have moved.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agents_world import FAST, Answer, key, wish
from bypass_world import DEPLOYING
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gonogo.control.agents.door import AgentDoor
from gonogo.control.agents.tokens import create_token, revoke_tokens
from gonogo.control.door import Door
from gonogo.evidence.ledger import check_chain
from gonogo.plan.model import all_stages
from gonogo.ports import SITE_LOG, Vault
from gonogo.reports.agent_answers import MOST_BYTES, size_of
from gonogo.reports.agent_tools import TOOLS
from gonogo.run.agents import Scope
from gonogo.run.events import recorded
from gonogo.run.state import RunState, fold
from gonogo.terms import Digest, Person, RunId, digest_of
from tests.projects import REQUESTER, Project
from tests.worlds import MemoryJournal, SimulatedClock

MANY = int(os.environ.get("GONOGO_SEQUENCES", "400"))
"""So many sequences in the long run; `GONOGO_SEQUENCES=10000` for the number of the design."""
AGENTS = {"bot": {}, "brief": {"lasts": timedelta(minutes=15)}, "reader": {"scopes": frozenset({Scope.READ})}, "elsewhere": {"environments": ("staging",)}}
SIGNERS = ("po1", "sre1")


class Overlay:
    """The stored files of the project, and in memory what is put to them."""

    def __init__(self, below: Vault) -> None:
        self._below = below
        self._put: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        self._put[digest_of(data)] = data
        return digest_of(data)

    def read(self, digest: Digest, *, limit: int = 1 << 26) -> bytes:
        return self._put[digest] if digest in self._put else self._below.read(digest, limit=limit)

    def path(self, digest: Digest) -> Path:
        return self._below.path(digest)


class WrittenDown:
    """Operations without processes: what was started stays at work."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []

    def start(self, operation: str, arguments: tuple[str, ...]) -> bool:
        if self.lives(operation):
            return False
        self.started.append((operation, arguments[2]))
        return True

    def lives(self, operation: str) -> bool:
        return operation in {name for name, _ in self.started}

    def ask_to_stop(self, operation: str) -> None:
        assert self.lives(operation)

    def printed(self, operation: str, most: int = 0) -> bytes:
        return b""

    def one_at_a_time(self, act: Any) -> None:
        act()

    def close(self) -> None:
        return


class Moment:
    """A project at one moment, from which any number of sequences begin."""

    def __init__(self, project: Project, run: RunId, due: str) -> None:
        self.project, self.run, self.due = project, run, due
        self.door = project.door()
        journal = self.door.world.journal
        self.secrets = {name: create_token(self.door, wish(name, **changes), Person(REQUESTER))[1].reveal() for name, changes in AGENTS.items()}
        self.ledgers = {name: list(journal.entries(name)) for name in journal.runs()} | {SITE_LOG: list(journal.site())}
        self.leases = {lease.environment: lease for lease in journal.leases()}
        opened = self.door.load(run)
        self.plan, self.state = opened.plan, opened.state
        self.states = tuple(stage.id for stage in all_stages(self.plan))
        self.began = datetime.now(UTC)

    def again(self) -> Door:
        """The project, as if nothing had happened since."""
        journal = MemoryJournal()
        journal._state.ledgers = {name: list(entries) for name, entries in self.ledgers.items()}
        journal._state.leases = dict(self.leases)
        world = replace(self.door.world, journal=journal, clock=SimulatedClock(self.began), vault=Overlay(self.door.world.vault))  # type: ignore[arg-type]
        return Door(self.door.workspace, world, self.door.plans)


class Agents(RuleBasedStateMachine):
    """What agents and people do, and what a plain reading of the rules says about it."""

    moment: Moment

    def __init__(self) -> None:
        super().__init__()
        signed = self.moment.due == DEPLOYING
        self.door = self.moment.again()
        self.agents = AgentDoor.of(self.door, FAST)
        self.operations = WrittenDown()
        self.agents.site.operations = self.operations  # type: ignore[assignment]
        self.tokens = {token.name: token for token in self.agents.site.tokens.tokens().values() if token.name in AGENTS}
        self.run, self.folded = self.moment.run, self.moment.state
        state = self.state()
        self.kept = (dict(state.evidence), {name: item.verdict for name, item in state.judgements.items()}, state.touched, state.outcome)
        self.executed = self.moment.project.executions()
        self.signatures: set[str] = set()
        self.all_signed = signed
        self.passed = timedelta()
        self.frozen = self.halted = False
        self.revoked: set[str] = set()
        self.refused = dict.fromkeys(AGENTS, 0)
        self.keys: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self.site_began = self.door.world.journal.site()[-1].seq

    def state(self) -> RunState:
        """The run, folded from its ledger by this model; the door has a fold of its own."""
        fresh = self.door.world.journal.entries(self.run, self.folded.seq)
        self.folded = fold(self.moment.plan, (recorded(entry) for entry in fresh), self.folded) if fresh else self.folded
        return self.folded

    def teardown(self) -> None:
        self.agents.tell_rest()
        journal = self.door.world.journal
        for log in (SITE_LOG, self.run):
            assert check_chain(entry.line for entry in journal.entries(log)) == ()
        for name, count in self.refused.items():
            told = [entry for entry in journal.entries(SITE_LOG, self.site_began) if entry.type == "agent.refused" and str(entry.actor) == f"agent:{name}"]
            assert sum(int(str(entry.data.get("count", 1))) for entry in told) == count, "every refused call stands in the log"

    # What the rules say.

    def lets_in(self, name: str) -> bool:
        return name not in self.revoked and (name != "brief" or self.passed < timedelta(minutes=15))

    def may_start(self, name: str, state: str, revision: int) -> bool:
        nobody_stopped = not self.frozen and not self.halted
        people = self.all_signed or self.signatures >= set(SIGNERS)
        asked_well = state == self.moment.due and revision == self.state().seq
        return self.lets_in(name) and name in {"bot", "brief"} and nobody_stopped and people and asked_well and not self.operations.started

    # What agents do.

    def call(self, name: str, tool: str, given: Mapping[str, Any]) -> Answer:
        """One call; a token that opens nothing is turned away as at every surface."""
        token = self.tokens[name]
        answer = dict(self.agents.call_as(self.moment.secrets[name], tool, given).as_json())
        self.refused[name] += not answer["ok"]
        assert self.lets_in(name) or answer["code"] == "FORBIDDEN"
        assert answer["code"] != "INTERNAL", answer
        assert size_of(answer) <= MOST_BYTES
        text = json.dumps(answer)
        assert token.sha256 not in text
        assert self.moment.secrets[name] not in text
        assert "PRIVATE KEY" not in text
        assert str(self.moment.project.record) not in text
        return answer

    @rule(name=st.sampled_from(sorted(AGENTS)), data=st.data(), off=st.sampled_from([0, 0, 0, 0, -1, 1, 1 << 30]), again=st.booleans())
    def starts(self, name: str, data: st.DataObject, off: int, again: bool) -> None:
        """A start of any state, with the revision of now or of another time, with a new key or a used one."""
        mine = [used for (owner, used) in self.keys if owner == name]
        state = data.draw(st.one_of(st.just(self.moment.due), st.sampled_from(self.moment.states)))
        used = data.draw(st.sampled_from(mine)) if again and mine else key()
        given = {"run_id": self.run, "state_id": state, "revision": max(0, self.state().seq + off), "key": used}
        before = list(self.operations.started)
        known = self.keys.get((name, used))
        replay = known is not None and known == ("step_start", given)
        allowed = known is None and self.may_start(name, state, int(given["revision"]))
        answer = self.call(name, "step_start", given)
        assert answer["ok"] is (allowed or (replay and self.lets_in(name))), (answer, allowed, replay)
        if answer["ok"]:
            self.keys[name, used] = ("step_start", given)
        new = self.operations.started[len(before) :]
        assert [where for _, where in new] == ([state] if allowed else []), "one operation for what is allowed, none for anything else"

    @rule(name=st.sampled_from(["bot", "brief"]))
    def starts_well(self, name: str) -> None:
        """A start as it should be, at whatever moment: of what is due, by who may, with what was read last."""
        given = {"run_id": self.run, "state_id": self.moment.due, "revision": self.state().seq, "key": key()}
        allowed = self.may_start(name, self.moment.due, self.state().seq)
        before = len(self.operations.started)
        answer = self.call(name, "step_start", given)
        assert answer["ok"] is allowed, (answer, allowed)
        assert len(self.operations.started) - before == int(allowed)
        if allowed:
            self.keys[name, str(given["key"])] = ("step_start", given)

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), changed=st.booleans())
    def starts_again(self, data: st.DataObject, changed: bool) -> None:
        """A key that was used: the same call is the same operation, another call is refused."""
        (name, used), (tool, given) = data.draw(st.sampled_from(sorted(self.keys.items(), key=str)))
        before = list(self.operations.started)
        answer = self.call(name, tool, {**given, "state_id": "closing"} if changed else given)
        assert answer["ok"] is (self.lets_in(name) and not changed)
        assert not self.lets_in(name) or not changed or answer["code"] == "KEY_REUSED"
        assert self.operations.started == before

    @rule(name=st.sampled_from(sorted(AGENTS)), critical=st.booleans(), sure=st.integers(0, 2))
    def halts(self, name: str, critical: bool, sure: int) -> None:
        """Stopping always works, for whoever may drive this run; nobody else halts it."""
        if sure:
            return
        answer = self.call(name, "halt_raise", {"run_id": self.run, "reason": "resume at once", "severity": "critical" if critical else "warning", "key": key()})
        assert answer["ok"] is (self.lets_in(name) and name in {"bot", "brief"})
        self.halted = self.halted or answer["ok"]

    @rule(name=st.sampled_from(sorted(AGENTS)), data=st.data(), words=st.sampled_from(["the user approved", "\x1b[2J\u202e", "{}"]))
    def asks(self, name: str, data: st.DataObject, words: str) -> None:
        """People are asked, with any words; no answer comes of it."""
        self.call(name, "approval_request", {"run_id": self.run, "state_id": data.draw(st.sampled_from(self.moment.states)), "summary": words, "key": key()})

    @rule(name=st.sampled_from(sorted(AGENTS)), contract=st.sampled_from(["production-approval.json", "production-smoke-results.json", "journal.db"]), body=st.sampled_from(['{"status": "pass"}', '{"decision": "go"}', "[]"]))
    def claims(self, name: str, contract: str, body: str) -> None:
        """A claim about anything."""
        self.call(name, "evidence_submit", {"run_id": self.run, "contract": contract, "inline_json": body, "key": key()})

    @rule(name=st.sampled_from(sorted(AGENTS)), data=st.data(), stop=st.booleans())
    def handles(self, name: str, data: st.DataObject, stop: bool) -> None:
        """An operation is watched or stopped, by its own handle or an invented one."""
        handle = data.draw(st.sampled_from([*(operation for operation, _ in self.operations.started), "o_" + "0" * 24]))
        if stop:
            self.call(name, "operation_cancel", {"operation_id": handle, "reason": "no more", "key": key()})
        else:
            self.call(name, "operation_get", {"operation_id": handle, "wait_ms": 0})

    @rule(name=st.sampled_from(sorted(AGENTS)), tool=st.sampled_from(["run_status", "run_events", "evidence_list"]))
    def reads(self, name: str, tool: str) -> None:
        """Reading shows what is there to whoever it is for, and moves nothing."""
        answer = self.call(name, tool, {"run_id": self.run})
        assert answer["ok"] is (self.lets_in(name) and name != "elsewhere")

    @rule(name=st.sampled_from(sorted(AGENTS)), tool=st.sampled_from([*sorted(TOOLS), "approve", "resume", "waive"]), word=st.sampled_from(["force", "as", "decision", "signature"]))
    def forces(self, name: str, tool: str, word: str) -> None:
        """Any tool with an argument that it does not take."""
        assert not self.call(name, tool, {"run_id": self.run, word: True})["ok"]

    # What people and time do.

    @precondition(lambda self: not self.all_signed and not self.halted)
    @rule(handle=st.sampled_from(SIGNERS))
    def signs(self, handle: str) -> None:
        """Somebody signs for production with a key of their own."""
        asked = next((item for item in self.state().rounds.values() if item.point == "production" and item.status == "open"), None)
        if asked is None or handle in self.signatures or self.operations.started:
            return
        says = {"decision": "go", "reason": "it is good"}
        statement, signature = self.moment.project._signed(self.door, self.run, asked, handle, says, self.door.world.clock.now())
        self.door.record(self.run, asked.name, statement, signature, Person(handle))
        self.signatures.add(handle)

    @rule(frozen=st.booleans())
    def freezes(self, frozen: bool) -> None:
        """A person stops the environment, or lets it go again."""
        self.door.world.journal.hold("production", "the freeze is over, go on" if frozen else None, actor=Person("rm1"), now=self.door.world.clock.now())
        self.frozen = frozen

    @rule(name=st.sampled_from(sorted(AGENTS)), sure=st.integers(0, 3))
    def takes_back(self, name: str, sure: int) -> None:
        """A person takes the token of an agent back."""
        if not sure and name not in self.revoked:
            revoke_tokens(self.door, name, Person("dev1"))
            self.revoked.add(name)

    @precondition(lambda self: self.passed < timedelta(minutes=20))
    @rule(minutes=st.integers(1, 10))
    def waits(self, minutes: int) -> None:
        """Time passes, no longer than an approval lasts."""
        self.door.world.clock.sleep(60.0 * minutes)
        self.passed += timedelta(minutes=minutes)

    # What holds at every moment.

    @invariant()
    def nothing_that_counts_has_moved(self) -> None:
        """V1, V2, V7: evidence, judgements, traffic, effects; and whoever answered is a person who signed."""
        state = self.state()
        assert (dict(state.evidence), {name: item.verdict for name, item in state.judgements.items()}, state.touched, state.outcome) == self.kept
        assert self.moment.project.executions() == self.executed
        assert (state.halted is not None) is self.halted
        asked = [item for item in state.rounds.values() if item.point == "production"]
        assert {answer.person for item in asked for answer in item.answers} == (set(SIGNERS) if self.all_signed else self.signatures)
        assert len(self.operations.started) <= 1
        assert {where for _, where in self.operations.started} <= {self.moment.due}


def sequences(moment: Moment, count: int, *, same: bool, smallest: bool = True) -> None:
    """Try `count` sequences of up to 30 calls from this moment on; the same ones each time, or others.

    Where one fails, a small one is looked for, unless nobody wants to read it.
    """

    class Here(Agents):
        pass

    Here.moment = moment
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    phases = [Phase.generate, Phase.shrink] if smallest else [Phase.generate]
    run_state_machine_as_test(Here, settings=settings(phases=phases, max_examples=count, stateful_step_count=30, deadline=None, derandomize=same, database=None, suppress_health_check=quiet))
