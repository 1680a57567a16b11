//! Sizes that no history tells, from sums that are known (ENGINE.md §2.4 d, e).
//!
//! Layers between which nothing begins or ends go together, so only their sum matters. An image's size, or a
//! container's, is the sum of such *runs*: with one run unknown it is the rest.

use crate::domain::bytes::Bytes;

use super::Doubt;
use super::units::{Hold, Unit};
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::UnitNo;

/// What the units of a chain are together.
pub(super) struct ChainSum {
    pub(super) top: UnitNo,
    pub(super) total: Option<Bytes>,
    /// The total is of just these; else other things may be in it, and it is only a bound.
    pub(super) exact: bool,
    /// Still being measured.
    pub(super) pending: bool,
    /// What to say where it does not suffice.
    pub(super) doubt: Doubt,
}

/// Settles what the sums settle, bounds the rest and gives it a doubt.
pub(super) fn solve(units: &mut [Unit], holds: &[Hold], sums: &[ChainSum]) {
    join_runs(units, holds);
    let mut progress = true;
    while progress {
        progress = false;
        for sum in sums.iter().filter(|sum| sum.exact) {
            let Some(total) = sum.total else { continue };
            let rest = Rest::of(units, sum.top, total);
            if let [unit] = rest.open[..]
                && units[unit as usize].size.holds(rest.bytes)
            {
                units[unit as usize].size = Span::exactly(rest.bytes);
                progress = true;
            }
        }
    }
    for sum in sums {
        let total = sum.total.unwrap_or_default();
        let rest = Rest::of(units, sum.top, total);
        let least: Bytes = rest.open.iter().map(|unit| least(units, *unit)).sum();
        for unit in rest.open {
            let others = least - self::least(units, unit);
            let unit = &mut units[unit as usize];
            // An open unit must stay open while others ask for it, or it would look settled to them.
            unit.size.most = unit.size.most.min(rest.bytes - others);
            unit.size.least = unit.size.least.min(unit.size.most);
            unit.doubt = Some(sum.doubt.clone().into());
            unit.pending |= sum.pending;
        }
    }
}

fn least(units: &[Unit], unit: UnitNo) -> Bytes {
    units[unit as usize].size.least
}

/// What a sum says of the units that are not settled.
struct Rest {
    open: Vec<UnitNo>,
    bytes: Bytes,
}

impl Rest {
    fn of(units: &[Unit], top: UnitNo, total: Bytes) -> Self {
        let mut rest = Self {
            open: Vec::new(),
            bytes: total,
        };
        let mut next = Some(top);
        while let Some(at) = next {
            let unit = &units[at as usize];
            match unit.size.size() {
                Some(size) => rest.bytes = rest.bytes - size,
                None => rest.open.push(at),
            }
            next = unit.below.get();
        }
        rest
    }
}

/// Gives the sizes of all open units of a run to the lowest of them.
fn join_runs(units: &mut [Unit], holds: &[Hold]) {
    let mut ends: Vec<bool> = vec![false; units.len()];
    for hold in holds {
        ends[hold.unit as usize] = true;
    }
    let mut above = vec![0_u32; units.len()];
    for unit in units.iter() {
        if let Some(below) = unit.below.get() {
            above[below as usize] += 1;
        }
    }
    let mut lowest: Vec<Option<UnitNo>> = vec![None; units.len()];
    for at in 0..units.len() {
        let below = units[at].below.get().map(|below| below as usize);
        let same_run = below.filter(|below| !ends[*below] && above[*below] == 1);
        let first = same_run.and_then(|below| lowest[below]);
        let size = units[at].size;
        lowest[at] = first;
        if size.size().is_some() {
            continue;
        }
        match first {
            None => lowest[at] = Some(crate::domain::layers::tree::number(at)),
            Some(first) => {
                let sum = &mut units[first as usize].size;
                sum.least += size.least;
                sum.most += size.most;
                units[at].size = Span::exactly(Bytes::ZERO);
            }
        }
    }
}
