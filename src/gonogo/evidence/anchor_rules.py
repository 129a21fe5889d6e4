"""Which anchors the people to trust ask for: witnesses, a signed branch, time stamps (trust section 11; F41).

An anchor is a checkpoint of the log that somebody else keeps. `require` says by how many different ones the end of a
log has to be confirmed; without any rule one is enough, whatever it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gonogo.evidence.canonical import Tree
from gonogo.evidence.closed import Fields, closed, names
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.evidence.witnessing import WitnessKey, read_witness_key
from gonogo.values import dataclass

BRANCH: Final = "gonogo-checkpoints"


@dataclass(frozen=True, slots=True)
class GitRule:
    """A branch that another party protects; `signers` may sign its commits beside the engines."""

    remote: str
    branch: str = BRANCH
    signers: tuple[PublicKey, ...] = ()


@dataclass(frozen=True, slots=True)
class TsaRule:
    """An authority for time stamps (RFC 3161): where it is asked, and the SHA-256 of its root certificate (DER)."""

    name: str
    url: str
    ca_sha256: str


@dataclass(frozen=True, slots=True)
class AnchorRules:
    """What is asked for: how many anchors, cosignatures of which witnesses, which branch, which clocks."""

    require: int = 0
    witnesses: tuple[WitnessKey, ...] = ()
    witness_quorum: int = 1
    git: GitRule | None = None
    tsa: tuple[TsaRule, ...] = ()

    @property
    def needed(self) -> int:
        """How many different anchors have to agree before anything is called anchored."""
        return max(1, self.require)


NO_RULES: Final = AnchorRules()


def rules_tree(rules: AnchorRules) -> dict[str, Tree]:
    """The rules as they stand in `policy.json`; nothing at all where there are none."""
    if rules == NO_RULES:
        return {}
    fields: dict[str, Tree] = {
        "require": rules.require,
        "witnesses": [witness.vkey for witness in rules.witnesses],
        "witness_quorum": rules.witness_quorum,
        "tsa": [{"name": item.name, "url": item.url, "ca_sha256": item.ca_sha256} for item in rules.tsa],
    }
    if rules.git is not None:
        signers: Sequence[Tree] = [key.line for key in rules.git.signers]
        fields["git"] = {"remote": rules.git.remote, "branch": rules.git.branch, "signers": signers}
    return {"anchors": fields}


def read_rules(top: Fields) -> AnchorRules:
    """The rules in a policy. Raises BadInput for anything but sound ones."""
    if "anchors" not in top.values:
        return NO_RULES
    where = f"{top.where}.anchors"
    fields = closed(top.values["anchors"], where, names("require witnesses witness_quorum tsa"), names("git"))
    git = None
    if "git" in fields.values:
        part = fields.part("git", names("remote branch signers"))
        git = GitRule(part.text("remote"), part.text("branch"), tuple(map(public_key, part.texts("signers"))))
    return AnchorRules(
        fields.integer("require"),
        tuple(map(read_witness_key, fields.texts("witnesses"))),
        fields.integer("witness_quorum"),
        git,
        tuple(
            TsaRule(item.text("name"), item.text("url"), item.text("ca_sha256"))
            for item in fields.parts("tsa", names("name url ca_sha256"))
        ),
    )
