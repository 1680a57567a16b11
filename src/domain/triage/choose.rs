//! Chooses the set: up to the tier that is enough, then without all that is not needed.
//!
//! All of a tier and of those below it are let go at once, until that is enough. Then things are taken back, from
//! the highest tier down, as long as enough still goes. What is shared counts rightly this way, and a thing that
//! could not be taken back once never can be later: the less goes, the less there is to spare.

use std::collections::BTreeMap;

use crate::domain::bytes::Bytes;
use crate::domain::index::ItemNo;
use crate::domain::plan::{self, Selection};
use crate::domain::survey::Survey;
use crate::domain::time::Timestamp;

use super::exact::{self, FEW};
use super::needs::{Needs, needs};
use super::state::TriageState;
use super::tier::Tier;
use super::{Chosen, Wish};

/// So many smaller things are tried in the place of the smallest that was chosen.
const TRIES: usize = 64;

pub(super) fn choose(survey: &Survey, selected: &Selection, wish: Wish, now: Timestamp) -> Chosen {
    let mut gone = vec![false; survey.numbers().len()];
    for number in plan::gone(survey, selected) {
        gone[number as usize] = true;
    }
    let mut may_not = selected.items.keys().chain(&selected.dropped);
    let highest = if wish.even_volumes {
        Tier::Named
    } else {
        Tier::Anonymous
    };
    let needs = Needs::new(survey, &gone, highest, now);
    let mut pick = Pick {
        survey,
        state: TriageState::new(survey, &needs, &gone, wish.at),
        needs: &needs,
        target: wish.bytes,
        kept: vec![false; gone.len()],
    };
    let barred: Vec<ItemNo> = may_not
        .by_ref()
        .filter_map(|id| survey.numbers().number_of(id))
        .collect();
    let tiers = pick.tiers(&barred);
    let (reached, top) = pick.reach(&tiers);
    for (tier, things) in pick.by_own_tier(&tiers, top).into_iter().rev() {
        let things: Vec<ItemNo> = things
            .into_iter()
            .filter(|at| pick.state.goes(*at))
            .collect();
        pick.spare(&things, Some(tier) == top);
    }
    let items = tiers.values().flatten();
    let items = items.filter(|number| pick.state.goes(**number));
    let mut chosen = Chosen {
        items: BTreeMap::new(),
        wanted: wish.bytes,
        frees: pick.state.bytes(),
        met: reached,
    };
    chosen.items.extend(items.filter_map(|number| {
        let tier = super::tier(survey, *number, now)?;
        Some((survey.numbered(*number).id(), tier))
    }));
    chosen
}

struct Pick<'a> {
    survey: &'a Survey,
    needs: &'a Needs,
    state: TriageState<'a>,
    target: Bytes,
    /// Tried, and found to be needed.
    kept: Vec<bool>,
}

impl Pick<'_> {
    /// What may go, by tier, but for some things and what needs them gone.
    fn tiers(&self, barred: &[ItemNo]) -> BTreeMap<Tier, Vec<ItemNo>> {
        let mut is_barred = vec![false; self.kept.len()];
        let mut open = barred.to_vec();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut is_barred[at as usize], true) {
                open.extend(self.needs.before.of(at));
            }
        }
        let mut tiers: BTreeMap<Tier, Vec<ItemNo>> = BTreeMap::new();
        for (number, tier) in (0..).zip(&self.needs.tiers) {
            if let Some(tier) = tier
                && !self.needs.follows[number as usize]
                && !is_barred[number as usize]
            {
                tiers.entry(*tier).or_default().push(number);
            }
        }
        tiers
    }

    /// Returns what has gone, by what it is missed: what could go only after something of a higher tier is still missed
    /// no more than the others of its own.
    fn by_own_tier(
        &self,
        tiers: &BTreeMap<Tier, Vec<ItemNo>>,
        top: Option<Tier>,
    ) -> BTreeMap<Tier, Vec<ItemNo>> {
        let mut own: BTreeMap<Tier, Vec<ItemNo>> = BTreeMap::new();
        let reached = tiers.iter().filter(|(tier, _)| Some(**tier) <= top);
        for number in reached.flat_map(|(_, things)| things) {
            if let Some(tier) = self.needs.own[*number as usize] {
                own.entry(tier).or_default().push(*number);
            }
        }
        own
    }

    /// Lets tier after tier go until it is enough, and returns whether it ever is and the last tier that went.
    /// Where it never is, the target is from then on what all of it frees.
    fn reach(&mut self, tiers: &BTreeMap<Tier, Vec<ItemNo>>) -> (bool, Option<Tier>) {
        let mut top = None;
        for (tier, things) in tiers {
            if self.is_enough() {
                return (true, top);
            }
            top = Some(*tier);
            for number in things {
                self.state.go(*number);
            }
        }
        let reached = self.is_enough();
        if !reached {
            self.target = self.state.bytes();
        }
        (reached, top)
    }

    fn is_enough(&self) -> bool {
        self.state.bytes() >= self.target
    }

    /// Takes back what is not needed of a tier: small things first, so that few large ones are left.
    fn spare(&mut self, things: &[ItemNo], is_top: bool) {
        let worth = self.worth(things);
        let mut back = Vec::new();
        let mut left: Vec<(Bytes, ItemNo)> = Vec::new();
        for (worth, number) in worth {
            if worth.is_zero() && self.take_back(number) {
                continue;
            }
            left.push((worth, number));
        }
        let numbers: Vec<ItemNo> = left.iter().map(|(_, number)| *number).collect();
        if self.spare_exactly(&numbers) {
            return;
        }
        let mut smallest = None;
        for (worth, number) in left {
            if self.take_back(number) {
                back.push((worth, number));
            } else {
                smallest = smallest.or(Some((worth, number)));
            }
        }
        if let Some(smallest) = smallest.filter(|_| is_top)
            && self.exchange(smallest, &back)
        {
            // What was needed beside the one need not be beside the other.
            for number in things.iter().filter(|number| self.state.goes(**number)) {
                self.kept[*number as usize] = false;
            }
            for number in things {
                if self.state.goes(*number) {
                    self.take_back(*number);
                }
            }
        }
    }

    /// Things with what would stay with each of them, what needs them gone included; the least first.
    fn worth(&mut self, things: &[ItemNo]) -> Vec<(Bytes, ItemNo)> {
        let mut order = things.to_vec();
        // What needs a thing gone comes before it.
        order.sort_unstable_by_key(|number| std::cmp::Reverse(self.needs.place[*number as usize]));
        let mut worth = vec![Bytes::ZERO; self.kept.len()];
        let mut sorted = Vec::with_capacity(order.len());
        for number in order {
            let above = self.needs.before.of(number).iter();
            let above: Bytes = above.map(|above| worth[*above as usize]).sum();
            let with = above + self.state.loss(number);
            worth[number as usize] = with;
            sorted.push((with, number));
        }
        // Of equals, too, what needs the other gone comes first.
        sorted.sort_by_key(|(worth, _)| *worth);
        sorted
    }

    /// Takes a thing back, with what needs it gone. Not where too little would go then.
    fn take_back(&mut self, number: ItemNo) -> bool {
        let above = self.needs.before.of(number);
        if !above.iter().any(|above| self.state.goes(*above)) {
            // Most things go by themselves.
            self.state.stay(number);
            let is_spare = self.is_enough();
            if !is_spare {
                self.state.go(number);
                self.kept[number as usize] = true;
            }
            return is_spare;
        }
        let mut group = Vec::new();
        let mut open = vec![number];
        while let Some(at) = open.pop() {
            if !self.state.goes(at) || group.contains(&at) {
                continue;
            }
            if self.kept[at as usize] {
                self.kept[number as usize] = true;
                return false;
            }
            group.push(at);
            open.extend(self.needs.before.of(at));
        }
        for at in &group {
            self.state.stay(*at);
        }
        if self.is_enough() {
            return true;
        }
        for at in group {
            if !self.needs.follows[at as usize] {
                self.state.go(at);
            }
        }
        self.kept[number as usize] = true;
        false
    }

    /// Puts something smaller in the place of the smallest that is needed, so that no more goes than must.
    /// False where nothing smaller is enough.
    fn exchange(&mut self, smallest: (Bytes, ItemNo), back: &[(Bytes, ItemNo)]) -> bool {
        let (largest, number) = smallest;
        let mut above = self.needs.before.of(number).iter();
        if above.any(|above| self.state.goes(*above)) {
            return false;
        }
        self.state.stay(number);
        let missing = self.target - self.state.bytes();
        let first = back.partition_point(|(worth, _)| *worth < missing);
        let smaller = back[first..].iter().take(TRIES);
        for (_, other) in smaller.take_while(|(worth, _)| *worth < largest) {
            let mut open = needs(self.survey, *other);
            if open.any(|need| !self.state.goes(need)) {
                continue;
            }
            self.state.go(*other);
            if self.is_enough() {
                return true;
            }
            self.state.stay(*other);
        }
        self.state.go(number);
        false
    }

    /// Of a few things, the fewest that are needed; of as few, those that free the least. False where they are not few.
    fn spare_exactly(&mut self, things: &[ItemNo]) -> bool {
        if things.len() > FEW {
            return false;
        }
        let is_needed = |number: &&ItemNo| self.kept[**number as usize] || self.is_needed(**number);
        let (forced, free): (Vec<ItemNo>, Vec<ItemNo>) = things.iter().partition(is_needed);
        if !exact::fewest(self.survey, self.needs, &mut self.state, &free, self.target) {
            return false;
        }
        for number in forced {
            self.kept[number as usize] = true;
        }
        for number in free {
            self.kept[number as usize] |= self.state.goes(number);
        }
        true
    }

    /// Something that has been found to be needed can go only after it.
    fn is_needed(&self, number: ItemNo) -> bool {
        let mut open: Vec<ItemNo> = self.needs.before.of(number).to_vec();
        let mut seen = Vec::new();
        while let Some(at) = open.pop() {
            if self.kept[at as usize] {
                return true;
            }
            if self.state.goes(at) && !seen.contains(&at) {
                seen.push(at);
                open.extend(self.needs.before.of(at));
            }
        }
        false
    }
}
