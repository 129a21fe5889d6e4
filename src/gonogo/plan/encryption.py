"""Whether what is stored has to be encrypted, and for whom: `encryption` of `gonogo.yaml` (SEC-09)."""

from __future__ import annotations

import re
from typing import Final

from gonogo.findings import Origin
from gonogo.plan.reading import WRONG_VALUE, Section
from gonogo.values import dataclass

_RECIPIENT: Final = re.compile(r"age1[0-9a-z]{20,2000}|(?:ssh-ed25519|ssh-rsa) [A-Za-z0-9+/=]{40,}(?: .{1,200})?")
_KIND: Final = "an age recipient (age1...) or an SSH public key (ssh-ed25519 or ssh-rsa)"


@dataclass(frozen=True, slots=True)
class Encryption:
    """The keys of everybody who may read what a project stores; the engine's own has to be among them."""

    recipients: tuple[str, ...]
    origin: Origin


def read_encryption(section: Section | None) -> Encryption | None:
    """Read `encryption`; where it stands, nothing is stored unencrypted. None where the project does not ask for it."""
    if section is None:
        return None
    found = Encryption(section.texts("recipients"), section.origin)
    for recipient in found.recipients:
        if not _RECIPIENT.fullmatch(recipient):
            section.notes.error(WRONG_VALUE, f"`{recipient[:60]}` is not {_KIND}", section.origin_of("recipients"))
    if not found.recipients:
        said = "`encryption` names no recipient: nobody could read what is stored"
        section.notes.error(WRONG_VALUE, said, section.origin, f"list at least the engine's key: {_KIND}")
    section.finish()
    return found
