"""The hosts of an environment that gonogo installs on by itself, and the bytes that it would install (ROL-01)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path, PurePosixPath

from gonogo.adapters.hosts.port import Hosts, Package
from gonogo.control.sources import manifest_path
from gonogo.control.workspaces import Workspace
from gonogo.errors import BadInput, Broken, Tampered
from gonogo.plan.project import Environment
from gonogo.plan.release import Service, read_release

ADAPTER = "gonogo.adapters.hosts.ssh_hosts"


def hosts_reached(root: Path, environment: Environment, environ: Mapping[str, str]) -> Hosts:
    """What installs on the hosts of `environment`; BadInput without `ssh`, or without its key in `environ`."""
    binding = environment.ssh
    if binding is None:
        raise BadInput(
            f"environment `{environment.name}` has no `ssh`: its hosts are installed by the project's own scripts",
            where=str(environment.origin),
            next_step="docs/hosts.md says how gonogo does it by itself",
        )
    key = environ.get(binding.key, "")
    if not key:
        raise BadInput(
            f"{binding.key} is not set; it holds the path of the private key for the hosts of {environment.name}",
            where=str(binding.origin),
            next_step=f"export {binding.key}, and list it under `secrets` of the commands that need it",
        )
    try:
        module = importlib.import_module(ADAPTER)
    except ImportError as error:
        raise Broken("hosts by SSH need another package", next_step="pip install 'gonogo[ssh]'") from error
    made: Hosts = module.SshHosts(binding, root, Path(key))
    return made


def package_of(workspace: Workspace, environment: Environment, host: str, version: str) -> Package:
    """The bytes of a release for a host of `environment`, compared with its manifest; Tampered where they differ."""
    file = manifest_path(workspace.project, version)
    release = read_release(workspace.files.read(file), file)
    service = _service(environment, host, release.services, file)
    path = workspace.files.root() / service.artifact
    if workspace.root.resolve() not in path.resolve().parents or not path.is_file():
        raise BadInput(
            f"{service.artifact} is not in the project", where=file, next_step="build it, or correct its path"
        )
    with path.open("rb") as data:
        found = file_digest(data, "sha256").hexdigest()
    if found != service.digest:
        raise Tampered(
            f"{service.artifact} has the digest {found[:12]}…, and the manifest says {service.digest[:12]}…",
            next_step="build the release again, or open a run for the release that is meant",
        )
    return Package(release.version, service.digest, path, PurePosixPath(service.artifact).name)


def _service(environment: Environment, host: str, services: tuple[Service, ...], file: str) -> Service:
    wanted = environment.service_on(host) or (environment.ssh.service if environment.ssh else "")
    found = next((each for each in services if each.name == wanted or not wanted), None)
    if found is None:
        raise BadInput(f"the release has no service `{wanted}`", where=file, next_step="correct `ssh.service`")
    return found
