"""`gonogo trust`: the files by which others verify, built, checked and signed by admins (F41, CFG-02)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.keys import sign_with_ssh_keygen
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.policy_files import FOLDER
from gonogo.control.trust.trusting import build, check, newest, record_signature, ring_of
from gonogo.errors import Refused, WrongUsage
from gonogo.evidence.policy import POLICY_NAMESPACE
from gonogo.findings import Level, forbids
from gonogo.values import dataclass

ACTIONS = ("init", "build", "check", "sign")
COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.INFO: ""}


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """What `gonogo trust` takes."""

    action: str
    key: Path | None
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("action", type=click.Choice(ACTIONS))
@click.option("--key", type=click.Path(path_type=Path), help="sign: your private key, or a .pub in your agent.")
@actor_option
@project_option
@json_option
@taking(TrustOptions)
def trust(options: TrustOptions) -> int:
    """Trust files below config/trust: `init` and `build` write them, `check` compares, `sign` is for admins."""
    door = door_at(options.folder)
    match options.action:
        case "check":
            return _check(door, options)
        case "sign":
            return _sign(door, options)
        case _:
            return _build(door, options)


def _build(door: Door, options: TrustOptions) -> int:
    built = build(door, actor_of(options.who))
    ring, _ = ring_of(door)
    keys = [(person.handle, key.key.fingerprint) for person in ring.people for key in person.keys]
    if options.as_json:
        say_json(
            {
                "version": built.version,
                "policy_sha256": built.sha256,
                "written": list(built.paths),
                "keys": [{"person": person, "fingerprint": fingerprint} for person, fingerprint in keys],
            }
        )
        return 0
    for path in built.paths:
        say(f"written    {path}", "green")
    say(f"version {built.version} of the policy: sha256 {built.sha256}")
    if options.action == "init":
        tell("compare each fingerprint with its owner, by another way than this file:")
        for person, fingerprint in keys:
            tell(f"  {person:<16} {fingerprint}")
    following = "commit config/trust; hand it to whoever verifies packages"
    if ring.admins:
        following = f"let {ring.admin_threshold} of {', '.join(ring.admins)} run: gonogo trust sign --key KEY"
    say(f"  next: {following}")
    return 0


def _check(door: Door, options: TrustOptions) -> int:
    findings = check(door)
    if options.as_json:
        rows = [
            {"code": item.code, "level": item.level.name.lower(), "message": item.message, "where": str(item.primary)}
            for item in findings
        ]
        say_json({"findings": rows})
    else:
        for item in findings:
            say(str(item), COLOURS[item.level])
        if not findings:
            say("the trust files are what the approvers file gives", "green")
    return Refused.exit_code if forbids(findings) else 0


def _sign(door: Door, options: TrustOptions) -> int:
    if options.key is None:
        raise WrongUsage("signing needs your key", next_step="gonogo trust sign --key ~/.ssh/id_ed25519")
    data = newest(door)
    signature = sign_with_ssh_keygen(data, POLICY_NAMESPACE, options.key, words=tell)
    path = record_signature(door, signature, actor_of(options.who))
    if options.as_json:
        say_json({"signature": path})
    else:
        say(f"written    {path}", "green")
        say(f"  next: commit {FOLDER}")
    return 0
