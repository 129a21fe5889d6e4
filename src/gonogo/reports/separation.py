"""How far agents are kept apart from what they must not reach: eight statements, and the level that follows from them.

A statement holds, fails, or nobody knows; what nobody knows counts as failing. The check proves a danger that is there,
never that there is none.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator

from gonogo.evidence.ledger import Entry
from gonogo.run.agent_acts import ACTED, Act, act_of
from gonogo.terms import Json
from gonogo.values import dataclass

MOST_NAMED = 5


class Separation(enum.IntEnum):
    """What is promised towards an agent. ENFORCED: it cannot tamper. EVIDENT: tampering shows. ADVISORY: neither."""

    ADVISORY = 0
    EVIDENT = 1
    ENFORCED = 2

    @property
    def word(self) -> str:
        """The level as people write it."""
        return {0: "advisory", 1: "tamper-evident", 2: "enforced"}[self.value]


WORDS = {level.word: level for level in Separation}


def lowest(site: Iterable[Entry], run: str) -> str:
    """How far agents were kept apart while they opened or drove a run, at the worst; empty where none did."""
    levels = [WORDS[act.separation] for act in _acts(site, run) if act.separation in WORDS]
    return min(levels).word if levels else ""


def _acts(site: Iterable[Entry], run: str) -> Iterator[Act]:
    for entry in site:
        if entry.type == ACTED and entry.data.get("run") == run:
            yield act_of(entry)


@dataclass(frozen=True, slots=True)
class Reach:
    """What the agent's user could reach, as somebody looked. None means that nobody could tell.

    Names only: no key, no value of a variable and no content of a file ever stands here.
    """

    same_user: bool | None
    writable: tuple[str, ...] | None
    keys: tuple[str, ...] | None
    credentials: tuple[str, ...] | None
    weak_keys: tuple[str, ...]
    policy_signed: bool
    anchored: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its number, what it says, whether it holds (None: unknown), why not, and what to do."""

    number: str
    says: str
    holds: bool | None
    detail: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, Json]:
        """The statement for `--json`."""
        words = {True: "holds", False: "fails", None: "unknown"}
        return {
            "number": self.number,
            "says": self.says,
            "holds": words[self.holds],
            "detail": self.detail or None,
            "remedy": self.remedy or None,
        }


SAYS = {
    "S1": "agents run as another user, or on another host, than the engine",
    "S2": "agents cannot write the journal, the vault, rules, keys or gonogo itself",
    "S3": "agents cannot read an approver's private key, nor reach a key agent that holds one",
    "S4": "agents hold no deploy credentials",
    "S5": "every approver's key needs a touch, or a verified person",
    "S6": "people and rules are signed by admins whose keys agents cannot reach",
    "S7": "the head of the log is kept outside of this machine",
    "S8": "deploy targets accept nobody but the engine",
}
REMEDIES = {
    "S1": "let another user than NAME run the engine: gonogo mcp serve --http --agent-user NAME; look again with: "
    "gonogo doctor --agents --agent-user NAME",
    "S2": "give these to the engine's user, and take the right to write from everybody else",
    "S3": "keep approvers' keys on devices or on other machines; do not forward SSH_AUTH_SOCK to agents",
    "S4": "give deploy credentials to the engine's user only; start agents without these variables and files",
    "S5": "enrol security keys or passkeys: gonogo keys enrol PERSON --key FILE.pub",
    "S6": "name `admins` in the approvers file, then: gonogo trust build, gonogo trust sign --key KEY",
    "S7": "hand the log to somebody else: gonogo witness add RUN --to PLACE, or `anchors` in the approvers file",
    "S8": "give the targets credentials that only the engine holds",
}


def statements(reach: Reach) -> tuple[Statement, ...]:
    """The eight statements about what was seen."""
    other = None if reach.same_user is None else not reach.same_user
    return (
        _said("S1", other, "the agent's process has the user id of the engine" if reach.same_user else ""),
        _none("S2", reach.writable),
        _none("S3", reach.keys),
        _none("S4", reach.credentials),
        _none("S5", reach.weak_keys),
        _said(
            "S6",
            reach.policy_signed and reach.keys == (),
            "" if reach.policy_signed else "the policy is signed by nobody",
        ),
        _said("S7", reach.anchored, "" if reach.anchored else "nobody else kept a checkpoint in the last 7 days"),
        _said("S8", None, "only the operator of the targets can say that; it is not checked"),
    )


def _said(number: str, holds: bool | None, detail: str) -> Statement:  # noqa: FBT001 - a statement holds or not
    return Statement(number, SAYS[number], holds, detail, REMEDIES[number])


def _none(number: str, found: tuple[str, ...] | None) -> Statement:
    if found is None:
        return _said(number, None, "it could not be looked at")
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return _said(number, not found, f"{', '.join(found[:MOST_NAMED])}{more}" if found else "")


def level(found: tuple[Statement, ...]) -> Separation:
    """The level that the statements carry; what is unknown carries nothing."""
    held = {item.number for item in found if item.holds}
    if held >= {"S1", "S2", "S3", "S4", "S6", "S7"}:
        return Separation.ENFORCED
    return Separation.EVIDENT if held >= {"S5", "S7"} else Separation.ADVISORY
