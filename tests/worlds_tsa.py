"""An authority for time stamps on loopback: stock openssl answers, with keys and certificates made for the test."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[stamps]
extendedKeyUsage = critical,timeStamping
"""


@dataclass(frozen=True)
class Authority:
    """Where it answers, its root certificate in PEM, and the digest of that in DER."""

    url: str
    root: bytes
    ca_sha256: str


def openssl(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], cwd=folder, input=data, capture_output=True, check=True).stdout


def certificates(folder: Path) -> None:
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(folder, "req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=root", "-days", "2")
    openssl(folder, "req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=stamps")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "tsa.cnf", "-extensions", "stamps")
    openssl(folder, "x509", "-req", "-in", "tsa.csr", *signed, "-days", "2", "-out", "tsa.pem")


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """A running authority whose files lie in `folder`."""
    folder.mkdir(parents=True)
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    certificates(folder)
    alone = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            with alone:
                (folder / "query").write_bytes(data)
                arguments = ("-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
                openssl(folder, "ts", *arguments)
                body = (folder / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    der = openssl(folder, "x509", "-in", "ca.pem", "-outform", "DER")
    yield Authority(
        f"http://127.0.0.1:{server.server_port}/", (folder / "ca.pem").read_bytes(), sha256(der).hexdigest()
    )
    server.shutdown()
    server.server_close()
    thread.join(5)
