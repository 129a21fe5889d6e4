"""How a protocol speaks: `announce` of `gonogo.yaml`, and the brands and sentences of the document (COM-02..COM-08).

The grammar of a prefix is fixed; what is chosen is the brand in it and the family. Sentences are the document's own,
the moments at which they are said are the engine's (COM-28).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.plan.channels import ChannelBinding, read_channel, read_occasions
from gonogo.plan.reading import WRONG_VALUE, Section
from gonogo.protocol.model import Message, Protocol, all_steps
from gonogo.terms import Occasion
from gonogo.values import dataclass

DEFAULT_BRAND: Final = "GONOGO"
FAMILIES: Final = ("document", "brand", "protocol")
_PHASE: Final = re.compile(
    r"\[(?:(?P<brand>[^\]|\[]+?) \| |(?P<small>DEPLOYMENT) )?PHASE (?P<phase>\d{1,2})(?: (?P<word>START|COMPLETE))?\]"
    r"\s*(?:-\s*)?(?P<text>.*)",
    re.DOTALL,
)
_SHORT: Final = re.compile(r"\[(?P<brand>[^\]|\[]+?) (?:ERROR|ANNOUNCEMENT|[A-Z]+ REQUIRED|GATE FAILED)\b")
_NUMBERED: Final = re.compile(r"PROTOCOL \d{1,3}")
_OF_OTHERS: Final = frozenset({"DEPLOYMENT", "VALIDATION"})


@dataclass(frozen=True, slots=True)
class ToldBy:
    """A command that gets every message for `roles` on these occasions; without either it gets all of them."""

    command: str
    roles: tuple[str, ...]
    occasions: tuple[Occasion, ...] = ()


@dataclass(frozen=True, slots=True)
class Announce:
    """The section `announce`: brands (empty: the document's), family of prefixes, and who gets the messages."""

    brand: str
    short_brand: str
    family: str
    terminal: bool
    commands: tuple[ToldBy, ...]
    channels: tuple[ChannelBinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Voice:
    """Brands, family and number of the prefixes, and the document's sentences at the begin and end of a phase."""

    brand: str
    short: str
    family: str
    number: str
    begins: Mapping[int, str]
    ends: Mapping[int, str]

    def begin(self, phase: int) -> str:
        """Prefix of the message that a phase begins."""
        match self.family:
            case "deployment":
                return f"[DEPLOYMENT PHASE {phase}]"
            case "protocol":
                return f"[PROTOCOL {self.number} | PHASE {phase} START]"
            case _:
                return f"[{self.brand} | PHASE {phase} START]"

    def end(self, phase: int) -> str:
        """Prefix of the message that a phase is done."""
        match self.family:
            case "deployment":
                return f"[DEPLOYMENT PHASE {phase} COMPLETE]"
            case "protocol":
                return f"[PROTOCOL {self.number} | PHASE {phase} COMPLETE]"
            case _:
                return f"[{self.brand} | PHASE {phase} COMPLETE]"

    def course(self, word: str) -> str:
        """Prefix of a message about the run as a whole, such as RUN START."""
        match self.family:
            case "deployment":
                return f"[{word}]"
            case "protocol":
                return f"[PROTOCOL {self.number} | {word}]"
            case _:
                return f"[{self.brand} | {word}]"

    @property
    def error(self) -> str:
        """Prefix of the message that a run stopped."""
        return f"[PROTOCOL {self.number} ERROR]" if self.family == "protocol" else f"[{self.short} ERROR]"


def read_announce(section: Section) -> Announce:
    """Read `announce`; everything in it has a default."""
    name = r"[^\[\]|\n{}]{1,40}"
    found = Announce(
        brand=section.text("brand", "", pattern=name, kind="at most 40 letters without brackets"),
        short_brand=section.text("short_brand", "", pattern=name, kind="at most 40 letters without brackets"),
        family=section.choice("family", FAMILIES, "document"),
        terminal=section.flag("terminal", default=False),
        commands=tuple(_told_by(item) for item in section.sections("commands")),
        channels=tuple(read_channel(item) for item in section.sections("channels")),
    )
    names = Counter([told.command for told in found.commands] + [channel.name for channel in found.channels])
    for name in sorted(name for name, count in names.items() if count > 1):
        what = f"`announce` has two channels of the name `{name}`"
        section.notes.error(WRONG_VALUE, what, section.origin_of("channels"))
    section.finish()
    return found


def _told_by(section: Section) -> ToldBy:
    found = ToldBy(section.text("command"), section.texts("roles", ()), read_occasions(section, ()))
    section.finish()
    return found


def voice_of(protocol: Protocol, chosen: Announce, number: str) -> Voice:
    """The voice of a document under the project's choice: what the project leaves open, the document says."""
    texts = tuple(message.text for message in _messages(protocol))
    phases = [found for text in texts if (found := _PHASE.match(text))]
    spoken, family = _spoken(phases)
    brand = chosen.brand or protocol.brand or spoken or DEFAULT_BRAND
    return Voice(
        brand=brand,
        short=_short(chosen, texts) or brand,
        family=family if chosen.family == "document" else chosen.family,
        number=number,
        begins=_sentences(phases, family, "START"),
        ends=_sentences(phases, family, "COMPLETE"),
    )


def rest_of(text: str) -> tuple[str, str]:
    """Prefix and sentence of a message: `[PHASE 1] Comparing...` has both, plain words have no prefix."""
    found = re.match(r"(\[[^\]\n]{1,80}\])\s*(?:-\s*)?(.*)", text, re.DOTALL)
    return (found[1], found[2].strip()) if found else ("", text.strip())


def marks_phase(text: str) -> bool:
    """Whether a message begins or ends a phase; the engine says those from its events, at their own moments."""
    found = _PHASE.match(text)
    return found is not None and bool(found["word"] or found["small"])


def _messages(protocol: Protocol) -> Iterator[Message]:
    for step in all_steps(protocol):
        yield from step.says
    yield from (*protocol.announcements, *protocol.prompts, *protocol.error_messages)


def _spoken(phases: list[re.Match[str]]) -> tuple[str, str]:
    brand = next((found["brand"] for found in phases if found["brand"]), "")
    if _NUMBERED.fullmatch(brand):
        return "", "protocol"
    return brand, "deployment" if not brand and any(found["small"] for found in phases) else "brand"


def _short(chosen: Announce, texts: tuple[str, ...]) -> str:
    if chosen.short_brand or chosen.brand:
        return chosen.short_brand or chosen.brand.strip(" ™®")
    found = (match["brand"] for text in texts if (match := _SHORT.match(text)))
    return next((word for word in found if word not in _OF_OTHERS and not _NUMBERED.fullmatch(word)), "")


def _sentences(phases: list[re.Match[str]], family: str, word: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for item in phases:
        begins = item["word"] is None and item["small"] and word == "START" and family == "deployment"
        if item["word"] == word or begins:
            found.setdefault(int(item["phase"]), item["text"].strip())
    return found
