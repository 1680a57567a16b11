//! What is true of disks and Docker: plain data and pure functions.
//!
//! Nothing here waits, draws, reads a clock or talks to an engine. Time comes in as an argument.
//!
//! - `bytes`: sizes in bytes, and figures that may not be known.
//! - `compact`: many small things in little memory.
//! - `disk`: the filesystems that hold an engine's data: how full they are, and how full something leaves them.
//! - `engine_words`: words of an engine, made safe to be shown and stored.
//! - `filter`: the one filter language: the `/` line and the command line.
//! - `index`: a number for each thing that an inventory lists.
//! - `inventory`: one picture of everything an engine keeps, put together from answers that come one after another.
//! - `item`: the things an engine keeps on a disk: their kinds, their identities, and what an engine says of them.
//! - `layers`: which layers there are, and how large each is.
//! - `matching`: who is what: which layer a build cache record is, and which images keep the layers that they name.
//! - `outsider`: what holds listed things and is on no list itself.
//! - `paths`: paths as engines say them: kept in little memory, and compared as text.
//! - `plan`: from marks to ordered steps: what goes, in which order, with which bytes, and what is refused and why.
//! - `protect`: what is never removed.
//! - `reference`: which image a reference means.
//! - `removal`: what a removal comes to.
//! - `retention`: the retained size of any set of things.
//! - `store`: what lies on an engine's disk, as it was read there: plain facts, whoever read them.
//! - `survey`: an inventory understood: who uses what, when it was last used, and what each item frees on its own.
//! - `text`: texts that an engine says again and again.
//! - `time`: times as engines write them, durations as people write them, and ages as the screen shows them.
//! - `triage`: the safest set that frees so many bytes, for `f`, `--free` and `--until-free`.
//! - `unexplained`: what an engine's folder holds and the engine does not count, by cause.

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
