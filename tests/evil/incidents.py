"""Public incidents of AI agents and of release tools, and where the suite shows that the same cannot happen here.

A row is added by whoever finds an incident, and never removed. `ATTACK` before a name is an attack of the table in
`bypass_attacks`; everything else is a file below `tests` and a test in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ATTACK: Final = "attack "
BYPASS: Final = "evil/test_agent_bypass.py::"
SIGNED: Final = "evil/test_agent_signed_runs.py::"
DOOR: Final = "unit/test_agent_door.py::"
RULES: Final = "unit/test_approval_rules.py::"


@dataclass(frozen=True)
class Incident:
    """Where it was reported, what happened, what has to hold here, and what shows it."""

    reference: str
    what: str
    holds: str
    shown: tuple[str, ...]


INCIDENTS: Final[Mapping[str, Incident]] = {
    "I01": Incident("anthropics/claude-code#37223", "an agent certified its own mandatory gates", "a claim satisfies no gate", (ATTACK + "evidence_is_forged_for_every_contract_of_the_protocol", ATTACK + "a_claim_bears_the_engine_as_its_producer")),
    "I02": Incident("anthropics/claude-code#88837", "it took authority from a document that it had written", "text in a claim, a summary or a draft grants nothing", (ATTACK + "every_text_field_says_that_it_was_allowed", ATTACK + "a_halt_says_that_the_run_may_be_resumed_by_an_agent")),
    "I03": Incident("anthropics/claude-code#53655", "leave to plan was taken as leave to act", "checking a draft, opening a run and an open request start nothing", (ATTACK + "every_state_of_the_protocol_is_started_out_of_turn", ATTACK + "a_run_is_opened_and_asked_for_and_nothing_begins")),
    "I04": Incident("anthropics/claude-code#64056", "a sub-agent deleted on production", "rights and targets are those of the token, whoever holds it", (BYPASS + "test_a_token_opens_only_its_scopes_protocols_and_environments", SIGNED + "test_a_token_for_staging_does_not_start_what_people_signed_for_production")),
    "I05": Incident("anthropics/claude-code#20022", "cloud resources were changed without consent", "no tool reaches an adapter but through the graph", (ATTACK + "approval_is_asked_for_under_every_name", ATTACK + "no_answer_tells_a_command_and_no_call_takes_one")),
    "I06": Incident("anthropics/claude-code#2625, #4570, #25621, #70369, #79400", "rules of the client were bypassed", "the suite passes with no rule of any client", (BYPASS + "test_no_generated_attack_gets_past_a_gate_and_each_one_is_in_the_trail",)),
    "I07": Incident("openai/codex#17164, #21277", "elicitations were approved by themselves", "a client that accepts everything changes nothing", (BYPASS + "test_a_client_that_accepts_everything_is_asked_nothing", ATTACK + "an_answer_to_a_question_that_was_never_asked_is_handed_in")),
    "I08": Incident("openai/codex#46853", "a false `validated`, an outage, then meddling with approvals", "only measured evidence validates, and it is looked at again when it is used", (ATTACK + "a_claim_says_that_people_approved", SIGNED + "test_evidence_that_was_exchanged_between_its_digest_and_its_use_carries_no_deployment")),
    "I09": Incident("jikig-ai/soleur#6731", "an agent passed the human gate with its operator's credentials", "the owner of an agent approves nothing that it asks for; where keys are in reach nothing starts", (BYPASS + "test_the_owner_of_an_agent_cannot_approve_what_it_asks_for", SIGNED + "test_a_signed_deployment_is_not_started_where_the_agent_could_reach_the_keys")),
    "I10": Incident("Replit, July 2025", "a freeze that was written in a prompt was ignored, records were deleted", "a freeze is state: FROZEN, whatever a text says", (ATTACK + "a_freeze_is_talked_away", SIGNED + "test_a_freeze_that_began_after_the_signatures_keeps_the_agent_and_the_engine_out")),
    "I11": Incident("AtomicBot-ai/atomic-agent#132", "`approval_gated` had no effect over MCP", "every door gives the same answer", (BYPASS + "test_every_surface_gives_the_same_answer",)),
    "I12": Incident("elementor-mcp#88", "tools that were switched off still ran when they were called", "what is not listed is refused, with an entry", (ATTACK + "tools_are_named_in_other_spellings", BYPASS + "test_without_a_token_an_agent_on_standard_input_reads_and_nothing_else")),
    "I13": Incident("akaszubski/autonomous-dev#1538", "a hard gate of the text was missing from what was enforced", "what the text demands is in the plan or an error; no path goes round it", (ATTACK + "a_weaker_text_is_checked_and_then_run_by_its_digest", "unit/test_compiler2_proof.py::test_any_way_round_a_guard_is_found_with_its_path", "unit/test_document_thresholds.py::test_what_is_no_comparison_is_kept_for_attestation_and_never_dropped")),
    "I14": Incident("canutin#411, deftai/directive#186", "rules that were loaded as text were skipped in silence", "a step cannot be skipped", (ATTACK + "every_state_of_the_protocol_is_started_out_of_turn", ATTACK + "the_run_is_closed_before_its_time")),
    "I15": Incident("Octopus MCP server", "the model supplies `confirm: true`", "there is no such argument and no switch", (DOOR + "test_no_tool_and_no_argument_is_named_after_what_must_be_absent", ATTACK + "every_tool_gets_arguments_that_would_make_it_let_go")),
    "I16": Incident("github/spec-kit, workflow gate", "an attached terminal counted as approval", "a terminal gains nothing; a key does", (BYPASS + "test_a_terminal_makes_no_approval",)),
    "I17": Incident("github/spec-kit#2219", "agents guess commands where a task is prose", "arguments come from the plan; what only a person knows waits for one", (ATTACK + "no_answer_tells_a_command_and_no_call_takes_one", "scenarios/test_manual.py::test_coverage_fine_by_hand_does_not_pass_gate_2_and_lifts_no_halt")),
    "I18": Incident("luisgf/infrabroker#118, #280", "the answer rode on the caller's identity; declines were not logged", "people sign; a no is an entry", (ATTACK + "arguments_say_who_acts", BYPASS + "test_a_statement_that_an_agent_signs_with_a_key_of_its_own_counts_for_nothing", "scenarios/test_waivers.py::test_a_refused_waiver_stays_on_record_and_another_one_may_be_asked_for")),
    "I19": Incident("modelcontextprotocol/modelcontextprotocol#1504", "approvals are not part of the protocol", "no message of any kind changes an approval", (BYPASS + "test_no_message_of_the_protocol_moves_anything", ATTACK + "an_answer_to_a_question_that_was_never_asked_is_handed_in")),
    "I20": Incident("skyhook-io/radar#1380", "a shared promote path skipped the abort check", "a halt wins on every door and in every order", (SIGNED + "test_a_halt_and_eight_starts_at_the_same_moment_start_one_operation_at_most", SIGNED + "test_a_halt_is_lifted_by_no_agent_and_by_no_engine_that_it_starts_again", ATTACK + "a_halt_and_a_start_are_called_one_after_the_other")),
    "I21": Incident("CVE-2026-61459", "a name that begins with `--server=` leaked the token of a cluster", "no name begins with a hyphen", (ATTACK + "names_begin_with_a_hyphen", BYPASS + "test_no_generated_attack_gets_past_a_gate_and_each_one_is_in_the_trail")),
    "I22": Incident("CVE-2026-50125", "an unbounded log took over 1 GiB of memory", "a log of any size is answered in pieces, in bounded time and memory", (SIGNED + "test_a_huge_log_is_searched_in_bounded_time_and_memory_to_its_end", ATTACK + "patterns_of_many_stars_are_searched", ATTACK + "arguments_have_a_million_letters")),
    "I23": Incident("CVE-2026-59951", "sessions without end filled the memory", "no session is kept, waits are counted, the version with the fault is not accepted", (SIGNED + "test_a_thousand_connections_leave_the_memory_as_it_was", SIGNED + "test_a_version_of_the_library_with_the_fault_is_not_accepted")),
    "I24": Incident("MicrosoftDocs/azure-devops-docs#13745", "former approvers still counted", "people are read at the moment of use", (SIGNED + "test_a_person_who_was_removed_after_signing_counts_no_more_and_nothing_is_deployed", RULES + "test_a18_an_approver_removed_after_signing_no_longer_counts")),
    "I25": Incident("kamp-us/phoenix#3769, hybridops-core#376", "an approval was not bound to what shipped", "one byte moved: void, with the reason", (SIGNED + "test_an_artifact_that_moved_after_the_signatures_is_not_deployed_and_the_approval_is_void", ATTACK + "a_run_is_opened_for_another_document_or_another_release")),
    "I26": Incident("awslabs/aidlc-workflows#742", "a rewritten artifact was a dead end for its approval", "an overtaken request is asked anew in one step before its use, and after a signature where it was void at its use", (RULES + "test_a18_an_expired_voided_or_overtaken_approval_is_not_used", "scenarios/test_release.py::test_drift_halts_and_a_signed_resume_goes_on_with_a_new_attempt", "scenarios/test_void_approvals.py::test_after_an_approver_was_removed_another_one_is_asked_and_both_verifiers_take_the_package")),
    "I27": Incident("tinyhumansai/opencompany#1805", "approvals lapsed without a warning", "a warning before the end; past it nothing is used", (SIGNED + "test_an_approval_that_ran_out_carries_no_deployment", "scenarios/test_messages.py::test_a_request_is_warned_about_once_when_a_quarter_of_its_time_is_left_and_never_after_its_use")),
    "I28": Incident("superplane#7518, spinnaker/spinnaker#4792", "one person counted twice; anyone could approve", "distinct people, by role", ("unit/test_approval_quorum.py::test_two_statements_of_one_person_are_one_person", "unit/test_approval_quorum.py::test_one_person_with_two_roles_is_one_person", RULES + "test_a6_people_only_no_engine_and_nobody_unlisted")),
    "I29": Incident("argoproj/argo-rollouts#4479, fluxcd/flagger#1581", "all measurements failed, and the result was Successful", "an error and a gap are never a pass", ("properties/test_judge_laws.py::test_no_data_is_never_a_go", "unit/test_measure_after_launch.py::test_missing_samples_are_never_a_pass_and_a_breach_counts_at_once")),
    "I30": Incident("the document family's own history", "the executor approved its own waiver at the minute of asking", "who asks never signs; a request has to be old enough", (RULES + "test_a16_nobody_approves_their_own_change_or_request", RULES + "test_a14_a_young_request_cannot_be_answered_where_the_rule_wants_time_to_read")),
    "I31": Incident("the document family's own history", "gate scripts made the evidence that they judged", "who judges does not write", (ATTACK + "a_claim_is_named_like_a_judgement_of_the_engine", "unit/test_document_traps.py::test_t16_a_gate_script_may_not_write_what_the_gate_judges")),
    "I32": Incident("the document family's own history", "validators were edited so that every score was good", "what judges is pinned by digest; an edit stops the run", (SIGNED + "test_a_deploy_script_that_was_edited_after_the_signatures_is_not_run", SIGNED + "test_rules_that_were_edited_in_mid_run_do_not_become_the_rules_of_the_run", ATTACK + "the_rules_of_the_project_are_weakened_in_mid_run")),
    "I33": Incident("the document family's own history", "a documented `--dry-run` was ignored: a real deployment", "a dry run that nobody tried is never started", ("scenarios/test_check_scripts.py::test_a_dry_run_that_nobody_tried_is_never_started", ATTACK + "every_tool_gets_arguments_that_would_make_it_let_go")),
    "I34": Incident("the document family's own history", "a gate runner returned 0 although every validator failed", "an exit status passes nothing", ("unit/test_scanner_readers.py::test_an_exit_status_passes_nothing_and_a_failed_command_without_a_finding_is_broken", "scenarios/test_hooks.py::test_a_hook_that_does_not_write_what_it_owes_fails_its_step_whatever_its_exit_status")),
}
"""All of them, by the number under which the documentation names them."""
