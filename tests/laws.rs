//! Laws that hold for whatever an engine keeps and whatever somebody types.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "laws/filter.rs"]
mod filter;
