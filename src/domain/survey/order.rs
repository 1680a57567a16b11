//! The order of items by name, found out once for each list: names are long and much alike, and every sort of a
//! pane falls back on them.

use std::cmp::Ordering;

use super::view::compare_in_two;
use super::{Kind, Survey};

/// An item's place among those of its kind by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePlace {
    /// The same for equal names.
    pub name: u32,
    /// Of its own, by ID where names are equal.
    pub item: u32,
}

impl Survey {
    /// Of each item of a kind, in the order of its list, its place by name.
    #[must_use]
    pub fn name_places(&self, kind: Kind) -> &[NamePlace] {
        self.links.name_places[kind as usize].get_or_init(|| self.order_names(kind))
    }

    fn order_names(&self, kind: Kind) -> Vec<NamePlace> {
        let mut items: Vec<(&str, &str, usize)> = (0..self.len(kind))
            .map(|at| {
                let (before, name) = self.item(kind, at).name_in_two();
                (before, name, at)
            })
            .collect();
        items.sort_unstable_by(|a, b| {
            let by_name = compare_in_two((a.0, a.1), (b.0, b.1));
            by_name.then_with(|| self.item(kind, a.2).id().cmp(&self.item(kind, b.2).id()))
        });
        let mut places = vec![NamePlace::default(); items.len()];
        let mut name = 0;
        let mut before: Option<(&str, &str)> = None;
        for (item, (start, rest, at)) in (0..).zip(items) {
            let is_next = |before| compare_in_two(before, (start, rest)) != Ordering::Equal;
            name += u32::from(before.is_some_and(is_next));
            before = Some((start, rest));
            places[at] = NamePlace { name, item };
        }
        places
    }
}
