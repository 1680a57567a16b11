//! Triage: the safest set that frees so many bytes, for `f`, `--free` and `--until-free`.
//!
//! What may go is put into tiers ([`Tier`]), the least missed first. No tier is touched before all of those
//! below it together do not free enough; within a tier few things go rather than many, and nothing goes that is
//! not needed. What counts is what the *set* frees, as [`super::plan::Plan::new`] would say of it, and of that
//! only what is certain: layers that several images share, and bytes that build cache holds too, count once all
//! that holds them is in the set.
//!
//! - `choose`: chooses the set: up to the tier that is enough, then without all that is not needed.
//! - `exact`: of a few things the best choice, by looking at every one there is.
//! - `goal`: how much is to be freed: so much more, or until so much is free.
//! - `needs`: what must go before what.
//! - `reach`: one set for several disks: what is chosen for one of them may be what another one lacks.
//! - `state`: what goes at the moment, and what it frees: things are let go and taken back by the hundred thousand.
//! - `tier`: the order of sacrifice: what may go at all, and how much it would be missed.

mod choose;
mod exact;
mod goal;
mod needs;
mod reach;
mod state;
mod tier;

use std::collections::BTreeMap;

use super::bytes::Bytes;
use super::disk::Places;
use super::item::ItemId;
use super::plan::{AddedBy, Selection};
use super::survey::Survey;
use crate::domain::time::Timestamp;

pub use goal::{Goal, Lack, PROPOSED, Proposal, is_small, proposal};
pub use reach::reach;
pub use tier::{Idle, LOG_BOUND, Tier, tier};

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What the whole plan is to free, what was selected before included.
    pub bytes: Bytes,
    /// Where: what goes elsewhere does not count.
    pub at: Places,
    /// Named volumes that nothing uses may go too.
    pub even_volumes: bool,
}

/// What triage chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// What goes beside what was selected before, and why it may.
    pub items: BTreeMap<ItemId, Tier>,
    /// What was wished for.
    pub wanted: Bytes,
    /// What all of it frees for certain where that was wished for: what was selected before, and these.
    pub frees: Bytes,
    /// It is as much as was wished for. Otherwise it is the most that there is.
    pub met: bool,
}

impl Chosen {
    /// Adds what was chosen to a selection.
    pub fn add_to(&self, selection: &mut Selection) {
        for id in self.items.keys() {
            selection.items.entry(id.clone()).or_insert(AddedBy::Free);
        }
    }
}

/// Chooses the safest set that, with what is selected already, frees what is wished for; where nothing does, the
/// set that frees the most. What the selection has dropped stays.
#[must_use]
pub fn choose(survey: &Survey, selected: &Selection, wish: Wish, now: Timestamp) -> Chosen {
    choose::choose(survey, selected, wish, now)
}
