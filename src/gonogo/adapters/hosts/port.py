"""What gonogo itself can do on a host: the interface, what it is given, and what it reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from gonogo.terms import Digest
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """The bytes of a release: a local file whose digest was compared with the manifest, and its name on the host."""

    version: str
    digest: Digest
    path: Path
    program: str

    @property
    def folder(self) -> str:
        """The folder of these very bytes below FOLDER."""
        return f"releases/{self.version}-{self.digest[:16]}"


@dataclass(frozen=True, slots=True)
class HostState:
    """What is really on a host. `digest` was computed there from the bytes; `running` is its manager's own answer."""

    host: str
    version: str
    digest: str
    running: bool
    fence: int
    previous: str
    detail: str


class Hosts(Protocol):
    """What installs releases on hosts by itself, where no script of the project does."""

    def look(self, host: str) -> HostState:
        """What is there now; changes nothing. Broken where the host cannot be asked."""

    def install(self, host: str, package: Package, fence: int | None = None) -> HostState:
        """Let `package` run; Refused for a fence older than the host's, Broken where it does not run afterwards.

        Without a fence a person acts by hand, under the one that the host has. Done twice it changes nothing more.
        """

    def take_back(self, host: str, version: str, fence: int | None = None) -> HostState:
        """Let `version` run again, whose bytes have to be on the host; else as `install`."""
