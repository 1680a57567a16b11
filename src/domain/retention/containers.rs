//! What containers hold: their image's layers, what they wrote, their volumes.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Stage;
use crate::domain::item::{Container, ContainerDetails, ItemId, Kind};
use crate::domain::store::disk_usage::Measure;

use super::Doubt;
use super::containerd::add_run;
use super::draft::GraphDraft;
use super::files::SharedFiles;
use super::folders::LayerFolders;
use super::imageless::Hidden;
use super::leased::add_noted_run;
use super::mount_layers::MountLayers;
use super::mount_layers::add_image_mounts;
use super::mount_layers::add_left_mounts;
use super::solve::ChainSum;
use super::units::{Holder, HolderNo, Sort, Unit};
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::names::Names;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::LayerNo;
use crate::domain::layers::tree::UnitNo;

/// What is found of containers whose image is gone.
#[derive(Default)]
struct Imageless {
    folders: LayerFolders,
    hidden: Vec<Hidden>,
}

/// Adds what each container holds, and returns the chains of layers of which some are in no image.
pub(super) fn add_containers(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    volumes: &HashMap<&str, SmallVec<[UnitNo; 1]>>,
    files: &SharedFiles,
) -> Vec<Hidden> {
    let inventory = facts.inventory;
    let names = Names::new(&inventory.images);
    let mut imageless = Imageless::default();
    let mounted = MountLayers::new(facts);
    for (place, container) in inventory.containers.iter().enumerate() {
        let item = ItemId::Container(container.id.clone());
        let holder = draft.add_item(place, Holder::of(item));
        let top = add_image_of(facts, draft, holder, container, &names, &mut imageless);
        add_own_bytes(facts, draft, holder, container, top);
        for unit in files.of_container(place) {
            draft.hold(holder, unit, true);
        }
        add_log(draft, holder, place, container);
        for volume in &container.volumes {
            for unit in volumes.get(volume.as_str()).into_iter().flatten() {
                draft.hold(holder, *unit, true);
            }
        }
        add_image_mounts(facts, draft, holder, container, &names, &mounted);
    }
    add_left_mounts(draft, &mounted);
    imageless.hidden
}

/// Returns the highest layer that the container runs on, where that is certain.
fn add_image_of(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    container: &Container,
    names: &Names<'_>,
    imageless: &mut Imageless,
) -> Option<LayerNo> {
    if let Some(store) = &facts.store {
        if add_noted_run(draft, holder, container, store) {
            return None;
        }
        let tops = add_run(facts, draft, holder, container, names, store);
        if let Some(top) = tops.first() {
            return (tops.len() == 1).then_some(*top);
        }
    }
    if facts.inventory.lacks(Stage::Images).is_some() {
        add_unlisted_layers(facts, draft, holder);
        return None;
    }
    let image = container
        .image_id
        .as_ref()
        .and_then(|id| names.image(id.as_str()));
    if let Some(image) = image {
        let top = facts.tops[image];
        if let Some(top) = top {
            draft.hold(holder, top, true);
        }
        return top;
    }
    match &container.details {
        Figure::Known(details) => add_hidden(facts, draft, holder, container, details, imageless),
        Figure::Unknown => draft.wildcard(holder, Doubt::HiddenLayers(container.id.clone())),
        Figure::Pending => {
            draft.unsettled = true;
            draft.holders[holder as usize].pending = true;
        }
    }
    None
}

/// Adds what a container may let go of where no image is listed: its own may be gone, and its layers held by
/// nothing else.
fn add_unlisted_layers(facts: &LayerFacts<'_>, draft: &mut GraphDraft, holder: HolderNo) {
    let layers = draft.add_unit(Unit {
        below: OptIndex::NONE,
        size: Span::UNKNOWN,
        doubt: Some(Doubt::NotListed(Kind::Image).into()),
        pending: false,
        by_length: facts.by_length(),
        sort: Sort::Layer,
    });
    draft.hold(holder, layers, true);
}

/// The layers of a container whose image was removed by force: some are other images' too, the rest is
/// what its own size tells (ENGINE.md §2.5).
fn add_hidden(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    container: &Container,
    details: &ContainerDetails,
    imageless: &mut Imageless,
) {
    let doubt = Doubt::HiddenLayers(container.id.clone());
    let total = details
        .size_root
        .map(|root| root - details.size_rw.unwrap_or_default());
    if details.folders.is_empty() {
        let rest = draft.add_unit(Unit {
            below: OptIndex::NONE,
            size: Span::at_most(total.unwrap_or_default()),
            doubt: Some(doubt.clone().into()),
            pending: total.is_none() && facts.sizes_to_come(),
            by_length: facts.by_length(),
            sort: Sort::Layer,
        });
        draft.hold(holder, rest, true);
        draft.wildcard(holder, doubt);
        return;
    }
    let mut chain: Vec<UnitNo> = Vec::new();
    for folder in details.folders.iter() {
        chain.push(
            imageless
                .folders
                .unit((facts, draft), &folder, chain.last().copied()),
        );
    }
    if let Some(top) = chain.last().copied() {
        imageless.hidden.push(Hidden {
            chain,
            folders: details.folders.iter().collect(),
            total,
            created: container.created,
        });
        draft.hold(holder, top, true);
        draft.sums.push(ChainSum {
            top,
            total,
            exact: total.is_some(),
            pending: total.is_none() && facts.sizes_to_come(),
            doubt,
        });
    }
}

/// What goes with a container and with nothing else: what was measured here, or its writable layer by what the
/// engine says. The containerd store counts blocks (ENGINE.md §3).
fn add_own_bytes(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    container: &Container,
    top: Option<LayerNo>,
) {
    let item = || ItemId::Container(container.id.clone());
    let usage = container.usage();
    let details = container.details.as_ref().known();
    let written = details.and_then(|details| details.size_rw);
    let pending = usage.is_none_or(|usage| usage.lacks_layers)
        && (container.details.is_pending() || written.is_none() && facts.sizes_to_come());
    let (size, doubt) = match (usage, written) {
        (Some(usage), None) if usage.lacks_layers && !pending => {
            (Span::UNKNOWN, Some(Doubt::NoSize(item())))
        }
        (Some(usage), _) => {
            let layers = if usage.lacks_layers {
                facts.own_bytes(container, top)
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
            let snapshot_tree = facts.snapshot_tree();
            let own = facts.own_bytes(container, top);
            let own = snapshot_tree.map_or(Span::exactly(own), |it| it.range(own));
            let is_range = own.size().is_none();
            (own, is_range.then(|| Doubt::SharedExtents(item())))
        }
    };
    let measure = facts.inventory.engine.measure;
    let unit = draft.add_unit(Unit {
        below: OptIndex::NONE,
        size,
        doubt: doubt.map(Into::into),
        pending,
        by_length: usage.is_none()
            && written.is_some()
            && measure == Measure::Length
            && !facts.inventory.keeps_blobs(),
        sort: Sort::Writable,
    });
    draft.hold(holder, unit, true);
}

/// A container's log files, where they can be read: those that can be emptied are held by the log, which
/// the container takes along, the others by the container alone.
fn add_log(draft: &mut GraphDraft, holder: HolderNo, place: usize, container: &Container) {
    let details = container.details.as_ref().known();
    let Some((details, log)) = details.and_then(|it| Some((it, it.log?))) else {
        return;
    };
    let emptied = details.truncatable();
    let own = draft.add_item(place, Holder::of(ItemId::Log(container.id.clone())));
    draft.holders[holder as usize].takes = own.into();
    draft.holders[own as usize].is_taken = true;
    for (holder, bytes) in [(own, emptied), (holder, log.blocks - emptied)] {
        let unit = draft.add_unit(Unit {
            below: OptIndex::NONE,
            size: Span::exactly(bytes),
            doubt: None,
            pending: false,
            by_length: false,
            sort: Sort::Log,
        });
        draft.hold(holder, unit, true);
    }
}
