//! Of a few things the best choice, by looking at every one there is.

use std::collections::HashSet;

use crate::domain::bytes::Bytes;
use crate::domain::index::ItemNo;
use crate::domain::survey::Survey;

use super::needs::{Needs, needs};
use super::state::TriageState;

/// So many things are a few: 4,096 choices are looked at in a few milliseconds.
pub(super) const FEW: usize = 12;

/// So many times at most something goes or stays with them.
const MOST: usize = 1 << 16;

/// Leaves of things that all go only the fewest with which enough goes; of as few, those that free the least. What is
/// missed less and can go only after one of them stays and goes with it.
/// Nothing changes where not even all of them are enough. False where there is too much to look at.
pub(super) fn fewest(
    survey: &Survey,
    of: &Needs,
    state: &mut TriageState<'_>,
    things: &[ItemNo],
    target: Bytes,
) -> bool {
    let after = going_after(of, state, things);
    if after.len() << things.len() > MOST {
        return false;
    }
    let needed: Vec<u32> = things
        .iter()
        .map(|number| all_needs(survey, *number, things))
        .collect();
    let is_closed = |set: u32| {
        let mut needed = needed.iter().enumerate();
        needed.all(|(at, needs)| set >> at & 1 == 0 || set & needs == *needs)
    };
    let all = (1_u32 << things.len()) - 1;
    let after: Vec<(ItemNo, u32)> = after
        .into_iter()
        .map(|number| (number, all_needs(survey, number, things)))
        .collect();
    let change = |state: &mut TriageState<'_>, set: u32, at: usize| {
        let mut goes = |number: ItemNo, goes: bool| {
            if goes {
                state.go(number);
            } else {
                state.stay(number);
            }
        };
        goes(things[at], set >> at & 1 == 1);
        let touched = after.iter().filter(|(_, needs)| needs >> at & 1 == 1);
        for (number, needs) in touched {
            goes(*number, set & needs == *needs);
        }
    };
    let mut best = (all.count_ones(), state.bytes(), all);
    let mut set = all;
    // Each set in turn differs from the one before in one thing (Gray's code).
    for turn in 1..=all {
        let bit = turn.trailing_zeros();
        set ^= 1 << bit;
        change(state, set, bit as usize);
        let found = (set.count_ones(), state.bytes(), set);
        if found < best && found.1 >= target && is_closed(set) {
            best = found;
        }
    }
    for at in 0..things.len() {
        change(state, best.2, at);
    }
    true
}

/// Returns what goes now and can do so only after one of some things.
fn going_after(of: &Needs, state: &TriageState<'_>, things: &[ItemNo]) -> Vec<ItemNo> {
    let mut seen: HashSet<ItemNo> = things.iter().copied().collect();
    let mut found = Vec::new();
    let mut open = things.to_vec();
    while let Some(at) = open.pop() {
        for after in of.before.of(at) {
            if state.goes(*after) && seen.insert(*after) {
                open.push(*after);
                found.push(*after);
            }
        }
    }
    // Steps of the classic builder see to themselves.
    found.retain(|number| !of.follows[*number as usize]);
    found
}

/// Which of some things must go before one of them can, as bits: those that it needs itself, or by way of others.
fn all_needs(survey: &Survey, number: ItemNo, among: &[ItemNo]) -> u32 {
    let mut set = 0;
    let mut seen = HashSet::new();
    let mut open = vec![number];
    while let Some(at) = open.pop() {
        for need in needs(survey, at) {
            if !seen.insert(need) {
                continue;
            }
            match among.iter().position(|other| *other == need) {
                Some(place) => set |= 1 << place,
                None => open.push(need),
            }
        }
    }
    set
}
