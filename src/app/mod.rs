//! The program's state and how it changes: a model, messages, and one `update`. Pure: no I/O, no clock.
//!
//! - `columns`: the panes' columns as data: titles, widths, what a cell says, how two rows compare.
//! - `keys`: the one table of keys: it feeds dispatch, the footer, the help screen and the README.
//! - `layout`: where things stand on the screen, for drawing them and for finding what was clicked.
//! - `list`: a pane's rows: filtered, sorted, with a cursor that stays on its object.
//! - `model`: everything the program knows.
//! - `msg`: what happens to the program, and what it asks of the outside.
//! - `presets`: presets: what people remove by script, as filters.
//! - `projects`: compose projects: everything of one, whichever pane it is in, as one thing to mark.

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
