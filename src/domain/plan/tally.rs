//! What the marked things free together, kept up to date mark by mark.
//!
//! Whether a thing goes depends only on what it is tied to, its cluster ([`Survey::cluster`]). So a change of
//! marks settles the clusters that it touches anew, and takes what became of the others as it stands.

use crate::domain::index::ItemNo;
use crate::domain::retention::{Freed, RemovalSet};
use crate::domain::survey::Survey;

use super::draft::Draft;
use super::{AddedBy, Selection};

/// Follows marks. It belongs to one state of the survey: when that changes, a new one must be made.
#[derive(Debug, Default)]
pub struct Tally {
    /// By number.
    marked: Vec<bool>,
    gone: Vec<bool>,
    set: Option<RemovalSet>,
}

impl Tally {
    /// Returns true for what is marked.
    #[must_use]
    pub fn is_marked(&self, number: ItemNo) -> bool {
        self.marked.get(number as usize).copied().unwrap_or(false)
    }

    /// Takes in that things are marked now, or not any more, and returns what [`super::frees`] says of all
    /// marked things.
    pub fn change(
        &mut self,
        survey: &Survey,
        changes: impl IntoIterator<Item = (ItemNo, bool)>,
    ) -> Freed {
        self.marked.resize(survey.numbers().len(), false);
        let mut touched = Vec::new();
        for (number, marked) in changes {
            if std::mem::replace(&mut self.marked[number as usize], marked) != marked {
                touched.push(survey.cluster(number));
            }
        }
        touched.sort_unstable();
        touched.dedup();
        self.settle(survey, &touched)
    }

    fn settle(&mut self, survey: &Survey, touched: &[u32]) -> Freed {
        let members = |cluster: &u32| survey.cluster_members(*cluster).iter().copied();
        let chosen: Vec<(ItemNo, AddedBy)> = touched
            .iter()
            .flat_map(members)
            .filter(|number| self.marked[*number as usize])
            .map(|number| (number, AddedBy::Selection))
            .collect();
        let rules = Selection::default();
        let draft = Draft::of_clusters(survey, &rules, &chosen);
        let retention = &survey.retention;
        let set = self.set.get_or_insert_with(|| RemovalSet::of(retention));
        self.gone.resize(self.marked.len(), false);
        for number in touched.iter().flat_map(members) {
            let goes = draft.goes(number);
            match (
                std::mem::replace(&mut self.gone[number as usize], goes),
                goes,
            ) {
                (false, true) => set.drop(retention, number),
                (true, false) => set.restore(retention, number),
                (false, false) | (true, true) => {}
            }
        }
        set.total(retention)
    }
}
