//! The program's state and how it changes: a model, messages, and one `update`. Pure: no I/O, no clock.

pub mod columns;
pub mod keys;
pub mod layout;
pub mod list;
pub mod model;
pub mod msg;
pub mod presets;
pub mod projects;
pub mod update;
