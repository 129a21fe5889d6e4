"""Text that gonogo did not write, made fit to be shown: nothing in it steers a terminal, hides, or points anywhere.

Control, escape, bidirectional and zero-width characters stand escaped where they were, so that nobody overlooks them;
link and image syntax is broken; the length is capped. What remains is data, and stays in fields named `untrusted_*`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MOST: Final = 2000
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKUP: Final = re.compile(r"(!?\[[^\]\n]{0,400}\])\(([^)\n]{0,2000})\)")
_ADDRESS: Final = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,15})://")
_TAG: Final = re.compile(r"<(?=[A-Za-z/!?])")


def cleaned(text: str, most: int = MOST) -> str:
    """`text` for showing: at most `most` characters, with line feeds kept and everything that acts made inert."""
    shown = "".join(_shown(letter) for letter in text[: most + 1])
    shown = _MARKUP.sub(r"\1 (\2)", shown)
    shown = _TAG.sub("‹", _ADDRESS.sub(r"\1:// ", shown))
    return shown if len(text) <= most and len(shown) <= most else f"{shown[: most - 1]}…"


def _shown(letter: str) -> str:
    if letter == "\n" or unicodedata.category(letter) not in _HIDDEN:
        return letter
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"
