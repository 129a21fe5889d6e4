"""What headings and bold heads say: titles, phases, dotted steps, gates (section 4; DOC-02, DOC-09, DOC-11)."""

from __future__ import annotations

import re

from gonogo.document.vocabulary import slug_of
from gonogo.values import dataclass

_TITLE = re.compile(
    r"^(?:\W*)protocol\b(?:\s+(?P<number>\d{1,4}[A-Za-z]?|[A-Z]{2}\d{0,2}))?\s*(?P<mark>[:–—-])\s*(?P<name>\S.*)$",
    re.IGNORECASE,
)
_RULE_TITLE = re.compile(
    r"^(?:\W*)rule\s*[:–—-]\s*(?:protocol\s+(?P<number>\d{1,4}[A-Za-z]?|[A-Z]{2})\s*[:–—-]\s*)?(?P<name>\S.*)$",
    re.IGNORECASE,
)
_TAG = re.compile(r"\s*\((?P<tag>[^()]*\bcompliant)\)\s*$", re.IGNORECASE)
_VERSION = re.compile(r"[\s(\[]*\bv?\d+\.\d+(?:\.\d+)?\b[)\]]*|\s*[(\[]v\d+[)\]]|\s+v\d+$", re.IGNORECASE)
_PHASE = re.compile(
    r"^(?:\d+(?:\.\d+)*\.?\s+)?(?P<word>step|phase)\s+(?P<number>\d+[A-Za-z]?(?:\.\d+)*)\.?"
    r"(?:\s*[:.–—-]+\s*(?P<title>.*)|\s*)$",
    re.IGNORECASE,
)
_GATE = re.compile(
    r"^(?:\d+(?:\.\d+)*\.?\s+)?(?:quality\s+)?gate\s*"
    r"(?P<number>\d{1,3}[A-Za-z]?(?:\.\d+)?)?\s*[:–—-]\s*(?P<name>\S.*)$",
    re.IGNORECASE,
)
_GATE_KIND = re.compile(
    r"\s*(?:\[(?P<square>[^\[\]]+)\]|\((?P<round>prerequisite|execution|completion|validation)\))\s*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Title:
    """A protocol's title, its parts kept apart. `rule` says that it is a rule document (class R)."""

    name: str
    number: str
    tag: str
    slug: str
    rule: bool


@dataclass(frozen=True, slots=True)
class PhaseHead:
    """`STEP 2: T`, `PHASE 2: T`, `2.1 PHASE 2: T`; a dotted number makes it a step of the phase."""

    word: str
    number: str
    title: str

    @property
    def dotted(self) -> bool:
        """Whether it heads a step (`STEP 2.1: T`) and not a phase."""
        return "." in self.number


@dataclass(frozen=True, slots=True)
class GateHead:
    """`Gate 1: T`, `Quality Gate: T`, with an optional kind in brackets."""

    number: str
    name: str
    kind: str


def title_of(text: str) -> Title | None:
    """The title of a protocol or rule, or None for any other level-1 heading."""
    text = text.replace("*", "").replace("`", "").strip()
    match = _RULE_TITLE.match(text)
    rule = match is not None
    if match is None:
        match = _TITLE.match(text)
    if match is None:
        return None
    name, tag = match["name"].strip(), ""
    tagged = _TAG.search(name)
    if tagged is not None:
        name, tag = name[: tagged.start()].strip(), tagged["tag"]
    return Title(name, match["number"] or "", tag, slug_of(_VERSION.sub("", name)), rule)


def phase_of(text: str) -> PhaseHead | None:
    """The phase (or dotted step) that a heading opens, or None."""
    match = _PHASE.match(_bare(text))
    if match is None:
        return None
    return PhaseHead(match["word"].lower(), match["number"], (match["title"] or "").strip().rstrip(":").strip())


def gate_of(text: str) -> GateHead | None:
    """The gate that a heading or a bold head opens, or None."""
    match = _GATE.match(_bare(text))
    if match is None:
        return None
    name, kind = match["name"].strip().rstrip(":").strip(), ""
    suffix = _GATE_KIND.search(name)
    if suffix is not None:
        name, kind = name[: suffix.start()].strip(), (suffix["square"] or suffix["round"]).strip()
    return GateHead(match["number"] or "", name, kind)


def _bare(text: str) -> str:
    text = text.replace("*", "").replace("`", "").strip()
    while text and not text[0].isalnum():
        text = text[1:]
    return text
