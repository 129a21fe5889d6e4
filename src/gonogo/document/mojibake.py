"""Text whose UTF-8 bytes were once decoded through another code page, turned back (DOC-22; compiler section 9).

The rule works on the whole text: every maximal run of characters beyond ASCII has to turn back into valid UTF-8
through *one* code page. Then the text was damaged, and all runs are repaired, once. Some runs turning and some not, or
two code pages giving two texts, is doubt, and doubt is never repaired.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gonogo.values import dataclass

RUN = re.compile(r"[^\x00-\x7f]+")

_UNUSUAL = re.compile("[\u0250-\u036f\u0530-\u07ff]")
_UNDEFINED_IN_1252 = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


def _page(encoding: str) -> Mapping[str, int]:
    table = {}
    for byte in range(0x80, 0x100):
        if encoding == "cp1252" and byte in _UNDEFINED_IN_1252:
            table[chr(byte)] = byte
        else:
            table[bytes([byte]).decode(encoding)] = byte
    return table


PAGES: Mapping[str, Mapping[str, int]] = {"mac_roman": _page("mac_roman"), "cp1252": _page("cp1252")}


@dataclass(frozen=True, slots=True)
class Sound:
    """The text shows no damage."""


@dataclass(frozen=True, slots=True)
class Mended:
    """Every run turned back through `page`; `text` is the repaired text, `places` the number of runs."""

    text: str
    page: str
    places: int
    first: int


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Part of the runs turn back, or two code pages disagree; `first` is the offset of a run that shows it."""

    reason: str
    first: int


def turned(run: str, page: Mapping[str, int]) -> str | None:
    """`run` read through the bytes of `page` as UTF-8, or None where that is impossible or gives no usual character.

    A clean text can hold two neighbours, such as a no-break space and `≤`, whose bytes happen to be UTF-8. They turn
    into phonetic, combining or right-to-left letters, which no repaired symbol ever was: that is chance and not damage.
    """
    try:
        result = bytes([page[char] for char in run]).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return None
    return None if _UNUSUAL.search(result) else result


def mend(text: str) -> Sound | Mended | Doubtful:
    """Judge `text` as a whole and repair it where the damage is beyond doubt."""
    runs = set(RUN.findall(text))
    if not runs:
        return Sound()
    turns = {name: {run: turned(run, page) for run in runs} for name, page in PAGES.items()}
    whole = [name for name, table in turns.items() if all(result is not None for result in table.values())]
    if len(whole) > 1 and turns[whole[0]] != turns[whole[1]]:
        return Doubtful("two code pages turn it into two different texts", _first(text, lambda _run: True))
    if whole:
        table = turns[whole[0]]
        places = sum(1 for _ in RUN.finditer(text))
        mended = RUN.sub(lambda match: table[match.group()] or match.group(), text)
        return Mended(mended, whole[0], places, _first(text, lambda _run: True))
    best = max(turns.values(), key=lambda table: sum(result is not None for result in table.values()))
    if any(result is not None for result in best.values()):
        return Doubtful("some characters look misread, others do not", _first(text, lambda run: best[run] is None))
    return Sound()


def _first(text: str, wanted: Callable[[str], bool]) -> int:
    return next(match.start() for match in RUN.finditer(text) if wanted(match.group()))
