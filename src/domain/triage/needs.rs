//! What must go before what: records before those they were built on, containers before their image, images
//! before their parents.

use crate::domain::compact::csr::Csr;
use crate::domain::index::ItemNo;
use crate::domain::survey::{Item, Survey};
use crate::domain::time::Timestamp;

use super::tier::{Tier, tier};

/// Of every item the tier that it can go with, and what needs it gone.
pub(super) struct Needs {
    /// The highest tier among an item and all that must go before it; none where some of that may not go.
    pub tiers: Vec<Option<Tier>>,
    /// An item's own tier, which tells how much it is missed once it can go.
    pub own: Vec<Option<Tier>>,
    /// Steps of the classic builder: they go by themselves with the last image made on them.
    pub follows: Vec<bool>,
    /// What can go only after an item.
    pub before: Csr<ItemNo>,
    /// Every item's place in an order in which whatever needs it gone comes later.
    pub place: Vec<u32>,
}

impl Needs {
    /// `gone` is what goes anyway. No tier above `highest` is allowed.
    pub fn new(survey: &Survey, gone: &[bool], highest: Tier, now: Timestamp) -> Self {
        let length = survey.numbers().len();
        let follows = (0..length)
            .zip(0..)
            .map(|(_, number)| is_step(survey, number));
        let follows: Vec<bool> = follows.collect();
        let own = |number: ItemNo| {
            if gone[number as usize] {
                None
            } else if follows[number as usize] {
                Some(Tier::Cache)
            } else {
                tier(survey, number, now).filter(|tier| *tier <= highest)
            }
        };
        let order = order(survey, length);
        let mut tiers: Vec<Option<Tier>> = vec![None; length];
        let own: Vec<Option<Tier>> = (0..length)
            .zip(0..)
            .map(|(_, number)| own(number))
            .collect();
        for number in order.iter().copied() {
            let mut highest = own[number as usize];
            for need in needs(survey, number) {
                if !gone[need as usize] {
                    highest = highest.and_then(|tier| Some(tier.max(tiers[need as usize]?)));
                }
            }
            tiers[number as usize] = highest;
        }
        let mut place = vec![0; length];
        for (at, number) in (0..).zip(&order) {
            place[*number as usize] = at;
        }
        let can_go = |number: ItemNo| tiers[number as usize].is_some();
        let mut pairs = Vec::new();
        for number in order.iter().copied().filter(|number| can_go(*number)) {
            let open = needs(survey, number).filter(|need| can_go(*need));
            pairs.extend(open.map(|need| (need, number)));
        }
        Self {
            before: Csr::new(pairs.iter().copied()),
            tiers,
            own,
            follows,
            place,
        }
    }
}

/// An untagged image that others were made on, which goes with the last of them.
fn is_step(survey: &Survey, number: ItemNo) -> bool {
    let facts = survey.facts_of_number(number);
    facts.intermediate && !facts.flags.protected && !survey.may_be_held(number)
}

/// What must be gone before an item can go.
pub(super) fn needs(survey: &Survey, number: ItemNo) -> impl Iterator<Item = ItemNo> {
    let users: &[ItemNo] = match survey.numbered(number) {
        Item::Image(_) => survey.users(number),
        Item::Container(_) | Item::Volume(_) | Item::Record(_) | Item::Log(_) => &[],
    };
    users.iter().chain(survey.children(number)).copied()
}

/// Returns all items, each after what it needs gone. A circle is cut somewhere: what it needs comes too late there, so
/// that nothing of it goes.
fn order(survey: &Survey, length: usize) -> Vec<ItemNo> {
    let mut seen = vec![false; length];
    let mut order = Vec::with_capacity(length);
    let mut open = Vec::new();
    for (root, _) in (0..).zip(0..length) {
        open.push((root, false));
        while let Some((at, is_complete)) = open.pop() {
            if is_complete {
                order.push(at);
            } else if !std::mem::replace(&mut seen[at as usize], true) {
                open.push((at, true));
                open.extend(needs(survey, at).map(|need| (need, false)));
            }
        }
    }
    order
}
