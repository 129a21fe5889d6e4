"""`DEPLOYMENT-REPORT.md` and the report of any run: generated from recorded evidence, none of it free text (REP-01)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from gonogo.evidence.ledger import time_text
from gonogo.measure.markdown import page, section, table
from gonogo.plan.model import Plan, Stage, all_stages
from gonogo.reports.standing import rules_in_force
from gonogo.run.aftermath import way_back
from gonogo.run.awaiting import awaited, waited_in_all, words_of
from gonogo.run.events_of_traffic import DrainEnded, WindowExtended
from gonogo.run.health_window import window_answer, window_budgets
from gonogo.run.rolling import Rolling
from gonogo.run.state import RunState
from gonogo.terms import RunId


def release_report(plan: Plan, state: RunState, run: RunId, now: datetime) -> str:
    """The whole report of a run as Markdown, as of `now`."""
    parts = (section(title, text) for title, text in release_sections(plan, state, run, now))
    return page(f"{plan.title}: {plan.project.name} {plan.release.version}", *parts)


def release_sections(plan: Plan, state: RunState, run: RunId, now: datetime) -> Iterator[tuple[str, str]]:
    """Title and Markdown of each section of the report."""
    yield "Outcome", _outcome(plan, state, now)
    yield "Rules", "\n".join(f"- {line}" for line in rules_in_force(plan, state.trust))
    yield "Release", _release(plan, run)
    yield "Timeline", table(("step", "state", "attempt", "began", "took"), _timeline(plan, state))
    yield "Gates", table(("gate", "verdict", "judgement sha256"), _gates(plan, state)) or "None was judged."
    yield "Decisions", table(("decision", "person", "role", "answer", "at"), _decisions(state))
    yield "Waiting", _waiting(plan, state, now)
    yield "Manual records", table(("step", "person", "role", "at"), _manual(state)) or "None: all was measured."
    yield "Rollout", _rollout(state)
    yield "Health window", _health(plan, state, now)
    yield "Evidence", table(("file", "sha256", "step", "status"), _evidence(state))
    yield "Omissions", _omissions(plan)


def outcome_word(state: RunState) -> str:
    """How the run ended, or how it stands, in a word."""
    if state.outcome:
        return state.outcome.replace("_", " ")
    if state.rollback is not None:
        return "rolled back"
    if state.halted is not None:
        return f"halted ({state.halted.cause}) at {state.halted.stage}"
    return "aborted" if state.aborting else "under way, no step has failed"


def _outcome(plan: Plan, state: RunState, now: datetime) -> str:
    taken = state.rollback
    lines = [f"**{outcome_word(state)}** as of {time_text(now)}."]
    if taken is not None:
        verified = "verified" if taken.verified else "not verified"
        lines.append(
            f"Rolled back because of {taken.trigger} ({taken.cause}); {verified}, {taken.recovery_ms / 1000:.2f} s."
        )
        lines += _way_back(plan, state)
    lines.append(f"The run was halted {state.halts} time(s). Executor's role: {plan.role}.")
    return "\n\n".join(lines)


def _way_back(plan: Plan, state: RunState) -> list[str]:
    """From the first bad sample over the decision to restored traffic, in one sentence (ARB-03)."""
    known = way_back(plan, state)
    if known is None:
        return []
    if known.first_bad is None or known.first_bad > known.decided:
        said = f"No failed request of the new version was sampled before it was decided at {time_text(known.decided)}"
        began = known.decided
    else:
        said = f"The first failed request of the new version was in the sample of {time_text(known.first_bad)}; "
        said += f"{_seconds(known.first_bad, known.decided)} later it was decided to go back"
        began = known.first_bad
    if known.restored is None:
        return [f"{said}; that traffic is restored is not on record."]
    after = _seconds(known.decided, known.restored)
    return [f"{said}; {after} after that its traffic was restored, {_seconds(began, known.restored)} in all."]


def _seconds(began: datetime, ended: datetime) -> str:
    return f"{(ended - began).total_seconds():.2f} s"


def _release(plan: Plan, run: RunId) -> str:
    rows = [(item.name, item.version, item.artifact, item.digest, item.owner) for item in plan.release.services]
    about = f"Run `{run}`, release `{plan.release.id}`, manifest `{plan.release.digest}`, plan `{plan.digest}`."
    return about + "\n\n" + table(("service", "version", "artifact", "sha256", "owner"), rows)


def _timeline(plan: Plan, state: RunState) -> Iterable[Sequence[str]]:
    for stage in all_stages(plan):
        known = [state.tasks[task.id] for task in stage.tasks if task.id in state.tasks]
        if not known:
            continue
        began = min(item.began for item in known)
        ended = max((item.ended for item in known if item.ended), default=began)
        attempt = str(state.attempts.get(stage.id, 1))
        yield stage.title, _word(stage, state), attempt, time_text(began), f"{(ended - began).total_seconds():.2f} s"


def _word(stage: Stage, state: RunState) -> str:
    outcomes = [state.tasks[task.id].outcome if task.id in state.tasks else "" for task in stage.tasks]
    if "failed" in outcomes:
        return "failed"
    return "done" if all(outcome == "ok" for outcome in outcomes) else "open"


def _gates(plan: Plan, state: RunState) -> Iterable[Sequence[str]]:
    for rule in plan.gates.values():
        judged = state.judgements.get(rule.id)
        yield rule.name, judged.verdict if judged else "not judged", judged.digest if judged else ""


def _decisions(state: RunState) -> Iterable[Sequence[str]]:
    for asked in state.rounds.values():
        for answer in asked.answers:
            yield asked.name, answer.person, answer.role, answer.decision, time_text(answer.at)
        if not asked.answers:
            yield asked.name, "nobody", "", asked.status, ""


def _waiting(plan: Plan, state: RunState, now: datetime) -> str:
    """How long people were waited for; requests that were open together count once in the total."""
    found = awaited(plan, state)
    if not found:
        return "Nobody was waited for."
    rows = [
        (
            item.round,
            ", ".join(item.people) or "nobody",
            time_text(item.since),
            time_text(item.until) if item.until else "still waiting",
            words_of(item.length(now)),
        )
        for item in found
    ]
    total = words_of(waited_in_all(found, now))
    shown = table(("request", "answered by", "asked at", "complete at", "waited"), rows)
    return f"The run waited {total} for people in all.\n\n{shown}"


def _manual(state: RunState) -> Iterable[Sequence[str]]:
    """What people stated by hand; it is never listed as measured (MAN-06)."""
    for asked in state.rounds.values():
        if asked.point == "manual":
            for answer in asked.answers:
                yield asked.task.rpartition("#")[0], answer.person, answer.role, time_text(answer.at)


def _rollout(state: RunState) -> str:
    parts = []
    for rolling in state.rollings.values():
        if not rolling.moves:
            continue
        moves = [(time_text(at), f"{percent} %") for at, percent in rolling.moves]
        parts.append(table(("at", "new version's share"), moves))
        parts.append(table(("version", "requests", "errors"), _totals(rolling)))
        if rolling.answer is not None:
            parts.append(f"The judge: {rolling.answer.kind.value}; {rolling.answer.explanation}.")
    if state.cut:
        parts.append(table(("ended at", "place", "requests under way", "drain"), map(_cut, state.cut)))
    return "\n\n".join(parts) or "No traffic was moved."


def _cut(known: tuple[datetime, DrainEnded]) -> Sequence[str]:
    """A place that a script ended, and what was under way there: what nobody counted is unknown, and never none."""
    at, event = known
    return time_text(at), event.place, "unknown" if event.open is None else str(event.open), f"{event.drain} s"


def _health(plan: Plan, state: RunState, now: datetime) -> str:
    watched = [known for known in state.rollings.values() if not known.moves and known.last is not None]
    if not watched:
        return "Production was not watched."
    parts = []
    for known in watched:
        answer = window_answer(plan, known, now)
        parts.append(f"{answer.verdict.word}: {answer.explanation}.")
        if known.extensions:
            said = [(time_text(at), *_extension(event)) for at, event in known.extensions]
            parts.append(table(("extended at", "clause", "measured", "limit", "until"), said))
        rows = [
            (
                budget.promise.name,
                f"{budget.bad} of {budget.total}",
                f"{float(budget.promise.allowed * 100):.4g} %",
                f"{float(max(budget.burns)):.4g} of {float(budget.rule.factor):.4g}" if budget.burns else "none",
                budget.verdict.word,
            )
            for budget in window_budgets(plan, known, now)
        ]
        if rows:
            parts.append(table(("error budget", "bad requests", "allowed", "fastest burn, times", "verdict"), rows))
    return "\n\n".join(parts)


def _extension(event: WindowExtended) -> Sequence[str]:
    return event.clause, event.measured, event.limit, event.ends_at


def _totals(rolling: Rolling) -> Iterable[Sequence[str]]:
    for name, position in (("old", 2), ("new", 3)):
        counts = [tick[position] for tick in rolling.ticks]
        seen = [item for item in counts if item is not None and not isinstance(item, int | datetime)]
        yield name, str(sum(item.requests for item in seen)), str(sum(item.errors for item in seen))


def _evidence(state: RunState) -> Iterable[Sequence[str]]:
    for item in state.evidence.values():
        yield item.name, item.digest, item.stage, item.status


def _omissions(plan: Plan) -> str:
    left = [stage.title for stage in plan.stages if not stage.tasks]
    return "\n".join(f"- {title}: bound to nothing in this project" for title in left) or "Nothing was left out."
