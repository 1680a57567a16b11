//! What is true of disks and Docker: plain data and pure functions.
//!
//! Nothing here waits, draws, reads a clock or talks to an engine. Time comes in as an argument.

pub mod account;
pub mod blobs;
pub mod bytes;
pub mod contents;
pub mod disk;
pub mod extent;
pub mod filter;
pub mod history;
pub mod index;
pub mod inventory;
pub mod item;
pub mod layers;
mod lists;
pub mod notes;
pub mod outcome;
pub mod plan;
pub mod protect;
pub mod reference;
pub mod stored;
pub mod survey;
pub mod texts;
pub mod time;
pub mod triage;
pub mod unexplained;
