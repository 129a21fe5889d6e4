"""`gonogo keep`: a signed statement that files are kept longer, or that an earlier one ends (ARC-05, ARC-06)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.adapters.durable import make_folder, write_file
from gonogo.adapters.keys import sign_with_ssh_keygen
from gonogo.cli.deciding import key_option, role_option, signing_person
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json, tell
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.cleaning import OVERRIDES
from gonogo.errors import Refused, WrongUsage
from gonogo.evidence.closed import moment_text
from gonogo.evidence.retention import NAMESPACE, override_bytes, read_override
from gonogo.plan.reading import moment_of
from gonogo.terms import digest_of


@dataclass(frozen=True, slots=True)
class KeepOptions:
    """What `gonogo keep` takes."""

    objects: tuple[str, ...]
    until: str
    release: bool
    reason: str
    key: Path
    role: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("objects", nargs=-1, required=True, metavar="SHA256...")
@click.option("--until", required=True, help="Until when, such as 2030-01-01T00:00:00Z.")
@click.option("--release", is_flag=True, help="End an earlier wish; the usual time holds again, never a shorter one.")
@click.option("--reason", required=True, help="Why: shown in each inventory.")
@key_option
@role_option
@project_option
@json_option
@taking(KeepOptions)
def keep(options: KeepOptions) -> int:
    """Keep the files with these digests longer than their time; `gonogo cleanup` then leaves them."""
    until = moment_of(options.until)
    if until is None:
        raise WrongUsage(f"`{options.until}` is no time", next_step="write for example 2030-01-01T00:00:00Z")
    door = door_at(options.folder)
    ring = door.world.ring()
    person, _ = signing_person(ring, options.key, door.workspace.project.approvers)
    rule = ring.rule("retention")
    able = sorted(person.roles & rule.roles) if rule is not None else []
    if not able and not options.role:
        raise Refused(f"{person.handle} may not decide how long files are kept", next_step="gonogo keys list")
    now = datetime.now(UTC)
    data = override_bytes(
        {
            "objects": sorted(options.objects),
            "action": "release" if options.release else "extend",
            "until": moment_text(until),
            "justification": options.reason,
            "signer": {"person": person.handle, "role": options.role or able[0]},
            "signed_at": moment_text(now.replace(microsecond=0)),
        }
    )
    signature = sign_with_ssh_keygen(data, NAMESPACE, options.key, words=tell)
    read_override(data, signature, ring, now)
    path = door.workspace.root / OVERRIDES / f"{person.handle}-{digest_of(data)[:16]}.json"
    make_folder(path.parent, 0o755)
    write_file(path, data, 0o644)
    write_file(path.with_name(f"{path.name}.sig"), signature, 0o644)
    shown = str(path.relative_to(door.workspace.root))
    if options.as_json:
        say_json({"statement": shown, "signature": f"{shown}.sig", "person": person.handle})
    else:
        say(f"written    {shown} and .sig", "green")
        say(f"  next: commit {OVERRIDES}")
    return 0
