//! What build cache records hold.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{ItemId, Record};

use super::Doubt;
use super::draft::GraphDraft;
use super::open_sizes::OpenSizes;
use super::open_sizes::Packed;
use super::units::{Holder, HolderNo, Sort, Unit};
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::packing::BLOCK;
use crate::domain::layers::packing::MOST_UNPACKED;
use crate::domain::layers::packing::most_packed;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::LayerNo;
use crate::domain::layers::tree::UnitNo;
use crate::domain::matching::join::{RecordMatch, RecordTree};

/// What a record holds without being sure.
#[derive(Clone)]
enum Loose {
    OneOf(Rc<[UnitNo]>),
    /// Any layer.
    Anywhere,
}

/// A record that shares a layer holds it; one that does not has bytes of its own, which stand on what its
/// parent holds. On the containerd store a step's record has a snapshot of its own besides the image's.
pub(super) fn add_records(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    record_tree: &RecordTree,
    matches: Vec<RecordMatch>,
) {
    let mut matches: Vec<Option<RecordMatch>> = matches.into_iter().map(Some).collect();
    let mut stands: Vec<Option<UnitNo>> = vec![None; matches.len()];
    // Of most records it is sure what they hold.
    let mut loose: HashMap<usize, Loose> = HashMap::new();
    let mut own: Vec<(usize, HolderNo)> = Vec::new();
    let mut bases: HashSet<UnitNo> = HashSet::new();
    for at in record_tree.order() {
        let Some(tie) = matches[at].take() else {
            continue;
        };
        let record = &facts.inventory.cache[at];
        let below = record_tree.parent(at).and_then(|parent| stands[parent]);
        let holder = draft.add_item(
            at,
            Holder {
                idle_record: !record.in_use,
                ..Holder::of(ItemId::Record(record.id.clone()))
            },
        );
        let own_loose = match &tie {
            RecordMatch::Layer(_) => None,
            RecordMatch::OneOf(layers) => Some(Loose::OneOf(layers[..].into())),
            RecordMatch::Some => Some(Loose::Anywhere),
            RecordMatch::None | RecordMatch::Perhaps(_) => {
                let parent = record_tree.parent(at);
                let below = parent.and_then(|parent| loose.get(&parent).cloned());
                if let Some(below) = &below {
                    hold_loosely(draft, holder, record, below);
                }
                below
            }
        };
        loose.extend(own_loose.map(|loose| (at, loose)));
        // A remembered step may be what a base is of which nothing is remembered.
        let may_be_base = match &tie {
            RecordMatch::None | RecordMatch::Perhaps(_) => &*record.kind == "regular",
            RecordMatch::Layer(layer) => {
                let gone = *layer as usize >= facts.image_layers;
                if gone && record.is_base() {
                    bases.insert(*layer);
                }
                gone && !record.is_base()
            }
            RecordMatch::OneOf(_) | RecordMatch::Some => false,
        };
        if may_be_base {
            own.push((at, holder));
        }
        stands[at] = if facts.inventory.keeps_blobs() {
            Some(add_packed_record(
                facts, draft, untold, holder, record, &tie, below,
            ))
        } else {
            add_record(facts, draft, holder, record, tie, below)
        };
        for parent in record_tree.other_parents(at) {
            if let Some(unit) = stands[parent] {
                draft.hold(holder, unit, true);
            }
        }
    }
    if !facts.inventory.keeps_blobs() && !facts.stored.is_known {
        own.retain(|(at, _)| stands[*at].is_none_or(|unit| !bases.contains(&unit)));
        hold_gone_bases(facts, draft, record_tree, &stands, &own);
    }
}

/// A base that no image has any more may be what a step here made once: an image was built of the step, and
/// another on that image. Both records then keep one layer.
fn hold_gone_bases(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    record_tree: &RecordTree,
    stands: &[Option<UnitNo>],
    own: &[(usize, HolderNo)],
) {
    let records = &facts.inventory.cache;
    let mut steps: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, _) in own.iter().filter(|(at, _)| !records[*at].is_base()) {
        if let Some(depth) = record_tree.depth[*at] {
            steps.entry(depth).or_default().push(*at);
        }
    }
    for (base, holder) in own.iter().filter(|(at, _)| is_untold(&records[*at])) {
        let depth = record_tree.depth[*base];
        let steps = depth.and_then(|depth| steps.get(&depth));
        for step in steps.into_iter().flatten() {
            // An image was made of the step before something was built on it.
            let later = records[*step].created > records[*base].created;
            if let Some(unit) = stands[*step]
                && !later
                && may_be_one(records, record_tree, *base, *step)
            {
                draft.hold(*holder, unit, false);
            }
        }
    }
}

/// A record on one whose layer is not certain holds whatever that one holds.
fn hold_loosely(draft: &mut GraphDraft, holder: HolderNo, record: &Record, loose: &Loose) {
    match loose {
        Loose::OneOf(layers) => {
            for layer in &**layers {
                draft.hold(holder, *layer, false);
            }
        }
        Loose::Anywhere => draft.wildcard(holder, Doubt::SharedRecord(record.id.clone())),
    }
}

fn add_record(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    record: &Record,
    tie: RecordMatch,
    below: Option<UnitNo>,
) -> Option<UnitNo> {
    match tie {
        RecordMatch::Layer(layer) => {
            draft.hold(holder, layer, true);
            draft.joined.push((holder, layer));
            Some(layer)
        }
        RecordMatch::OneOf(layers) => {
            let sizes = layers.iter().map(|layer| facts.sizes.span(*layer).most);
            let most = sizes.max().unwrap_or_default();
            for layer in layers {
                draft.hold(holder, layer, false);
            }
            if !record.shared {
                // It may be all that keeps its layer, so the most that can go is the largest.
                let own = add_own(
                    facts,
                    draft,
                    holder,
                    record,
                    None,
                    Some(Span::at_most(most)),
                );
                let doubt = Doubt::SharedRecord(record.id.clone());
                draft.units[own as usize].doubt = Some(doubt.into());
            }
            None
        }
        RecordMatch::Some => {
            draft.wildcard(holder, Doubt::SharedRecord(record.id.clone()));
            None
        }
        RecordMatch::None => Some(add_own(facts, draft, holder, record, below, None)),
        RecordMatch::Perhaps(layers) => {
            let own = add_own(facts, draft, holder, record, below, None);
            let unit = &mut draft.units[own as usize];
            unit.size.least = Bytes::ZERO;
            unit.doubt
                .get_or_insert(Doubt::SharedRecord(record.id.clone()).into());
            for layer in layers {
                draft.hold(holder, layer, false);
            }
            Some(own)
        }
    }
}

/// On the containerd store, where its blobs are not listed.
fn add_packed_record(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    holder: HolderNo,
    record: &Record,
    tie: &RecordMatch,
    below: Option<UnitNo>,
) -> UnitNo {
    let size = record.size.known().unwrap_or_default();
    if &*record.kind != "regular" {
        return add_own(facts, draft, holder, record, below, None);
    }
    if !record.is_base() {
        return add_packed_step(facts, draft, untold, holder, record, tie, below);
    }
    match tie {
        RecordMatch::Layer(layer) => {
            draft.hold(holder, *layer, true);
            let unpacked = facts.sizes.exact(*layer);
            let blob = unpacked.map(|unpacked| packed_base(size, unpacked));
            pack(untold, holder, vec![*layer], blob);
            if let Some(packed) = untold.packed.last_mut() {
                packed.is_either = blob.is_some_and(|blob| blob.size().is_none());
            }
            *layer
        }
        RecordMatch::OneOf(layers) => {
            for layer in layers {
                draft.hold(holder, *layer, false);
            }
            pack(untold, holder, layers.clone(), None);
            add_gone_base(facts, draft, untold, holder, record)
        }
        RecordMatch::None | RecordMatch::Some | RecordMatch::Perhaps(_) => {
            draft.wildcard(holder, Doubt::SharedRecord(record.id.clone()));
            add_gone_base(facts, draft, untold, holder, record)
        }
    }
}

/// A base that may be no image's any more: its size is mostly that of the blob alone.
fn add_gone_base(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    holder: HolderNo,
    record: &Record,
) -> UnitNo {
    let size = record.size.known().unwrap_or_default();
    let most = Bytes(size.0.saturating_mul(MOST_UNPACKED));
    let own = add_own(
        facts,
        draft,
        holder,
        record,
        None,
        Some(Span::at_most(most)),
    );
    untold.open.push((own, record.id.clone()));
    own
}

/// The snapshot of a step is the record's own; the blob may be an image's, too.
fn add_packed_step(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    holder: HolderNo,
    record: &Record,
    tie: &RecordMatch,
    below: Option<UnitNo>,
) -> UnitNo {
    let size = record.size.known().unwrap_or_default();
    let layers = match tie {
        RecordMatch::Layer(layer) => vec![*layer],
        RecordMatch::OneOf(layers) => layers.clone(),
        // What was never exported has no blob, and fills whole blocks.
        RecordMatch::None | RecordMatch::Some | RecordMatch::Perhaps(_)
            if size.0.is_multiple_of(BLOCK) =>
        {
            return add_own(facts, draft, holder, record, below, None);
        }
        RecordMatch::None | RecordMatch::Some | RecordMatch::Perhaps(_) => {
            return add_untold_step(facts, draft, untold, holder, record, below);
        }
    };
    let unpacked = match layers[..] {
        [layer] => facts
            .sizes
            .exact(layer)
            .filter(|unpacked| *unpacked <= size),
        _ => None,
    };
    pack(
        untold,
        holder,
        layers,
        unpacked.map(|unpacked| Span::exactly(size - unpacked)),
    );
    let span = unpacked.map_or(Span::at_most(size), Span::exactly);
    let packed = Some(span).filter(|span| span.size().is_none());
    let own = add_own(facts, draft, holder, record, below, packed);
    draft.units[own as usize].size = span;
    own
}

/// A step that no time told of may be the same step on another base: then the blob is that layer's, too, and
/// the sizes fit (ENGINE-CONTAINERD.md §3, JOIN 3). Where none fits, all of it is its own.
fn add_untold_step(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    untold: &mut OpenSizes,
    holder: HolderNo,
    record: &Record,
    below: Option<UnitNo>,
) -> UnitNo {
    let size = record.size.known().unwrap_or_default();
    let unpacked_of = |layer: &LayerNo| {
        let Some(unpacked) = facts.sizes.exact(*layer) else {
            return Some(Bytes::ZERO);
        };
        let fits = unpacked < size && size - unpacked <= most_packed(unpacked);
        fits.then_some(unpacked)
    };
    let alike: Vec<LayerNo> = facts
        .tree
        .numbers()
        .filter(|layer| unpacked_of(layer).is_some())
        .collect();
    let Some(least) = alike.iter().filter_map(unpacked_of).min() else {
        return add_own(facts, draft, holder, record, below, None);
    };
    pack(untold, holder, alike, None);
    if let Some(packed) = untold.packed.last_mut() {
        packed.both = Some(size);
    }
    let span = Span { least, most: size };
    add_own(facts, draft, holder, record, below, Some(span))
}

fn pack(untold: &mut OpenSizes, holder: HolderNo, layers: Vec<LayerNo>, blob: Option<Span>) {
    untold.packed.push(Packed {
        holder,
        layers,
        blob,
        is_either: false,
        both: None,
    });
}

/// Bytes of a record's own, as it says or between bounds that blobs leave.
fn add_own(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    record: &Record,
    below: Option<UnitNo>,
    packed: Option<Span>,
) -> UnitNo {
    let item = || Doubt::NoSize(ItemId::Record(record.id.clone()));
    let untold = record.size == Figure::Unknown || packed.is_none() && is_untold(record);
    let size = record.size.known().unwrap_or_default();
    let measured = facts.stored.of_record(&record.id);
    let untold = untold && measured.is_none();
    let by_length = measured.is_none() && facts.by_length();
    let own = if untold {
        Span::UNKNOWN
    } else {
        measured.map_or(Span::exactly(size), Span::from)
    };
    let unit = draft.add_unit(Unit {
        below: below.into(),
        size: packed.unwrap_or(own),
        doubt: untold
            .then(item)
            .or(packed.map(|_| Doubt::Blobs))
            .or(measured.and_then(Doubt::of_kept))
            .map(Box::new),
        pending: record.size.is_pending(),
        by_length,
        sort: Sort::Record,
    });
    draft.hold(holder, unit, true);
    unit
}

/// A base that was here before has no size of its own, and may be all that keeps its layer.
pub(super) fn is_untold(record: &Record) -> bool {
    record.is_base() && record.size.known().is_some_and(Bytes::is_zero)
}

/// Returns whether a base and a step of the same depth may be the same layer: what they stand on is, or may be. All
/// below a base is of that base, and there is one record for each of its layers.
fn may_be_one(records: &[Record], record_tree: &RecordTree, base: usize, step: usize) -> bool {
    let below = |at: usize| record_tree.parent(at);
    let mut pair = Some((base, step));
    while let Some((one, other)) = pair {
        if one == other {
            return true;
        }
        // A layer is an image's or it is not, whichever record keeps it.
        if records[other].is_base() || records[one].shared != records[other].shared {
            return false;
        }
        pair = below(one).zip(below(other));
    }
    true
}

/// Returns a base's blob: all of the record's size, as it mostly is, or what it has besides the unpacked layer.
fn packed_base(size: Bytes, unpacked: Bytes) -> Span {
    if size < unpacked {
        Span::exactly(size)
    } else if size > most_packed(unpacked) {
        Span::exactly(size - unpacked)
    } else {
        Span {
            least: size - unpacked,
            most: size,
        }
    }
}
