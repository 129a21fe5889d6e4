"""The agent door: every call of every agent, on every surface, comes through `AgentDoor.call`; there is no other way.

    1 who      the token is looked up anew: one that was taken back or ran out opens nothing any more
    2 pace     calls above the limit wait
    3 tool     what is not in the table does not exist, listed or not
    4 form     an argument that the tool does not take is refused, never dropped
    5 scope    what the token does not allow is refused, whatever was listed
    6 act      the tool; what changes something is done one call at a time
    7 size     the answer is cut to fit, and says so
    8 trail    a refused call stands in the log of the site, with agent and tool

The door holds no power of its own: no tool can approve, waive, resume or sign, because `control` has no such verb for
an agent, and what a gate needs is judged by the engine from sealed evidence only.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Self, TypeAlias

from gonogo.control.agents import driving, reading
from gonogo.control.agents.asking import Call, Declined
from gonogo.control.agents.pace import Allowances, Pace
from gonogo.control.agents.reception import Progress, Reception
from gonogo.control.agents.resources import resource_at
from gonogo.control.agents.site import AgentSite
from gonogo.control.door import Door
from gonogo.errors import BadInput, Busy, GonogoError, Refused
from gonogo.ports import Clock, Draft
from gonogo.reports.agent_addresses import Resource
from gonogo.reports.agent_answers import Answer, fitted
from gonogo.reports.agent_tools import TOOLS, Tool, nested_too_deep
from gonogo.reports.untrusted import cleaned
from gonogo.run.agent_acts import REFUSED
from gonogo.run.agents import AgentToken, holder
from gonogo.terms import Agent, Digest, Json, digest_of
from gonogo.values import dataclass

Handler: TypeAlias = Callable[[Call], Answer]

HANDLERS: Mapping[str, Handler] = {
    "protocol_list": reading.protocol_list,
    "protocol_show": reading.protocol_show,
    "protocol_check": reading.protocol_check,
    "run_list": reading.run_list,
    "run_start": driving.run_start,
    "run_status": reading.run_status,
    "run_events": reading.run_events,
    "state_explain": reading.state_explain,
    "step_start": driving.step_start,
    "operation_get": driving.operation_get,
    "operation_cancel": driving.operation_cancel,
    "log_search": reading.log_search,
    "evidence_list": reading.evidence_list,
    "evidence_submit": driving.evidence_submit,
    "approval_request": driving.approval_request,
    "halt_raise": driving.halt_raise,
}

INNER_FAULTS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Faults of our own: they become INTERNAL with a reference, and nothing of their text reaches a model."""
NOBODY: Final = Agent("no.token")
"""Who calls with a token that nobody ever made; no token can bear this name."""
LOOK_EVERY: Final = 0.2


def silent(_done: int, _of: int, _state: str) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class AgentDoor:
    """One project, for agents. For several threads, and for several processes side by side."""

    site: AgentSite
    allowed: Allowances

    @classmethod
    def of(cls, door: Door, pace: Pace | None = None, agent_user: str = "") -> AgentDoor:
        """The agent door of an opened project."""
        return cls(AgentSite.of(door, agent_user), Allowances(pace or Pace(), door.world.clock))

    @property
    def reception(self) -> Reception:
        """Who may come in, and what they are shown."""
        return Reception(self.site.tokens, self._clock)

    def open(self) -> Self:
        """This door is open already."""
        return self

    def close(self) -> None:
        """Let go of what this door holds; operations go on. What was refused and only counted is written down."""
        self.tell_rest()
        self.site.operations.close()

    def tell_rest(self) -> None:
        """Write down how many refused calls were counted and not yet written."""
        for name, unsaid in self.allowed.unsaid().items():
            self._note([_counted(unsaid)], Agent(name))

    def admit(self, text: str) -> AgentToken:
        """Who holds this token now; no token is `agent:local`, who reads. Refused where it opens nothing."""
        return self.reception.admit(text)

    def call_as(self, text: str, name: str, given: Mapping[str, Json] | None, progress: Progress = silent) -> Answer:
        """One call by whoever holds the token `text`, which is looked up for this very call."""
        try:
            token = self.admit(text)
        except Refused:
            return self.turned_away(text, name, given)
        return self.call(token, name, given, progress)

    def read_as(self, text: str, address: str) -> Resource | Answer:
        """What stands at an address, for whoever holds the token `text`."""
        try:
            token = self.admit(text)
        except Refused:
            return self.turned_away(text, "resource", {"address": address})
        return self.read(token, address)

    def turned_away(self, text: str, name: str, given: Mapping[str, Json] | None = None) -> Answer:
        """The answer to a token that opens nothing, written down under the name of its agent where it once had one."""
        holds = holder(text, self.site.tokens.tokens())
        self._write_down(holds.agent if holds else NOBODY, name, dict(given or {}), Answer("FORBIDDEN"))
        return Answer("FORBIDDEN")

    def tools(self, token: AgentToken) -> tuple[Tool, ...]:
        """What is listed for a token."""
        return self.reception.tools(token)

    def tools_as(self, text: str) -> tuple[Tool, ...]:
        """What is listed for whoever holds the token `text`; nothing where it opens nothing."""
        try:
            return self.tools(self.admit(text))
        except Refused:
            self.turned_away(text, "tools")
            return ()

    def call(
        self, token: AgentToken, name: str, given: Mapping[str, Json] | None, progress: Progress = silent
    ) -> Answer:
        """One call of one tool. Never raises: what goes wrong is an answer with a code."""
        arguments = dict(given or {})
        found = fitted(_caught(lambda: self._answered(token, name, arguments, progress)))
        if not found.ok:
            self._write_down(token.agent, name, arguments, found)
        return found

    def read(self, token: AgentToken, address: str) -> Resource | Answer:
        """What stands at an address, or why not; written down as a refused call is."""
        found: list[Resource] = []

        def looked() -> Answer:
            if not self.allowed.may_call(token.name):
                return Answer("RATE_LIMITED", wait_ms=1000)
            found.append(resource_at(Call(self.site, token, "resource", {}), address))
            return Answer()

        answer = _caught(looked)
        if answer.ok:
            return found[0]
        self._write_down(token.agent, "resource", {"address": address}, answer)
        return answer

    def _answered(self, token: AgentToken, name: str, given: dict[str, Json], progress: Progress) -> Answer:
        if not self.allowed.may_call(token.name):
            return Answer("RATE_LIMITED", wait_ms=1000)
        tool = TOOLS.get(name)
        if tool is None:
            return Answer("UNKNOWN_TOOL", data={"tools": [item.name for item in self.tools(token)]})
        faults = list(tool.faults(given))
        if faults or nested_too_deep(given):
            wrong: list[Json] = [{"name": one, "fault": fault} for one, fault in faults[:20]]
            return Answer("BAD_ARGUMENTS", data={"arguments": wrong})
        if tool.scope not in token.scopes:
            return Answer("FORBIDDEN", data={"needs": tool.scope.value})
        call = Call(self.site, token, name, given)
        if name == "operation_get":
            return self._watched(call, progress)
        return self._one_at_a_time(call) if tool.changes else HANDLERS[name](call)

    def _one_at_a_time(self, call: Call) -> Answer:
        found: list[Answer] = []
        if call.tool == "run_start" and not self.allowed.may_open(call.token.name):
            return Answer("RATE_LIMITED", wait_ms=60_000)
        if call.tool == "step_start" and self._at_work(call) >= self.allowed.pace.operations:
            return Answer("BUSY", wait_ms=1000)
        self.site.operations.one_at_a_time(lambda: found.append(HANDLERS[call.tool](call)))
        return found[0]

    def _at_work(self, call: Call) -> int:
        """How many operations of this agent live; a repeated key asks about one that is counted already."""
        acts, agent = self.site.acts(), str(call.token.agent)
        if (agent, call.text("key")) in acts.by_key:
            return 0
        recent = [name for name, act in acts.operations.items() if act.agent == agent][
            -2 * self.allowed.pace.operations :
        ]
        return sum(self.site.operations.lives(name) for name in recent)

    def _watched(self, call: Call, progress: Progress) -> Answer:
        """Look, and look again until something changed or the time is up; each look reads what is new, and no more."""
        with self.allowed.waiting(call.token.name) as may:
            until = self._clock.monotonic() + (call.number("wait_ms", 0) / 1000 if may else 0)
            first: tuple[Json, int | None] | None = None
            while True:
                answer = HANDLERS["operation_get"](call)
                done, of = answer.data["done"], answer.data["of"]
                progress(len(done) if isinstance(done, list) else 0, of if isinstance(of, int) else 0, answer.state)
                seen = (answer.data["status"], answer.revision)
                first = first or seen
                left = until - self._clock.monotonic()
                if answer.data["status"] != "working" or left <= 0 or (seen != first and left < LOOK_EVERY):
                    return answer
                self._clock.sleep(min(LOOK_EVERY, left))

    @property
    def _clock(self) -> Clock:
        return self.site.door.world.clock

    def _write_down(self, agent: Agent, name: str, given: Mapping[str, Json], answer: Answer) -> None:
        """A refused call in the log of the site; above so many a minute only their number: none fills a disk."""
        word = self.allowed.refused(agent.name)
        fields: dict[str, Json] = {
            "tool": name if name in TOOLS or name == "resource" else "unknown",
            "code": answer.code,
            "arguments_sha256": _digest(given),
            "run": answer.run,
        }
        drafts = [*([_counted(word.unsaid)] if word.unsaid else []), *([Draft(REFUSED, fields)] if word.itself else [])]
        if drafts:
            self._note(drafts, agent)

    def _note(self, drafts: list[Draft], agent: Agent) -> None:
        try:
            self.site.note(drafts, agent)
        except GonogoError as error:
            sys.stderr.write(f"a refused call of {agent} could not be written down: {type(error).__name__}\n")


def _counted(unsaid: int) -> Draft:
    return Draft(REFUSED, {"tool": "several", "code": "RATE_LIMITED", "count": unsaid})


def _caught(act: Callable[[], Answer]) -> Answer:
    """The answer of `act`; what is raised in it becomes an answer, too, without a word of its text in the open."""
    try:
        return act()
    except Declined as declined:
        return declined.answer
    except GonogoError as error:
        return _in_words(error)
    except INNER_FAULTS as error:
        return _broken(error)


def _digest(given: Mapping[str, Json]) -> Digest:
    return digest_of(repr(sorted(given.items(), key=lambda item: str(item[0]))).encode("utf-8", "backslashreplace"))


def _in_words(error: GonogoError) -> Answer:
    """An error of gonogo: a code of the catalogue; its own words quote files and people, and stay untrusted."""
    match error:
        case Busy():
            code = "BUSY"
        case Refused() | BadInput():
            code = "NOT_READY"
        case _:
            code = "INTERNAL"
    words: dict[str, Json] = {"untrusted_detail": cleaned(str(error), 400), "source": "gonogo's own message"}
    return replace(Answer(code, data=words), wait_ms=1000 if code == "BUSY" else 0)


def _broken(error: Exception) -> Answer:
    reference = secrets.token_hex(6)
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "?"
    sys.stderr.write(f"agent door: {reference}: {type(error).__name__} at {where}\n")
    return Answer("INTERNAL", data={"reference": reference}, wait_ms=1000)
