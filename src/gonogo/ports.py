"""What the engine needs from the outside, as interfaces; `adapters` implements them, tests bring in-memory worlds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from gonogo.errors import GonogoError
from gonogo.evidence.copies import Difference, Look
from gonogo.evidence.ledger import Entry
from gonogo.measure.baseline import FigureRead
from gonogo.measure.connectivity import AlertSeen
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import Actor, Digest, Json, Occasion, RunId, Secret
from gonogo.values import dataclass


class Clock(Protocol):
    """Wall clock, monotonic clock and sleep."""

    def now(self) -> datetime:
        """Present time, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before the journal gave it a number, a time and the digest of its predecessor."""

    type: str
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may act on an environment. `run` is None where it is free; `hold` is an emergency stop with its reason.

    A run holds it, never a process, and nothing frees it by time (engine section 5.4). For people: the actor of its
    last act, what for, when this run took it first, the time of this run's last event; empty where it is free.
    """

    environment: str
    fence: int
    run: RunId | None
    hold: str | None
    owner: str = field(default="", compare=False)
    reason: str = field(default="", compare=False)
    since: datetime | None = field(default=None, compare=False)
    beat: datetime | None = field(default=None, compare=False)


class Transaction(Protocol):
    """One atomic change of a run: all of it is committed, or nothing."""

    def append(self, draft: Draft) -> Entry:
        """Add an event to the run's ledger."""

    def note(self, draft: Draft) -> Entry:
        """Add an entry to the log of this site, in this same transaction: both are committed, or neither."""

    def take_lease(self, environment: str, reason: str = "", *, past_hold: bool = False) -> int:
        """Take or keep the environment for this run, which leaves its line, and raise the fence; Busy names the holder.

        `reason` is for people. Refused where the environment is on hold, but `past_hold`, for a rollback under way.
        """

    def free_lease(self, environment: str) -> RunId | None:
        """Give back what this run has of it, lease and place in line; the run that is now first, to be woken."""

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something when this transaction is committed, and not at all where it is not; it must not raise."""


SITE_LOG = RunId("@site")
"""The name under which the log of the site stands in the journal; no run can have it."""


class Moved(GonogoError):
    """The ledger's head is not where the writer believed; load again, decide again."""


class Journal(Protocol):
    """The only store of truth: a hash-chained ledger per run, one for the site, and the leases of environments.

    The site's log names every run, numbered without gaps. Who looks at one again is another port, `engine/wakeups.py`.
    """

    def open_run(
        self, run: RunId, drafts: Sequence[Draft], *, actor: Actor, now: datetime, notes: Sequence[Draft] = ()
    ) -> tuple[Entry, ...]:
        """Begin a ledger, with `notes` for the site's log; Refused where the run exists already."""

    def note(self, drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> tuple[Entry, ...]:
        """Add entries to the site's log that belong to no run, such as a change of the people to trust."""

    def site(self) -> tuple[Entry, ...]:
        """The site's log, oldest first; nothing where nothing ever happened here."""

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        """Events of `run` with a number greater than `after`, in order; BadInput where there is no such run."""

    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> AbstractContextManager[Transaction]:
        """A transaction on a ledger whose last event is number `after`; raises Moved at its ends where it is not."""

    def runs(self) -> tuple[RunId, ...]:
        """All runs, oldest first."""

    def heads(self) -> Mapping[RunId, int]:
        """The number of the last entry of every log, the site's own (`SITE_LOG`) included: what moved since a look."""

    def written(self) -> int:
        """How many entries all logs hold together: the same number means that nothing moved."""

    def lease(self, environment: str) -> Lease:
        """The lease of an environment, as it is now."""

    def leases(self) -> tuple[Lease, ...]:
        """The leases of all environments that were ever taken or stopped, by name."""

    def hold(self, environment: str, reason: str | None, *, actor: Actor, now: datetime) -> Lease:
        """Stop every run before its next effect there (a reason), or lift that (None); the site's log says so, too."""

    def wait(self, waiter: Waiter) -> None:
        """Stand in line for an environment; who stands there already keeps its place and gets the new priority.

        Not part of a transaction: who could not take a lease stands in line, then tries once more, and misses none.
        """

    def leave(self, run: RunId, environment: str = "") -> None:
        """Leave the line for an environment; every line where none is named."""

    def waiting(self, environment: str) -> tuple[Waiter, ...]:
        """Who stands in line for an environment, first first."""

    def keep_standing(self, standing: Standing) -> None:
        """Remember where a run stands; no effect where something newer is known. Losing it loses nothing."""

    def standings(self) -> tuple[Standing, ...]:
        """The remembered standings that hold still: of runs that have no event since, oldest run first."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file in the vault. `path` is its name inside the sealed folder, by the path grammar; `original` as found."""

    path: str
    digest: Digest
    size: int
    original: str


class Vault(Protocol):
    """Content-addressed store; everything that is judged is read from here by digest, never from a working folder."""

    def put(self, data: bytes) -> Digest:
        """Store bytes durably (fsync before return)."""

    def seal(self, folder: Path) -> tuple[Sealed, ...]:
        """Hash and copy every regular file below `folder` in one pass; Refused for links, devices, hard links."""

    def read(self, digest: Digest, *, limit: int = 1 << 26) -> bytes:
        """The bytes of `digest`; Tampered where they do not hash to it, BadInput where they are absent or larger."""

    def path(self, digest: Digest) -> Path:
        """Where the object lies, for streaming; it may be absent."""


@dataclass(frozen=True, slots=True)
class EffectKey:
    """Identity of one start of one act: `attempt` is what people approved, `start` counts starts inside it."""

    run: RunId
    task: str
    attempt: int
    start: int

    def __str__(self) -> str:
        return f"{self.run}/{self.task}/{self.attempt}"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command to start: arguments as a list, never a shell line; `secrets` only ever reach the environment."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    secrets: Mapping[str, Secret]
    timeout: float
    fence: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """Captured output, whole, in a file; `cut` says that the file ends before the output did."""

    path: Path
    size: int
    digest: Digest
    cut: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended. `ended_by` is `itself`, `limit` (time) or `stop`; a signal gives a negative `exit_code`."""

    exit_code: int
    ended_by: str
    started_at: datetime
    ended_at: datetime
    stdout: Output
    stderr: Output
    folder: Path
    note: str = ""


@dataclass(frozen=True, slots=True)
class NeverStarted:
    """The intent was recorded, but the command was certainly not started."""


@dataclass(frozen=True, slots=True)
class Running:
    """The command lives, under a supervisor that outlives the engine."""

    pid: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The command was started and left no usable result: only a probe or a person can say what happened."""

    reason: str


Whereabouts: TypeAlias = Ended | NeverStarted | Running | Lost


class Commands(Protocol):
    """Starts commands that survive the engine, and finds out afterwards what became of them."""

    def start(self, key: EffectKey, spec: CommandSpec) -> None:
        """Begin the command under its supervisor; returns once it is certain that the intent is on disk."""

    def look(self, key: EffectKey) -> Whereabouts:
        """What became of the start `key`."""

    def bar(self, key: EffectKey) -> bool:
        """Let the start `key` never begin any more; False where it has begun. For one that was never started."""

    def stop(self, key: EffectKey) -> None:
        """Ask the supervisor to end the command's process group."""

    def folder(self, key: EffectKey) -> Path:
        """The fresh folder that the command gets as `GONOGO_OUT`."""

    def printed(self, key: EffectKey, most: int) -> bytes:
        """The first `most` bytes that a running command has printed so far, unredacted: to be counted, never shown."""

    def discard(self, key: EffectKey) -> None:
        """Remove what an ended command printed and left behind; its outcome has to be recorded. Does nothing twice."""


@dataclass(frozen=True, slots=True)
class SlotSeen:
    """What a slot answers when it is asked directly; `version` is None where nothing (or nothing usable) answers."""

    slot: str
    version: str | None
    digest: str | None
    healthy: bool
    detail: str


@dataclass(frozen=True, slots=True)
class TrafficSeen:
    """What the proxy says that it does now: weights in percent by slot; `readable` is false where it cannot say."""

    weights: Mapping[str, int]
    detail: str
    readable: bool


class Target(Protocol):
    """What distributes requests over the slots of one environment."""

    def traffic(self) -> TrafficSeen:
        """Read back what is really configured; Broken where the proxy does not answer."""

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        """Raise before lowering, then read back; Broken or Refused with the proxy's own words otherwise."""

    def open_requests(self) -> Mapping[str, int] | None:
        """How many requests are under way at each place now; None where the proxy does not count them by place."""


class Prober(Protocol):
    """Asks the slots of one environment who they are."""

    def ask(self, slot: str) -> SlotSeen:
        """Ask one slot directly, past the proxy."""

    def front(self) -> SlotSeen:
        """Ask the environment's public address once, through the proxy."""


@dataclass(frozen=True, slots=True)
class CounterSample:
    """Cumulative counters of one slot; `buckets` are (upper bound, count); `saturation` is a gauge from 0 to 1."""

    slot: str
    requests: int
    errors: int
    buckets: tuple[tuple[str, int], ...]
    saturation: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One reading of all slots; `missing`: which could not be read, and why; `position`: where the next one begins."""

    slots: tuple[CounterSample, ...]
    missing: tuple[tuple[str, str], ...]
    position: str = ""


class MetricSource(Protocol):
    """Where request counts, errors and latencies come from."""

    def sample(self) -> MetricSample:
        """Read all slots once; a failure is a `missing` entry, never a zero."""


@runtime_checkable
class ContinuedSource(Protocol):
    """A metric source that counts by itself, and goes on from what was recorded, whichever process counted that."""

    def sample_after(self, before: MetricSample) -> MetricSample:
        """As `sample`, on top of `before`."""


class FigureSource(Protocol):
    """A metric source that computes figures itself, over a window of its own (OBS-01)."""

    def figures(self, slot: str, version: str) -> tuple[FigureRead, ...]:
        """Every figure of one version in one slot, all of one moment; what the source did not give has a reason."""


@dataclass(frozen=True, slots=True)
class AlertsRead:
    """The alerts that fire; None where nobody can say, and then `why` (PM-03)."""

    alerts: tuple[AlertSeen, ...] | None
    why: str = ""


class AlertSource(Protocol):
    """Where it is known which alerts fire."""

    def firing(self) -> AlertsRead:
        """The alerts that fire now; never an empty list where rules are not evaluated or nobody feeds the source."""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file of the project, now. `digest` is None where it is `absent` or cannot be read; `why` says why."""

    path: str
    digest: Digest | None
    size: int
    modified: datetime | None
    why: str = ""
    absent: bool = False


class Files(Protocol):
    """The project's own files, read below its root only; links that lead out are refused."""

    def see(self, path: str) -> FileSeen:
        """Look at one file; an absent one is an answer, not an error."""

    def read(self, path: str, *, limit: int = 1 << 26) -> bytes:
        """The bytes of a file; BadInput names the path and what to do where it is absent, too large or outside."""

    def root(self) -> Path:
        """The project's root, absolute; commands run there."""


class Views(Protocol):
    """Readable copies of stored evidence below `.artifacts/`; never read by a gate, and checked for edits (C2)."""

    def write(self, views: Mapping[str, Digest]) -> tuple[str, ...]:
        """Make each view hold the bytes of its digest; answers the paths that were written."""

    def write_bytes(self, path: str, data: bytes) -> None:
        """Put `data`, which no vault holds (a state or status file), at `path`."""

    def read_bytes(self, path: str) -> bytes | None:
        """What a view says now; None where there is none that can be read."""

    def look(self, path: str) -> Look:
        """What is at `path` now; changes nothing."""

    def differences(self, views: Mapping[str, Digest]) -> tuple[Difference, ...]:
        """The views that are not what they should be; changes nothing."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message for people, as every channel gets it; `number` is its ledger entry, -1 before it has one."""

    run: RunId
    number: int
    at: datetime
    sender: str
    project: str
    release: str
    phase: int
    severity: str
    to: tuple[str, ...]
    prefix: str
    text: str
    occasion: Occasion = Occasion.PROGRESS
    environment: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one notice on one channel; `reason` says why it did not arrive and is empty where it did."""

    run: RunId
    number: int
    channel: str
    attempts: int
    reason: str


class Announcer(Protocol):
    """Tells people at once, on a terminal or in a log. What cannot be told never turns a gate (COM-24)."""

    def say(self, notice: Notice) -> None:
        """Say one message."""


class Post(Protocol):
    """Carries notices to people who are elsewhere. It never makes anybody wait, and every outcome is told (COM-24)."""

    def channels(self, to: tuple[str, ...], occasion: Occasion) -> tuple[str, ...]:
        """The channels by which a notice for these recipients goes on this occasion."""

    def hand(self, channel: str, notice: Notice) -> None:
        """Begin to carry a notice; returns at once."""

    def finished(self, run: RunId, wait: float = 0.0) -> tuple[Delivery, ...]:
        """What of a run has arrived or failed since last asked; waits at most `wait` seconds for some."""

    def claim(self, run: RunId, channel: str) -> Callable[[], None] | None:
        """Become the one who carries notices of a run by a channel; gives what ends that, None while another one is."""


class EngineKey(Protocol):
    """The engine's own Ed25519 key, for machine statements; never an approver's."""

    def public_line(self) -> str:
        """The public key in OpenSSH form."""

    def sign(self, data: bytes) -> bytes:
        """64 bytes of Ed25519 signature over `data`."""


class Asker(Protocol):
    """Asks declared commands what they know, over a pipe: what they print is never written anywhere."""

    def ask(self, spec: CommandSpec, most_bytes: int) -> bytes:
        """All that the command prints on stdout; Broken where it cannot start, fails, hangs or prints more."""


class History(Protocol):
    """The history of the project's repository."""

    def authors(self, revision: str, previous: str) -> tuple[str, ...]:
        """Addresses of everybody who wrote what commit `revision` has and `previous` (may be empty) has not."""

    def last_change(self, path: str) -> str:
        """The commit that last changed a file; empty where it is not committed as it lies there, or nobody knows."""


CrashPoint: TypeAlias = Callable[[str], None]
"""Called with the name of a durable boundary; does nothing but in crash tests, where it ends the process."""
