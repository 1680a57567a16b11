//! Who holds blobs and snapshots on the containerd store, by the engine's own list (ENGINE-CONTAINERD.md §3).

use std::collections::HashSet;
use std::rc::Rc;

use crate::domain::bytes::Bytes;
use crate::domain::inventory::{Progress, Stage};
use crate::domain::item::{Container, Image, ImageId, ItemId, RecordId};

use super::Doubt;
use super::build::Builder;
use super::ledger::has_blobs;
use super::names::Names;
use super::sizes::Span;
use super::solve::Sum;
use super::stock::{Stock, rows};
use super::tree::LayerNo;
use super::units::{HolderNo, Sort, Unit, UnitNo};
use crate::domain::compact::maybe::Maybe;

/// Snapshots fill whole pages on the filesystems that engines use.
const PAGE: u64 = 4_096;
/// Snapshots for containers' mounts and blobs that are no layers may be off by so much together.
const ABOUT: Bytes = Bytes(32_768);
/// What manifests and configs are estimated at may be off by less for each sum of blobs.
const DOCUMENTS: Bytes = Bytes(4_096);
/// From here to 28's end the engine's sum of snapshots has the blobs of images in it, each once
/// (`ImageDiskUsage` in moby's `daemon/containerd/service.go`, read in 28.3).
const WITH_BLOBS: (u32, u32) = (28, 3);

impl Builder<'_> {
    /// One unit a blob, right behind the layers.
    pub(super) fn add_stock(&mut self, stock: &Stock) {
        for blob in stock.list.blobs() {
            self.add_unit(Unit {
                below: Maybe::NONE,
                size: Span::exactly(blob.size),
                doubt: None,
                pending: false,
                by_length: false,
                sort: Sort::Blob,
            });
        }
    }

    /// An image holds all that the collector reaches from it, and what is unpacked of it.
    pub(super) fn add_stocked_image(
        &mut self,
        holder: HolderNo,
        image: &Image,
        inspected: Option<LayerNo>,
        stock: &Stock,
    ) {
        if self.add_noted_image(holder, image, stock) {
            return;
        }
        let Some(kept) = stock.list.image(&image.id) else {
            self.add_unlisted(holder, image, inspected);
            return;
        };
        for blob in &kept.content {
            self.hold(holder, stock.unit(*blob), true);
        }
        let tops = stock.tops_of_image(image, inspected);
        let rest = image.size.known().unwrap_or_default() - stock.packed_size(&image.id);
        for (top, is_kept) in &tops {
            self.hold(holder, *top, *is_kept);
            if self
                .tree
                .down(*top)
                .any(|layer| self.sizes.exact(layer).is_none())
            {
                self.sums.push(Sum {
                    top: *top,
                    total: image.size.known().map(|_| rest),
                    exact: false,
                    pending: image.content.is_pending(),
                    doubt: Doubt::UnalignedHistory(image.id.clone()),
                });
            }
        }
        if kept.unread {
            let known: Bytes = tops
                .iter()
                .flat_map(|(top, _)| self.tree.down(*top))
                .filter_map(|layer| self.sizes.exact(layer))
                .sum();
            self.add_doubtful(holder, rest - known);
        }
    }

    /// An image that the list does not have came after it, or is of another engine's making.
    fn add_unlisted(&mut self, holder: HolderNo, image: &Image, inspected: Option<LayerNo>) {
        if self.layers_to_come() {
            self.holders[holder as usize].pending = true;
            self.unsettled = true;
        }
        let unpacked = inspected.filter(|_| !rows(image).is_empty());
        let known: Bytes = unpacked
            .into_iter()
            .flat_map(|top| self.tree.down(top))
            .filter_map(|layer| self.sizes.exact(layer))
            .sum();
        if let Some(top) = unpacked {
            self.hold(holder, top, true);
        }
        self.add_doubtful(holder, image.size.known().unwrap_or_default() - known);
    }

    fn add_doubtful(&mut self, holder: HolderNo, most: Bytes) {
        let unit = self.add_unit(Unit {
            below: Maybe::NONE,
            size: Span::at_most(most),
            doubt: Some(Doubt::Blobs.into()),
            pending: false,
            by_length: false,
            sort: Sort::Image,
        });
        self.hold(holder, unit, true);
    }

    pub(super) fn layers_to_come(&self) -> bool {
        matches!(
            self.inventory.stage(Stage::Layers),
            Progress::Waiting | Progress::Running(_)
        )
    }

    /// A container holds snapshots, never blobs: those of the manifest that it runs, which may be no image's.
    /// Returns their highest layers: one if that is certain, none where neither the list nor an image tells.
    pub(super) fn add_run(
        &mut self,
        holder: HolderNo,
        container: &Container,
        names: &Names<'_>,
        stock: &Rc<Stock>,
    ) -> Vec<LayerNo> {
        let details = container.details.as_ref().known();
        let image = container.image_id.as_ref();
        let inspected = image
            .and_then(|image| names.image(image.as_str()))
            .and_then(|image| self.tops[image]);
        let manifest = details.and_then(|details| details.manifest.as_deref());
        let run = manifest.or(image.map(ImageId::as_str));
        let tops = run.map_or_else(Vec::new, |run| stock.tops_of_run(run, inspected));
        let sure = tops.len() == 1;
        for top in &tops {
            self.hold(holder, *top, sure);
        }
        if sure && inspected != Some(tops[0]) {
            self.sums.push(Sum {
                top: tops[0],
                total: details
                    .and_then(|details| details.size_root)
                    .map(|root| root - self.own_bytes(container, None)),
                exact: true,
                pending: container.details.is_pending(),
                doubt: Doubt::HiddenLayers(container.id.clone()),
            });
        }
        tops
    }

    /// Bounds what nothing told the size of by what the engine says of all snapshots together. Up to 28 that has
    /// every snapshot in it, whoever holds it (ENGINE.md §3, measured on 26 and 28).
    pub(super) fn bound_open_layers(&mut self) {
        let engine = &self.inventory.engine;
        let mut numbers = engine.version.split('.').map_while(|it| it.parse().ok());
        let version: Option<(u32, u32)> = numbers.next().zip(numbers.next());
        let Some(all) = self.inventory.layers_size else {
            return;
        };
        if self.open.is_empty() || !has_blobs(self.inventory) || version.is_none_or(|it| it.0 > 28)
        {
            return;
        }
        let open: Vec<(UnitNo, RecordId)> = self
            .open
            .iter()
            .filter(|(unit, _)| self.units[*unit as usize].size.size().is_none())
            .cloned()
            .collect();
        let mut rest = all + ABOUT - self.known_snapshots(&open);
        if version >= Some(WITH_BLOBS) {
            rest = rest - self.blobs_of_images();
        }
        for (unit, record) in &open {
            let found = self.inventory.cache.iter().find(|it| it.id == *record);
            let size = found.and_then(|record| record.size.known());
            let unit = &mut self.units[*unit as usize];
            // A record may have its blob in it, too.
            let most = match unit.sort {
                Sort::Layer => rest,
                _ => size.unwrap_or_default() + rest,
            };
            unit.size.most = unit.size.most.min(most).max(unit.size.least);
        }
    }

    /// The blobs of all images, each once; at least so much where they are not listed.
    fn blobs_of_images(&self) -> Bytes {
        let Some(stock) = &self.stock else {
            let blobs = self.units.iter().filter(|unit| unit.sort == Sort::Blob);
            return blobs.map(|unit| unit.size.least - DOCUMENTS).sum();
        };
        let images = self.inventory.images.iter();
        let listed = images.filter_map(|image| stock.list.image(&image.id));
        let blobs: HashSet<u32> = listed.flat_map(|image| image.content.clone()).collect();
        blobs.into_iter().map(|blob| stock.size(blob)).sum()
    }

    /// Snapshots that something holds and whose size is known, all together.
    fn known_snapshots(&self, open: &[(UnitNo, RecordId)]) -> Bytes {
        let mut held = vec![false; self.units.len()];
        for hold in self.holds.iter().filter(|hold| hold.sure) {
            held[hold.unit as usize] = true;
        }
        let mut known = Bytes::ZERO;
        for at in (0..self.units.len()).rev() {
            let unit = &self.units[at];
            if let (true, Some(below)) = (held[at], unit.below.get()) {
                held[below as usize] = true;
            }
            let is_snapshot = match unit.sort {
                Sort::Layer | Sort::Writable => true,
                // Else there may be a blob in it.
                Sort::Record => unit.size.least.0.is_multiple_of(PAGE),
                Sort::Log | Sort::Volume | Sort::Image | Sort::Blob => false,
            };
            let is_open = open.iter().any(|(open, _)| *open as usize == at);
            if held[at] && is_snapshot && !is_open {
                known += unit.size.least;
            }
        }
        known
    }

    /// Says of layers whose size nothing told why that is.
    pub(super) fn name_open_layers(&mut self) {
        for (unit, record) in std::mem::take(&mut self.open) {
            let unit = &mut self.units[unit as usize];
            if unit.size.size().is_none() {
                unit.doubt
                    .get_or_insert(Doubt::NoSize(ItemId::Record(record)).into());
            }
        }
    }
}
