//! Laws that hold for every fleet, not only for those somebody thought of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/recorded.rs"]
mod recorded;

#[path = "laws/layers.rs"]
mod layers;
#[path = "laws/recorded_layers.rs"]
mod recorded_layers;
