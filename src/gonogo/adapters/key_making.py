"""New keys for people, made by their own ssh-keygen; gonogo never sees the private half (APR-02, CFG-04)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import clean_line
from gonogo.adapters.given_files import given_bytes
from gonogo.errors import Broken, Refused
from gonogo.evidence.sshkeys import PublicKey, public_key

SECONDS: Final = 300.0
"""How long a person may take to think of a passphrase."""

TYPES: Final = ("ed25519", "ed25519-sk", "ecdsa-sk")


def make_key(
    path: Path, kind: str, comment: str, *, passphrase: bool, env: Mapping[str, str] | None = None
) -> PublicKey:
    """Make a key pair at `path` and `path`.pub; ssh-keygen asks for the passphrase on the terminal.

    Raises Refused where a file is there already or ssh-keygen does not make the key, Broken without ssh-keygen.
    """
    if path.exists() or path.with_name(f"{path.name}.pub").exists():
        raise Refused("there is a key already, and it is not replaced", where=str(path), next_step="name another file")
    command = ["ssh-keygen", "-q", "-t", kind, "-C", comment, "-f", str(path)]
    if kind.endswith("-sk"):
        command += ["-O", "application=ssh:gonogo"]
    if not passphrase:
        command += ["-N", ""]
    try:
        ended = subprocess.run(  # noqa: S603 - an argument list; the person's own ssh-keygen
            command,
            env={**(os.environ if env is None else env), "LC_ALL": "C"},
            stdin=None if passphrase else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise Broken("the program ssh-keygen is not installed", next_step="install OpenSSH 9.1 or newer") from error
    except subprocess.TimeoutExpired as error:
        raise Refused("nobody answered ssh-keygen", where=str(path), next_step="try again in a terminal") from error
    if ended.returncode:
        said = clean_line(ended.stderr.decode(errors="replace"))
        raise Refused(f"ssh-keygen made no key: {said}", where=str(path), next_step="look at the folder and its rights")
    return public_key(given_bytes(path.with_name(f"{path.name}.pub")).decode("ascii", "replace").strip())
