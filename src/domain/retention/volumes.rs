//! What volumes hold.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::item::{ItemId, Volume};
use crate::domain::store::disk_usage::Measure;

use super::Doubt;
use super::draft::GraphDraft;
use super::files::SharedFiles;
use super::units::{Holder, Sort, Unit};
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::UnitNo;

/// Returns the units of each volume, which whatever uses it holds, too.
pub(super) fn add_volumes<'a>(
    facts: &LayerFacts<'a>,
    draft: &mut GraphDraft,
    files: &SharedFiles,
) -> HashMap<&'a str, SmallVec<[UnitNo; 1]>> {
    let measure = facts.inventory.engine.measure;
    let mut units = HashMap::new();
    for (place, volume) in facts.inventory.volumes.iter().enumerate() {
        let item = ItemId::Volume(volume.name.clone());
        let own = draft.add_unit(volume_unit(volume, measure));
        let all: SmallVec<[UnitNo; 1]> =
            std::iter::once(own).chain(files.of_volume(place)).collect();
        let holder = draft.add_item(place, Holder::of(item));
        for unit in &all {
            draft.hold(holder, *unit, true);
        }
        units.insert(volume.name.as_str(), all);
    }
    units
}

/// Returns what goes with a volume and with nothing else.
pub(super) fn volume_unit(volume: &Volume, measure: Measure) -> Unit {
    let no_size = || Doubt::NoSize(ItemId::Volume(volume.name.clone()));
    let (size, doubt) = match (&volume.usage, volume.size) {
        (Some(usage), _) => {
            let id = || ItemId::Volume(volume.name.clone());
            (Span::of_usage(usage), Doubt::of_usage(usage, id))
        }
        (None, Figure::Known(size)) => (Span::exactly(size), None),
        // With a name nothing goes.
        (None, Figure::Unknown) if volume.device().is_none() => (Span::UNKNOWN, Some(no_size())),
        (None, Figure::Pending | Figure::Unknown) => (Span::exactly(Bytes::ZERO), None),
    };
    Unit {
        below: OptIndex::NONE,
        size,
        doubt: doubt.map(Into::into),
        pending: volume.usage.is_none() && volume.size.is_pending(),
        by_length: volume.usage.is_none()
            && measure == Measure::Length
            && volume.size.known().is_some(),
        sort: Sort::Volume,
    }
}
