"""Time stamps over checkpoints (RFC 3161): asked for over HTTP, kept as they came, verified by openssl (EVS-16).

The stock program makes the question and judges the answer, so an auditor without gonogo comes to the same result:
`openssl ts -verify -in FILE.tsr -data FILE -CAfile CA.pem`.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gonogo.adapters.durable import clean_line
from gonogo.adapters.http_calls import call
from gonogo.errors import BadInput, Broken, Tampered

SECONDS: Final = 30.0
OK: Final = 200
_TIME: Final = re.compile(r"^Time stamp: (\w{3} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? \d{4}) GMT$", re.MULTILINE)
_HASH: Final = "-sha256"


def ask(url: str, data: bytes) -> bytes:
    """The raw reply of the authority at `url` about `data`. Broken where it gives none."""
    with tempfile.TemporaryDirectory(prefix="gonogo-tsa-") as name:
        folder = Path(name)
        (folder / "data").write_bytes(data)
        _openssl(folder, "-query", "-data", "data", _HASH, "-cert", "-out", "query")
        query = (folder / "query").read_bytes()
    found = call("POST", url, body=query, fields={"Content-Type": "application/timestamp-query"}, seconds=SECONDS)
    if found.status != OK or not found.body:
        raise Broken(f"the authority gave no time stamp: {found.words()}", where=url, next_step="ask it again later")
    return found.body


def stamped_at(reply: bytes, data: bytes, authorities: bytes, *, name: str) -> datetime:
    """When `data` was stamped, by an authority whose root is in `authorities` (PEM). Tampered where it was not."""
    with tempfile.TemporaryDirectory(prefix="gonogo-tsa-") as place:
        folder = Path(place)
        for file, content in (("reply", reply), ("data", data), ("roots", authorities)):
            (folder / file).write_bytes(content)
        try:
            _openssl(folder, "-verify", "-in", "reply", "-data", "data", "-CAfile", "roots")
            text = _openssl(folder, "-reply", "-in", "reply", "-text")
        except Broken as error:
            what = f"the time stamp does not hold: {error.what}"
            raise Tampered(what, where=name, next_step="ask for the file again; do not rely on this one") from error
    found = _TIME.search(text)
    if found is None:
        raise Tampered("the time stamp names no time", where=name, next_step="do not rely on this one")
    form = "%b %d %H:%M:%S.%f %Y" if "." in found[1] else "%b %d %H:%M:%S %Y"
    return datetime.strptime(found[1], form).replace(tzinfo=UTC)


def root_digests(authorities: bytes, *, name: str) -> frozenset[str]:
    """The SHA-256 (of the DER) of each certificate in a PEM file. BadInput where it is none."""
    try:
        found = x509.load_pem_x509_certificates(authorities)
    except ValueError as error:
        raise BadInput(
            "holds no certificates in PEM", where=name, next_step="ask the authority for its root"
        ) from error
    return frozenset(hashlib.sha256(one.public_bytes(serialization.Encoding.DER)).hexdigest() for one in found)


def _openssl(folder: Path, *arguments: str) -> str:
    try:
        ended = subprocess.run(  # noqa: S603 - an argument list
            ["openssl", "ts", *arguments],  # noqa: S607 - found by PATH
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise Broken(
            "the program openssl is not installed", next_step="install OpenSSL 3, or use another anchor"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Broken("openssl did not answer", next_step="try it by hand: openssl ts -help") from error
    if ended.returncode:
        said = ended.stderr.decode(errors="replace") or ended.stdout.decode(errors="replace")
        raise Broken(
            f"openssl: {clean_line(said)}", next_step="look at the file by hand: openssl ts -reply -in FILE -text"
        )
    return ended.stdout.decode(errors="replace")
