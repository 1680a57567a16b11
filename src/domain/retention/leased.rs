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
        stock: &ContentStore,
        blobs: impl Iterator<Item = u32>,
        snapshots: impl Iterator<Item = &'a Text>,
        is_flat: bool,
    ) -> BTreeSet<UnitNo> {
        let mut units: BTreeSet<UnitNo> = snapshots.filter_map(|key| self.unit(key)).collect();
        let mut seen = HashSet::new();
        for root in blobs {
            if is_flat {
                units.insert(stock.unit(root));
                continue;
            }
            if seen.contains(&root) {
                continue;
            }
            for blob in stock.list.reached_from(root) {
                seen.insert(blob);
                units.insert(stock.unit(blob));
                let unpacked = stock.list.blob(blob).and_then(|it| it.unpacked.as_ref());
                units.extend(unpacked.and_then(|chain| self.unit(chain.text())));
            }
        }
        units
    }

    fn leases_of(&self, container: &Container) -> impl Iterator<Item = (&Text, &Lease)> {
        leases_of(&self.notes, container)
    }

    fn leased(&self, stock: &ContentStore, lease: &Lease) -> BTreeSet<UnitNo> {
        let blobs = lease.blobs.iter();
        let blobs = blobs.filter_map(|digest| stock.list.position(digest));
        self.reached(stock, blobs, lease.snapshots.iter(), lease.is_flat)
    }
}

/// A unit for each snapshot that is no layer, right behind the blobs.
pub(super) fn add_noted_snapshots(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    stock: &ContentStore,
) {
    let Some(register) = &stock.register else {
        return;
    };
    let doubt = || {
        let may_share = register.notes.inode.is_some();
        may_share.then(|| Doubt::NamesElsewhere.into())
    };
    for layer in facts.tree.numbers() {
        // Else it has a layer's key and may still be written to: no engine does that.
        if facts.sizes.exact(layer).is_none() {
            draft.units[layer as usize].doubt = doubt().or(Some(Doubt::Blobs.into()));
        }
    }
    for other in &register.others {
        let size = register.range(other.size);
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
    facts.register().is_some_and(|register| {
        let mut names = mount.layer_names(&container.id).into_iter();
        names.any(|name| register.notes.leases.contains_key(&name))
    })
}

/// An image holds all that the collector reaches from its digest. False of one that the notes do not have.
pub(super) fn add_noted_image(
    draft: &mut GraphDraft,
    holder: HolderNo,
    image: &Image,
    stock: &ContentStore,
) -> bool {
    let (Some(register), Some(root)) = (&stock.register, stock.list.position(image.id.as_str()))
    else {
        return false;
    };
    if !register.notes.images.contains(&image.id) {
        return false;
    }
    let units = register.reached(stock, [root].into_iter(), [].into_iter(), false);
    draft.hold_all(holder, units);
    true
}

/// A container holds what its own snapshots stand on. False of one that the notes do not have.
pub(super) fn add_noted_run(
    draft: &mut GraphDraft,
    holder: HolderNo,
    container: &Container,
    stock: &ContentStore,
) -> bool {
    let Some(register) = &stock.register else {
        return false;
    };
    let mut leases = register.leases_of(container).peekable();
    if leases.peek().is_none() {
        return false;
    }
    let units = leases.flat_map(|(_, lease)| register.leased(stock, lease));
    draft.hold_all(holder, units.collect());
    true
}

/// A record holds what its leases name.
pub(super) fn add_noted_records(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    stock: &ContentStore,
) {
    let Some(register) = &stock.register else {
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
        let leases: Vec<(&Text, &Lease)> = register.notes.leases_of(record.id.text()).collect();
        if leases.is_empty() {
            add_untold(draft, holder, record);
            continue;
        }
        take_written(draft, record, &leases, stock);
        add_linked(draft, holder, record, &leases, stock);
        let units: BTreeSet<UnitNo> = leases
            .iter()
            .flat_map(|(_, lease)| register.leased(stock, lease))
            .collect();
        join_leased(draft, holder, &leases, stock);
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
    stock: &ContentStore,
) {
    let Some(register) = &stock.register else {
        return;
    };
    let own = leases.iter().filter(|(name, _)| *name == record.id.text());
    let own: Vec<&Lease> = own.map(|(_, lease)| *lease).collect();
    let keys = own.iter().flat_map(|lease| &lease.snapshots);
    let mut open = keys.filter(|key| {
        let snapshot = register.notes.snapshots.get(*key);
        snapshot.is_some_and(|it| it.size.is_none())
    });
    let Some(unit) = open.find_map(|key| register.units.get(key).copied()) else {
        return;
    };
    let blobs = own.iter().flat_map(|lease| layers_of(lease, stock));
    let blobs: Bytes = blobs.map(|blob| stock.size(blob)).sum();
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
    stock: &ContentStore,
) {
    let Some(register) = &stock.register else {
        return;
    };
    let mut joined: BTreeSet<UnitNo> = BTreeSet::new();
    for (_, lease) in leases {
        joined.extend(layers_of(lease, stock).map(|blob| stock.unit(blob)));
        let layers = lease.snapshots.iter().filter(|key| is_chain(key));
        joined.extend(layers.filter_map(|key| register.units.get(key).copied()));
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
    stock: &ContentStore,
) {
    let Some(register) = &stock.register else {
        return;
    };
    let others = other_leases(facts, &register.notes);
    let listed: HashSet<&ImageId> = facts.inventory.images.iter().map(|it| &it.id).collect();
    let images = register
        .notes
        .images
        .iter()
        .filter(|id| !listed.contains(id));
    let images = images.filter_map(|id| stock.list.position(id.as_str()));
    let elsewhere = register.notes.elsewhere.iter();
    let elsewhere = elsewhere.filter_map(|digest| stock.list.position(digest));
    let mut stays = register.reached(stock, images, [].into_iter(), false);
    stays.extend(elsewhere.map(|blob| stock.unit(blob)));
    let mut expires = [BTreeSet::new(), BTreeSet::new()];
    for lease in others {
        let kept = register.leased(stock, lease);
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

/// The leases of a container: its own, and those of the images that it mounts.
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
fn layers_of(lease: &Lease, stock: &ContentStore) -> impl Iterator<Item = u32> {
    let blobs = lease.blobs.iter();
    let blobs = blobs.filter_map(|digest| stock.list.position(digest));
    blobs.filter(|blob| {
        let listed = stock.list.blob(*blob);
        listed.is_some_and(|it| it.uncompressed.is_some())
    })
}
