//! Watching an engine: a scan in stages that never waits for the slowest, and then only what has changed
//! (ENGINE.md §6 and §7).
//!
//! - `watch`: the loop of the full screen. Everything runs inside its one future: dropping it drops, and so cancels,
//!   every request. `feed` tells it what happens on the engine.
//! - `state`: a scan, under way or at rest. `stages`: which `question` is asked when. `take`, `images`, `walks`,
//!   `blocks`, `beside`, `rest`: what the answers (`response`) mean, and the jobs behind some.
//! - `picture`, `last_published`, `queue`, `pass`: what a scan remembers. `outbox`: what it tells, and when.
//! - `once` and `lists`: a scan from beginning to end, for commands and the recheck. `same_second`: what was made in the second
//!   of a list.
//! - `ask`: requests and readings, each with its time.

mod ask;
mod beside;
mod blocks;
mod feed;
mod images;
mod last_published;
mod lists;
mod once;
mod outbox;
mod pass;
mod picture;
mod question;
mod queue;
mod response;
mod rest;
mod same_second;
mod stages;
mod state;
mod take;
mod walks;
mod watch;

pub(in crate::engine) use self::ask::resolved;
pub(in crate::engine) use self::beside::{parts as unlisted_parts, unlisted_now};
pub use self::blocks::blocks_of;
pub use self::once::{ScanScope, WalkOf, scan_once};
pub use self::pass::First;
pub(in crate::engine) use self::walks::sizes_of;
pub use self::watch::{Request, Update, watch};

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
