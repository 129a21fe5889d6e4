"""Encryption of stored files with age, by `pyrage` (extra `encrypted`): for keys of people and of this engine (SEC-09).

The format is that of age-encryption.org/v1, so that whoever has one of the keys reads a file without gonogo:
`age -d -i KEY FILE.age`. `GONOGO_IDENTITY` names the engine's own private key: an age identity file, or an SSH key
without a passphrase. It is loaded when something is stored or read, and never stored itself.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from gonogo.adapters.durable import clean_line
from gonogo.adapters.given_files import given_bytes, open_given
from gonogo.adapters.vault import ENCRYPTED, Reads, Writes
from gonogo.errors import BadInput, Broken, Refused

VARIABLE: Final = "GONOGO_IDENTITY"
_MOST_KEY: Final = 1 << 20


class AgeCipher:
    """Encrypts for `recipients`, decrypts with the identity that the environment names."""

    def __init__(self, recipients: Sequence[str], environ: Mapping[str, str], where: str) -> None:
        """Nothing is loaded yet; `where` is the place that asks for encryption, for messages."""
        self._named = tuple(recipients)
        self._environ = environ
        self._where = where
        self._keys: tuple[list[object], list[object]] | None = None

    def sealed(self, data: bytes) -> bytes:
        """`data`, encrypted."""
        found: bytes = _age().encrypt(data, self._loaded()[0])
        return found

    def seal_stream(self, reader: Reads, writer: Writes) -> None:
        """Encrypt everything that `reader` gives, piece by piece."""
        _age().encrypt_io(reader, writer, self._loaded()[0])

    def opened(self, data: bytes) -> bytes:
        """The plain bytes of `data`. Refused where this identity is none of its recipients, or it was changed."""
        return _decrypted(data, self._loaded()[1], self._where)

    def _loaded(self) -> tuple[list[object], list[object]]:
        """Recipients and identity, tried on each other once: what this engine cannot read it must not write."""
        if self._keys is None:
            recipients = [_recipient(text, self._where) for text in self._named]
            identities = identities_in(self._environ, self._where)
            try:
                _age().decrypt(_age().encrypt(b"", recipients), identities)
            except _age().DecryptError as error:
                what = f"the key that {VARIABLE} names is none of the recipients: gonogo could not read what it writes"
                advice = "add its public half to `encryption.recipients`, or name another key"
                raise Refused(what, where=self._where, next_step=advice) from error
            self._keys = recipients, identities
        return self._keys


def identities_in(environ: Mapping[str, str], where: str) -> list[object]:
    """The private keys in the file that the environment names; BadInput where there is none that can be used."""
    named = environ.get(VARIABLE, "")
    if not named:
        what = f"stored files have to be encrypted, and {VARIABLE} names no key to read them again"
        advice = f"export {VARIABLE}=FILE, an age identity or an SSH private key; nothing is stored unencrypted"
        raise BadInput(what, where=where, next_step=advice)
    data = given_bytes(Path(named), limit=_MOST_KEY)
    try:
        if b"PRIVATE KEY-----" in data:
            return [_age().ssh.Identity.from_buffer(data)]
        lines = (line.strip() for line in data.decode("ascii", "replace").splitlines())
        found = [_age().x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except _age().IdentityError as error:
        what = f"{VARIABLE} names a file without a key that can be used: {clean_line(str(error))}"
        advice = "an age identity (AGE-SECRET-KEY-...), or an SSH key without a passphrase"
        raise BadInput(what, where=named, next_step=advice) from error
    if not found:
        what = f"{VARIABLE} names a file without any key"
        raise BadInput(what, where=named, next_step="age-keygen -o FILE makes one")
    return found


def open_package(path: Path, environ: Mapping[str, str]) -> BinaryIO:
    """The file at `path`, opened; one that is encrypted is decrypted in memory with the identity of this user."""
    file = open_given(path)
    if file.read(len(ENCRYPTED)) != ENCRYPTED:
        file.seek(0)
        return file
    with file:
        file.seek(0)
        return io.BytesIO(_decrypted(file.read(), identities_in(environ, str(path)), str(path)))


def _decrypted(data: bytes, identities: list[object], where: str) -> bytes:
    try:
        found: bytes = _age().decrypt(data, identities)
    except _age().DecryptError as error:
        what = f"it cannot be decrypted: {clean_line(str(error))}"
        advice = f"name in {VARIABLE} a key for which it was encrypted; where the key is right, the file was changed"
        raise Refused(what, where=where, next_step=advice) from error
    return found


def _recipient(text: str, where: str) -> object:
    kind = _age().x25519 if text.startswith("age1") else _age().ssh
    try:
        return kind.Recipient.from_str(text)
    except _age().RecipientError as error:
        what = f"`{text[:40]}…` is no usable recipient: {clean_line(str(error))}"
        advice = "`age-keygen -y FILE` prints one, or take the line of a .pub file"
        raise BadInput(what, where=where, next_step=advice) from error


def _age() -> Any:  # noqa: ANN401 - the extra brings no types
    try:
        return importlib.import_module("pyrage")
    except ImportError as error:
        raise Broken("encrypted storage needs another package", next_step="pip install 'gonogo[encrypted]'") from error
