//! What is true of disks and Docker: plain data and pure functions.
//!
//! Nothing here waits, draws, reads a clock or talks to an engine. Time comes in as an argument.

pub mod account;
pub mod blobs;
pub mod bytes;
pub mod contents;
pub mod disk;
pub mod disk_usage;
pub mod engine_words;
pub mod extent;
pub mod filter;
pub mod history;
pub mod index;
pub mod inventory;
pub mod item;
pub mod layers;
mod lists;
pub mod mounted;
pub mod notes;
pub mod origin;
pub mod outcome;
pub mod outsider;
pub mod paths;
pub mod plan;
pub mod protect;
pub mod reference;
pub mod stored;
pub mod survey;
pub mod texts;
pub mod time;
pub mod triage;
pub mod unexplained;
