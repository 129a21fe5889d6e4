"""The engine's own key, and people's signatures through their own ssh-keygen (APR-02, REV-03).

The engine's key signs machine statements only; it is listed for nobody and approves nothing. A person's private key is
never read here: ssh-keygen, the SSH agent or the security key does the signing, and asks for the passphrase itself.
"""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.adapters.durable import clean_line, make_folder, read_small, write_file_once
from gonogo.errors import BadInput, Broken, Refused
from gonogo.evidence.sshcerts import signing_key
from gonogo.evidence.sshsig import BadSignature, PublicKey, examine

SIGNING_LIMIT: Final = 300.0
"""Seconds for a person to type a passphrase or touch a key."""

_INSTALL: Final = "install OpenSSH 8.2 or newer, or sign on another machine and hand in the .sig file"


class FileEngineKey:
    """The `EngineKey` port on an OpenSSH key file with mode 0600, made on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: Ed25519PrivateKey | None = None
        self._guard = threading.Lock()

    def public_line(self) -> str:
        """The public key in OpenSSH form. Raises Broken, Refused as `sign` does."""
        form = self._key().public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return form.decode()

    def sign(self, data: bytes) -> bytes:
        """64 bytes of Ed25519 signature. Raises Refused where others can read the key, Broken where it is unusable."""
        return self._key().sign(data)

    def _key(self) -> Ed25519PrivateKey:
        with self._guard:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> Ed25519PrivateKey:
        if not self._path.exists():
            make_folder(self._path.parent)
            # Written once: of two engines that start together one makes the key, and both use that one.
            write_file_once(self._path, _new_key())
        data = read_small(self._path)
        seen = self._path.stat()
        if seen.st_mode & 0o077:
            raise Refused(
                f"others may read the engine's key (mode {stat.S_IMODE(seen.st_mode):04o})",
                where=str(self._path),
                next_step=f"replace the key if somebody may have read it; else: chmod 600 {self._path}",
            )
        try:
            key = serialization.load_ssh_private_key(data or b"", None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise self._unusable(str(error)) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise self._unusable("it is not an Ed25519 key")
        return key

    def _unusable(self, why: str) -> Broken:
        return Broken(
            f"the engine's key cannot be used: {clean_line(why)}",
            where=str(self._path),
            next_step="restore it from a backup; a new one has to be listed as a new engine",
        )


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def sign_with_ssh_keygen(
    statement: bytes | Path,
    namespace: str,
    key: Path,
    *,
    words: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
) -> bytes:
    """The armoured SSH signature of a person over the bytes of `statement`, checked before it is returned.

    `key` is a private key file (a passphrase is asked for on the terminal), or a `.pub` file whose private half an SSH
    agent or a security key holds. `words` gets what ssh-keygen says meanwhile, such as the wish for a touch; `env` is
    the person's environment (default: that of this process), which names the agent and finds the program. Raises
    BadInput for a file that is not there, Refused where agent, key or passphrase refuse, Broken without ssh-keygen.
    """
    message = statement if isinstance(statement, bytes) else _bytes_of(statement)
    expected = _public_half(key)
    with tempfile.TemporaryDirectory(prefix="gonogo-sign-") as folder:
        file = Path(folder) / "statement"
        file.write_bytes(message)
        arguments = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(key.absolute()), str(file)]
        said, code = _run(arguments, words or _say_nothing, os.environ if env is None else env)
        signature = read_small(file.with_name("statement.sig"))
    if code or signature is None:
        raise _explained(said, key)
    try:
        signed_by = examine(signature, message, namespace).key
    except BadSignature as error:
        raise Broken(
            f"ssh-keygen made a signature that does not verify: {error.what}", where=str(key), next_step=_INSTALL
        ) from error
    if expected is not None and signed_by != expected:
        raise Refused(
            f"signed with {signed_by.fingerprint}, wanted was {expected.fingerprint}",
            where=str(key),
            next_step="name the key that is listed for you",
        )
    return signature


def _bytes_of(statement: Path) -> bytes:
    data = read_small(statement, 16 << 20)
    if data is None:
        raise BadInput("the statement to sign is not there", where=str(statement), next_step="fetch the request again")
    return data


def _public_half(key: Path) -> PublicKey | None:
    """The public key that has to sign, where a file says it; BadInput where `key` is nothing to sign with."""
    if not key.is_file():
        raise BadInput(
            "there is no such key",
            where=str(key),
            next_step="name your private key, or the .pub file of a key in your SSH agent; make one with ssh-keygen",
        )
    public = key if key.suffix == ".pub" else key.with_name(key.name + ".pub")
    line = read_small(public, 64 << 10) if public.exists() else None
    return None if line is None else signing_key(line.decode("utf-8", "replace").strip()).key


def _say_nothing(_text: str) -> None:
    """Nobody listens."""


def _run(arguments: list[str], words: Callable[[str], None], env: Mapping[str, str]) -> tuple[str, int]:
    """What the program said, and its exit code. It keeps the terminal, to ask for a passphrase there."""
    said: list[str] = []
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list; the person's own ssh-keygen
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**env, "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise Broken(f"the program {arguments[0]} is not installed", next_step=_INSTALL) from error
    except OSError as error:
        raise Broken(f"the program {arguments[0]} cannot run: {error.strerror}", next_step=_INSTALL) from error
    ending = threading.Timer(SIGNING_LIMIT, process.kill)
    ending.daemon = True
    ending.start()
    try:
        with process:
            for line in process.stderr or ():
                said.append(clean_line(line.decode(errors="replace")))
                words(said[-1])
    finally:
        ending.cancel()
    return "; ".join(said), process.returncode


_EXPLANATIONS: Final = (
    (
        "incorrect passphrase",
        "the passphrase is wrong, or there was no terminal to ask for it",
        "try again in a terminal",
    ),
    ("agent refused", "the SSH agent refused to sign", "unlock the agent or confirm its question, then try again"),
    ("agent contains no identities", "the SSH agent holds no key", "ssh-add your key, then try again"),
    ("couldn't get agent socket", "no SSH agent runs here", "start one and ssh-add your key, or name the private key"),
    ("no private key found", "neither a file nor the SSH agent has the private half", "ssh-add it, then try again"),
    ("invalid format", "this is not an SSH key", "name your private key, or the .pub file of a key in your SSH agent"),
    ("bad permissions", "others may read this private key", "chmod 600 the key file, then try again"),
    ("unprotected private key", "others may read this private key", "chmod 600 the key file, then try again"),
    ("device not found", "the security key is not plugged in", "plug it in, then try again"),
    ("unknown option", "this ssh-keygen cannot sign files", _INSTALL),
    ("illegal option", "this ssh-keygen cannot sign files", _INSTALL),
)


def _explained(said: str, key: Path) -> Refused:
    for mark, what, advice in _EXPLANATIONS:
        if mark in said.lower():
            return Refused(f"{what} (ssh-keygen: {clean_line(said)})", where=str(key), next_step=advice)
    return Refused(
        f"ssh-keygen did not sign: {clean_line(said) or 'it said nothing, or took too long'}",
        where=str(key),
        next_step="try it by hand: ssh-keygen -Y sign -n test -f KEY FILE",
    )
