//! What is true of disks and Docker: plain data and pure functions.
//!
//! Nothing here waits, draws, reads a clock or talks to an engine. Time comes in as an argument.

#![warn(missing_docs)]

pub mod bytes;
pub mod compact;
pub mod disk;
pub mod engine_words;
pub mod filter;
pub mod index;
pub mod inventory;
pub mod item;
pub mod layers;
pub mod matching;
pub mod outsider;
pub mod paths;
pub mod plan;
pub mod protect;
pub mod reference;
pub mod removal;
pub mod retention;
pub mod store;
pub mod survey;
pub mod text;
pub mod time;
pub mod triage;
pub mod unexplained;
