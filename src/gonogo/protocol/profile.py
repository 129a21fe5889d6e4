"""How strictly findings are taken: `draft` for authors at work, `strict` for what runs (compiler section 1)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import replace

from gonogo.findings import Finding, Level
from gonogo.protocol.codes import CODES


class Profile(enum.Enum):
    """In DRAFT what is not written yet is a warning; only STRICT can lock, prove or run."""

    DRAFT = "draft"
    STRICT = "strict"


def under(profile: Profile, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """`findings` as `profile` takes them; nothing but completeness (03xx, 06xx) is ever eased."""
    if profile is Profile.STRICT:
        return tuple(findings)
    return tuple(replace(each, level=Level.WARNING) if _eased(each) else each for each in findings)


def _eased(finding: Finding) -> bool:
    code = CODES.get(finding.code)
    return finding.level is Level.ERROR and code is not None and code.eased_in_draft
