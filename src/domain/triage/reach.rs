//! One set for several disks: what is chosen for one of them may be what another one lacks.

use std::cmp::Reverse;

use super::{Chosen, Goal, Lack, Tier, Wish, choose};
use crate::domain::bytes::Bytes;
use crate::domain::plan::Selection;
use crate::domain::survey::Survey;
use crate::domain::time::Timestamp;

/// Chooses the safest set that reaches a goal: on each of the disks, where that is what it asks. `None` where it
/// takes a disk and none is known.
#[must_use]
pub fn reach(
    survey: &Survey,
    selected: &Selection,
    (goal, even_volumes): (Goal, bool),
    now: Timestamp,
) -> Option<Chosen> {
    let way = Way {
        survey,
        selected,
        even_volumes,
        now,
    };
    let lacks = goal.missing(&survey.inventory().disks)?;
    let mut picks = Picks(vec![Chosen::default(); lacks.len()]);
    way.complete(&mut picks, &lacks);
    // What a later disk has led to may do for an earlier one as well.
    for at in 0..lacks.len().saturating_sub(1) {
        if picks.0[at].items.is_empty() {
            continue;
        }
        let mut others = picks.clone();
        others.0[at] = Chosen::default();
        way.complete(&mut others, &lacks);
        if others.loss() < picks.loss() {
            picks = others;
        }
    }
    Some(picks.together())
}

/// What is chosen from, and how.
struct Way<'s> {
    survey: &'s Survey,
    selected: &'s Selection,
    even_volumes: bool,
    now: Timestamp,
}

impl Way<'_> {
    /// Adds what each disk still lacks beside all that was chosen so far.
    fn complete(&self, picks: &mut Picks, lacks: &[Lack]) {
        for (at, lack) in lacks.iter().enumerate() {
            let mut selected = self.selected.clone();
            for chosen in &picks.0 {
                chosen.add_to(&mut selected);
            }
            let wish = Wish {
                bytes: lack.bytes,
                at: lack.at,
                even_volumes: self.even_volumes,
            };
            let chosen = choose(self.survey, &selected, wish, self.now);
            let before = std::mem::replace(&mut picks.0[at], chosen);
            picks.0[at].items.extend(before.items);
        }
    }
}

/// What goes for each disk's sake. Together they are enough for each of them, if anything is.
#[derive(Clone)]
struct Picks(Vec<Chosen>);

impl Picks {
    /// Returns how much it hurts: disks that are not helped first, then what goes, the most missed first.
    fn loss(&self) -> (usize, Vec<Tier>) {
        let unmet = self.0.iter().filter(|chosen| !chosen.met).count();
        let tiers = self.0.iter().flat_map(|chosen| chosen.items.values());
        let mut tiers: Vec<Tier> = tiers.copied().collect();
        tiers.sort_unstable_by_key(|tier| Reverse(*tier));
        (unmet, tiers)
    }

    fn together(self) -> Chosen {
        let mut all = Chosen {
            met: true,
            ..Chosen::default()
        };
        // What one disk gets beyond its lack is of no use to another one.
        let mut reached = Bytes::ZERO;
        for chosen in self.0 {
            all.items.extend(chosen.items);
            all.wanted += chosen.wanted;
            all.frees += chosen.frees;
            all.met &= chosen.met;
            reached += chosen.frees.min(chosen.wanted);
        }
        if !all.met {
            all.frees = reached;
        }
        all
    }
}
