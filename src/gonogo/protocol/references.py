"""What protocol a text such as `Protocol 4 (Quality Audit)` or `04-quality-audit` means (IOP-08, C1).

A protocol is its slug; the number is display text and never decides alone, since one number may mean two protocols.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from gonogo.protocol.model import Protocol
from gonogo.values import dataclass

_NUMBERED = re.compile(r"\bprotocols?\b\s*[-#]?\s*(?P<number>\d+[a-z]?|[a-z]{2}\b)?", re.IGNORECASE)
_LEADING = re.compile(r"\A\s*(?P<number>\d+[a-z]?)\s*(?:[-:.)]|\Z)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """The reference means exactly this protocol."""

    slug: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The reference could mean each of these protocols, or bears only a number (GN0503)."""

    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """The reference names a protocol that is not in the set; `slug` is made from its own words."""

    slug: str


Meaning: TypeAlias = Named | Ambiguous | Outside


def hyphened(text: str) -> str:
    """`text` as a slug: lower case, letters and digits, single hyphens."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return re.sub(r"[^a-z0-9]+", "-", "".join(c for c in plain if not unicodedata.combining(c))).strip("-")


def words_of(reference: str) -> str:
    """The reference without its number, as a slug: `Protocol 4 (Quality Audit)` gives `quality-audit`."""
    text = reference.rsplit("/", 1)[-1].removesuffix(".md")
    return hyphened(_NUMBERED.sub(" ", _LEADING.sub("", text)))


def number_of(reference: str) -> str:
    """The number in a reference, without leading zeros; empty where there is none."""
    found = _LEADING.search(reference.rsplit("/", 1)[-1]) or _NUMBERED.search(reference)
    return ((found["number"] or "").lstrip("0") or "0") if found and found["number"] else ""


def resolve(
    reference: str, artifacts: Sequence[str], protocols: Sequence[Protocol], producers: Mapping[str, tuple[str, ...]]
) -> Meaning:
    """What `reference` means: by its own words, else by an artifact that exactly one known protocol produces."""
    words = words_of(reference)
    if words:
        exact = [protocol.slug for protocol in protocols if words == protocol.slug]
        loose = exact or [protocol.slug for protocol in protocols if _akin(words, protocol.slug)]
        if len(loose) > 1:
            return Ambiguous(tuple(sorted(loose)))
        return Named(loose[0]) if loose else Outside(words)
    made = {slug for artifact in artifacts for slug in producers.get(artifact, ())}
    if len(made) == 1:
        return Named(made.pop())
    number = number_of(reference)
    same = [protocol.slug for protocol in protocols if number and protocol.number.lstrip("0").casefold() == number]
    return Ambiguous(tuple(sorted(made or same)))


def _akin(words: str, slug: str) -> bool:
    """A shorter name of the same protocol: `production-deployment` for `production-deployment-release-management`."""
    return slug.startswith(f"{words}-") or words.startswith(f"{slug}-")
