"""Where the engine's key may live: a file of its own user, an SSH agent, or whatever a signer by URI reaches (EVS-16).

`GONOGO_ENGINE_KEY` says which: `file:PATH`, `agent:SHA256:...` (the fingerprint of a key that the agent of the engine's
user holds), or a URI of `securesystemslib` (extra `kms`: `gcpkms:`, `awskms:`, `hv:`, `file2:` ...) with the OpenSSH
line of the public key in `GONOGO_ENGINE_PUBLIC`. Always Ed25519: one key signs the seal, the log and the statements.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gonogo.adapters.keys import FileEngineKey
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence.sshkeys import PublicKey, open_key, public_key
from gonogo.evidence.wire import BadSignature, string, strings
from gonogo.ports import EngineKey

VARIABLE: Final = "GONOGO_ENGINE_KEY"
PUBLIC: Final = "GONOGO_ENGINE_PUBLIC"
TYPE: Final = "ssh-ed25519"
SECONDS: Final = 10.0
MOST_ANSWER: Final = 256 * 1024
SIGNER: Final = "gonogo.adapters.engine_key_signer"

_IDENTITIES, _ANSWER_IDENTITIES, _SIGN, _ANSWER_SIGN = 11, 12, 13, 14


def engine_key(environ: Mapping[str, str], usual: Path) -> EngineKey:
    """The engine's key as the environment says, else the file at `usual`. BadInput for what names none."""
    named = environ.get(VARIABLE, "")
    kind, _, rest = named.partition(":")
    match kind:
        case "":
            return FileEngineKey(usual)
        case "file":
            return FileEngineKey(Path(rest))
        case "agent":
            return AgentEngineKey(rest, environ.get("SSH_AUTH_SOCK", ""))
        case _:
            return _by_uri(named, environ.get(PUBLIC, ""))


def _by_uri(uri: str, line: str) -> EngineKey:
    if not line:
        raise BadInput(f"{VARIABLE} names a signer, and nothing says its public key", next_step=f"set {PUBLIC} too")
    key = _ed25519(public_key(line), uri)
    try:
        module = importlib.import_module(SIGNER)
    except ImportError as error:
        raise Broken("signers by URI need another package", next_step="pip install 'gonogo[kms]'") from error
    made: EngineKey = module.SignerEngineKey(uri, key)
    return made


def _ed25519(key: PublicKey, where: str) -> PublicKey:
    if key.type != TYPE:
        raise BadInput(f"the engine's key is {key.type}, and has to be {TYPE}", where=where)
    return key


class AgentEngineKey:
    """The `EngineKey` port on a key that an SSH agent holds: the engine never sees its private half."""

    def __init__(self, fingerprint: str, agent: str) -> None:
        self._fingerprint = fingerprint
        self._agent = agent

    def public_line(self) -> str:
        """The public key in OpenSSH form. Raises Broken without an agent, Refused where it does not hold the key."""
        return self._key().line

    def sign(self, data: bytes) -> bytes:
        """64 bytes of Ed25519 signature, made by the agent. Raises as `public_line`, Refused where it does not sign."""
        key = self._key()
        answer = self._ask(bytes([_SIGN]) + string(key.blob) + string(data) + bytes(4), _ANSWER_SIGN)
        kind, raw = strings(strings(answer, 1, "the answer of the agent")[0], 2, "the signature of the agent")
        if kind != TYPE.encode() or len(raw) != 64:
            raise Broken("the agent made a signature of another form", where=self._agent)
        return raw

    def _key(self) -> PublicKey:
        answer = self._ask(bytes([_IDENTITIES]), _ANSWER_IDENTITIES)
        count, rest = int.from_bytes(answer[:4], "big"), answer[4:]
        for blob in strings(rest, 2 * count, "the keys of the agent")[::2]:
            found = _listed(blob)
            if found is not None and found.fingerprint == self._fingerprint:
                return _ed25519(found, self._agent)
        raise Refused(
            f"the SSH agent does not hold the engine's key {self._fingerprint}",
            where=self._agent,
            next_step="ssh-add the key in the session of the engine's user; its fingerprint: ssh-add -l",
        )

    def _ask(self, message: bytes, wanted: int) -> bytes:
        if not self._agent:
            raise Broken("no SSH agent is named", next_step="start one for the engine's user and set SSH_AUTH_SOCK")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(SECONDS)
                line.connect(self._agent)
                line.sendall(string(message))
                answer = _received(line, int.from_bytes(_received(line, 4), "big"))
        except OSError as error:
            raise Broken(
                f"the SSH agent does not answer: {error}", where=self._agent, next_step="ssh-add -l"
            ) from error
        if answer[:1] != bytes([wanted]):
            raise Refused("the SSH agent refuses", where=self._agent, next_step="unlock it, or let it confirm")
        return answer[1:]


def _listed(blob: bytes) -> PublicKey | None:
    """A key of the agent; None for a form that does not count here."""
    try:
        return open_key(blob).key
    except BadSignature:
        return None


def _received(line: socket.socket, size: int) -> bytes:
    if size > MOST_ANSWER:
        raise Broken("the answer of the SSH agent is too long")
    data = b""
    while len(data) < size:
        piece = line.recv(size - len(data))
        if not piece:
            raise Broken("the SSH agent hung up", next_step="ssh-add -l")
        data += piece
    return data
