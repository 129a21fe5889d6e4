"""Words that people read beside a command, an evidence file or a message, and that bind nothing.

The model holds no place for them; a generated document carries them over from its form, verbatim (GEN-10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Remarks:
    """By command text, by evidence path and by message text: what stands before it. `after`: what follows a message.

    `mission` are further sentences of the mission; the model holds its first.
    """

    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    before: Mapping[str, str] = field(default_factory=dict)
    mission: str = ""
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
