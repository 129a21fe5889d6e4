"""Binds a protocol to a project and a release: document + sidecar + gonogo.yaml + manifest + people → `Plan`.

Pure: bytes in, plan or findings out. An unbound MUST step, an unbound clause or an unbound limit is an error; nothing
is guessed and nothing is left out in silence (DOC-13, CFG-11, GAT-09).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from gonogo.document.reading import Reading, read_document
from gonogo.errors import BadInput
from gonogo.evidence.policy import read_policy
from gonogo.evidence.signers import DEFAULT_RULE, DecisionRule, Ring
from gonogo.findings import Finding, Level, Origin, forbids
from gonogo.plan.activities import ACTIVITIES, closing_drafts, rollback_drafts, state_probes
from gonogo.plan.announcing import voice_of
from gonogo.plan.approvers import read_approvers
from gonogo.plan.binding_metrics import check_promises
from gonogo.plan.bindings import read_project
from gonogo.plan.digest import plan_digest
from gonogo.plan.drafting import Draft
from gonogo.plan.gate_limits import GateLimits, read_gate_limits, tightened
from gonogo.plan.gates import bind_gate
from gonogo.plan.graph import Graph, graph_of
from gonogo.plan.guarding import claims_of
from gonogo.plan.hooking import with_hooks
from gonogo.plan.linting import findings_beside_bindings
from gonogo.plan.model import Decide, Effect, Execute, GateRule, Judge, Measure, Plan, Roll, Stage, Task
from gonogo.plan.openslo import read_openslo
from gonogo.plan.project import Project
from gonogo.plan.proof import Certificate, Claim, prove
from gonogo.plan.reading import Findings
from gonogo.plan.release import UNKNOWN_RELEASE, Release, read_release
from gonogo.plan.shipped_together import check_released
from gonogo.plan.sidecar import Sidecar, StepBinding, read_sidecar
from gonogo.plan.sources import Source, Sources
from gonogo.plan.transitions import Trees, gates_of_phase
from gonogo.protocol.model import ApprovalRequired, ArtifactRequired, Gate, HaltEffect, Protocol, StateRequired, Step
from gonogo.protocol.references import words_of
from gonogo.terms import Digest, Obligation, digest_of
from gonogo.values import dataclass

NOWHERE = Digest("0" * 64)

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Proven:
    """The graph of a plan and what was shown of it: a certificate without a gap (GN0801 to GN0803 are errors)."""

    graph: Graph
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Compilation:
    """A plan, or none where a finding forbids it; the findings either way. A plan comes with its proof."""

    plan: Plan | None
    findings: tuple[Finding, ...]
    ring: Ring | None = None
    reading: Reading | None = None
    proven: Proven | None = None


def compile_plan(sources: Sources) -> Compilation:
    """Compile; every fault of every input is reported in one pass where it can be read at all."""
    notes, read_notes = Findings(), Findings()
    reading = _read(sources.document, read_notes)
    sidecar = _attempt(notes, sources.sidecar, lambda source: read_sidecar(source.data, source.name))
    project = _attempt(notes, sources.project, lambda source: read_project(source.data, source.name))
    release = _attempt(notes, sources.manifest, lambda source: read_release(source.data, source.name))
    ring = _people(sources, notes)
    limits = _gate_limits(sources.gate_limits, notes)
    if reading and reading.protocol:
        read_notes.found.extend(findings_beside_bindings(reading.protocol))
    for read in (sidecar, project):
        notes.found.extend(read.findings if read else ())
    if not (reading and reading.protocol and sidecar and project and release and ring):
        return Compilation(None, (*read_notes.found, *notes.found), reading=reading)
    signed = sources.gate_limits is not None and _names(ring, sources.gate_limits)
    bound = _with_promises(project.project, sources, notes)
    if sources.manifest.data != UNKNOWN_RELEASE:
        check_released(project.project, release, notes)
    builder = Builder(reading.protocol, sidecar.sidecar, bound, ring, notes, limits, signed)
    plan = builder.plan(release, _digests(sources), sources.scripts)
    claims = claims_of(reading.protocol, sidecar.sidecar, plan, notes)
    # What is wrong in the document does not keep its machine from being proved: holes are told with all the rest.
    proven = None if forbids(tuple(notes.found)) else _proven(plan, claims, notes)
    found = (*read_notes.found, *notes.found)
    return Compilation(None if forbids(found) else plan, found, ring, reading, proven)


def _at_once(drafts: tuple[Draft, ...], bound: StepBinding) -> tuple[Draft, ...]:
    if bound.at_once == 1:
        return drafts  # An activity may have said so itself: the hosts of one batch (`plan.host_activities`).
    return tuple(replace(one, at_once=bound.at_once) if isinstance(one.act, Execute) else one for one in drafts)


def _with_sources(rule: GateRule, stages: tuple[Stage, ...]) -> GateRule:
    owed = {name: stage.id for stage in stages for name in stage.evidence}
    return replace(rule, owed_by={name: owed[name] for name in rule.judged_files if name in owed})


def _gate_limits(source: Source | None, notes: Findings) -> GateLimits | None:
    read = None if source is None else _attempt(notes, source, lambda file: read_gate_limits(file.data, file.name))
    if read is None:
        return None
    notes.found.extend(read.findings)
    return read.limits


def _with_promises(project: Project, sources: Sources, notes: Findings) -> Project:
    """The project with the promises of its OpenSLO file; a file that is named and absent is an error."""
    health = project.health
    if not health.openslo:
        return project
    if sources.openslo is None:
        where = Origin(sources.project.name, 1, 1)
        notes.error("GN1005", f"`health_window.openslo` names {health.openslo}, which is not at hand", where)
        return project
    read = _attempt(notes, sources.openslo, lambda file: read_openslo(file.data, file.name, health.indicators))
    if read is None:
        return project
    notes.found.extend(read.findings)
    for environment in project.environments.values():
        check_promises(environment, read.promises, notes)
    return replace(project, health=replace(health, promises=read.promises))


def _proven(plan: Plan, claims: tuple[Claim, ...], notes: Findings) -> Proven:
    graph = graph_of(plan)
    proof = prove(graph, claims)
    notes.found.extend(proof.findings)
    return Proven(graph, proof.certificate)


def _people(sources: Sources, notes: Findings) -> Ring | None:
    if isinstance(sources.approvers, Ring):
        return sources.approvers
    read = _attempt(notes, sources.approvers, lambda source: read_approvers(source.data, source.name))
    if read is None:
        return None
    notes.found.extend(read.findings)
    policy = sources.policy
    signed = None if policy is None else _attempt(notes, policy, lambda file: read_policy(file.data, name=file.name))
    # What people write names paths; only the signed policy says which bytes are meant.
    return replace(read.ring, governed=signed.governed if signed else ())


def _names(ring: Ring, file: Source) -> bool:
    return any(item.sha256 == digest_of(file.data) for item in ring.governed)


def _attempt(notes: Findings, source: Source, read: Callable[[Source], Kind]) -> Kind | None:
    try:
        return read(source)
    except BadInput as error:
        origin = _place(error.where or source.name)
        notes.error("GN1005", error.what, origin, *((error.next_step,) if error.next_step else ()))
        return None


def _place(where: str) -> Origin:
    parts = where.split(":")
    numbers = [int(part) for part in parts[1:3] if part.isdigit()]
    return Origin(parts[0], numbers[0] if numbers else 1, numbers[1] if len(numbers) > 1 else 1)


def _read(source: Source, notes: Findings) -> Reading | None:
    reading = _attempt(notes, source, lambda document: read_document(document.data, document.name))
    if reading is not None:
        notes.found.extend(reading.findings)
    return reading


def _digests(sources: Sources) -> dict[str, Digest]:
    named = {
        "document": sources.document,
        "sidecar": sources.sidecar,
        "project": sources.project,
        "manifest": sources.manifest,
    }
    if sources.gate_limits is not None:
        named["gate_limits"] = sources.gate_limits
    if sources.openslo is not None:
        named["openslo"] = sources.openslo
    return {name: digest_of(source.data) for name, source in named.items()}


@dataclass(slots=True)
class Builder:
    """Puts a plan together and collects what is wrong on the way."""

    protocol: Protocol
    sidecar: Sidecar
    project: Project
    ring: Ring
    notes: Findings
    limits: GateLimits | None = None
    limits_signed: bool = False

    def plan(self, release: Release, sources: Mapping[str, Digest], scripts: Mapping[str, Digest]) -> Plan:
        """The plan; meaningless where `notes` then hold an error."""
        self._check_names()
        gates = self._gates()
        *stages, closing = self._hooked((self._prerequisites(), *self._workflow(gates), self._closing()))
        gates = {name: _with_sources(rule, tuple(stages)) for name, rule in gates.items()}
        for unknown in sorted(set(self.sidecar.steps) - {stage.id for stage in stages}):
            origin = self.sidecar.steps[unknown].origin
            self.notes.error("GN0702", f"binding names step `{unknown}`, which the document does not have", origin)
        production = self.sidecar.environment == "production"
        trees = self._trees()
        stages = [*trees.with_effects(stages)]
        plan = Plan(
            name=self.sidecar.name,
            slug=self.protocol.slug,
            title=self.protocol.title,
            number=self.protocol.number,
            voice=voice_of(self.protocol, self.project.announce, self.protocol.number or self.protocol.slug),
            role=self.sidecar.role,
            mission=self.protocol.mission,
            guardrails=tuple(message.text for message in self.protocol.guardrails),
            environment=self.sidecar.environment,
            release=release,
            project=self.project,
            stages=tuple(stages),
            rollback=self._side_stage("rollback", "Roll production back", rollback_drafts(self.project))
            if production
            else None,
            closing=closing,
            gates=gates,
            decisions=self._decisions(tuple(stages)),
            ring=self.ring,
            scripts=dict(sorted(scripts.items())),
            sources=sources,
            artifacts=self._artifacts(),
            states=self._states(),
            outputs=tuple(
                (name, exchange.protocol) for exchange in self.protocol.outputs for name in exchange.artifacts
            ),
            next_protocol=self.sidecar.next_protocol,
            digest=NOWHERE,
            transitions=trees.transitions(tuple(stages)),
            exit_checks=trees.exit_checks(tuple(stages)),
        )
        return replace(plan, digest=plan_digest(plan))

    def _hooked(self, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        return with_hooks(stages, self.project, self.sidecar.name, self.sidecar.environment, self.notes)

    def _closing(self) -> Stage:
        drafts = closing_drafts(self.project, self.sidecar.environment)
        return self._side_stage("closing", "Report and evidence", drafts)

    def _check_names(self) -> None:
        if self.sidecar.protocol != self.protocol.slug:
            self.notes.error(
                "GN0702",
                f"the sidecar binds `{self.sidecar.protocol}`, the document is `{self.protocol.slug}`",
                self.sidecar.origin,
            )

    def _gates(self) -> dict[str, GateRule]:
        gates: dict[str, GateRule] = {}
        for gate in self.protocol.gates:
            gates[gate.id] = bind_gate(gate, self.sidecar, self.project, self.notes)
        gates = self._trees().with_checks(gates)
        for unknown in sorted(set(self.sidecar.rollback_gates) - set(gates)):
            self.notes.error("GN0702", f"`rollback_gates` names `{unknown}`, which is no gate", self.sidecar.origin)
        if self.limits is None:
            return gates
        return tightened(gates, self.limits, self.protocol.slug, self.notes, signed=self.limits_signed)

    def _trees(self) -> Trees:
        return Trees.of(self.protocol, self.sidecar, self.project, self.notes)

    def _artifacts(self) -> tuple[tuple[str, str, bool], ...]:
        wanted = [item for item in self.protocol.prerequisites if isinstance(item, ArtifactRequired)]
        return tuple((item.name, self._source(item), item.optional) for item in wanted)

    def _source(self, item: ArtifactRequired) -> str:
        """The slug of the protocol that owes an artifact: a number alone names none (C1), then the inputs are asked."""
        said = (item.source, *(found.protocol for found in self.protocol.inputs if item.name in found.artifacts))
        return next((words for text in said if (words := words_of(text))), item.source)

    def _states(self) -> tuple[tuple[str, str], ...]:
        stated = [item for item in self.protocol.prerequisites if isinstance(item, StateRequired)]
        for item in stated[len(self.sidecar.states) :]:
            self.notes.error("GN1010", f"nothing probes the required state: {item.text}", item.origin)
        return tuple((probe, item.text) for probe, item in zip(self.sidecar.states, stated, strict=False))

    def _prerequisites(self) -> Stage:
        wanted = [item for item in self.protocol.prerequisites if isinstance(item, ApprovalRequired)]
        for item in wanted[len(self.sidecar.approvals) :]:
            self.notes.error("GN1010", f"no decision point is bound to the required approval: {item.text}", item.origin)
        drafts = [*self._probes(), Draft("check", "check artifacts and system states", Measure("prerequisites"))]
        for point, item in zip(self.sidecar.approvals, wanted, strict=False):
            drafts.append(Draft(point, item.text, Decide(point, "approval")))
        return self._stage("prerequisites", "Prerequisites", "prerequisites", 0, tuple(drafts), self.protocol.origin)

    def _probes(self) -> tuple[Draft, ...]:
        """None where production is probed only after a person confirmed it: then a later step proves these states."""
        if any(bound.does == "connectivity" for bound in self.sidecar.steps.values()):
            return ()
        wanted = {state: command for state, command in self.project.probes.items() if state in self.sidecar.states}
        return state_probes(replace(self.project, probes=wanted), self.sidecar.environment)

    def _workflow(self, gates: Mapping[str, GateRule]) -> Iterator[Stage]:
        for index, phase in enumerate(self.protocol.phases, start=1):
            for step in phase.steps:
                yield from self._steps(step, index)
            for gate in gates_of_phase(self.protocol, index):
                yield self._gate_stage(gate, gates[gate.id], index)

    def _steps(self, step: Step, phase: int) -> Iterator[Stage]:
        bound = self.sidecar.steps.get(step.id)
        if bound is not None or not step.substeps:
            yield self._step_stage(step, bound, phase)
        for substep in step.substeps:
            yield from self._steps(substep, phase)

    def _step_stage(self, step: Step, bound: StepBinding | None, phase: int) -> Stage:
        drafts = self._drafts(step, bound) if bound else ()
        if bound is None:
            message = f"step `{step.id}` is bound to nothing"
            binding = (
                "obligation: it cannot be left out" if step.obligation is Obligation.MUST else "it will be left out"
            )
            level = Level.ERROR if step.obligation is Obligation.MUST else Level.WARNING
            note = f"bind it under `steps:` in {self.sidecar.origin.file}"
            self.notes.found.append(Finding("GN1010", level, f"{message}; {binding}", step.origin, notes=(note,)))
        stage = self._stage(step.id, step.title, "step", phase, drafts, step.origin)
        return replace(
            stage,
            obligation=step.obligation,
            halts=frozenset(effect for halt in step.halts for effect in halt.effects),
            evidence=tuple(dict.fromkeys(ref.name for ref in step.evidence)) if bound else (),
            says=tuple(message.text for message in step.says),
        )

    def _drafts(self, step: Step, bound: StepBinding) -> tuple[Draft, ...]:
        if bound.does:
            activity = ACTIVITIES.get(bound.does)
            if activity is None:
                known = ", ".join(sorted(ACTIVITIES))
                self.notes.error("GN0702", f"`{bound.does}` is no activity", bound.origin, f"known: {known}")
                return ()
            return _at_once(activity(self.project), bound)
        if bound.commands:
            return _at_once(self._command_drafts(bound), bound)
        return (Draft("attest", step.title, Decide(f"attest-{bound.attested_by}", "attestation")),)

    def _command_drafts(self, bound: StepBinding) -> tuple[Draft, ...]:
        """The commands of a step; the first that changes production uses the approval up."""
        effect = Effect(bound.effect)
        where = bound.effect if effect is not Effect.NONE else self.sidecar.environment
        environment = next((item.name for item in self.project.environments.values() if item.kind == where), where)
        found: list[Draft] = []
        for name in bound.commands:
            command = self.project.commands.get(name)
            if command is None:
                self.notes.error("GN0702", f"`{name}` is not bound under `commands`", bound.origin)
                continue
            act = Execute(name, environment, effect, "step", command.repeatable or effect is Effect.NONE)
            consumes = "production" if effect is Effect.PRODUCTION and not found else ""
            found.append(Draft("run" if len(bound.commands) == 1 else f"run-{name}", f"run {name}", act, consumes))
        return tuple(found)

    def _gate_stage(self, gate: Gate, rule: GateRule, phase: int) -> Stage:
        drafts = [
            Draft(f"attest-{role}", f"a {role} attests: {text}", Decide(f"attest-{role}", "attestation"))
            for text, role in self.sidecar.manual.items()
            if text in rule.manual
        ]
        drafts.append(Draft("judge", f"judge {gate.name}", Judge(gate.id)))
        stage = self._stage(f"gate/{gate.id}", gate.name, "gate", phase, tuple(drafts), rule.origin)
        effect = HaltEffect.ROLLBACK if rule.rolls_back else HaltEffect.STOP
        return replace(stage, halts=frozenset({effect}))

    def _side_stage(self, name: str, title: str, drafts: tuple[Draft, ...]) -> Stage:
        return self._stage(name, title, name, 0, drafts, self.protocol.origin)

    def _stage(self, name: str, title: str, kind: str, phase: int, drafts: tuple[Draft, ...], origin: Origin) -> Stage:
        tasks = tuple(
            Task(f"{name}#{draft.name}", draft.title, draft.act, draft.consumes, draft.batch, draft.at_once)
            for draft in drafts
        )
        self._check_commands(tasks, origin)
        return Stage(name, title, kind, phase, Obligation.MUST, frozenset(), tasks, (), (), origin)

    def _check_commands(self, tasks: tuple[Task, ...], origin: Origin) -> None:
        for task in tasks:
            if isinstance(task.act, Execute) and task.act.command not in self.project.commands:
                note = f"needed by the step in {origin}"
                self.notes.error("GN1001", f"`commands.{task.act.command}` is missing", self.project.origin, note)

    def _decisions(self, stages: tuple[Stage, ...]) -> dict[str, DecisionRule]:
        found: dict[str, DecisionRule] = {}
        for stage in stages:
            for task in stage.tasks:
                if isinstance(task.act, Decide):
                    found[task.act.point] = self._rule(task.act, stage.origin)
        found["resume"] = self.ring.rule("resume") or DEFAULT_RULE
        manual = "manual" in self.project.rollout.promotions and any(
            isinstance(task.act, Roll) for stage in stages for task in stage.tasks
        )
        if manual:
            found["promotion"] = self._rule(Decide("promotion", "approval"), self.project.origin)
        if self.project.rollout.asks_rollback and self.sidecar.environment == "production":
            found["rollback"] = self._rule(Decide("rollback", "approval"), self.project.origin)
        for point in ("promotion", "break_glass"):
            rule = self.ring.rule(point)
            found |= {point: rule} if rule else {}
        return found

    def _rule(self, act: Decide, origin: Origin) -> DecisionRule:
        if act.kind == "freeze-ack":
            if not self.ring.freeze_stakeholders:
                self.notes.error(
                    "GN1010", "`freeze_stakeholders` is empty; nobody could acknowledge a freeze", self.ring_origin()
                )
            people = max(1, len(self.ring.freeze_stakeholders))
            return DecisionRule(quorum=people, not_requester=False, not_author=False)
        rule = self.ring.rule(act.point)
        if rule is None:
            note = f"needed by the step in {origin}"
            self.notes.error("GN1010", f"`decisions.{act.point}` is missing", self.ring_origin(), note)
        return rule or DecisionRule()

    def ring_origin(self) -> Origin:
        """Where the people stand."""
        return Origin(self.project.approvers, 1)
