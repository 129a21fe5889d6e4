"""Installs releases on hosts over SSH: upload, compare digests on the host, switch a link at once, restart, read back.

    FOLDER/releases/VERSION-DIGEST/PROGRAM    the bytes of a release, and gonogo-release.json beside them
    FOLDER/current -> releases/...            what runs
    FOLDER/previous -> releases/...           what ran before
    FOLDER/gonogo.fence                       the fence of the last writer: an older one is refused
    FOLDER/gonogo.lock/                       held while fence and link are changed, for moments only

Every act may be done again: what is in its place already is not put there twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from gonogo.adapters.hosts.host_commands import asks, restarts, runs, stayed
from gonogo.adapters.hosts.port import HostState, Package
from gonogo.adapters.hosts.ssh_connection import Reach, Session, connected, on_host
from gonogo.errors import BadInput, Broken, Refused
from gonogo.plan.ssh_binding import SshBinding
from gonogo.values import dataclass

RECORD = "gonogo-release.json"
LOCK_WAIT = 10.0
LOCK_PAUSE = 0.05
SETTLED = 1.0
"""Seconds that a program has to live before it is believed to run; supervisor waits as long by default."""
BLOCK = 1 << 20
_SUM = re.compile(r"\\?([0-9a-f]{64})\s")


@dataclass(frozen=True, slots=True)
class SshHosts:
    """The hosts of one environment. `key` is the file of the private key, `root` the project's folder."""

    binding: SshBinding
    root: Path
    key: Path

    def look(self, host: str) -> HostState:
        """What is there now; changes nothing."""
        return on_host(self._reach(host), self._looked(host))

    def install(self, host: str, package: Package, fence: int | None = None) -> HostState:
        """Let `package` run on a host; Refused for a stale fence, Broken where the host does not say that it does."""
        return on_host(self._reach(host), self._installed(host, package, fence))

    def take_back(self, host: str, version: str, fence: int | None = None) -> HostState:
        """Let the release run again that was there before, which has to be `version`."""
        return on_host(self._reach(host), self._taken_back(host, version, fence))

    def _reach(self, host: str) -> Reach:
        if host not in self.binding.addresses:
            known = ", ".join(self.binding.addresses)
            raise BadInput(f"there is no host `{host}`", where=str(self.binding.origin), next_step=f"hosts: {known}")
        address, port = self.binding.addresses[host]
        known_hosts = self.root / self.binding.known_hosts
        for file, what in ((known_hosts, "`ssh.known_hosts`"), (self.key, f"the file in {self.binding.key}")):
            if not file.is_file():
                raise BadInput(f"{what} is not there", where=str(file), next_step="without it no host is talked to")
        connect, timeout = float(self.binding.connect), float(self.binding.timeout)
        return Reach(host, address, port, self.binding.user, known_hosts, self.key, connect, timeout)

    def _folder(self, host: str) -> str:
        return self.binding.folder.replace("{host}", host)

    def _values(self, host: str, program: str) -> Mapping[str, str]:
        folder = self._folder(host)
        return {"folder": folder, "current": f"{folder}/current", "program": program, "host": host}

    async def _looked(self, host: str) -> HostState:
        async with connected(self._reach(host)) as session:
            return await self._state(session)

    async def _state(self, session: Session) -> HostState:
        host = session.reach.name
        folder = self._folder(host)
        target = await session.link(f"{folder}/current") or ""
        previous = await session.link(f"{folder}/previous") or ""
        record = await _record(session, f"{folder}/{target}") if target else {}
        program, wanted = record.get("program", ""), record.get("sha256", "")
        digest = await _digest(session, f"{folder}/{target}/{program}") if program else ""
        said = await session.run(asks(self.binding, self._values(host, program)))
        running = runs(self.binding, said.code, said.out)
        detail = f"current leads to {target or 'nothing'}, {'running' if running else 'not running'}"
        if wanted != digest:
            detail = (
                f"{target} does not hold the bytes that were put there ({digest[:12] or 'none'}…, not {wanted[:12]}…)"
            )
        version = record.get("version", "") if wanted == digest else ""
        return HostState(host, version, digest, running, await _fence(session, folder), previous, detail)

    async def _installed(self, host: str, package: Package, fence: int | None) -> HostState:
        async with connected(self._reach(host)) as session:
            mine = await self._claimed(session, fence)
            await self._uploaded(session, package, mine)
            await self._switched(session, package.folder, mine)
            return await self._restarted(session, package.program, package.version, package.digest)

    async def _taken_back(self, host: str, version: str, fence: int | None) -> HostState:
        folder = self._folder(host)
        async with connected(self._reach(host)) as session:
            mine = await self._claimed(session, fence)
            target = await self._holding(session, version)
            record = await _record(session, f"{folder}/{target}")
            await self._switched(session, target, mine, keep=False)
            return await self._restarted(session, record["program"], version, record["sha256"])

    async def _holding(self, session: Session, version: str) -> str:
        """The folder with the release to go back to: what runs or ran before, and only then any other of its name."""
        folder = self._folder(session.reach.name)
        links = [await session.link(f"{folder}/{name}") for name in ("current", "previous")]
        try:
            others = [
                f"releases/{name}" for name in sorted(map(str, await session.files.listdir(f"{folder}/releases")))
            ]
        except asyncssh.SFTPNoSuchFile:
            others = []
        found = [
            target
            for target in dict.fromkeys((*(link for link in links if link), *others))
            if (await _record(session, f"{folder}/{target}")).get("version") == version
        ]
        for target in found:
            record = await _record(session, f"{folder}/{target}")
            if await _digest(session, f"{folder}/{target}/{record['program']}") == record["sha256"]:
                return target
        raise Broken(
            f"{session.reach.name} does not hold the bytes of {version}",
            where=f"{session.reach.where} {folder}/releases",
            next_step=f"install them: gonogo host install ENVIRONMENT {session.reach.name} {version}",
        )

    async def _claimed(self, session: Session, fence: int | None) -> int:
        """Write the fence down; a writer that comes too late is refused. Without one, a person acts by hand."""
        folder = self._folder(session.reach.name)
        await session.files.makedirs(f"{folder}/releases", exist_ok=True)
        async with _locked(session, folder):
            known = await _fence(session, folder)
            mine = known if fence is None else fence
            if mine < known:
                raise _stale(session, mine, known)
            await session.write(f"{folder}/gonogo.fence", f"{mine}\n".encode())
        return mine

    async def _uploaded(self, session: Session, package: Package, mine: int) -> None:
        place = f"{self._folder(session.reach.name)}/{package.folder}"
        whole = f"{place}/{package.program}"
        await session.files.makedirs(place, exist_ok=True)
        if await session.files.exists(whole) and await _digest(session, whole) == package.digest:
            return
        part = f"{place}/.part-{mine}"
        with package.path.open("rb") as source:
            async with session.files.open(part, "wb") as file:
                while block := await asyncio.to_thread(source.read, BLOCK):
                    await file.write(block)
        found = await _digest(session, part)
        if found != package.digest:
            with contextlib.suppress(asyncssh.SFTPError):
                await session.files.remove(part)
            there = f"{found[:12] or 'nothing'}… of {package.version}, not {package.digest[:12]}…"
            raise Broken(
                f"{session.reach.name} holds {there}",
                where=session.reach.where,
                next_step="nothing was switched; look at its disk and try again",
            )
        await session.files.chmod(part, 0o755)
        await session.files.posix_rename(part, whole)
        record = {"program": package.program, "sha256": package.digest, "version": package.version}
        await session.write(f"{place}/{RECORD}", json.dumps(record, sort_keys=True).encode())

    async def _switched(self, session: Session, target: str, mine: int, *, keep: bool = True) -> None:
        folder = self._folder(session.reach.name)
        async with _locked(session, folder):
            known = await _fence(session, folder)
            if known != mine:
                raise _stale(session, mine, known)
            now = await session.link(f"{folder}/current")
            if now == target:
                return
            if now and keep:
                await session.point(f"{folder}/previous", now)
            await session.point(f"{folder}/current", target)

    async def _restarted(self, session: Session, program: str, version: str, digest: str) -> HostState:
        values = self._values(session.reach.name, program)
        for argv in restarts(self.binding, values):
            await session.needed(argv)
        if self.binding.manager == "systemd":
            await self._settled(session, values)
        state = await self._state(session)
        if (state.version, state.digest, state.running) != (version, digest, True):
            raise Broken(
                f"{session.reach.name} was switched to {version} and says: {state.detail}",
                where=session.reach.where,
                next_step=f"look at {self.binding.manager} on the host",
            )
        return state

    async def _settled(self, session: Session, values: Mapping[str, str]) -> None:
        """Demand of a manager that calls running whatever was begun that it is the same a while later."""
        said: list[str] = []
        for pause in (SETTLED, 0.0):
            said.append((await session.run(asks(self.binding, values))).out)
            await asyncio.sleep(pause)
        if not stayed(self.binding, *said):
            raise Broken(
                f"{self.binding.unit} on {session.reach.name} does not stay: {' '.join(said[1].split())}",
                where=session.reach.where,
                next_step="read its journal on the host: what was begun ended by itself",
            )


def _stale(session: Session, mine: int, known: int) -> Refused:
    return Refused(
        f"{session.reach.name} has the fence {known}, and this is fence {mine}: somebody newer is at work there",
        where=session.reach.where,
        next_step="leave it to the run that holds the environment: gonogo status",
    )


async def _fence(session: Session, folder: str) -> int:
    text = await session.text(f"{folder}/gonogo.fence")
    if text is None:
        return 0
    if not re.fullmatch(r"\d{1,18}\s*", text):
        raise Broken(
            f"the fence of {session.reach.name} cannot be read",
            where=f"{session.reach.where} {folder}/gonogo.fence",
            next_step="find out who wrote it; it holds one number",
        )
    return int(text)


async def _record(session: Session, place: str) -> dict[str, str]:
    text = await session.text(f"{place}/{RECORD}")
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict) or {"program", "sha256", "version"} - set(found):
        return {}
    safe = all(isinstance(value, str) for value in found.values()) and "/" not in found["program"]
    return {str(key): str(value) for key, value in found.items()} if safe else {}


async def _digest(session: Session, path: str) -> str:
    """The SHA-256 that the host computes of its own bytes; empty where there are none."""
    said = await session.run(("sha256sum", "--", path))
    found = _SUM.match(said.out) if said.code == 0 else None
    return found[1] if found else ""


@asynccontextmanager
async def _locked(session: Session, folder: str) -> AsyncIterator[None]:
    """Hold the lock of a host. One that stands for longer than any holder needs belonged to one that is gone."""
    path, loop = f"{folder}/gonogo.lock", asyncio.get_running_loop()
    until = loop.time() + LOCK_WAIT
    while True:
        try:
            await session.files.mkdir(path)
            break
        except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            if loop.time() > until:
                await session.files.rmdir(path)
                until = loop.time() + LOCK_WAIT
            await asyncio.sleep(LOCK_PAUSE)
    try:
        yield
    finally:
        await session.files.rmdir(path)
