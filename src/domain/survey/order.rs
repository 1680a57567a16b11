//! The order of items by name, found out once for each list: names are long and much alike, and every sort of a
//! pane falls back on them.

use std::cmp::Ordering;

use super::view::compare_parts;
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
        let mut items: Vec<([&str; 3], usize)> = (0..self.len(kind))
            .map(|at| (self.item(kind, at).name_parts(), at))
            .collect();
        items.sort_unstable_by(|a, b| {
            let by_name = compare_parts(&a.0, &b.0);
            by_name.then_with(|| self.item(kind, a.1).id().cmp(&self.item(kind, b.1).id()))
        });
        let mut places = vec![NamePlace::default(); items.len()];
        let mut name = 0;
        let mut before: Option<[&str; 3]> = None;
        for (item, (parts, at)) in (0..).zip(items) {
            let is_next = |before: [&str; 3]| compare_parts(&before, &parts) != Ordering::Equal;
            name += u32::from(before.is_some_and(is_next));
            before = Some(parts);
            places[at] = NamePlace { name, item };
        }
        places
    }
}
