//! dtop against private real engines: what is marked, confirmed and removed, and what never is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod harness;
mod hostile;
mod job;
mod logs;
mod outage;
mod past;
mod reports;
#[path = "../support/mod.rs"]
mod support;
mod unexplained;

use std::process::ExitCode;

use support::trial::{self, OnEngine};

const TESTS: &[OnEngine] = &[
    (
        "the_harness_sees_what_its_scene_built",
        harness::the_harness_sees_what_its_scene_built,
    ),
    (
        "the_proxy_writes_down_every_request",
        harness::the_proxy_writes_down_every_request,
    ),
    (
        "what_is_marked_and_confirmed_goes_and_nothing_else",
        job::what_is_marked_and_confirmed_goes,
    ),
    (
        "without_a_yes_nothing_is_sent",
        job::without_a_yes_nothing_is_sent,
    ),
    (
        "an_image_of_a_stopped_container_is_refused_until_unlocked",
        job::a_used_image_is_unlocked,
    ),
    (
        "running_containers_go_only_by_the_typed_word",
        job::running_containers_go_by_the_word,
    ),
    (
        "a_container_of_rm_goes_with_its_anonymous_volume",
        job::a_vanishing_container_goes,
    ),
    (
        "a_plan_follows_what_changes_under_it",
        job::a_plan_follows_the_engine,
    ),
    (
        "what_changed_unseen_is_not_removed_and_said",
        job::what_changed_unseen_stays,
    ),
    (
        "what_fails_is_said_stays_marked_and_does_not_stop_the_rest",
        job::a_failure_is_said,
    ),
    (
        "a_removal_is_cancelled_between_two_images",
        job::a_removal_is_cancelled,
    ),
    (
        "an_engine_that_starts_later_is_found",
        job::an_engine_is_found_later,
    ),
    (
        "each_leftover_has_its_cause_and_little_has_none",
        unexplained::each_leftover_has_its_cause,
    ),
    (
        "a_containerd_beside_the_engine_is_told_with_it",
        unexplained::a_containerd_beside_the_engine_is_told_with_it,
    ),
    (
        "report_is_json_on_an_empty_engine",
        reports::report_is_json_on_an_empty_engine,
    ),
    (
        "report_is_json_with_everything_in_use",
        reports::report_is_json_with_everything_in_use,
    ),
    (
        "the_report_lists_what_the_engines_own_client_lists",
        reports::the_report_lists_what_the_client_lists,
    ),
    (
        "every_api_version_tells_the_same",
        reports::every_api_version_tells_the_same,
    ),
    (
        "a_killed_engine_is_taken_up_again_with_all_marks",
        outage::a_killed_engine_is_taken_up_again,
    ),
    (
        "an_engine_may_come_back_with_its_other_store",
        outage::an_engine_may_come_back_with_its_other_store,
    ),
    (
        "a_log_is_emptied_while_its_container_writes",
        logs::a_log_is_emptied_while_its_container_writes,
    ),
    (
        "a_log_goes_with_what_is_safe_of_it_and_the_rest_is_refused",
        logs::a_log_goes_with_what_is_safe_of_it_and_the_rest_is_refused,
    ),
    (
        "an_image_comes_back_from_its_registry",
        past::an_image_comes_back_from_its_registry,
    ),
    (
        "what_a_killed_dtop_had_in_hand_is_resolved",
        past::what_a_killed_dtop_had_in_hand_is_resolved,
    ),
    (
        "hostile_strings_move_no_cursor_and_break_no_column",
        hostile::hostile_strings_break_nothing,
    ),
];

fn main() -> ExitCode {
    trial::run_waiting(trial::on_matrix(TESTS))
}
