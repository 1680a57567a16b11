//! What is still there of what went by the count: two pictures of one engine, laid side by side.
//!
//! Layers are the same by their chain, blobs by their digest. A blob that the store still lists was not freed,
//! whoever keeps it; of layers only holders tell.

use std::collections::HashMap;

use crate::domain::bytes::Bytes;
use crate::domain::compact::texts::Digest;
use crate::domain::item::ItemId;

use super::Retention;
use super::units::{Bound, HolderNo, Sort};
use crate::domain::layers::tree::UnitNo;

/// Bytes of a step that did not go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// What is still there of what was to go.
    pub bytes: Bytes,
    /// What holds the most of them; `None` where the engine keeps them for nothing that it lists.
    pub by: Option<ItemId>,
    /// Bytes that nothing holds which the engine lists.
    pub unheld: Bytes,
}

impl Retention {
    /// For each step, the items that it let go in this retention's picture: what is there in a later one of the
    /// bytes that went with them by the count. Sizes are those of this picture.
    #[must_use]
    pub fn remains(&self, steps: &[Vec<ItemId>], later: &Retention) -> Vec<Leftover> {
        let chains = self.tree.all_chain_ids();
        let there = Later::new(later);
        let mut release = self.release();
        steps
            .iter()
            .map(|items| {
                let freed: Vec<UnitNo> = items
                    .iter()
                    .flat_map(|item| release.let_go_units(item))
                    .collect();
                self.remains_of(&freed, &chains, &there)
            })
            .collect()
    }

    fn remains_of(&self, freed: &[UnitNo], chains: &[Digest], there: &Later<'_>) -> Leftover {
        let mut remains = Leftover::default();
        let mut by: HashMap<ItemId, Bytes> = HashMap::new();
        for unit in freed.iter().copied() {
            let size = self.graph.unit(unit).size.least;
            let found = match self.graph.unit(unit).sort {
                Sort::Layer => chains
                    .get(unit as usize)
                    .and_then(|chain| there.layer(chain)),
                Sort::Blob => self.digest(unit).and_then(|digest| there.blob(&digest)),
                Sort::Writable | Sort::Log | Sort::Volume | Sort::Record | Sort::Image => None,
            };
            let Some(found) = found else { continue };
            match there.holder(found) {
                Some(item) => *by.entry(item).or_default() += size,
                // Of a layer nothing but a holder says that it is there.
                None if self.graph.unit(unit).sort == Sort::Layer => continue,
                None => remains.unheld += size,
            }
            remains.bytes += size;
        }
        let most = by.into_iter().max_by(|(a, x), (b, y)| (x, b).cmp(&(y, a)));
        remains.by = most
            .filter(|(_, bytes)| *bytes >= remains.unheld)
            .map(|(item, _)| item);
        remains
    }

    fn digest(&self, unit: UnitNo) -> Option<crate::domain::text::Text> {
        let (first, list) = self.blobs.as_ref()?;
        let blob = list.blob(unit.checked_sub(*first)?)?;
        Some(blob.digest.clone())
    }
}

/// A later picture.
struct Later<'a> {
    retention: &'a Retention,
    layers: HashMap<Digest, UnitNo>,
}

impl<'a> Later<'a> {
    fn new(retention: &'a Retention) -> Self {
        let chains = retention.tree.all_chain_ids().into_iter();
        Self {
            retention,
            layers: chains.zip(0..).collect(),
        }
    }

    fn layer(&self, chain: &Digest) -> Option<UnitNo> {
        self.layers.get(chain).copied()
    }

    fn blob(&self, digest: &str) -> Option<UnitNo> {
        let (first, list) = self.retention.blobs.as_ref()?;
        Some(first + list.position(digest)?)
    }

    /// Something that holds a unit for certain, itself or by what stands on it.
    fn holder(&self, unit: UnitNo) -> Option<ItemId> {
        let graph = &self.retention.graph;
        if graph.counts(Bound::Sure)[unit as usize] == 0 {
            return None;
        }
        let mut open = vec![unit];
        while let Some(at) = open.pop() {
            let mut sure = graph.held(at).filter(|hold| hold.sure);
            let item = |holder: HolderNo| graph.holder(holder).item.clone();
            if let Some(item) = sure.find_map(|hold| item(hold.holder)) {
                return Some(item);
            }
            open.extend_from_slice(graph.above.of(at));
        }
        None
    }
}
