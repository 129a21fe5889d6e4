"""The threats, row by row: where each is shown, or why it cannot be shown here.

A row that packages show (`PACKAGES`) has attacks of its number in attacks.py or attacks_on_people.py. Other rows name the
tests that play them. `NOT_HERE` says what stands in the way; such a row is no promise.
"""

from __future__ import annotations

PACKAGES = "a package with exactly this wrong, against gonogo verify, verify.py, and verify.sh as far as it can see"

THREATS: dict[str, tuple[str, ...]] = {
    "t01_edit_evidence": (PACKAGES, "scenarios/test_auditing_page.py::test_edited_evidence_is_found_in_step_2"),
    "t02_edit_and_resum": (PACKAGES,),
    "t03_rechain": (PACKAGES,),
    "t04_engine_key_edit": (PACKAGES,),
    "t05_rewrite_log": (PACKAGES,),
    "t06_cut_tail": (PACKAGES,),
    "t07_cut_after_approval": (PACKAGES,),
    "t08_split_view": (PACKAGES, "evil/test_witnessed_packages.py::test_cosignatures_count_by_quorum_for_both_verifiers"),
    "t09_hidden_run": (PACKAGES,),
    "t10_swapped_artifact": (PACKAGES,),
    "t11_moved_tag": (
        "scenarios/test_bad_input.py::test_an_artifact_that_is_not_the_one_of_the_manifest_stops_the_run_before_anything_is_installed",
    ),
    "t12_replay_release": (PACKAGES,),
    "t13_replay_attempt": (PACKAGES,),
    "t14_own_change": (PACKAGES,),
    "t15_one_person_twice": (PACKAGES,),
    "t16_two_key_ids": ("evil/test_threats.py::test_t16_two_key_ids",),
    "t17_expired": (PACKAGES,),
    "t18_other_environment": (PACKAGES,),
    "t19_other_namespace": (PACKAGES,),
    "t20_stale_evidence": (PACKAGES,),
    "t21_unlisted_key": (PACKAGES,),
    "t22_agent_socket": (PACKAGES,),
    "t23_fake_fido": (
        PACKAGES,
        "unit/test_keys_enrolled.py::test_software_that_makes_its_own_attestation_is_not_enrolled_as_a_device",
    ),
    "t24_flags_zero": (PACKAGES, "evil/test_threats.py::test_t24_flags_zero_are_good_for_ssh_keygen"),
    "t25_phished_passkey": (PACKAGES,),
    "t26_blind_signing": (PACKAGES,),
    "t27_hostile_text": (
        "properties/test_evidence_laws.py::test_shown_text_hides_nothing",
        "unit/test_evidence_trusting.py::test_tl08_handles_that_look_alike",
    ),
    "t28_weak_hash": (PACKAGES,),
    "t29_malleable": (
        PACKAGES,
        "properties/test_evidence_sshsig_fuzz.py::test_nothing_is_accepted_that_ssh_keygen_refuses",
        "properties/test_evidence_sshsig_fuzz.py::test_we_accept_no_mutant_at_all",
    ),
    "t30_backdated": (PACKAGES,),
    "t31_policy_rollback": (PACKAGES,),
    "t32_rogue_signer": (PACKAGES,),
    "t33_wide_line": ("evil/test_threats.py::test_t33_wide_line",),
    "t34_clock_back": (PACKAGES, "unit/test_contract_journal.py::test_a_clock_that_went_back_writes_no_event"),
    "t35_clock_forward": (PACKAGES,),
    "t36_dropped_statement": (PACKAGES,),
    "t37_extra_file": (PACKAGES,),
    "t38_zip_slip": (PACKAGES,),
    "t39_links": (PACKAGES, "unit/test_folder_sums.py::test_a_list_follows_no_link_and_waits_for_no_pipe"),
    "t40_bombs": (PACKAGES, "properties/test_zip_readers.py::test_what_we_read_unzip_and_python_read_as_the_same_bytes"),
    "t41_duplicate_entry": (PACKAGES,),
    "t42_twin_names": (PACKAGES,),
    "t43_parser_differential": (
        PACKAGES,
        "properties/test_zip_readers.py::test_what_we_read_unzip_and_python_read_as_the_same_bytes",
    ),
    "t44_toctou": ("evil/test_threats.py::test_t44_toctou",),
    "t45_late_writer": (
        "scenarios/test_commands_capture.py::test_what_a_survivor_writes_later_does_not_change_the_captured_output",
        "scenarios/test_commands_capture.py::test_a_command_that_ignores_the_polite_end_is_killed_with_its_children",
    ),
    "t46_printed_pass": (
        PACKAGES,
        "unit/test_scanner_readers.py::test_an_exit_status_passes_nothing_and_a_failed_command_without_a_finding_is_broken",
    ),
    "t47_empty_evidence": (
        PACKAGES,
        "scenarios/test_bad_input.py::test_a_script_that_ends_with_0_and_writes_no_evidence_is_no_success",
    ),
    "t48_old_evidence": (
        PACKAGES,
        "unit/test_measure_intake.py::test_an_artifact_is_expired_one_second_past_its_age_and_not_before",
        "unit/test_measure_intake.py::test_a_file_of_another_release_unknown_age_or_broken_is_a_gap",
    ),
    "t49_hostile_json": ("properties/test_strict_readers.py::test_t49_hostile_json",),
    "t50_threshold_games": (
        PACKAGES,
        "unit/test_measure_figures.py::test_a_share_is_rounded_down_and_a_burden_up",
        "unit/test_measure_figures.py::test_true_is_not_one_and_one_is_not_text",
    ),
    "t51_environment": (
        "scenarios/test_commands_capture.py::test_the_environment_holds_the_allowed_the_declared_and_gonogo_s_own_names_only",
        "scenarios/test_commands_capture.py::test_a_variable_that_would_change_which_programs_run_is_refused",
    ),
    "t52_injection": ("scenarios/test_commands_capture.py::test_arguments_are_never_read_by_a_shell",),
    "t53_parse_is_data": ("evil/test_threats.py::test_t53_parse_is_data",),
    "t54_evidence_path": ("evil/test_threats.py::test_t54_evidence_path",),
    "t55_hostile_yaml": ("properties/test_strict_readers.py::test_t55_hostile_yaml",),
    "t56_hidden_markdown": (
        "unit/test_document_text.py::test_a_hidden_character_is_an_error_and_hides_nothing",
        "unit/test_document_traps.py::test_t12_grammar_inside_a_fence_is_never_read_and_always_told",
    ),
    "t57_redos": ("evil/test_threats.py::test_t57_redos",),
    "t59_tentative": (PACKAGES, "unit/test_document_traps.py::test_t6_a_bypass_phrase_is_found_wherever_it_is_inserted"),
    "t60_midrun_edit": (PACKAGES,),
    "t61_waiver_abuse": (PACKAGES,),
    "t63_leak": (
        "unit/test_adapter_vault.py::test_a_secret_is_replaced_in_every_form_and_across_every_border_of_chunks",
        "scenarios/test_measured_truth.py::test_no_secret_of_a_scan_or_a_setting_is_in_anything_that_was_stored",
    ),
    "t64_retention": ("scenarios/test_cleanup.py",),
    "t65_crash_consume": (
        "crashes/test_release_crashes.py::test_an_engine_that_dies_alone_at_any_time_at_any_point_changes_nothing",
        "crashes/test_release_crashes.py::test_a_statement_handed_in_again_after_a_death_counts_once",
    ),
    "t66_upstream": (
        "unit/test_measure_intake.py::test_an_approval_that_is_unsigned_refused_or_lapsed_is_a_gap",
        "unit/test_measure_intake.py::test_a_file_of_another_release_unknown_age_or_broken_is_a_gap",
    ),
    "t69_fake_verifier": (PACKAGES, "evil/test_threats.py::test_t69_a_verifier_inside_the_package_can_say_anything"),
}

NOT_HERE: dict[str, str] = {
    "t58_prompt_injection": "there is no door for agents in this version; orders in output meet no tool that could obey them",
    "t62_emergency": "there is no emergency path in this version; what is not there cannot be a back door",
    "t67_engine_key": "needs a hardware module; what a stolen engine key can do without people is t04, t05 and t07",
    "t68_web": "no page of this version takes a decision",
    "t70_pq_line": "needs a quantum computer to attack and ML-DSA lines to defend; neither is here",
}
