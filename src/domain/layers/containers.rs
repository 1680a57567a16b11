//! What containers hold: their image's layers, what they wrote, their volumes.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{Progress, Stage};
use crate::domain::item::{Container, ContainerDetails, ItemId, Kind};
use crate::domain::store::disk_usage::Measure;

use super::Doubt;
use super::build::Builder;
use super::files::SharedFiles;
use super::folders::Folders;
use super::hidden::Hidden;
use super::inits;
use super::ledger::has_blobs;
use super::mount_layers::MountLayers;
use super::names::Names;
use super::sizes::Span;
use super::solve::Sum;
use super::tree::LayerNo;
use super::units::{Holder, HolderNo, Sort, Unit, UnitNo};
use crate::domain::compact::maybe::Maybe;

impl Builder<'_> {
    pub(super) fn add_containers(
        &mut self,
        volumes: &HashMap<&str, SmallVec<[UnitNo; 1]>>,
        files: &SharedFiles,
    ) {
        let inventory = self.inventory;
        let names = Names::new(&inventory.images);
        let mut folders = Folders::default();
        let mounted = MountLayers::new(self);
        for (place, container) in inventory.containers.iter().enumerate() {
            let item = ItemId::Container(container.id.clone());
            let holder = self.add_item(place, Holder::of(item));
            let top = self.add_image_of(holder, container, &names, &mut folders);
            self.add_own_bytes(holder, container, top);
            for unit in files.of_container(place) {
                self.hold(holder, unit, true);
            }
            self.add_log(holder, place, container);
            for volume in &container.volumes {
                for unit in volumes.get(volume.as_str()).into_iter().flatten() {
                    self.hold(holder, *unit, true);
                }
            }
            self.add_image_mounts(holder, container, &names, &mounted);
        }
        self.add_left_mounts(&mounted);
    }

    /// Returns the highest layer that the container runs on, where that is certain.
    fn add_image_of(
        &mut self,
        holder: HolderNo,
        container: &Container,
        names: &Names<'_>,
        folders: &mut Folders,
    ) -> Option<LayerNo> {
        if let Some(stock) = self.stock.clone() {
            if self.add_noted_run(holder, container, &stock) {
                return None;
            }
            let tops = self.add_run(holder, container, names, &stock);
            if let Some(top) = tops.first() {
                return (tops.len() == 1).then_some(*top);
            }
        }
        if self.inventory.lacks(Stage::Images).is_some() {
            self.add_unlisted_layers(holder);
            return None;
        }
        let image = container
            .image_id
            .as_ref()
            .and_then(|id| names.image(id.as_str()));
        if let Some(image) = image {
            let top = self.tops[image];
            if let Some(top) = top {
                self.hold(holder, top, true);
            }
            return top;
        }
        match &container.details {
            Figure::Known(details) => self.add_hidden(holder, container, details, folders),
            Figure::Unknown => self.veil(holder, Doubt::HiddenLayers(container.id.clone())),
            Figure::Pending => {
                self.unsettled = true;
                self.holders[holder as usize].pending = true;
            }
        }
        None
    }

    /// Adds what a container may let go of where no image is listed: its own may be gone, and its layers held by
    /// nothing else.
    fn add_unlisted_layers(&mut self, holder: HolderNo) {
        let layers = self.add_unit(Unit {
            below: Maybe::NONE,
            size: Span::UNKNOWN,
            doubt: Some(Doubt::NotListed(Kind::Image).into()),
            pending: false,
            by_length: self.by_length(),
            sort: Sort::Layer,
        });
        self.hold(holder, layers, true);
    }

    /// The layers of a container whose image was removed by force: some are other images' too, the rest is
    /// what its own size tells (ENGINE.md §2.5).
    fn add_hidden(
        &mut self,
        holder: HolderNo,
        container: &Container,
        details: &ContainerDetails,
        folders: &mut Folders,
    ) {
        let doubt = Doubt::HiddenLayers(container.id.clone());
        let total = details
            .size_root
            .map(|root| root - details.size_rw.unwrap_or_default());
        if details.folders.is_empty() {
            let rest = self.add_unit(Unit {
                below: Maybe::NONE,
                size: Span::at_most(total.unwrap_or_default()),
                doubt: Some(doubt.clone().into()),
                pending: total.is_none() && self.sizes_to_come(),
                by_length: self.by_length(),
                sort: Sort::Layer,
            });
            self.hold(holder, rest, true);
            self.veil(holder, doubt);
            return;
        }
        let mut chain: Vec<UnitNo> = Vec::new();
        for folder in details.folders.iter() {
            chain.push(folders.unit(self, &folder, chain.last().copied()));
        }
        if let Some(top) = chain.last().copied() {
            self.hidden.push(Hidden {
                chain,
                folders: details.folders.iter().collect(),
                total,
                created: container.created,
            });
            self.hold(holder, top, true);
            self.sums.push(Sum {
                top,
                total,
                exact: total.is_some(),
                pending: total.is_none() && self.sizes_to_come(),
                doubt,
            });
        }
    }

    fn sizes_to_come(&self) -> bool {
        matches!(
            self.inventory.stage(Stage::ContainerSizes),
            Progress::Waiting | Progress::Running(_)
        )
    }

    /// What only a container has: its writable layer, and on the containerd store the one for its mounts.
    pub(super) fn own_bytes(&self, container: &Container, top: Option<LayerNo>) -> Bytes {
        let details = container.details.as_ref().known();
        let Some(written) = details.and_then(|details| details.size_rw) else {
            return Bytes::ZERO;
        };
        if !has_blobs(self.inventory) {
            return written;
        }
        let register = self
            .stock
            .as_ref()
            .and_then(|stock| stock.register.as_ref());
        if let Some(mounts) = register.and_then(|register| register.mounts_of(container)) {
            return written + mounts;
        }
        let below: Option<Bytes> = top.and_then(|top| {
            let mut layers = self.tree.down(top);
            layers.try_fold(Bytes::ZERO, |sum, layer| {
                Some(sum + self.with_beside(layer).size()?)
            })
        });
        let root = details.and_then(|details| details.size_root);
        written + inits::of_container(root, below.map(|below| below + written))
    }

    /// What goes with a container and with nothing else: what was measured here, or its writable layer by what the
    /// engine says. The containerd store counts blocks (ENGINE.md §3).
    fn add_own_bytes(&mut self, holder: HolderNo, container: &Container, top: Option<LayerNo>) {
        let item = || ItemId::Container(container.id.clone());
        let usage = container.usage();
        let details = container.details.as_ref().known();
        let written = details.and_then(|details| details.size_rw);
        let pending = usage.is_none_or(|usage| usage.lacks_layers)
            && (container.details.is_pending() || written.is_none() && self.sizes_to_come());
        let (size, doubt) = match (usage, written) {
            (Some(usage), None) if usage.lacks_layers && !pending => {
                (Span::UNKNOWN, Some(Doubt::NoSize(item())))
            }
            (Some(usage), _) => {
                let layers = if usage.lacks_layers {
                    self.own_bytes(container, top)
                } else {
                    Bytes::ZERO
                };
                let own = Span::of_usage(usage);
                let size = Span {
                    least: own.least + layers,
                    most: own.most + layers,
                };
                (size, Doubt::of_usage(usage, item))
            }
            (None, None) if !pending => (Span::UNKNOWN, Some(Doubt::NoSize(item()))),
            (None, _) => {
                let register = self.stock.as_ref().and_then(|it| it.register.as_ref());
                let own = self.own_bytes(container, top);
                let own = register.map_or(Span::exactly(own), |it| it.range(own));
                let is_range = own.size().is_none();
                (own, is_range.then(|| Doubt::SharedExtents(item())))
            }
        };
        let measure = self.inventory.engine.measure;
        let unit = self.add_unit(Unit {
            below: Maybe::NONE,
            size,
            doubt: doubt.map(Into::into),
            pending,
            by_length: usage.is_none()
                && written.is_some()
                && measure == Measure::Length
                && !has_blobs(self.inventory),
            sort: Sort::Writable,
        });
        self.hold(holder, unit, true);
    }

    /// A container's log files, where they can be read: those that can be emptied are held by the log, which
    /// the container takes along, the others by the container alone.
    fn add_log(&mut self, holder: HolderNo, place: usize, container: &Container) {
        let details = container.details.as_ref().known();
        let Some((details, log)) = details.and_then(|it| Some((it, it.log?))) else {
            return;
        };
        let emptied = details.truncatable();
        let own = self.add_item(place, Holder::of(ItemId::Log(container.id.clone())));
        self.holders[holder as usize].takes = own.into();
        self.holders[own as usize].is_taken = true;
        for (holder, bytes) in [(own, emptied), (holder, log.blocks - emptied)] {
            let unit = self.add_unit(Unit {
                below: Maybe::NONE,
                size: Span::exactly(bytes),
                doubt: None,
                pending: false,
                by_length: false,
                sort: Sort::Log,
            });
            self.hold(holder, unit, true);
        }
    }
}
