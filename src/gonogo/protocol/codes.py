"""Every code of a finding by its number, and the one way to make a finding (DOC-16, DOC-24).

`gonogo explain CODE` prints an entry; reading and linting make findings by `finding`, so that a level or a title stands
in one place only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gonogo.findings import Finding, Fix, Label, Origin
from gonogo.protocol.code import Code, FixKind
from gonogo.protocol.codes_of_reading import CODES_OF_READING
from gonogo.protocol.codes_of_rules import CODES_OF_RULES

__all__ = ["CODES", "Code", "FixKind", "finding"]

CODES: Mapping[str, Code] = MappingProxyType({code.code: code for code in (*CODES_OF_READING, *CODES_OF_RULES)})
"""All codes, by number."""


def finding(
    code: str,
    message: str,
    primary: Origin,
    *,
    labels: Iterable[Label] = (),
    notes: Iterable[str] = (),
    fixes: Iterable[Fix] = (),
) -> Finding:
    """The finding `code` at `primary`, at the level that the table gives."""
    return Finding(code, CODES[code].level, message, primary, tuple(labels), tuple(notes), tuple(fixes))
