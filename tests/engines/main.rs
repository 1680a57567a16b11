//! dtop against private real engines: what is marked, confirmed and removed, and what never is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]

mod beside;
mod harness;
mod hostile;
mod job;
mod logs;
mod names;
mod outage;
mod past;
mod refused;
mod reports;
#[path = "../support/mod.rs"]
mod support;
mod twice;
mod unexplained;
mod uses;

use std::process::ExitCode;

use support::length::Length;
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
        "a_volume_mounted_by_its_path_is_in_use",
        uses::a_volume_mounted_by_its_path_is_in_use,
    ),
    (
        "a_volume_that_is_a_name_goes_without_its_data",
        uses::a_volume_that_is_a_name_goes_without_its_data,
    ),
    (
        "what_a_swarm_uses_is_in_use",
        uses::what_a_swarm_uses_is_in_use,
    ),
    (
        "containers_of_the_other_store_hold_their_volumes",
        beside::containers_of_the_other_store_hold_their_volumes,
    ),
    (
        "a_damaged_container_keeps_what_may_be_its",
        beside::a_damaged_container_keeps_what_may_be_its,
    ),
    (
        "an_image_mount_holds_what_it_shows",
        beside::an_image_mount_holds_what_it_shows,
    ),
    (
        "an_image_mount_is_found_by_any_name",
        beside::an_image_mount_is_found_by_any_name,
    ),
    (
        "an_external_container_holds_its_image",
        beside::an_external_container_holds_its_image,
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
    ("a_digest_is_a_name", names::a_digest_is_a_name),
    (
        "a_digest_beside_its_tag_is_no_further_name",
        names::a_digest_beside_its_tag_is_no_further_name,
    ),
    (
        "an_image_comes_back_with_the_names_that_it_had",
        names::an_image_comes_back_with_the_names_that_it_had,
    ),
    (
        "an_image_is_a_registrys_only_where_all_of_it_is",
        names::an_image_is_a_registrys_only_where_all_of_it_is,
    ),
    (
        "the_digits_of_an_id_mean_the_image",
        names::the_digits_of_an_id_mean_the_image,
    ),
    (
        "podmans_short_names_mean_what_podman_means",
        names::podmans_short_names_mean_what_podman_means,
    ),
    (
        "parents_that_go_along_are_named",
        names::parents_that_go_along_are_named,
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
        "a_refused_list_costs_only_itself",
        refused::a_refused_list_costs_only_itself,
    ),
    (
        "without_containers_nothing_that_they_may_hold_goes",
        refused::without_containers_nothing_that_they_may_hold_goes,
    ),
    (
        "an_engine_that_may_not_be_pinged_is_found",
        refused::an_engine_that_may_not_be_pinged_is_found,
    ),
    (
        "an_engine_that_may_not_say_what_it_is_is_listed",
        refused::an_engine_that_may_not_say_what_it_is_is_listed,
    ),
    (
        "a_refused_measure_is_unknown_and_not_zero",
        refused::a_refused_measure_is_unknown_and_not_zero,
    ),
    (
        "the_first_refused_write_ends_the_batch",
        refused::the_first_refused_write_ends_the_batch,
    ),
    (
        "without_services_what_stacks_name_stays",
        refused::without_services_what_stacks_name_stays,
    ),
    (
        "images_are_told_by_the_store_as_by_the_engine",
        reports::images_are_told_by_the_store_as_by_the_engine,
    ),
    (
        "a_screen_stays_on_its_folder_when_all_has_gone",
        outage::a_screen_stays_on_its_folder_when_all_has_gone,
    ),
    (
        "two_at_once_count_an_object_once",
        twice::two_at_once_count_an_object_once,
    ),
    (
        "a_containers_bytes_are_those_that_were_asked_for",
        refused::a_containers_bytes_are_those_that_were_asked_for,
    ),
    (
        "hostile_strings_move_no_cursor_and_break_no_column",
        hostile::hostile_strings_break_nothing,
    ),
];

fn main() -> ExitCode {
    trial::run_waiting(trial::on_matrix(TESTS, Length::Short), 2)
}
