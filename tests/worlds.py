"""The outside world in memory: the ports of gonogo implemented for tests, held to the same contracts as the real ones.

Nothing here is a mock: each class behaves like its adapter, without disk, network, processes and waiting. The suites
`test_contract_*` run on these and on the adapters alike.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.errors import BadInput, Broken, Busy, EnvironmentTaken, Refused, Tampered
from gonogo.evidence.ledger import Entry, next_entry
from gonogo.ports import (
    SITE_LOG,
    CommandSpec,
    Draft,
    EffectKey,
    Ended,
    Lease,
    Lost,
    MetricSample,
    Moved,
    NeverStarted,
    Notice,
    Output,
    Running,
    Sealed,
    SlotSeen,
    TrafficSeen,
    Transaction,
    Whereabouts,
)
from gonogo.run.site import hold_note
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import Actor, Digest, RunId, digest_of

MORNING = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


class SimulatedClock:
    """A clock that stands still until somebody sleeps."""

    def __init__(self, start: datetime = MORNING) -> None:
        self._start = start
        self._passed = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self._passed += max(0.0, seconds)

    def set_back(self, seconds: float) -> None:
        """The wall clock jumps; the monotonic clock does not."""
        self._start -= timedelta(seconds=seconds)


@dataclass
class _State:
    ledgers: dict[RunId, list[Entry]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    lines: dict[tuple[str, RunId], Waiter] = field(default_factory=dict)

    def copy(self) -> _State:
        return _State({run: list(entries) for run, entries in self.ledgers.items()}, dict(self.leases), dict(self.lines))

    def line(self, environment: str) -> list[Waiter]:
        found = [waiter for waiter in self.lines.values() if waiter.environment == environment]
        return sorted(found, key=lambda waiter: (-waiter.priority, waiter.since, waiter.run))


class MemoryJournal:
    """The journal without a disk. `before_commit` is called at the last moment of each transaction."""

    def __init__(self, before_commit: Callable[[], None] = lambda: None) -> None:
        self._state = _State()
        self._standings: dict[RunId, Standing] = {}
        self._before_commit = before_commit

    def open_run(
        self, run: RunId, drafts: Sequence[Draft], *, actor: Actor, now: datetime, notes: Sequence[Draft] = ()
    ) -> tuple[Entry, ...]:
        if run in self._state.ledgers or run == SITE_LOG:
            raise Refused(f"the run {run} exists already", next_step="go on with it")
        trial = self._state.copy()
        trial.ledgers[run] = []
        transaction = _MemoryTransaction(trial, run, actor, now)
        entries = tuple(transaction.append(draft) for draft in drafts)
        for draft in notes:
            transaction.note(draft)
        self._before_commit()
        self._state = trial
        return entries

    def note(self, drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> tuple[Entry, ...]:
        trial = self._state.copy()
        transaction = _MemoryTransaction(trial, SITE_LOG, actor, now)
        entries = tuple(transaction.note(draft) for draft in drafts)
        self._before_commit()
        self._state = trial
        return entries

    def site(self) -> tuple[Entry, ...]:
        return tuple(self._state.ledgers.get(SITE_LOG, ()))

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._ledger(run) if entry.seq > after)

    @contextmanager
    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> Iterator[Transaction]:
        head = len(self._ledger(run)) - 1
        if head != after:
            raise Moved(f"somebody else wrote to run {run}", next_step="load the run again")
        begun, trial = self._state, self._state.copy()
        transaction = _MemoryTransaction(trial, run, actor, now)
        try:
            yield transaction
        finally:
            transaction.ended = True
        self._before_commit()
        if self._state is not begun:
            raise Moved(f"somebody else wrote to run {run}", next_step="load the run again")
        self._state = trial
        for act in transaction.acts:
            act()

    def runs(self) -> tuple[RunId, ...]:
        return tuple(run for run in self._state.ledgers if run != SITE_LOG)

    def heads(self) -> dict[RunId, int]:
        return {run: len(entries) - 1 for run, entries in self._state.ledgers.items()}

    def written(self) -> int:
        return sum(len(entries) for entries in self._state.ledgers.values())

    def lease(self, environment: str) -> Lease:
        lease = self._state.leases.get(environment, Lease(environment, 0, None, None))
        return replace(lease, beat=self._ledger(lease.run)[-1].ts) if lease.run else lease

    def leases(self) -> tuple[Lease, ...]:
        return tuple(self.lease(name) for name in sorted(self._state.leases))

    def hold(self, environment: str, reason: str | None, *, actor: Actor, now: datetime) -> Lease:
        self.note([Draft(*hold_note(environment, reason))], actor=actor, now=now)
        before = self._state.leases.get(environment, Lease(environment, 0, None, None))
        self._state.leases[environment] = replace(before, hold=reason)
        return self.lease(environment)

    def wait(self, waiter: Waiter) -> None:
        known = self._state.lines.get((waiter.environment, waiter.run))
        placed = waiter if known is None else replace(known, priority=waiter.priority)
        self._state.lines[waiter.environment, waiter.run] = placed

    def leave(self, run: RunId, environment: str = "") -> None:
        left = {key for key, waiter in self._state.lines.items() if waiter.run == run and environment in ("", key[0])}
        self._state.lines = {key: waiter for key, waiter in self._state.lines.items() if key not in left}

    def waiting(self, environment: str) -> tuple[Waiter, ...]:
        return tuple(self._state.line(environment))

    def keep_standing(self, standing: Standing) -> None:
        known = self._standings.get(standing.run)
        if known is None or known.seq <= standing.seq:
            self._standings[standing.run] = standing

    def standings(self) -> tuple[Standing, ...]:
        heads = {run: len(entries) - 1 for run, entries in self._state.ledgers.items()}
        return tuple(self._standings[run] for run in self.runs() if run in self._standings and self._standings[run].seq == heads[run])

    def _ledger(self, run: RunId) -> list[Entry]:
        if run not in self._state.ledgers:
            raise BadInput(f"there is no run {run}", next_step="see the runs with: gonogo status")
        return self._state.ledgers[run]


class _MemoryTransaction:
    def __init__(self, state: _State, run: RunId, actor: Actor, now: datetime) -> None:
        self._state = state
        self._run = run
        self._actor = actor
        self._now = now
        self.ended = False
        self.acts: list[Callable[[], None]] = []

    def append(self, draft: Draft) -> Entry:
        return self._add(self._run, draft)

    def note(self, draft: Draft) -> Entry:
        self._state.ledgers.setdefault(SITE_LOG, [])
        return self._add(SITE_LOG, draft)

    def _add(self, run: RunId, draft: Draft) -> Entry:
        self._demand_open()
        ledger = self._state.ledgers[run]
        previous = ledger[-1] if ledger else None
        entry = next_entry(previous, ts=self._now, type=draft.type, actor=self._actor, data=draft.data)
        ledger.append(entry)
        return entry

    def take_lease(self, environment: str, reason: str = "", *, past_hold: bool = False) -> int:
        self._demand_open()
        lease = self._state.leases.get(environment, Lease(environment, 0, None, None))
        if lease.hold is not None and not past_hold:
            raise Refused(f"the environment {environment} is stopped: {lease.hold}", next_step="lift the stop")
        if lease.run not in (None, self._run):
            what = f"the run {lease.run} holds the environment {environment}"
            raise EnvironmentTaken(what, environment=environment, next_step="wait until it has ended")
        since = lease.since if lease.run == self._run else self._now
        taken = replace(lease, fence=lease.fence + 1, run=self._run, owner=str(self._actor), reason=reason, since=since)
        self._state.leases[environment] = taken
        self._state.lines.pop((environment, self._run), None)
        return taken.fence

    def free_lease(self, environment: str) -> RunId | None:
        self._demand_open()
        self._state.lines.pop((environment, self._run), None)
        lease = self._state.leases.get(environment)
        if lease is None or lease.run != self._run:
            return None
        self._state.leases[environment] = Lease(environment, lease.fence, None, lease.hold)
        return next((waiter.run for waiter in self._state.line(environment)), None)

    def after_commit(self, act: Callable[[], None]) -> None:
        self._demand_open()
        self.acts.append(act)

    def _demand_open(self) -> None:
        if self.ended:
            raise Broken("this transaction has ended", next_step="write inside of it")


class MemoryVault:
    """The vault without a disk; `objects` can be changed by a test to tamper."""

    def __init__(self) -> None:
        self.objects: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        self.objects[digest] = data
        return digest

    def seal(self, folder: Path) -> tuple[Sealed, ...]:
        sealed = []
        for path in sorted(folder.rglob("*"), key=lambda found: str(found.relative_to(folder)).encode()):
            name = str(path.relative_to(folder))
            if path.is_dir() and not path.is_symlink():
                continue
            if path.is_symlink() or not path.is_file() or path.stat().st_nlink != 1:
                raise Refused(f"{name}: it cannot become evidence", where=str(folder), next_step="write a regular file")
            data = path.read_bytes()
            sealed.append(Sealed(name, self.put(data), len(data), name))
        return tuple(sealed)

    def read(self, digest: Digest, *, limit: int = 1 << 26) -> bytes:
        if digest not in self.objects:
            raise BadInput(f"evidence {digest} is not in the vault", next_step="restore it")
        data = self.objects[digest]
        if len(data) > limit:
            raise BadInput(f"evidence {digest} has more than {limit} bytes", next_step="write a smaller file")
        if digest_of(data) != digest:
            raise Tampered(f"evidence {digest} does not hash to its own name any more", next_step="restore it")
        return data

    def path(self, digest: Digest) -> Path:
        return Path("/nonexistent/vault") / digest


@dataclass(frozen=True, slots=True)
class Script:
    """What a scripted command does: how long it takes (seconds of the clock), what it writes, how it ends."""

    exit_code: int = 0
    seconds: float = 0.0
    stdout: bytes = b""
    stderr: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    lost: bool = False


@dataclass
class _Started:
    spec: CommandSpec
    script: Script
    at: datetime
    stopped_at: datetime | None = None


class ScriptedCommands:
    """Commands without processes: `script` says what each start does, `clock` how far it is. Output lies in `root`."""

    def __init__(self, root: Path, clock: SimulatedClock, script: Callable[[EffectKey, CommandSpec], Script]) -> None:
        self._root = root
        self._clock = clock
        self._script = script
        self._starts: dict[EffectKey, _Started] = {}
        self._barred: set[EffectKey] = set()
        self._discarded: set[EffectKey] = set()

    @property
    def started(self) -> tuple[EffectKey, ...]:
        """Every start that really began, in order."""
        return tuple(self._starts)

    def prepare(self, run: RunId) -> None:
        (self._root / run).mkdir(parents=True, exist_ok=True)

    def folder(self, key: EffectKey) -> Path:
        return self._root / key.run / key.task.replace("/", "=2f").replace("#", "=23") / f"{key.attempt}.{key.start}"

    def start(self, key: EffectKey, spec: CommandSpec) -> None:
        if not spec.argv or not spec.cwd.is_dir() or not spec.timeout > 0:
            raise BadInput("the command cannot begin", next_step="correct the command")
        if key in self._starts or key in self._barred:
            raise Refused(f"start {key.start} of {key} was used already", next_step="find out what became of it")
        for other in self._starts:
            same = (other.run, other.task) == (key.run, key.task)
            if same and isinstance(self.look(other), Running):
                raise Busy(f"an earlier start of {key} is still alive", next_step="wait until it has ended")
        script = self._script(key, spec)
        folder = self.folder(key)
        folder.mkdir(parents=True)
        for name, data in script.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        self._starts[key] = _Started(spec, script, self._clock.now())

    def look(self, key: EffectKey) -> Whereabouts:
        started = self._starts.get(key)
        if started is None:
            return NeverStarted()
        lasts = timedelta(seconds=min(started.script.seconds, started.spec.timeout))
        if started.stopped_at is None and self._clock.now() < started.at + lasts:
            return Running(4711)
        if key in self._discarded:
            return Lost("what it left was discarded")
        if started.script.lost:
            return Lost("the command was started and left no result")
        return self._ended(key, started)

    def bar(self, key: EffectKey) -> bool:
        self._barred.add(key)
        return key not in self._starts

    def printed(self, key: EffectKey, most: int) -> bytes:
        return self._starts[key].script.stdout[:most] if isinstance(self.look(key), Running) else b""

    def discard(self, key: EffectKey) -> None:
        if isinstance(self.look(key), Ended):
            self._discarded.add(key)
            shutil.rmtree(self.folder(key), ignore_errors=True)
            for name in ("stdout", "stderr"):
                self.folder(key).with_suffix(f".{key.start}.{name}").unlink(missing_ok=True)

    def stop(self, key: EffectKey) -> None:
        if isinstance(self.look(key), Running):
            self._starts[key].stopped_at = self._clock.now()

    def _ended(self, key: EffectKey, started: _Started) -> Ended:
        script, ended_by, code = started.script, "itself", started.script.exit_code
        ended_at = started.at + timedelta(seconds=min(script.seconds, started.spec.timeout))
        if started.stopped_at is not None:
            ended_by, code, ended_at = "stop", -15, started.stopped_at
        elif script.seconds > started.spec.timeout:
            ended_by, code = "limit", -15
        stdout, stderr = self._output(key, "stdout", script.stdout), self._output(key, "stderr", script.stderr)
        return Ended(code, ended_by, started.at, ended_at, stdout, stderr, self.folder(key))

    def _output(self, key: EffectKey, name: str, data: bytes) -> Output:
        path = self.folder(key).with_suffix(f".{key.start}.{name}")
        path.write_bytes(data)
        return Output(path, len(data), digest_of(data), cut=False)


class MemoryTarget:
    """Traffic over slots without a proxy. `broken` makes it stop answering; `moves` is what was really set.

    `open` is how many requests are under way at each slot, None where nobody counts them.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = dict(weights)
        self._fence = 0
        self.broken = ""
        self.open: dict[str, int] | None = None
        self.moves: list[tuple[Mapping[str, int], int]] = []

    def traffic(self) -> TrafficSeen:
        if self.broken:
            raise Broken(f"the proxy does not answer: {self.broken}", next_step="look at the proxy")
        return TrafficSeen(dict(self._weights), "in memory", readable=True)

    def open_requests(self) -> Mapping[str, int] | None:
        return self.open

    def move(self, weights: Mapping[str, int], fence: int) -> TrafficSeen:
        self.traffic()
        if fence < self._fence:
            raise Refused(f"fence {fence} is lower than {self._fence}", next_step="somebody else holds the environment")
        if sum(weights.values()) != 100 or not weights.keys() <= self._weights.keys():
            raise BadInput(f"{dict(weights)} are not weights of these slots", next_step="they add up to 100")
        self._fence = fence
        self._weights = {slot: weights.get(slot, 0) for slot in self._weights}
        self.moves.append((dict(weights), fence))
        return self.traffic()


class MemoryProber:
    """Slots that answer what `slots` says; the front is the slot with the most traffic of `target`."""

    def __init__(self, slots: Mapping[str, SlotSeen], target: MemoryTarget) -> None:
        self.slots = dict(slots)
        self._target = target

    def ask(self, slot: str) -> SlotSeen:
        return self.slots.get(slot, SlotSeen(slot, None, None, healthy=False, detail="nothing answers"))

    def front(self) -> SlotSeen:
        weights = self._target.traffic().weights
        return self.ask(max(sorted(weights), key=lambda slot: weights[slot]))


class ScriptedMetrics:
    """Gives the samples of `samples` one after the other, the last one for ever."""

    def __init__(self, samples: Sequence[MetricSample]) -> None:
        self._samples = list(samples)
        self._taken = 0

    def sample(self) -> MetricSample:
        if not self._samples:
            return MetricSample((), (("all", "no metrics are scripted"),))
        sample = self._samples[min(self._taken, len(self._samples) - 1)]
        self._taken += 1
        return sample


class RememberingAnnouncer:
    """Keeps every message."""

    def __init__(self) -> None:
        self.said: list[Notice] = []

    def say(self, notice: Notice) -> None:
        self.said.append(notice)


class MemoryKey:
    """An engine key that lives as long as the object."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def public_line(self) -> str:
        public = self._key.public_key()
        return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)
