"""The people of the demonstration: throw-away keys, made anew each time, worth nothing outside its folder.

They sign as everybody does, with `ssh-keygen` and a key file, through `gonogo approve`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.values import dataclass

REQUESTER = "dana"
RELEASE_MANAGER = "maya"
PEOPLE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "maya": ("Maya Throwaway", ("release_manager",)),
    "quinn": ("Quinn Throwaway", ("quality_engineer",)),
    "olu": ("Olu Throwaway", ("product_owner",)),
    "sol": ("Sol Throwaway", ("security_compliance_lead", "security_lead")),
    "sam": ("Sam Throwaway", ("sre_lead",)),
    "dana": ("Dana Throwaway", ("sponsor",)),
}
SIGNERS: Mapping[str, tuple[str, ...]] = {
    "audit_recommendation": ("quinn",),
    "scope": ("olu",),
    "staging_clearance": ("sol",),
    "readiness": ("maya", "olu"),
    "authorisation": ("olu",),
    "monitoring_coverage": ("sam",),
    "security_signoff": ("sol",),
    "scope_confirmation": ("olu",),
    "freeze": ("maya",),
    "production": ("olu", "sam"),
}
"""Who signs at which decision point."""

_DECISIONS = """decisions:
  audit_recommendation: {all_of: [quality_engineer]}
  scope: {all_of: [product_owner]}
  staging_clearance: {all_of: [security_compliance_lead]}
  readiness: {all_of: [release_manager], any_of: [product_owner, quality_engineer], quorum: 2}
  authorisation: {any_of: [sponsor, product_owner]}
  monitoring_coverage: {all_of: [sre_lead]}
  security_signoff: {all_of: [{role: security_lead, when: "security_impact in [yes, not_stated]"}]}
  scope_confirmation: {all_of: [product_owner]}
  production: {any_of: [product_owner, sponsor], all_of: [sre_lead], quorum: 2}
  resume: {all_of: [release_manager]}
freeze_stakeholders: [maya]
"""


@dataclass(frozen=True, slots=True)
class Person:
    """One of them: handle, roles, key file and public key line."""

    handle: str
    roles: tuple[str, ...]
    key: Path
    public: str


def make_people(folder: Path) -> Mapping[str, Person]:
    """Everybody with a fresh Ed25519 key below `folder`, private halves readable by the owner alone."""
    folder.mkdir(mode=0o700, parents=True)
    return {handle: _person(folder / handle, handle, roles) for handle, (_, roles) in PEOPLE.items()}


def _person(file: Path, handle: str, roles: tuple[str, ...]) -> Person:
    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(private)
    coding, public_form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    public = key.public_key().public_bytes(coding, public_form).decode("ascii")
    file.with_name(f"{handle}.pub").write_text(f"{public} {handle}-throw-away\n", encoding="ascii")
    return Person(handle, roles, file, public)


def approvers_file(people: Mapping[str, Person], engine: str) -> str:
    """The text of `config/release-approvers.yaml`; `engine` is the public key line of who seals packages."""
    listed = "".join(
        f"  - id: {one.handle}\n    name: {PEOPLE[one.handle][0]}\n"
        f'    roles: [{", ".join(one.roles)}]\n    keys: ["{one.public}"]\n'
        for one in people.values()
    )
    return (
        "# Throw-away keys of one demonstration. Who signs what is real; the keys are worth nothing.\n"
        f'schema: gonogo/approvers/1\npeople:\n{listed}{_DECISIONS}engines:\n  - {{name: local, key: "{engine}"}}\n'
    )
