"""Looking at what a user of this machine could reach: files by their rights, keys by their public halves, variables.

Nothing is opened that is not a key file, and of that only the public part is read. Values never leave this module.
"""

from __future__ import annotations

import base64
import binascii
import os
import pwd
import re
import socket
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from gonogo.errors import BadInput, GonogoError
from gonogo.evidence.sshkeys import public_key
from gonogo.values import dataclass

CREDENTIAL_NAMES: Final = re.compile(
    r"(AWS|AZURE|GOOGLE|GCP|GCLOUD|KUBE|DOCKER|HEROKU|CLOUDFLARE|FLY|VERCEL|DIGITALOCEAN|HCLOUD|VAULT|NOMAD|CONSUL)_?"
    r"\w*(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS|CONFIG)\w*"
    r"|KUBECONFIG|DOCKER_AUTH_CONFIG|\w*DEPLOY\w*(KEY|TOKEN|SECRET|PASSWORD)\w*"
)
CREDENTIAL_FILES: Final = (
    ".aws/credentials",
    ".kube/config",
    ".config/gcloud/application_default_credentials.json",
    ".azure/accessTokens.json",
    ".docker/config.json",
    ".netrc",
    ".config/doctl/config.yaml",
    ".vault-token",
)
_MOST: Final = 1 << 16
_MAGIC: Final = b"openssh-key-v1\0"
_LIST_IDENTITIES: Final = b"\0\0\0\1\x0b"
_IDENTITIES: Final = 12


@dataclass(frozen=True, slots=True)
class User:
    """A user of this machine with the groups they are in."""

    name: str
    uid: int
    gids: frozenset[int]
    home: Path


def user_named(name: str) -> User:
    """A user by name, or whoever runs this process where none is named. Raises BadInput for nobody."""
    try:
        found = pwd.getpwnam(name) if name else pwd.getpwuid(os.getuid())
    except KeyError as error:
        raise BadInput(
            f"there is no user `{name or os.getuid()}` here", next_step="name one of this machine"
        ) from error
    gids = frozenset(os.getgrouplist(found.pw_name, found.pw_gid)) | (
        frozenset() if name else frozenset(os.getgroups())
    )
    return User(found.pw_name, found.pw_uid, gids, Path(found.pw_dir))


def may(user: User, path: Path, right: int) -> bool:
    """Whether the mode bits give `user` a right (4 read, 2 write, 1 enter) on a path; nothing that is absent."""
    if user.uid == 0:
        return path.exists()
    try:
        found = path.stat()
    except OSError:
        return False
    shift = 6 if found.st_uid == user.uid else 3 if found.st_gid in user.gids else 0
    return bool((found.st_mode >> shift) & right) and all(_enters(user, parent) for parent in path.resolve().parents)


def _enters(user: User, folder: Path) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    shift = 6 if found.st_uid == user.uid else 3 if found.st_gid in user.gids else 0
    return bool((found.st_mode >> shift) & 1)


def writable(user: User, paths: Iterable[Path]) -> tuple[str, ...]:
    """Which of `paths` the user can write, or replace because they can write a folder above; each once."""
    found = []
    for path in paths:
        if not path.exists():
            continue
        if may(user, path, 2) or _owns(user, path) or may(user, path.parent, 2):
            found.append(str(path))
    return tuple(dict.fromkeys(found))


def _owns(user: User, path: Path) -> bool:
    with suppress(OSError):
        return path.stat().st_uid == user.uid
    return False


def credentials(user: User, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Names of variables and files that look like deploy credentials and that the user has."""
    names = [name for name in sorted(environ) if CREDENTIAL_NAMES.fullmatch(name) and environ[name]]
    return (*names, *(f"~/{name}" for name in CREDENTIAL_FILES if may(user, user.home / name, 4)))


def approvers_keys(user: User, wanted: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where the user can get at a private key whose fingerprint is in `wanted` (fingerprint: whose); never the key."""
    found = [
        f"{wanted[fingerprint]}'s key in {path}" for path, fingerprint in _private_keys(user) if fingerprint in wanted
    ]
    found += [f"{wanted[one]}'s key in the SSH agent" for one in _agent_keys(environ) if one in wanted]
    return tuple(dict.fromkeys(found))


def _private_keys(user: User) -> Iterator[tuple[Path, str]]:
    homes = dict.fromkeys((user.home, *(Path(entry.pw_dir) for entry in pwd.getpwall())))
    for home in homes:
        with suppress(OSError):
            for path in sorted((home / ".ssh").iterdir()):
                if stat.S_ISREG(path.stat().st_mode) and may(user, path, 4) and (one := _fingerprint(path)):
                    yield path, one


def _fingerprint(path: Path) -> str:
    """The fingerprint of the private key in a file, from its public part; empty where it holds none."""
    try:
        text = path.read_bytes()[:_MOST]
    except OSError:
        return ""
    inner = re.search(rb"-----BEGIN OPENSSH PRIVATE KEY-----(.+?)-----END", text, re.DOTALL)
    if inner is None:
        return ""
    try:
        data = base64.b64decode(inner[1])
        return _of_blob(_public_part(data)) if data.startswith(_MAGIC) else ""
    except (binascii.Error, struct.error, IndexError, GonogoError):
        return ""


def _public_part(data: bytes) -> bytes:
    at = len(_MAGIC)
    for _ in range(3):
        (size,) = struct.unpack_from(">I", data, at)
        at += 4 + size
    (size,) = struct.unpack_from(">I", data, at + 4)
    return data[at + 8 : at + 8 + size]


def _of_blob(blob: bytes) -> str:
    (size,) = struct.unpack_from(">I", blob)
    kind = blob[4 : 4 + size].decode("ascii", "replace")
    return public_key(f"{kind} {base64.b64encode(blob).decode()}").fingerprint


def _agent_keys(environ: Mapping[str, str]) -> Iterator[str]:
    """Fingerprints of the keys that the SSH agent of this environment would sign with."""
    place = environ.get("SSH_AUTH_SOCK", "")
    if not place:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(2)
            agent.connect(place)
            agent.sendall(_LIST_IDENTITIES)
            (size,) = struct.unpack(">I", _exactly(agent, 4))
            answer = _exactly(agent, min(size, _MOST))
    except (OSError, struct.error):
        return
    if not answer or answer[0] != _IDENTITIES:
        return
    at = 5
    for _ in range(min(struct.unpack_from(">I", answer, 1)[0], 100)):
        with suppress(struct.error, GonogoError):
            (length,) = struct.unpack_from(">I", answer, at)
            yield _of_blob(answer[at + 4 : at + 4 + length])
            (comment,) = struct.unpack_from(">I", answer, at + 4 + length)
            at += 8 + length + comment


def _exactly(agent: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := agent.recv(size - len(data))):
        data += more
    return data
