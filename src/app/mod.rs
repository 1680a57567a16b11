//! The program's state and how it changes: a model, messages, and one `update`. Pure: no I/O, no clock.

#![warn(missing_docs)]
// Who adds a key, a message or a screen is told by the compiler where it is not handled yet.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

pub mod columns;
pub mod keys;
pub mod layout;
pub mod list;
pub mod model;
pub mod msg;
pub mod presets;
pub mod projects;
pub mod update;
