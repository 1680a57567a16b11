//! Laws that hold for whatever an engine keeps and whatever somebody types.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

#[path = "support/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "the benchmark uses the rest")]
#[path = "support/large.rs"]
mod large;
#[path = "support/recorded.rs"]
mod recorded;

#[path = "laws/base_store.rs"]
mod base_store;
#[path = "laws/demo.rs"]
mod demo;
#[path = "laws/filter.rs"]
mod filter;
#[path = "laws/gone_bases.rs"]
mod gone_bases;
#[path = "laws/holds.rs"]
mod holds;
#[path = "support/inventory.rs"]
mod inventory;
#[path = "laws/keys.rs"]
mod keys;
#[path = "laws/layers.rs"]
mod layers;
#[path = "laws/protect.rs"]
mod protect;
#[path = "laws/recorded_layers.rs"]
mod recorded_layers;
#[path = "laws/tally.rs"]
mod tally;
#[path = "laws/triage.rs"]
mod triage;
#[path = "laws/weight.rs"]
mod weight;
