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
//!   `equations`, `solve` and `open_layers` find sizes out of sums; `files`, `folders`, `hidden`, `linked`, `mount_layers`
//!   and `untold` are parts of that.
//! - `ledger`: the graph of one inventory, and its totals. `balance`: what has been let go of it, which can be taken
//!   back; `release`: letting go, one thing after another; `remains`: what a removal has left; `observed`: what it was
//!   seen to free; `memory`: what one inventory teaches of the next.
//! - `freed`: a sum with its bounds, and each `doubt` that widens them. `totals`: sums by kind.

mod balance;
mod build;
mod containerd;
mod containers;
mod doubt;
mod draft;
mod equations;
mod files;
mod folders;
mod freed;
mod hidden;
mod images;
mod kept;
mod leased;
mod ledger;
mod linked;
mod memory;
mod mount_layers;
mod observed;
mod open_layers;
mod records;
mod release;
mod remains;
mod solve;
mod totals;
mod units;
mod untold;
mod volumes;

#[cfg(test)]
mod tests;

pub use balance::{Balance, Trial};
pub use doubt::Doubt;
pub use freed::{Freed, More, Precision};
pub use ledger::Ledger;
pub use observed::{Observation, Went};
pub use release::{HeldBack, Release};
pub use remains::Remains;
pub use totals::{LayerRow, Totals};
