//! The *retained size* of any set of things: what goes if just these go. (Heap profilers have the same word for the same
//! sum; a thing's own size is its shallow size.)
//!
//! An engine's bytes are cut into *units* that go together: a layer with what it stands on, a container's writable layer,
//! a volume, what a build cache record has of its own. Items hold units. Letting items go and counting what is left gives
//! the bytes that a removal frees (ENGINE.md §2).
//!
//! - `units`: the graph of units, holders and holds. `draft`: such a graph in the making.
//! - `build`: makes it of an inventory: `images`, `volumes`, `containers` and `records` add theirs on a graph driver,
//!   `containerd`, `kept` and `leased` on the containerd store, by the engine's word or by the store's own notes;
//!   `equations`, `solve` and `open_layers` find sizes out of sums; `files`, `folders`, `imageless`, `hardlinks`, `mount_layers`
//!   and `open_sizes` are parts of that.
//! - `retained`: the graph of one inventory, and its totals. `removal_set`: what has been let go of it, which can be taken
//!   back; `simulation`: letting go, one thing after another; `leftover`: what a removal has left; `reported`: what it was
//!   seen to free; `memory`: what one inventory teaches of the next.
//! - `freed`: a sum with its bounds, and each `doubt` that widens them. `totals`: sums by kind.

mod build;
mod containerd;
mod containers;
mod doubt;
mod draft;
mod equations;
mod files;
mod folders;
mod freed;
mod hardlinks;
mod imageless;
mod images;
mod kept;
mod leased;
mod leftover;
mod memory;
mod mount_layers;
mod open_layers;
mod open_sizes;
mod records;
mod removal_set;
mod reported;
mod retained;
mod simulation;
mod solve;
mod totals;
mod units;
mod volumes;

#[cfg(test)]
mod tests;

pub use doubt::Doubt;
pub use freed::{Freed, More, Precision};
pub use leftover::Leftover;
pub use removal_set::{RemovalSet, Trial};
pub use reported::{BytesGone, Reported};
pub use retained::Retention;
pub use simulation::{HeldBack, Simulation};
pub use totals::{LayerRow, Totals};
