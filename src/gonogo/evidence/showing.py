"""Foreign text made safe to show: what people read before they sign is what is there (REV-01, APR-01).

Control characters, direction marks and invisible characters are written out by number, so that no text can move the
cursor, turn its direction, or hide a part of itself on the screen where somebody decides.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_BLANKS: Final = frozenset(" \n")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_WIDE_SCRIPTS: Final = ("CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN", "FULLWIDTH", "MATHEMATICAL")


def visible(text: str) -> str:
    """`text` with everything that cannot be seen written as `‹U+202E›`; line feeds stay."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _BLANKS or (character.isprintable() and unicodedata.category(character) not in _UNSEEN):
        return character
    return f"‹U+{ord(character):04X}›"


def lookalikes(text: str) -> tuple[str, ...]:
    """The words of `text` that mix Latin letters with letters of scripts that look like them."""
    return tuple(word for word in text.split() if _mixes(word))


def _mixes(word: str) -> bool:
    names = [unicodedata.name(character, "") for character in word if character.isalpha()]
    latin = any(name.startswith("LATIN") for name in names)
    return latin and any(name.startswith(_WIDE_SCRIPTS) for name in names)


def confusable(handle: str, others: frozenset[str]) -> str:
    """Another handle that looks like `handle` (`l` and `1`, `o` and `0`, `rn` and `m`); empty when there is none."""
    return next((other for other in sorted(others) if other != handle and _skeleton(other) == _skeleton(handle)), "")


def _skeleton(handle: str) -> str:
    flat = handle.replace("rn", "m").replace("vv", "w").translate(str.maketrans("1i0", "llo"))
    return "".join(character for character in flat if character.isalnum())
