//! Snapshots of the containerd store that are hard links to files of others: `COPY --link` makes a record of what
//! was copied, and one that has it on a base (ENGINE-CONTAINERD.md §1).
//!
//! What is linked takes its bytes once, and goes when the last of them goes.

use crate::domain::bytes::Bytes;
use crate::domain::item::{Record, RecordId};
use crate::domain::store::metadata::Lease;
use crate::domain::text::Text;

use super::Doubt;
use super::draft::GraphDraft;
use super::units::{HolderNo, Sort, Unit};
use crate::domain::layers::content_store::ContentStore;
use crate::domain::layers::snapshots::SnapshotTree;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::UnitNo;

/// A record with links holds what its parents have unpacked, and so all that it is linked with: the engine
/// links nothing else. Where a parent is not there, the links may be all that is left of it.
pub(super) fn add_linked(
    draft: &mut GraphDraft,
    holder: HolderNo,
    record: &Record,
    leases: &[(&Text, &Lease)],
    store: &ContentStore,
) {
    let Some(snapshot_tree) = &store.snapshot_tree else {
        return;
    };
    let keys = leases.iter().flat_map(|(_, lease)| &lease.snapshots);
    let linked: Vec<(UnitNo, Bytes)> = keys
        .filter_map(|key| {
            let linked = snapshot_tree.notes.snapshots.get(key)?.linked;
            let unit = *snapshot_tree.units.get(key)?;
            (!linked.is_zero()).then_some((unit, linked))
        })
        .collect();
    if linked.is_empty() {
        return;
    }
    let parents: Vec<Vec<UnitNo>> = record
        .parents
        .iter()
        .map(|parent| snapshot_tree.unpacked(parent))
        .collect();
    for unit in parents.iter().flatten() {
        // The parent's bytes are not the record's own: it only keeps them.
        let link = draft.add_unit(Unit {
            below: (*unit).into(),
            size: Span::exactly(Bytes::ZERO),
            doubt: None,
            pending: false,
            by_length: false,
            sort: Sort::Record,
        });
        draft.hold(holder, link, true);
    }
    // The base, and what was put on it.
    if parents.len() > 1 && parents.iter().all(|units| !units.is_empty()) {
        return;
    }
    for (unit, linked) in linked {
        let unit = &mut draft.units[unit as usize];
        unit.size.most += linked;
        unit.doubt = Some(Doubt::SharedRecord(record.id.clone()).into());
    }
}

impl SnapshotTree {
    /// Returns the units of the snapshots that a record's own lease names.
    fn unpacked(&self, record: &RecordId) -> Vec<UnitNo> {
        let lease = self.notes.leases.get(record.text());
        let keys = lease.into_iter().flat_map(|lease| &lease.snapshots);
        keys.filter_map(|key| self.units.get(key).copied())
            .collect()
    }
}
