//! What the marked things free together, kept up to date mark by mark.
//!
//! Whether a thing goes depends only on what it is tied to, its cluster ([`Survey::cluster`]). So a change of
//! marks settles the clusters that it touches anew, and takes what became of the others as it stands.

use std::collections::{BTreeSet, HashMap};

use crate::domain::index::ItemNo;
use crate::domain::layers::{Balance, Freed};
use crate::domain::survey::Survey;

use super::draft::Draft;
use super::{AddedBy, Selection};

/// Follows marks. It belongs to one state of the survey: when that changes, a new one must be made.
#[derive(Debug, Default)]
pub struct Tally {
    marked: Vec<bool>,
    /// Of each cluster what is marked, and what goes of it.
    clusters: HashMap<u32, Cluster>,
    balance: Option<Balance>,
}

#[derive(Debug, Default)]
struct Cluster {
    marked: Vec<ItemNo>,
    gone: Vec<ItemNo>,
}

impl Tally {
    /// True for what is marked.
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
        let mut touched = BTreeSet::new();
        for (number, marked) in changes {
            let before = std::mem::replace(&mut self.marked[number as usize], marked);
            if before == marked {
                continue;
            }
            let cluster = survey.cluster(number);
            touched.insert(cluster);
            if marked {
                self.clusters
                    .entry(cluster)
                    .or_default()
                    .marked
                    .push(number);
            }
        }
        self.settle(survey, &touched)
    }

    fn settle(&mut self, survey: &Survey, touched: &BTreeSet<u32>) -> Freed {
        let ledger = &survey.ledger;
        let balance = self.balance.get_or_insert_with(|| Balance::of(ledger));
        let mut chosen = Vec::new();
        for cluster in touched {
            let cluster = self.clusters.entry(*cluster).or_default();
            let mut seen = std::mem::take(&mut cluster.marked);
            // One that was unmarked and marked again stands there twice.
            seen.sort_unstable();
            seen.dedup();
            seen.retain(|number| self.marked[*number as usize]);
            chosen.extend(seen.iter().map(|number| (*number, AddedBy::Selection)));
            cluster.marked = seen;
        }
        let rules = Selection::default();
        let draft = Draft::of(survey, &rules, &chosen);
        for cluster in touched {
            let Some(cluster) = self.clusters.get_mut(cluster) else {
                continue;
            };
            for number in std::mem::take(&mut cluster.gone) {
                if !draft.goes(number) {
                    balance.restore(ledger, number);
                }
            }
        }
        for number in draft.gone() {
            balance.drop(ledger, number);
            let cluster = self.clusters.entry(survey.cluster(number)).or_default();
            cluster.gone.push(number);
        }
        self.clusters
            .retain(|_, cluster| !cluster.marked.is_empty() || !cluster.gone.is_empty());
        balance.total(ledger)
    }
}
