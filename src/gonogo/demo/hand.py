"""The hand of the demonstration's people on a machine without OpenSSH: `ssh-keygen -Y sign`, and nothing else of it.

Run as `python -m gonogo.demo.hand -Y sign -n NAMESPACE -f KEY FILE`; it writes `FILE.sig` in the same format. For
throw-away keys only: a key without passphrase in a file is all it knows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.evidence.sshsig import sign

PROGRAM = "ssh-keygen"


def lend_hand(folder: Path) -> None:
    """Put a program named ssh-keygen into `folder`, which signs as this module does."""
    folder.mkdir(parents=True)
    program = folder / PROGRAM
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gonogo.demo.hand "$@"\n', encoding="utf-8")
    program.chmod(0o755)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; exit 0 where the signature was written."""
    parser = argparse.ArgumentParser(prog="gonogo.demo.hand", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("-Y", dest="verb", choices=("sign",), required=True)
    parser.add_argument("-n", dest="namespace", required=True)
    parser.add_argument("-f", dest="key", type=Path, required=True)
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    try:
        key = serialization.load_ssh_private_key(given.key.read_bytes(), None)
        message = given.file.read_bytes()
    except (OSError, ValueError, TypeError) as error:
        sys.stderr.write(f"cannot sign: {error}\n")
        return 1
    if not isinstance(key, Ed25519PrivateKey):
        sys.stderr.write("cannot sign: only Ed25519 keys\n")
        return 1
    given.file.with_name(f"{given.file.name}.sig").write_bytes(sign(key, message, given.namespace))
    return 0


if __name__ == "__main__":
    sys.exit(main())
