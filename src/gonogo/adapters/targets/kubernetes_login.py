"""How a Kubernetes API server is reached: from a kubeconfig file, or from inside of a pod.

Only what stays on this machine is used: a certificate authority, a token or a client certificate. A kubeconfig that
runs a program for its token, or turns certificates off, is refused: nobody could say what a release was moved with.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from gonogo.errors import BadInput
from gonogo.terms import Secret
from gonogo.values import dataclass

MOST_BYTES = 1 << 20
POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class KubernetesLogin:
    """The server, whom to trust, and the token, read anew each time where it is a file: tokens in pods are renewed."""

    server: str
    trust: ssl.SSLContext | None
    token: Secret | None = None
    token_file: Path | None = None

    def fields(self) -> dict[str, str]:
        """The field that says who asks; none where a client certificate does."""
        token = self.token_file.read_text("utf-8").strip() if self.token_file else self.token and self.token.reveal()
        return {"Authorization": f"Bearer {token}"} if token else {}


def login_in_pod(environ: Mapping[str, str], folder: Path = POD) -> KubernetesLogin:
    """The login of a pod; BadInput outside of one."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (folder / "token").is_file():
        raise BadInput(
            "this is no pod of Kubernetes",
            where=str(folder),
            next_step="name a `kubeconfig` under the target's options",
        )
    address = f"[{host}]" if ":" in host else host
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    return KubernetesLogin(f"https://{address}:{port}", trust, token_file=folder / "token")


def login_of(path: Path, context: str = "") -> KubernetesLogin:
    """The login of a context of a kubeconfig file, the current one by default; BadInput where it cannot be used."""
    found = _read(path)
    name = context or str(found.get("current-context") or "")
    chosen = _named(found, "contexts", "context", name, path)
    cluster = _named(found, "clusters", "cluster", str(chosen.get("cluster")), path)
    user = _named(found, "users", "user", str(chosen.get("user")), path)
    server = str(cluster.get("server") or "")
    if not server.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise _wrong(path, f"the server `{server}` is not reached by https", "write its https address")
    if cluster.get("insecure-skip-tls-verify"):
        raise _wrong(path, "it turns the verification of certificates off", "name a `certificate-authority`")
    for key in ("exec", "auth-provider"):
        if key in user:
            raise _wrong(path, f"user `{chosen.get('user')}` gets its token by `{key}`", "use a token or a certificate")
    token = Secret(str(user["token"])) if user.get("token") else None
    token_file = path.parent / str(user["tokenFile"]) if user.get("tokenFile") else None
    trust = _trust(path, cluster, user) if server.startswith("https://") else None
    return KubernetesLogin(server.rstrip("/"), trust, token, token_file)


def _read(path: Path) -> Mapping[str, object]:
    try:
        data = path.read_bytes()
        found = yaml.safe_load(data) if len(data) <= MOST_BYTES else None
    except (OSError, yaml.YAMLError, RecursionError) as error:
        raise _wrong(path, f"it cannot be read: {error}"[:200], "check the path and the file") from error
    if not isinstance(found, Mapping):
        raise _wrong(path, "it is no kubeconfig", "name a kubeconfig file")
    return found


def _named(found: Mapping[str, object], group: str, kind: str, name: str, path: Path) -> Mapping[str, object]:
    rows = found.get(group)
    for row in rows if isinstance(rows, list) else ():
        inner = row.get(kind) if isinstance(row, Mapping) and row.get("name") == name else None
        if isinstance(inner, Mapping):
            return inner
    raise _wrong(path, f"there is no {kind} `{name}` in it", f"correct `{group}` or name another context")


def _trust(path: Path, cluster: Mapping[str, object], user: Mapping[str, object]) -> ssl.SSLContext:
    try:
        authority = _bytes(path, cluster, "certificate-authority")
        trust = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
        certificate, key = _bytes(path, user, "client-certificate"), _bytes(path, user, "client-key")
        if certificate and key:
            with tempfile.TemporaryDirectory() as folder:
                pair = Path(folder) / "pair.pem"
                pair.touch(0o600)
                pair.write_bytes(certificate + b"\n" + key)
                trust.load_cert_chain(str(pair))
    except (OSError, ValueError, ssl.SSLError, binascii.Error) as error:
        raise _wrong(path, f"a certificate in it cannot be used: {error}"[:200], "write it anew") from error
    return trust


def _bytes(path: Path, found: Mapping[str, object], key: str) -> bytes:
    if found.get(f"{key}-data"):
        return base64.b64decode(str(found[f"{key}-data"]), validate=True)
    return (path.parent / str(found[key])).read_bytes() if found.get(key) else b""


def expanded(path: str, root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The kubeconfig that an option names: below the project where it is relative, `~` for the home folder."""
    return root / Path(path.replace("~", environ.get("HOME", "~"), 1) if path.startswith("~/") else path)


def _wrong(path: Path, what: str, step: str) -> BadInput:
    return BadInput(f"the kubeconfig is of no use: {what}", where=str(path), next_step=step)
