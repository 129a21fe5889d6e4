"""A call of an agent, as the tools get it, and how a tool says no."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from gonogo.control.agents.site import AgentSite
from gonogo.control.opening import Opened
from gonogo.errors import BadInput, GonogoError
from gonogo.reports.agent_answers import MOST_ROWS, Answer, fitting
from gonogo.run.agents import AgentToken
from gonogo.terms import Json
from gonogo.values import dataclass

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows, of how many bytes together, one page has."""

    rows: int = 50
    size: int = MOST_ROWS


ROOM: Final = Room()


class Declined(GonogoError):
    """A tool does not do what it was asked; the answer says why, in the words of the catalogue."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted call: who asks by which token, on which site, with arguments that have the form of the tool."""

    site: AgentSite
    token: AgentToken
    tool: str
    given: Mapping[str, Json]

    def text(self, name: str, default: str = "") -> str:
        """A text argument."""
        value = self.given.get(name)
        return value if isinstance(value, str) else default

    def number(self, name: str, default: int) -> int:
        """A numeric argument."""
        value = self.given.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def run(self) -> Opened:
        """The run that the call is about. One that the token does not reach is not found, as if it were not there."""
        return self.named(self.text("run_id"))

    def named(self, name: str) -> Opened:
        """A run by name, as `run` gives it."""
        try:
            opened = self.site.run(name)
        except BadInput as error:
            raise Declined(Answer("NOT_FOUND")) from error
        if not self.token.reaches(opened.plan.name, opened.plan.environment):
            raise Declined(Answer("NOT_FOUND"))
        return opened

    def page(
        self, rows: Sequence[Row], as_json: Callable[[Row], Json], room: Room = ROOM
    ) -> tuple[list[Json], str | None]:
        """The rows from the cursor on, as many as the answer has room for, and the cursor of what follows them."""
        begin = int(self.text("cursor", "0"))
        shown = [as_json(row) for row in rows[begin : begin + room.rows]]
        shown = shown[: fitting(shown, room.size)]
        end = begin + len(shown)
        return shown, str(end) if end < len(rows) else None
