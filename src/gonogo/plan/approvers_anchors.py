"""Reads `anchors:` of the approvers file: who keeps checkpoints of our logs, and how many have to (EVS-16; F41)."""

from __future__ import annotations

from gonogo.errors import GonogoError
from gonogo.evidence.anchor_rules import BRANCH, AnchorRules, GitRule, TsaRule
from gonogo.evidence.sshkeys import PublicKey, public_key
from gonogo.evidence.witnessing import WitnessKey, read_witness_key
from gonogo.plan.reading import WRONG_VALUE, Section


def anchor_rules(section: Section) -> AnchorRules:
    """The rules in the section; what is wrong is noted at its line."""
    git = section.optional("git")
    found = AnchorRules(
        require=section.integer("require", 0),
        witnesses=tuple(_witnesses(section)),
        witness_quorum=section.integer("witness_quorum", 1, least=1),
        git=_git(git) if git is not None else None,
        tsa=tuple(_tsa(item) for item in section.sections("tsa")),
    )
    section.finish()
    if found.witnesses and found.witness_quorum > len(found.witnesses):
        what = f"`anchors.witness_quorum` is {found.witness_quorum}, and {len(found.witnesses)} witnesses are listed"
        section.notes.error(WRONG_VALUE, what, section.origin_of("witness_quorum"), "list more, or ask for fewer")
    return found


def _witnesses(section: Section) -> list[WitnessKey]:
    found = []
    for line in section.texts("witnesses", ()):
        try:
            found.append(read_witness_key(line))
        except GonogoError as error:
            what = f"`anchors.witnesses` holds no key of a witness: {error.what}"
            section.notes.error(WRONG_VALUE, what, section.origin_of("witnesses"), error.next_step)
    return found


def _git(section: Section) -> GitRule:
    found = GitRule(
        section.text("remote"),
        section.text("branch", BRANCH, pattern=r"[A-Za-z0-9][A-Za-z0-9._/-]{0,100}", kind="the name of a branch"),
        tuple(_signers(section)),
    )
    section.finish()
    return found


def _signers(section: Section) -> list[PublicKey]:
    found = []
    for line in section.texts("signers", ()):
        try:
            found.append(public_key(line))
        except GonogoError as error:
            what = f"`{section.path}.signers` holds no usable key: {error.what}"
            section.notes.error(WRONG_VALUE, what, section.origin_of("signers"))
    return found


def _tsa(section: Section) -> TsaRule:
    found = TsaRule(
        section.text("name", pattern=r"[a-z0-9][a-z0-9._-]{0,31}"),
        section.text("url", pattern=r"https?://\S+", kind="an http address"),
        section.text("ca_sha256", pattern=r"[0-9a-f]{64}", kind="the SHA-256 of the root certificate (DER), in hex"),
    )
    section.finish()
    return found
