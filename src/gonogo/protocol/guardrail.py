"""A guardrail sentence as the parts that each need a guard: `DO NOT x unless a and b` gives a and b (RGD-03)."""

from __future__ import annotations

import re

_UNLESS = re.compile(r"\b(?:unless|until|before|without|until after)\b", re.IGNORECASE)
_SPLIT = re.compile(r",?\s+(?:and|&|or)\s+|,\s+|;\s+", re.IGNORECASE)
_FILLER = re.compile(r"\A(?:the|a|an|all|both|either|explicit|every|have|has|that)\s+", re.IGNORECASE)


def guardrail_parts(text: str) -> tuple[str, ...]:
    """The conditions in `text`, each to be named in the sidecar; the whole sentence where it names none.

    `or` separates parts too: a guardrail that could be met either way is met in full or not at all.
    """
    plain = " ".join(text.replace("**", "").replace("`", "").split()).rstrip(".!")
    found = _UNLESS.search(plain)
    if found is None:
        return (plain,) if plain else ()
    parts = (part.strip() for part in _SPLIT.split(plain[found.end() :]))
    return tuple(part for part in parts if _FILLER.sub("", part)) or (plain,)
