//! Who holds blobs and snapshots on the containerd store, by its own notes.
//!
//! Nothing is found out here: images hold what the collector reaches from their digests, records and containers what
//! their leases name, and a snapshot the one below it. What leases hold besides is theirs until they end.

use std::collections::{BTreeSet, HashSet};

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::item::{Container, Image, ImageId, ImageMount, ItemId, Record};
use crate::domain::store::metadata::{Lease, LeaseTerm, MetadataDb};
use crate::domain::text::Text;

use super::Doubt;
use super::draft::GraphDraft;
use super::hardlinks::add_linked;
use super::units::{Holder, HolderNo, Sort, Unit};
use crate::domain::layers::content_store::ContentStore;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::snapshots::{SnapshotTree, is_chain};
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::UnitNo;

impl SnapshotTree {
    /// Units that some blobs and snapshots keep, as the collector follows them.
    fn reached<'a>(
        &self,
        store: &ContentStore,
        blobs: impl Iterator<Item = u32>,
        snapshots: impl Iterator<Item = &'a Text>,
        is_flat: bool,
    ) -> BTreeSet<UnitNo> {
        let mut units: BTreeSet<UnitNo> = snapshots.filter_map(|key| self.unit(key)).collect();
        let mut seen = HashSet::new();
        for root in blobs {
            if is_flat {
                units.insert(store.unit(root));
                continue;
            }
            if seen.contains(&root) {
                continue;
            }
            for blob in store.list.reached_from(root) {
                seen.insert(blob);
                units.insert(store.unit(blob));
                let unpacked = store.list.blob(blob).and_then(|it| it.unpacked.as_ref());
                units.extend(unpacked.and_then(|chain| self.unit(chain.text())));
            }
        }
        units
    }

    fn leases_of(&self, container: &Container) -> impl Iterator<Item = (&Text, &Lease)> {
        leases_of(&self.notes, container)
    }

    fn leased(&self, store: &ContentStore, lease: &Lease) -> BTreeSet<UnitNo> {
        let blobs = lease.blobs.iter();
        let blobs = blobs.filter_map(|digest| store.list.position(digest));
        self.reached(store, blobs, lease.snapshots.iter(), lease.is_flat)
    }
}

/// A unit for each snapshot that is no layer, right behind the blobs.
pub(super) fn add_noted_snapshots(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    store: &ContentStore,
) {
    let Some(snapshot_tree) = &store.snapshot_tree else {
        return;
    };
    let doubt = || {
        let may_share = snapshot_tree.notes.inode.is_some();
        may_share.then(|| Doubt::NamesElsewhere.into())
    };
    for layer in facts.tree.numbers() {
        // Else it has a layer's key and may still be written to: no engine does that.
        if facts.sizes.exact(layer).is_none() {
            draft.units[layer as usize].doubt = doubt().or(Some(Doubt::Blobs.into()));
        }
    }
    for other in &snapshot_tree.others {
        let size = snapshot_tree.range(other.size);
        draft.add_unit(Unit {
            below: other.below.into(),
            size,
            doubt: size.size().is_none().then(doubt).flatten(),
            pending: false,
            by_length: false,
            sort: if other.is_layer {
                Sort::Layer
            } else {
                Sort::Record
            },
        });
    }
}

/// Returns true if the store's own notes tell what an image mount holds; then its container holds that already.
pub(super) fn has_lease(facts: &LayerFacts<'_>, container: &Container, mount: &ImageMount) -> bool {
    facts.snapshot_tree().is_some_and(|snapshot_tree| {
        let mut names = mount.layer_names(&container.id).into_iter();
        names.any(|name| snapshot_tree.notes.leases.contains_key(&name))
    })
}

/// An image holds all that the collector reaches from its digest. False of one that the notes do not have.
pub(super) fn add_noted_image(
    draft: &mut GraphDraft,
    holder: HolderNo,
    image: &Image,
    store: &ContentStore,
) -> bool {
    let (Some(snapshot_tree), Some(root)) =
        (&store.snapshot_tree, store.list.position(image.id.as_str()))
    else {
        return false;
    };
    if !snapshot_tree.notes.images.contains(&image.id) {
        return false;
    }
    let units = snapshot_tree.reached(store, [root].into_iter(), [].into_iter(), false);
    draft.hold_all(holder, units);
    true
}

/// A container holds what its own snapshots stand on. False of one that the notes do not have.
pub(super) fn add_noted_run(
    draft: &mut GraphDraft,
    holder: HolderNo,
    container: &Container,
    store: &ContentStore,
) -> bool {
    let Some(snapshot_tree) = &store.snapshot_tree else {
        return false;
    };
    let mut leases = snapshot_tree.leases_of(container).peekable();
    if leases.peek().is_none() {
        return false;
    }
    let units = leases.flat_map(|(_, lease)| snapshot_tree.leased(store, lease));
    draft.hold_all(holder, units.collect());
    true
}

/// A record holds what its leases name.
pub(super) fn add_noted_records(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    store: &ContentStore,
) {
    let Some(snapshot_tree) = &store.snapshot_tree else {
        return;
    };
    for (at, record) in facts.inventory.cache.iter().enumerate() {
        let holder = draft.add_item(
            at,
            Holder {
                idle_record: !record.in_use,
                ..Holder::of(ItemId::Record(record.id.clone()))
            },
        );
        let leases: Vec<(&Text, &Lease)> =
            snapshot_tree.notes.leases_of(record.id.text()).collect();
        if leases.is_empty() {
            add_untold(draft, holder, record);
            continue;
        }
        take_written(draft, record, &leases, store);
        add_linked(draft, holder, record, &leases, store);
        let units: BTreeSet<UnitNo> = leases
            .iter()
            .flat_map(|(_, lease)| snapshot_tree.leased(store, lease))
            .collect();
        join_leased(draft, holder, &leases, store);
        draft.hold_all(holder, units);
    }
}

/// A record that came or went meanwhile: what of its size it shares is not told.
fn add_untold(draft: &mut GraphDraft, holder: HolderNo, record: &Record) {
    let unit = draft.add_unit(Unit {
        below: OptIndex::NONE,
        size: Span::at_most(record.size.known().unwrap_or_default()),
        doubt: Some(Doubt::SharedRecord(record.id.clone()).into()),
        pending: record.size.is_pending(),
        by_length: false,
        sort: Sort::Record,
    });
    draft.hold(holder, unit, true);
}

/// A record's own snapshot that may still be written to has no size in the notes: it is what the record counts
/// besides its blob.
fn take_written(
    draft: &mut GraphDraft,
    record: &Record,
    leases: &[(&Text, &Lease)],
    store: &ContentStore,
) {
    let Some(snapshot_tree) = &store.snapshot_tree else {
        return;
    };
    let own = leases.iter().filter(|(name, _)| *name == record.id.text());
    let own: Vec<&Lease> = own.map(|(_, lease)| *lease).collect();
    let keys = own.iter().flat_map(|lease| &lease.snapshots);
    let mut open = keys.filter(|key| {
        let snapshot = snapshot_tree.notes.snapshots.get(*key);
        snapshot.is_some_and(|it| it.size.is_none())
    });
    let Some(unit) = open.find_map(|key| snapshot_tree.units.get(key).copied()) else {
        return;
    };
    let blobs = own.iter().flat_map(|lease| layers_of(lease, store));
    let blobs: Bytes = blobs.map(|blob| store.size(blob)).sum();
    let unit = &mut draft.units[unit as usize];
    match record.size {
        Figure::Known(size) => unit.size = Span::exactly(size - blobs),
        Figure::Pending => unit.pending = true,
        Figure::Unknown => {
            unit.doubt = Some(Doubt::NoSize(ItemId::Record(record.id.clone())).into());
        }
    }
}

/// Notes which layers and layers' blobs a record is.
fn join_leased(
    draft: &mut GraphDraft,
    holder: HolderNo,
    leases: &[(&Text, &Lease)],
    store: &ContentStore,
) {
    let Some(snapshot_tree) = &store.snapshot_tree else {
        return;
    };
    let mut joined: BTreeSet<UnitNo> = BTreeSet::new();
    for (_, lease) in leases {
        joined.extend(layers_of(lease, store).map(|blob| store.unit(blob)));
        let layers = lease.snapshots.iter().filter(|key| is_chain(key));
        joined.extend(layers.filter_map(|key| snapshot_tree.units.get(key).copied()));
    }
    draft
        .joined
        .extend(joined.into_iter().map(|unit| (holder, unit)));
}

/// What nothing that is listed holds, but the store keeps: for leases of something under way, for images that
/// have gone or come meanwhile, and for other namespaces.
pub(super) fn add_other_leases(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    store: &ContentStore,
) {
    let Some(snapshot_tree) = &store.snapshot_tree else {
        return;
    };
    let others = other_leases(facts, &snapshot_tree.notes);
    let listed: HashSet<&ImageId> = facts.inventory.images.iter().map(|it| &it.id).collect();
    let images = snapshot_tree
        .notes
        .images
        .iter()
        .filter(|id| !listed.contains(id));
    let images = images.filter_map(|id| store.list.position(id.as_str()));
    let elsewhere = snapshot_tree.notes.elsewhere.iter();
    let elsewhere = elsewhere.filter_map(|digest| store.list.position(digest));
    let mut stays = snapshot_tree.reached(store, images, [].into_iter(), false);
    stays.extend(elsewhere.map(|blob| store.unit(blob)));
    let mut expires = [BTreeSet::new(), BTreeSet::new()];
    for lease in others {
        let kept = snapshot_tree.leased(store, lease);
        match lease.term {
            LeaseTerm::Open => stays.extend(kept),
            LeaseTerm::Build => expires[0].extend(kept),
            LeaseTerm::Expires => expires[1].extend(kept),
        }
    }
    let holder = draft.add_holder(Holder::default());
    draft.hold_all(holder, stays);
    let held = draft.held_for_certain();
    let [of_builds, _] = expires.map(|units| {
        let holder = draft.add_holder(Holder::of_leases());
        for unit in units {
            // What nothing else holds goes with the lease.
            draft.hold(holder, unit, !held[unit as usize]);
        }
        holder
    });
    // A prune ends them, unless a build is under way.
    if facts.inventory.cache.iter().any(|record| record.in_use) {
        return;
    }
    draft.holders[of_builds as usize].idle_record = true;
    for holder in &mut draft.holders {
        if matches!(holder.item, Some(ItemId::Record(_))) {
            holder.takes = of_builds.into();
        }
    }
}

/// Leases of nothing that is listed.
fn other_leases<'n>(facts: &LayerFacts<'_>, notes: &'n MetadataDb) -> Vec<&'n Lease> {
    let mut listed: HashSet<&Text> = HashSet::new();
    for container in &facts.inventory.containers {
        listed.extend(leases_of(notes, container).map(|(name, _)| name));
    }
    for record in &facts.inventory.cache {
        listed.extend(notes.leases_of(record.id.text()).map(|(name, _)| name));
    }
    let others = notes.leases.iter();
    let others = others.filter(|(name, _)| !listed.contains(name));
    others.map(|(_, lease)| lease).collect()
}

/// Returns the leases of a container: its own, and those of the images that it mounts.
fn leases_of<'n>(
    notes: &'n MetadataDb,
    container: &Container,
) -> impl Iterator<Item = (&'n Text, &'n Lease)> {
    let own = notes.leases_of(container.id.text());
    let mounts = container.image_mounts.iter();
    let names = mounts.flat_map(|mount| mount.layer_names(&container.id));
    // Docker 28 has the container's ID in front of their names, too.
    let prefix = format!("{}-", container.id);
    let names = names.filter(move |name| !name.starts_with(&prefix));
    own.chain(names.filter_map(|name| notes.leases.get_key_value(&name)))
}

/// Blobs of layers that a lease names.
fn layers_of(lease: &Lease, store: &ContentStore) -> impl Iterator<Item = u32> {
    let blobs = lease.blobs.iter();
    let blobs = blobs.filter_map(|digest| store.list.position(digest));
    blobs.filter(|blob| {
        let listed = store.list.blob(*blob);
        listed.is_some_and(|it| it.uncompressed.is_some())
    })
}
