"""Measurements of the outside: which slot serves, who answers, is the old state back (PX-06, PX-09, SNP-01, CON-01)."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.engine.asking_hosts import answers_of, as_facts, no_ground, released_on
from gonogo.engine.asking_together import as_facts as of_services
from gonogo.engine.asking_together import services_in, silent
from gonogo.engine.bench import Bench, Looked
from gonogo.errors import Broken, GonogoError
from gonogo.evidence.canonical import write_json
from gonogo.evidence.ledger import time_text
from gonogo.measure.parity_leaves import fingerprint_of
from gonogo.plan.model import Measure, Task
from gonogo.ports import SlotSeen
from gonogo.terms import Digest, Json, Secret, digest_of
from gonogo.values import dataclass

ANSWERS = 5
TRIES = 40
PAUSE = 0.05
SETTINGS = b"gonogo/settings-fingerprint/v1"


@dataclass(frozen=True, slots=True)
class Serving:
    """What an environment serves now: the slot that has all traffic, the other one, and who answers in each."""

    stable: str
    candidate: str
    weights: Mapping[str, int]
    front: SlotSeen
    idle: SlotSeen | None


def kind_of(bench: Bench) -> str:
    """The argument of a measurement's name: `staging` in `observe:staging`."""
    assert isinstance(bench.task.act, Measure)
    return bench.task.act.what.partition(":")[2]


def serving(bench: Bench, kind: str) -> Serving:
    """Read traffic and versions; Broken where the proxy is unreadable or shares traffic between two versions."""
    environment = bench.environment(kind)
    prober = bench.world.probers[environment.name]
    target = bench.world.targets.get(environment.name)
    if target is None:
        return Serving("", "", {}, prober.front(), None)
    seen = target.traffic()
    if environment.hosts:
        if not seen.readable:
            raise Broken(f"{environment.name}: {seen.detail}", where=environment.url, next_step="look at the proxy")
        return Serving("", "", seen.weights, prober.front(), None)
    whole = [slot for slot, weight in seen.weights.items() if weight == 100]
    if not seen.readable or len(whole) != 1:
        raise Broken(
            f"{environment.name} has no single serving slot: {dict(seen.weights) or seen.detail}",
            where=environment.url,
            next_step="finish or take back the rollout that is under way there, then resume",
        )
    idle = next(slot for slot in environment.slots if slot != whole[0])
    return Serving(whole[0], idle, seen.weights, prober.ask(whole[0]), prober.ask(idle))


def fingerprint(bench: Bench, kind: str, now: Serving) -> Digest:
    """Digest of what an environment serves: version, artifact, weights, and its settings files by keyed digest."""
    environment = bench.environment(kind)
    serves = bench.plan.project.services
    salt = Secret(bench.world.key.sign(SETTINGS).hex())
    settings = {path: _keyed(bench.world.files.see(path).digest, salt) for path in environment.settings}
    return digest_of(
        write_json(
            {
                "version": now.front.version,
                "digest": now.front.digest,
                "weights": dict(sorted(now.weights.items())),
                "settings": settings,
                **({"hosts": as_facts(answers_of(bench, environment))} if environment.hosts else {}),
                **({"services": of_services(services_in(bench, environment, now.stable))} if serves else {}),
            }
        )
    )


def _keyed(digest: Digest | None, salt: Secret) -> str | None:
    """A digest under a key of this site: a plain one of a short file of secrets would let anybody try values."""
    return None if digest is None else fingerprint_of(digest, salt)


def observe(bench: Bench) -> Looked:
    """What an environment serves before it is touched; later acts take their slots from here."""
    kind = kind_of(bench)
    now = serving(bench, kind)
    if now.front.version is None or not now.front.healthy:
        return Looked(ok=False, detail=f"{bench.task.title}: {now.front.detail}")
    if kind == "staging" and now.front.version == bench.plan.release.version and _proves_a_rollback(bench):
        return Looked(ok=False, detail=f"{bench.task.title}: {_nothing_to_go_back_to(bench, now)}")
    hosts = answers_of(bench, bench.environment(kind))
    faults = no_ground(bench.environment(kind), hosts)
    if faults:
        return Looked(ok=False, detail=f"{bench.task.title}: {faults}")
    services = services_in(bench, bench.environment(kind), now.stable)
    if silent(services):
        return Looked(ok=False, detail=f"{bench.task.title}: {silent(services)}")
    facts: dict[str, Json] = {
        "observed": kind,
        "stable": now.stable,
        "candidate": now.candidate,
        "stable_version": now.front.version,
        "stable_digest": now.front.digest,
        "candidate_version": now.idle.version if now.idle else None,
        "fingerprint": fingerprint(bench, kind, now),
        "weights": dict(now.weights),
        **({"hosts": as_facts(hosts)} if hosts else {}),
        **({"services_idle": _idle(bench, kind, now)} if services else {}),
    }
    return Looked(ok=True, facts=facts, detail=f"{kind} serves {now.front.version}")


def _idle(bench: Bench, kind: str, now: Serving) -> dict[str, Json]:
    return of_services(services_in(bench, bench.environment(kind), now.candidate))


def _proves_a_rollback(bench: Bench) -> bool:
    return any(task.act == Measure("rollback-proof") for stage in bench.plan.stages for task in stage.tasks)


def _nothing_to_go_back_to(bench: Bench, now: Serving) -> str:
    """A rehearsal that begins where an earlier one ended would roll back to the very release that it tries (REH-04)."""
    version = bench.plan.release.version
    idle = f"{now.candidate} ({now.idle.version or 'empty'})" if now.idle else "the old version"
    return (
        f"staging serves {version} already, so that going back to it would prove nothing"
        f"\n  next: roll staging back first (by hand: old version into {idle}, all traffic to it), then resume"
    )


def candidate(bench: Bench) -> Looked:
    """The new version is asked directly, before it gets any traffic (PX-06, CT-04)."""
    kind = kind_of(bench)
    slot = str(bench.seen(kind).get("candidate") or "")
    prober = bench.world.probers[bench.environment(kind).name]
    wanted = bench.plan.release.version
    seen = prober.ask(slot) if slot else prober.front()
    for _ in range(TRIES):
        if seen.version == wanted and seen.healthy:
            break
        bench.world.clock.sleep(PAUSE)
        seen = prober.ask(slot) if slot else prober.front()
    if seen.version != wanted or not seen.healthy:
        text = f"{wanted} was deployed, but {slot or kind} says: {seen.detail}"
        return Looked(ok=False, detail=f"{bench.task.title}: {text}")
    expected = bench.plan.release.services[0].digest
    if seen.digest is not None and seen.digest != expected:
        text = f"{slot or kind} answers as {wanted}, but runs artifact {seen.digest[:12]}…, not {expected[:12]}…"
        return Looked(ok=False, detail=f"{bench.task.title}: {text}")
    return Looked(ok=True, facts={"version": seen.version, "digest": seen.digest}, detail=seen.detail)


def _steady(bench: Bench, kind: str, wanted: str) -> tuple[bool, str]:
    """`ANSWERS` answers of `wanted` in a row through the front; one other answer starts the count again (PX-09)."""
    prober = bench.world.probers[bench.environment(kind).name]
    row, detail = 0, "nothing answered"
    for _ in range(TRIES):
        seen = prober.front()
        row = row + 1 if seen.version == wanted and seen.healthy else 0
        detail = seen.detail
        if row >= ANSWERS:
            return True, f"{row} answers of {wanted} in a row"
        bench.world.clock.sleep(PAUSE if row == 0 else 0.0)
    return False, detail


def serves_release(bench: Bench) -> Looked:
    """The environment's public address answers with the released version, again and again."""
    kind = kind_of(bench)
    wanted = bench.plan.release.version
    ok, detail = _steady(bench, kind, wanted)
    if not ok:
        return Looked(ok=False, detail=f"{bench.task.title}: {wanted} was expected; {detail}")
    now = serving(bench, kind)
    answers = answers_of(bench, bench.environment(kind))
    faults = no_ground(bench.environment(kind), answers)
    if faults or any(seen.version != released_on(bench, kind, host).version for host, seen in answers.items()):
        shown = faults or f"the front answers with {wanted}, and not every host does"
        return Looked(ok=False, detail=f"{bench.task.title}: {shown}")
    facts: dict[str, Json] = {
        "version": wanted,
        "digest": now.front.digest,
        "fingerprint": fingerprint(bench, kind, now),
        "verified_at": time_text(bench.world.clock.now()),
    }
    return Looked(ok=True, facts=facts, detail=detail)


def restored(bench: Bench) -> Looked:
    """After a rollback: the old version answers through the front, and the environment's fingerprint is the old one."""
    kind = kind_of(bench)
    before = bench.seen(kind)
    wanted = str(before.get("stable_version") or "")
    ok, detail = _steady(bench, kind, wanted)
    now = serving(bench, kind)
    after = fingerprint(bench, kind, now)
    answers = answers_of(bench, bench.environment(kind))
    others = [seen for seen in answers.values() if seen.version is not None]
    still = any(seen.version == bench.plan.release.version for seen in (*others, *((now.idle,) if now.idle else ())))
    if answers:
        return _hosts_restored(bench, Restored(kind, now, answers, ok, detail, after, still))
    same = after == before.get("fingerprint")
    facts: dict[str, Json] = {
        "version": now.front.version,
        "fingerprint": after,
        "verified_at": time_text(bench.world.clock.now()),
        "same_fingerprint": same,
        "candidate_gone": not still,
    }
    if ok and same:
        return Looked(ok=True, facts=facts, detail=detail)
    fault = detail if not ok else f"{wanted} answers, but the environment is not what it was before"
    manual = f"by hand: send all traffic to `{before.get('stable')}`, stop `{before.get('candidate')}`"
    return Looked(ok=False, facts=facts, detail=f"{bench.task.title}: {fault}; {manual}")


@dataclass(frozen=True, slots=True)
class Restored:
    """What hosts say after a rollback: `steady` is whether the front answers with the old version, `after` what is."""

    kind: str
    now: Serving
    answers: Mapping[str, SlotSeen]
    steady: bool
    detail: str
    after: Digest
    still: bool


def _hosts_restored(bench: Bench, found: Restored) -> Looked:
    """Every host answers with the old version, or gets no requests: one that is lost and gets some is not restored."""
    before = bench.seen(found.kind)
    known = before.get("hosts")
    was = known if isinstance(known, Mapping) else {}
    faults = [] if found.steady else [found.detail]
    failed = [task.title for task in bench.stage.tasks if _failed_here(bench, task)]
    away = []
    for host, seen in found.answers.items():
        if seen.version is None and found.now.weights and not found.now.weights.get(host):
            away.append(host)
        elif as_facts({host: seen})[host] != was.get(host):
            faults.append(f"{host} answers {seen.version or 'nothing'}, not {was.get(host)}")
    facts: dict[str, Json] = {
        "version": found.now.front.version,
        "fingerprint": found.after,
        "verified_at": time_text(bench.world.clock.now()),
        "same_fingerprint": found.after == before.get("fingerprint"),
        "candidate_gone": not found.still,
        "lost_hosts": list(away),
    }
    if faults:
        also = f"; failed before: {', '.join(failed)}" if failed else ""
        return Looked(ok=False, facts=facts, detail=f"{bench.task.title}: {'; '.join(faults)}{also}")
    lost = f"; {', '.join(away)} did not answer and gets no requests: take it back before it does" if away else ""
    return Looked(ok=True, facts=facts, detail=f"{found.detail}{lost}")


def _failed_here(bench: Bench, task: Task) -> bool:
    known = bench.state.tasks.get(task.id)
    return known is not None and known.outcome == "failed" and known.attempt == bench.attempt


def reach(bench: Bench, kind: str) -> tuple[tuple[str, bool, str], ...]:
    """Every slot that should answer, and the front: (name, healthy, detail)."""
    environment = bench.environment(kind)
    prober = bench.world.probers[environment.name]
    seen = [("front", prober.front())]
    seen += [(host, found) for host, found in answers_of(bench, environment).items()]
    try:
        now = serving(bench, kind)
        if now.stable:
            seen.append((now.stable, prober.ask(now.stable)))
    except GonogoError as error:
        return (*((name, item.healthy, item.detail) for name, item in seen), ("proxy", False, str(error.what)))
    return tuple((name, item.healthy, item.detail) for name, item in seen)
