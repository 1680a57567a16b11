//! Of a few things the best choice, by looking at every one there is.

use crate::domain::bytes::Bytes;
use crate::domain::index::ItemNo;
use crate::domain::survey::Survey;

use super::needs::{Needs, needs};
use super::state::State;

/// So many things are a few: 4,096 choices are looked at in a few milliseconds.
pub(super) const FEW: usize = 12;

/// Leaves of things that all go only the fewest with which enough goes; of as few, those that free the least.
/// Nothing changes where not even all of them are enough.
pub(super) fn fewest(
    survey: &Survey,
    of: &Needs,
    state: &mut State<'_>,
    things: &[ItemNo],
    target: Bytes,
) {
    let needed: Vec<u32> = things
        .iter()
        .map(|number| all_needs(survey, of, *number, things))
        .collect();
    let is_closed = |set: u32| {
        let mut needed = needed.iter().enumerate();
        needed.all(|(at, needs)| set >> at & 1 == 0 || set & needs == *needs)
    };
    let all = (1_u32 << things.len()) - 1;
    let mut best = (all.count_ones(), state.bytes(), all);
    let mut set = all;
    // Each set in turn differs from the one before in one thing (Gray's code).
    for turn in 1..=all {
        let bit = turn.trailing_zeros();
        set ^= 1 << bit;
        let number = things[bit as usize];
        if set >> bit & 1 == 1 {
            state.go(number);
        } else {
            state.stay(number);
        }
        let found = (set.count_ones(), state.bytes(), set);
        if found < best && found.1 >= target && is_closed(set) {
            best = found;
        }
    }
    for (at, number) in things.iter().enumerate() {
        if best.2 >> at & 1 == 1 {
            state.go(*number);
        } else {
            state.stay(*number);
        }
    }
}

/// Which of some things must go before one of them can, as bits.
fn all_needs(survey: &Survey, of: &Needs, number: ItemNo, among: &[ItemNo]) -> u32 {
    let mut set = 0;
    let mut seen = Vec::new();
    let mut open = vec![number];
    while let Some(at) = open.pop() {
        for need in needs(survey, at) {
            if seen.contains(&need) {
                continue;
            }
            seen.push(need);
            if let Some(place) = among.iter().position(|other| *other == need) {
                set |= 1 << place;
            }
            if of.follows[need as usize] {
                open.push(need);
            }
        }
    }
    set
}
