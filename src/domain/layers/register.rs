//! Who holds blobs and snapshots on the containerd store, by its own notes.
//!
//! Nothing is found out here: images hold what the collector reaches from their digests, records and containers what
//! their leases name, and a snapshot the one below it. What leases hold besides is theirs until they end.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Inventory;
use crate::domain::item::{Container, Image, ImageId, ImageMount, ItemId, Record, Text};
use crate::domain::store::metadata::{Lease, Notes, Term};

use super::Doubt;
use super::build::Builder;
use super::sizes::Span;
use super::stock::Stock;
use super::tree::{LayerNo, Tree, number};
use super::units::{Holder, HolderNo, Sort, Unit, UnitNo};
use crate::domain::compact::maybe::Maybe;

/// A block of a filesystem, as filesystems are made.
const BLOCK: u64 = 4096;

/// Notes, joined with the tree of layers.
pub(super) struct Register {
    pub(super) notes: Arc<Notes>,
    /// What each layer of the tree takes unpacked; nothing of those that are not. The builder takes this, and what is
    /// beside.
    pub(super) spans: Vec<Span>,
    /// What lies between a layer and the one below it in the tree: the classic builder's and a commit's snapshots
    /// for mounts (ENGINE-CONTAINERD.md §1).
    pub(super) beside: Vec<Bytes>,
    between: HashSet<Text>,
    /// By key: layers of the tree, and those of `others`.
    pub(super) units: HashMap<Text, UnitNo>,
    /// Snapshots that are no layers of the tree, each after the one that it stands on.
    others: Vec<Other>,
}

struct Other {
    below: Option<UnitNo>,
    size: Bytes,
    /// It is named as layers of images are.
    is_layer: bool,
}

impl Register {
    /// `first` is the unit of the first snapshot that is no layer of the tree.
    pub(super) fn new(
        notes: &Arc<Notes>,
        inventory: &Inventory,
        tree: &Tree,
        first: UnitNo,
    ) -> Self {
        let mut register = Self {
            notes: Arc::clone(notes),
            spans: vec![Span::exactly(Bytes::ZERO); tree.len()],
            beside: vec![Bytes::ZERO; tree.len()],
            between: HashSet::new(),
            units: HashMap::new(),
            others: Vec::new(),
        };
        let mut there: Vec<(Text, LayerNo)> = Vec::new();
        for (layer, chain) in tree.numbers().zip(tree.all_chain_ids()) {
            if let Some((key, snapshot)) = notes.snapshots.get_key_value(&chain.text()) {
                let size = snapshot.own();
                let size = size.map_or(Span::UNKNOWN, |size| range(notes, size));
                register.spans[layer as usize] = size;
                register.units.insert(key.clone(), layer);
                there.push((key.clone(), layer));
            }
        }
        for (chain, layer) in there {
            register.count_beside(&chain, layer);
        }
        let mut apart = register.between.clone();
        for container in &inventory.containers {
            apart.extend(register.own_keys(container).cloned());
        }
        let mut others: Vec<&Text> = notes.snapshots.keys().collect();
        others.sort_unstable();
        for key in others.into_iter().filter(|key| !apart.contains(*key)) {
            register.place(key, &apart, first);
        }
        register
    }

    /// Gives a layer what lies between it and the one below.
    fn count_beside(&mut self, chain: &Text, layer: LayerNo) {
        let mut next = self.parent(chain).cloned();
        while let Some(key) = next.filter(|key| !self.units.contains_key(key)) {
            next = self.parent(&key).cloned();
            let size = self.size(&key).unwrap_or_default();
            // Two commits of one container stand on the same, which counts once.
            if !self.between.insert(key) {
                break;
            }
            let of_layer = self.range(size);
            self.beside[layer as usize] += of_layer.least;
            self.spans[layer as usize].most += of_layer.most - of_layer.least;
        }
    }

    fn parent(&self, key: &Text) -> Option<&Text> {
        self.notes.snapshots.get(key)?.parent.as_ref()
    }

    fn size(&self, key: &Text) -> Option<Bytes> {
        self.notes.snapshots.get(key)?.own()
    }

    /// What a container alone has: what it writes to, and what was made for its mounts, unless a layer that was
    /// committed of it stands on that.
    fn own_keys(&self, container: &Container) -> impl Iterator<Item = &Text> {
        let lease = self.notes.leases.get(container.id.text());
        let keys = lease.map(|lease| &lease.snapshots).into_iter().flatten();
        let is_shared = |key: &Text| self.units.contains_key(key) || self.between.contains(key);
        keys.filter(move |key| !is_shared(key) && !is_chain(key))
    }

    /// Returns what goes with snapshots that take so many blocks.
    pub(super) fn range(&self, blocks: Bytes) -> Span {
        range(&self.notes, blocks)
    }

    /// What was made for a container's mounts; `None` of one that the notes do not have.
    pub(super) fn mounts_of(&self, container: &Container) -> Option<Bytes> {
        self.notes.leases.get(container.id.text())?;
        let sizes = self.own_keys(container).filter_map(|key| self.size(key));
        Some(sizes.sum())
    }

    /// Makes a unit of a snapshot, and of those below it first.
    fn place(&mut self, key: &Text, apart: &HashSet<Text>, first: UnitNo) {
        let mut open = Vec::new();
        let mut next = Some(key.clone());
        // A chain that ends in the air, or in itself, has an end.
        for _ in 0..=self.notes.snapshots.len() {
            let is_open = |key: &Text| {
                !self.units.contains_key(key) && self.notes.snapshots.contains_key(key)
            };
            let Some(key) = next.filter(is_open) else {
                break;
            };
            next = self.parent(&key).cloned();
            if !apart.contains(&key) {
                open.push(key);
            }
        }
        while let Some(key) = open.pop() {
            if self.units.contains_key(&key) {
                continue;
            }
            let below = self.parent(&key).and_then(|parent| self.unit(parent));
            let unit = first + number(self.others.len());
            self.others.push(Other {
                below,
                size: self.size(&key).unwrap_or_default(),
                is_layer: is_chain(&key),
            });
            self.units.insert(key, unit);
        }
    }

    /// The unit of a snapshot, or of the first one below it that has one.
    fn unit(&self, key: &Text) -> Option<UnitNo> {
        let mut steps = self.notes.snapshots.len();
        let mut next = Some(key);
        while let Some(key) = next {
            if let Some(unit) = self.units.get(key) {
                return Some(*unit);
            }
            steps = steps.checked_sub(1)?;
            next = self.parent(key);
        }
        None
    }

    /// Units that some blobs and snapshots keep, as the collector follows them.
    fn reached<'a>(
        &self,
        stock: &Stock,
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

    fn leased(&self, stock: &Stock, lease: &Lease) -> BTreeSet<UnitNo> {
        let blobs = lease.blobs.iter();
        let blobs = blobs.filter_map(|digest| stock.list.position(digest));
        self.reached(stock, blobs, lease.snapshots.iter(), lease.is_flat)
    }
}

/// Returns what goes with a snapshot that takes so many blocks.
///
/// Where the filesystem copies by reference, a snapshot that is a copy may have all its blocks from the one below, and
/// where it packs they may be fewer than they seem. Such filesystems give back inodes, too: of how many files is not noted, but each that has any length takes a block.
fn range(notes: &Notes, blocks: Bytes) -> Span {
    let Some(inode) = notes.inode else {
        return Span::exactly(blocks);
    };
    Span {
        least: if notes.copies || notes.packs {
            Bytes::ZERO
        } else {
            blocks
        },
        most: blocks + Bytes(blocks.0 / BLOCK * inode.0),
    }
}

/// Layers of images have the digest of their chain for a key.
fn is_chain(key: &str) -> bool {
    let digest = key.strip_prefix("sha256:");
    digest.is_some_and(|digest| digest.len() == 64)
}

impl Builder<'_> {
    /// A unit for each snapshot that is no layer, right behind the blobs.
    pub(super) fn add_noted_snapshots(&mut self, stock: &Stock) {
        let Some(register) = &stock.register else {
            return;
        };
        let doubt = || {
            let may_share = register.notes.inode.is_some();
            may_share.then(|| Doubt::NamesElsewhere.into())
        };
        for layer in self.tree.numbers() {
            // Else it has a layer's key and may still be written to: no engine does that.
            if self.sizes.exact(layer).is_none() {
                self.units[layer as usize].doubt = doubt().or(Some(Doubt::Blobs.into()));
            }
        }
        for other in &register.others {
            let size = register.range(other.size);
            self.add_unit(Unit {
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
    pub(super) fn has_lease(&self, container: &Container, mount: &ImageMount) -> bool {
        let register = self
            .stock
            .as_ref()
            .and_then(|stock| stock.register.as_ref());
        register.is_some_and(|register| {
            let mut names = mount.layer_names(&container.id).into_iter();
            names.any(|name| register.notes.leases.contains_key(&name))
        })
    }

    fn hold_all(&mut self, holder: HolderNo, units: BTreeSet<UnitNo>, sure: bool) {
        for unit in units {
            self.hold(holder, unit, sure);
        }
    }

    /// An image holds all that the collector reaches from its digest. False of one that the notes do not have.
    pub(super) fn add_noted_image(
        &mut self,
        holder: HolderNo,
        image: &Image,
        stock: &Stock,
    ) -> bool {
        let (Some(register), Some(root)) =
            (&stock.register, stock.list.position(image.id.as_str()))
        else {
            return false;
        };
        if !register.notes.images.contains(&image.id) {
            return false;
        }
        let units = register.reached(stock, [root].into_iter(), [].into_iter(), false);
        self.hold_all(holder, units, true);
        true
    }

    /// A container holds what its own snapshots stand on. False of one that the notes do not have.
    pub(super) fn add_noted_run(
        &mut self,
        holder: HolderNo,
        container: &Container,
        stock: &Stock,
    ) -> bool {
        let Some(register) = &stock.register else {
            return false;
        };
        let mut leases = register.leases_of(container).peekable();
        if leases.peek().is_none() {
            return false;
        }
        let units = leases.flat_map(|(_, lease)| register.leased(stock, lease));
        self.hold_all(holder, units.collect(), true);
        true
    }

    /// A record holds what its leases name.
    pub(super) fn add_noted_records(&mut self, stock: &Rc<Stock>) {
        let Some(register) = &stock.register else {
            return;
        };
        for (at, record) in self.inventory.cache.iter().enumerate() {
            let holder = self.add_item(
                at,
                Holder {
                    idle_record: !record.in_use,
                    ..Holder::of(ItemId::Record(record.id.clone()))
                },
            );
            let leases: Vec<(&Text, &Lease)> = register.notes.leases_of(record.id.text()).collect();
            if leases.is_empty() {
                self.add_untold(holder, record);
                continue;
            }
            self.take_written(record, &leases, stock);
            self.add_linked(holder, record, &leases, stock);
            let units: BTreeSet<UnitNo> = leases
                .iter()
                .flat_map(|(_, lease)| register.leased(stock, lease))
                .collect();
            self.join_leased(holder, &leases, stock);
            self.hold_all(holder, units, true);
        }
    }

    /// A record that came or went meanwhile: what of its size it shares is not told.
    fn add_untold(&mut self, holder: HolderNo, record: &Record) {
        let unit = self.add_unit(Unit {
            below: Maybe::NONE,
            size: Span::at_most(record.size.known().unwrap_or_default()),
            doubt: Some(Doubt::SharedRecord(record.id.clone()).into()),
            pending: record.size.is_pending(),
            by_length: false,
            sort: Sort::Record,
        });
        self.hold(holder, unit, true);
    }

    /// A record's own snapshot that may still be written to has no size in the notes: it is what the record counts
    /// besides its blob.
    fn take_written(&mut self, record: &Record, leases: &[(&Text, &Lease)], stock: &Stock) {
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
        let unit = &mut self.units[unit as usize];
        match record.size {
            Figure::Known(size) => unit.size = Span::exactly(size - blobs),
            Figure::Pending => unit.pending = true,
            Figure::Unknown => {
                unit.doubt = Some(Doubt::NoSize(ItemId::Record(record.id.clone())).into());
            }
        }
    }

    /// Notes which layers and layers' blobs a record is.
    fn join_leased(&mut self, holder: HolderNo, leases: &[(&Text, &Lease)], stock: &Stock) {
        let Some(register) = &stock.register else {
            return;
        };
        let mut joined: BTreeSet<UnitNo> = BTreeSet::new();
        for (_, lease) in leases {
            joined.extend(layers_of(lease, stock).map(|blob| stock.unit(blob)));
            let layers = lease.snapshots.iter().filter(|key| is_chain(key));
            joined.extend(layers.filter_map(|key| register.units.get(key).copied()));
        }
        self.joined
            .extend(joined.into_iter().map(|unit| (holder, unit)));
    }

    /// What nothing that is listed holds, but the store keeps: for leases of something under way, for images that
    /// have gone or come meanwhile, and for other namespaces.
    pub(super) fn add_other_leases(&mut self, stock: &Rc<Stock>) {
        let Some(register) = &stock.register else {
            return;
        };
        let others = self.other_leases(&register.notes);
        let listed: HashSet<&ImageId> = self.inventory.images.iter().map(|it| &it.id).collect();
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
                Term::Open => stays.extend(kept),
                Term::Build => expires[0].extend(kept),
                Term::Expires => expires[1].extend(kept),
            }
        }
        let holder = self.add_holder(Holder::default());
        self.hold_all(holder, stays, true);
        let held = self.held_for_certain();
        let [of_builds, _] = expires.map(|units| {
            let holder = self.add_holder(Holder::of_leases());
            for unit in units {
                // What nothing else holds goes with the lease.
                self.hold(holder, unit, !held[unit as usize]);
            }
            holder
        });
        // A prune ends them, unless a build is under way.
        if self.inventory.cache.iter().any(|record| record.in_use) {
            return;
        }
        self.holders[of_builds as usize].idle_record = true;
        for holder in &mut self.holders {
            if matches!(holder.item, Some(ItemId::Record(_))) {
                holder.takes = of_builds.into();
            }
        }
    }

    /// Whether something is known to hold each unit, itself or by what stands on it.
    fn held_for_certain(&self) -> Vec<bool> {
        let mut held = vec![false; self.units.len()];
        for hold in self.holds.iter().filter(|hold| hold.sure) {
            held[hold.unit as usize] = true;
        }
        // Units stand only on units of smaller numbers.
        for unit in (0..held.len()).rev() {
            if let (true, Some(below)) = (held[unit], self.units[unit].below.get()) {
                held[below as usize] = true;
            }
        }
        held
    }

    /// Leases of nothing that is listed.
    fn other_leases<'n>(&self, notes: &'n Notes) -> Vec<&'n Lease> {
        let mut listed: HashSet<&Text> = HashSet::new();
        for container in &self.inventory.containers {
            listed.extend(leases_of(notes, container).map(|(name, _)| name));
        }
        for record in &self.inventory.cache {
            listed.extend(notes.leases_of(record.id.text()).map(|(name, _)| name));
        }
        let others = notes.leases.iter();
        let others = others.filter(|(name, _)| !listed.contains(name));
        others.map(|(_, lease)| lease).collect()
    }
}

/// The leases of a container: its own, and those of the images that it mounts.
fn leases_of<'n>(
    notes: &'n Notes,
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
fn layers_of(lease: &Lease, stock: &Stock) -> impl Iterator<Item = u32> {
    let blobs = lease.blobs.iter();
    let blobs = blobs.filter_map(|digest| stock.list.position(digest));
    blobs.filter(|blob| {
        let listed = stock.list.blob(*blob);
        listed.is_some_and(|it| it.uncompressed.is_some())
    })
}
