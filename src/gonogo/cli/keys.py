"""`gonogo keys`: make, list, enrol, revoke and lint the keys of people (F41, REV-08)."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.adapters.durable import write_file_once
from gonogo.adapters.given_files import given_bytes
from gonogo.adapters.key_making import TYPES, make_key
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.trust.key_keeping import (
    Changed,
    Device,
    enrol,
    file_device,
    lint_signers,
    listed,
    read_key,
    revoke,
    vouched,
)
from gonogo.errors import Refused, WrongUsage
from gonogo.evidence.handles import HANDLE
from gonogo.evidence.signers import RevocationReason
from gonogo.evidence.sshkeys import PublicKey
from gonogo.evidence.vouching import CHALLENGE_BYTES, passkey_registration
from gonogo.findings import Level
from gonogo.plan.approvers_editing import NewKey
from gonogo.terms import digest_of
from gonogo.values import dataclass

ACTIONS = ("new", "list", "challenge", "enrol", "revoke", "lint")


@dataclass(frozen=True, slots=True)
class KeysOptions:
    """What `gonogo keys` takes."""

    action: str
    subject: str
    key: Path | None
    kind: str
    roles: tuple[str, ...]
    reason: str | None
    unprotected: bool
    attestation: Path | None
    passkey: Path | None
    challenge: Path | None
    certificates: tuple[Path, ...]
    yes: bool
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("subject", default="", metavar="[FILE|PERSON|FINGERPRINT]")
@click.option("--key", type=click.Path(path_type=Path), help="enrol: the public key, a .pub file.")
@click.option("--type", "kind", type=click.Choice(TYPES), default="ed25519", help="new: the type of key.")
@click.option("--role", "roles", multiple=True, help="enrol: a role of a person who is not listed yet.")
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in RevocationReason]),
    help="revoke: compromised also casts doubt on what the key signed before.",
)
@click.option("--no-passphrase", "unprotected", is_flag=True, help="new: whoever has the file can sign.")
@click.option("--attestation", type=click.Path(path_type=Path), help="enrol: what ssh-keygen wrote about the device.")
@click.option(
    "--passkey", type=click.Path(path_type=Path), help="enrol: a browser's registration (JSON), for a passkey."
)
@click.option("--challenge", type=click.Path(path_type=Path), help="enrol: the challenge that the device answered.")
@click.option(
    "--root",
    "certificates",
    multiple=True,
    type=click.Path(path_type=Path),
    help="enrol: the maker's root certificate, pinned under `fido` in the approvers file.",
)
@click.option("--yes", is_flag=True, help="Do not ask again after showing what changes.")
@project_option
@json_option
@taking(KeysOptions)
def keys(options: KeysOptions) -> int:
    """Keys of people: `new FILE`, `list`, `enrol PERSON --key FILE.pub`, `revoke FINGERPRINT`, `lint FILE`.

    `challenge FILE` begins the enrolment of a security key or passkey: it writes what the device has to answer.
    """
    match options.action:
        case "new":
            return _new(options)
        case "list":
            return _list(options)
        case "lint":
            return _lint(options)
        case "challenge":
            return _challenge(options)
        case "enrol":
            return _enrol(options)
        case _:
            return _revoke(options)


def _new(options: KeysOptions) -> int:
    path = Path(_subject(options, "a file for the private key"))
    made = make_key(path, options.kind, f"gonogo {path.name}", passphrase=not options.unprotected)
    following = f"gonogo keys enrol YOUR-HANDLE --key {path}.pub"
    if options.as_json:
        say_json({"key": str(path), "public": made.line, "fingerprint": made.fingerprint, "next": following})
    else:
        say(f"{path}: {made.fingerprint}")
        say(f"  next: {following}")
    return 0


def _list(options: KeysOptions) -> int:
    rows = listed(door_at(options.folder))
    if options.as_json:
        say_json(
            {
                "keys": [
                    {
                        "person": row.person,
                        "fingerprint": row.fingerprint,
                        "type": row.type,
                        "assurance": row.assurance,
                        "roles": list(row.roles),
                        "state": row.state,
                    }
                    for row in rows
                ]
            }
        )
        return 0
    for row in rows:
        say(f"{row.person:<16} {row.fingerprint}  {row.assurance}  {row.state:<22} {', '.join(row.roles)}")
    return 0


def _lint(options: KeysOptions) -> int:
    findings = lint_signers(Path(_subject(options, "an allowed_signers file")))
    errors = [item for item in findings if item.level is Level.ERROR]
    if options.as_json:
        say_json(
            {"findings": [{"code": item.code, "message": item.message, "line": item.primary.line} for item in findings]}
        )
    for item in () if options.as_json else findings:
        say(str(item), "red")
    if not (findings or options.as_json):
        say("every line is bound to what it may sign", "green")
    return Refused.exit_code if errors else 0


def _challenge(options: KeysOptions) -> int:
    path = Path(_subject(options, "a file for the challenge"))
    challenge = os.urandom(CHALLENGE_BYTES)
    if not write_file_once(path.absolute(), challenge, 0o644):
        raise Refused(
            "this file is there already", where=str(path), next_step="name a new file: a challenge is used once"
        )
    command = (
        f"ssh-keygen -t ed25519-sk -O verify-required -O application=ssh:gonogo -O challenge={path}"
        " -O write-attestation=attestation.bin -f id_device"
    )
    following = f"gonogo keys enrol YOUR-HANDLE --key id_device.pub --attestation attestation.bin --challenge {path}"
    if options.as_json:
        say_json({"challenge": str(path), "base64url": _base64url(challenge), "command": command, "next": following})
    else:
        say(f"{path}: {CHALLENGE_BYTES} random bytes, for one enrolment (base64url {_base64url(challenge)})")
        say(f"  with the device plugged in: {command}")
        say(f"  next: {following}")
    return 0


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _enrol(options: KeysOptions) -> int:
    person = _subject(options, "the handle of a person")
    if not HANDLE.fullmatch(person) or (options.key is None and options.passkey is None):
        raise WrongUsage("a handle and a public key are needed", next_step="gonogo keys enrol PERSON --key FILE.pub")
    key = read_key(options.key) if options.key is not None else None
    door = door_at(options.folder)
    device = _device(options)
    if device is None:
        assert key is not None
        return _carried_out(options, enrol(door, NewKey(person, key, options.roles)), person, key)
    found = vouched(door, key, device)
    tell(
        f"the device proves {found.level.name}: " + (found.why or f"model {found.aaguid}, vouched for by {found.root}")
    )
    digest = digest_of(device.attestation)
    changed = enrol(door, NewKey(person, found.key, options.roles, found.level, digest if found.root else ""))
    code = _carried_out(options, changed, person, found.key)
    if found.root:
        for path in file_device(door, found, device).paths:
            tell(f"written    {path}")
    return code


def _device(options: KeysOptions) -> Device | None:
    """What was handed in about the device; None where the key is only a key."""
    given = options.attestation or options.passkey
    if given is None:
        return None
    if options.challenge is None:
        raise WrongUsage(
            "the challenge is missing", next_step="say --challenge FILE, as `gonogo keys challenge` wrote it"
        )
    data = given_bytes(given, limit=1 << 18)
    if options.passkey is not None:
        data = passkey_registration(data)
    roots = tuple(given_bytes(path, limit=1 << 18) for path in options.certificates)
    return Device(data, given_bytes(options.challenge, limit=1 << 12), roots)


def _revoke(options: KeysOptions) -> int:
    fingerprint = _subject(options, "the fingerprint of a key")
    if not options.reason:
        raise WrongUsage("a revocation needs a reason", next_step="say --reason departed, lost or compromised")
    changed = revoke(door_at(options.folder), fingerprint, datetime.now(UTC), RevocationReason(options.reason))
    return _carried_out(options, changed, fingerprint, None)


def _carried_out(options: KeysOptions, changed: Changed, subject: str, key: PublicKey | None) -> int:
    tell(changed.difference)
    if not options.yes and os.isatty(0) and not click.confirm("write this?", err=True):
        raise Refused("nothing was written", next_step="the approvers file is as it was")
    changed.write()
    following = "have the change reviewed and committed, then: gonogo trust build"
    if options.as_json:
        say_json({"changed": str(changed.path), "subject": subject, "fingerprint": key.fingerprint if key else subject})
    else:
        say(f"{changed.path.name}: changed for {subject}; {following}")
    return 0


def _subject(options: KeysOptions, what: str) -> str:
    if not options.subject:
        raise WrongUsage(f"`gonogo keys {options.action}` needs {what}", next_step="gonogo keys --help")
    return options.subject
