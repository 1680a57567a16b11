//! The containerd store without its list of blobs: what sums and differences tell of them
//! (ENGINE-CONTAINERD.md §5).
//!
//! The size that inspect says of an image is what its blobs are together. Blobs that the same images and
//! records have are one unknown; a record's size less its snapshot is one of them. What is left open is bounded.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::domain::bytes::Bytes;
use crate::domain::compact::texts::Digest;
use crate::domain::item::{Content, Image, ItemId, PackedSize};

use super::Doubt;
use super::draft::GraphDraft;
use super::open_sizes::Packed;
use super::units::{HolderNo, Sort, Unit};
use crate::domain::compact::opt_index::OptIndex;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::packing::most_packed;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::LayerNo;
use crate::domain::layers::tree::UnitNo;

/// Sums that differ by less differ by what manifests and configs were estimated.
const ABOUT: Bytes = Bytes(16_384);
/// Each round carries bounds one image further.
const ROUNDS: usize = 16;

/// Blobs that go together: all that hold one of them hold all.
struct BlobClass {
    span: Span,
    /// The only two sizes that it can have, the smaller first.
    either: Option<(Bytes, Bytes)>,
    holders: BTreeSet<HolderNo>,
}

/// An image's blobs: a known sum of classes and what is its own.
struct ImageSum {
    holder: HolderNo,
    /// What the list counts beyond that: other platforms and attestations, which others may have too.
    more: Bytes,
    total: Bytes,
    /// So much of the total may be layers that the image has more than once, each counted again.
    again: Bytes,
    own: Span,
    classes: Vec<usize>,
}

/// Adds units for all blobs that images have, and who holds them.
pub(super) fn add_blobs_by_sums(facts: &LayerFacts<'_>, draft: &mut GraphDraft, packed: &[Packed]) {
    let spans = blob_spans(facts, packed);
    let either: HashSet<Digest> = packed
        .iter()
        .filter(|record| record.is_either)
        .flat_map(|record| record.layers.iter().map(|layer| facts.tree.diff_id(*layer)))
        .collect();
    let holders = blob_holders(facts, draft, packed);
    let mut classes: Vec<BlobClass> = Vec::new();
    let mut class_of: HashMap<Digest, usize> = HashMap::new();
    let mut known: BTreeMap<BTreeSet<HolderNo>, usize> = BTreeMap::new();
    for (diff_id, holders) in holders {
        let span = spans.get(&diff_id).copied().unwrap_or(Span::UNKNOWN);
        let is_either = either.contains(&diff_id).then_some((span.least, span.most));
        let class = *known.entry(holders.clone()).or_insert_with(|| {
            classes.push(BlobClass {
                span: Span::exactly(Bytes::ZERO),
                either: None,
                holders,
            });
            classes.len() - 1
        });
        let is_first = classes[class].span == Span::exactly(Bytes::ZERO);
        classes[class].either = is_either.filter(|_| is_first);
        let sum = &mut classes[class].span;
        sum.least += span.least;
        sum.most += span.most;
        class_of.insert(diff_id, class);
    }
    let mut sums = blob_sums(facts, draft, &classes, &class_of, &spans);
    let mut fits = propagate(&mut classes, &mut sums);
    while fits && choose(&mut classes) {
        fits = propagate(&mut classes, &mut sums);
    }
    if !fits {
        // One layer packed in two ways, or platforms that nothing tells of: no sum can be relied on.
        for class in &mut classes {
            class.span.least = Bytes::ZERO;
        }
        for sum in &mut sums {
            sum.own = Span::at_most(sum.total);
        }
    }
    let bounds = blob_bounds(&spans, &classes, &sums, &class_of);
    add_classes(facts, draft, &classes, &sums, &class_of, (packed, &bounds));
}

/// Bounds of the blobs that records or unpacked sizes tell of.
fn blob_spans(facts: &LayerFacts<'_>, packed: &[Packed]) -> HashMap<Digest, Span> {
    let mut spans: HashMap<Digest, Span> = HashMap::new();
    for layer in facts.tree.numbers() {
        let most = facts.sizes.exact(layer).map(most_packed);
        let span = most.map_or(Span::UNKNOWN, Span::at_most);
        narrow(&mut spans, facts.tree.diff_id(layer), span);
    }
    for record in packed {
        if let (Some(span), [layer]) = (record.blob, &record.layers[..]) {
            narrow(&mut spans, facts.tree.diff_id(*layer), span);
        }
    }
    spans
}

/// Images and certain records by the blobs that they hold.
fn blob_holders(
    facts: &LayerFacts<'_>,
    draft: &GraphDraft,
    packed: &[Packed],
) -> BTreeMap<Digest, BTreeSet<HolderNo>> {
    let mut holders: BTreeMap<Digest, BTreeSet<HolderNo>> = BTreeMap::new();
    for (holder, content) in contents(facts, draft) {
        for diff_id in content.diff_ids.digests() {
            holders.entry(diff_id).or_default().insert(holder);
        }
    }
    for record in packed {
        if let (Some(_), [layer]) = (record.blob, &record.layers[..])
            && let Some(holders) = holders.get_mut(&facts.tree.diff_id(*layer))
        {
            holders.insert(record.holder);
        }
    }
    holders
}

/// Returns false of a layer whose blob has another size than a step would leave for it.
fn may_pack(
    facts: &LayerFacts<'_>,
    record: &Packed,
    layer: LayerNo,
    bounds: &HashMap<Digest, Span>,
) -> bool {
    let (Some(both), Some(unpacked)) = (record.both, facts.sizes.exact(layer)) else {
        return true;
    };
    let left = both - unpacked;
    bounds
        .get(&facts.tree.diff_id(layer))
        .is_none_or(|bounds| bounds.least <= left + ABOUT && left <= bounds.most + ABOUT)
}

/// Images whose content is known.
fn contents<'a>(
    facts: &LayerFacts<'a>,
    draft: &'a GraphDraft,
) -> impl Iterator<Item = (HolderNo, &'a Content)> {
    let images = facts.inventory.images.iter().zip(&draft.items);
    images.filter_map(|(image, holder)| Some((*holder, &**image.known_content()?)))
}

fn blob_sums(
    facts: &LayerFacts<'_>,
    draft: &GraphDraft,
    classes: &[BlobClass],
    class_of: &HashMap<Digest, usize>,
    spans: &HashMap<Digest, Span>,
) -> Vec<ImageSum> {
    // Images come first among the items.
    let images = facts.inventory.images.iter().zip(&facts.tops);
    let sums = images
        .zip(&draft.items)
        .filter_map(|((image, top), holder)| {
            let holder = *holder;
            let content = image.known_content()?;
            let mut mine: Vec<usize> = content
                .diff_ids
                .digests()
                .filter_map(|diff_id| class_of.get(&diff_id).copied())
                .collect();
            let blobs = content.diff_ids.len();
            let mut once: BTreeSet<Digest> = BTreeSet::new();
            let again = content
                .diff_ids
                .digests()
                .filter(|it| !once.insert(it.clone()));
            let again = again.map(|it| spans.get(&it).map_or(Span::UNKNOWN.most, |it| it.most));
            let again: Bytes = again.sum();
            mine.sort_unstable();
            mine.dedup();
            // What only this image has is in its own part.
            let (shared, alone): (Vec<usize>, Vec<usize>) = mine
                .into_iter()
                .partition(|class| classes[*class].holders.len() > 1);
            let alone = alone.iter().map(|class| classes[*class].span);
            let mut own = alone.fold(Span::exactly(Bytes::ZERO), |sum, span| Span {
                least: sum.least + span.least,
                most: sum.most + span.most,
            });
            let (total, packed) = match content.packed.filter(|it| is_packed(image, it)) {
                Some(packed) => (packed.total, Some(packed)),
                None => (packed_by_list(facts, image, *top)?, None),
            };
            let documents = packed.map(|packed| packed.documents).unwrap_or_default();
            own.least += documents;
            own.most += documents;
            // A layer that comes twice may be counted twice.
            if packed.is_none() || once.len() < blobs {
                own.most = total;
            }
            own.least = own.least.min(total);
            let more = match packed {
                Some(packed) => packed_by_list(facts, image, *top)? - packed.total,
                None => Bytes::ZERO,
            };
            Some(ImageSum {
                holder,
                more,
                total,
                again,
                own,
                classes: shared,
            })
        });
    sums.collect()
}

/// Returns what an image has packed by the size of the list, which may have still more in it.
fn packed_by_list(facts: &LayerFacts<'_>, image: &Image, top: Option<LayerNo>) -> Option<Bytes> {
    let unpacked: Bytes = top
        .iter()
        .flat_map(|top| facts.tree.down(*top))
        .map(|layer| facts.with_beside(layer).least)
        .sum();
    Some(image.size.known()? - unpacked)
}

fn add_classes(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    classes: &[BlobClass],
    sums: &[ImageSum],
    class_of: &HashMap<Digest, usize>,
    (packed, bounds): (&[Packed], &HashMap<Digest, Span>),
) {
    let mut own: HashMap<HolderNo, UnitNo> = HashMap::new();
    for sum in sums {
        let unit = add_blob(draft, sum.own);
        draft.hold(sum.holder, unit, true);
        own.insert(sum.holder, unit);
        if sum.more > ABOUT {
            let more = add_blob(draft, Span::at_most(sum.more));
            draft.hold(sum.holder, more, true);
        }
    }
    let units: Vec<Option<UnitNo>> = classes
        .iter()
        .map(|class| {
            if let (1, Some(holder)) = (class.holders.len(), class.holders.first()) {
                return own.get(holder).copied();
            }
            Some(add_class(draft, class))
        })
        .collect();
    let all: Vec<UnitNo> = own
        .into_values()
        .chain(units.iter().flatten().copied())
        .collect();
    for record in packed.iter().filter(|record| record.blob.is_none()) {
        let mut perhaps: Vec<UnitNo> = record
            .layers
            .iter()
            .filter(|layer| may_pack(facts, record, **layer, bounds))
            .filter_map(|layer| units[*class_of.get(&facts.tree.diff_id(*layer))?])
            .collect();
        if record.layers.is_empty() {
            perhaps.clone_from(&all);
        }
        perhaps.sort_unstable();
        perhaps.dedup();
        for unit in perhaps {
            draft.hold(record.holder, unit, false);
        }
    }
}

/// Adds the blobs of a class. Images may have the same layers packed in different ways, and nothing but the list of
/// blobs tells: of several, one has these for certain, and each other one these or its own.
fn add_class(draft: &mut GraphDraft, class: &BlobClass) -> UnitNo {
    let unit = add_blob(draft, class.span);
    let is_image =
        |it: &HolderNo| matches!(draft.holders[*it as usize].item, Some(ItemId::Image(_)));
    let (images, records): (Vec<HolderNo>, Vec<HolderNo>) =
        class.holders.iter().partition(|it| is_image(it));
    for record in &records {
        draft.hold(*record, unit, true);
    }
    // A record keeps the very blob that its image was made of.
    let is_sure = images.len() == 1;
    for (place, image) in images.into_iter().enumerate() {
        let has_these = is_sure || place == 0 && records.is_empty();
        draft.hold(image, unit, has_these);
        if !has_these {
            let own = add_blob(draft, Span::at_most(class.span.most));
            draft.hold(image, own, true);
        }
    }
    unit
}

fn add_blob(draft: &mut GraphDraft, size: Span) -> UnitNo {
    draft.add_unit(Unit {
        below: OptIndex::NONE,
        size,
        doubt: size.size().is_none().then(|| Doubt::Blobs.into()),
        pending: false,
        by_length: false,
        sort: Sort::Blob,
    })
}

fn narrow(spans: &mut HashMap<Digest, Span>, diff_id: Digest, span: Span) {
    let known = spans.entry(diff_id).or_insert(Span::UNKNOWN);
    *known = Span {
        least: known.least.max(span.least),
        most: known.most.min(span.most),
    };
}

/// Returns false of an engine whose inspect says the same size as its list, with what is unpacked in it.
fn is_packed(image: &Image, packed: &PackedSize) -> bool {
    let unpacked = image.layer_sizes().into_iter().any(|size| !size.is_zero());
    !unpacked
        || image
            .size
            .known()
            .is_none_or(|listed| packed.total < listed)
}

/// Takes the one of two sizes that the bounds leave. True if there was such a class.
fn choose(classes: &mut [BlobClass]) -> bool {
    let mut chose = false;
    for class in classes {
        let Some((small, large)) = class.either else {
            continue;
        };
        let near =
            |size: Bytes| class.span.least <= size + ABOUT && size <= class.span.most + ABOUT;
        let size = match (near(small), near(large)) {
            (true, false) => small,
            (false, true) => large,
            (true, true) | (false, false) => continue,
        };
        class.either = None;
        class.span = Span::exactly(size);
        chose = true;
    }
    chose
}

/// Bounds each part of each sum by the others. False where no sizes fit all sums.
fn propagate(classes: &mut [BlobClass], sums: &mut [ImageSum]) -> bool {
    for _ in 0..ROUNDS {
        for sum in sums.iter_mut() {
            let parts = sum.classes.iter().map(|class| classes[*class].span);
            let (least, most) = parts.fold((sum.own.least, sum.own.most), |(least, most), span| {
                (least + span.least, most + span.most)
            });
            let at_least = sum.total - sum.again;
            if least > sum.total + ABOUT || most + ABOUT < at_least {
                return false;
            }
            let (total, own) = (sum.total, &mut sum.own);
            let bound = |span: Span| {
                let tighter = Span {
                    least: span.least.max(rest(at_least, most, span.most)),
                    most: span.most.min(total - (least - span.least)),
                };
                // Estimates may be off by a little, which is no reason to know less.
                if tighter.least <= tighter.most {
                    tighter
                } else {
                    Span::exactly(tighter.least.min(span.most).max(span.least))
                }
            };
            *own = bound(*own);
            for class in &sum.classes {
                let span = &mut classes[*class].span;
                *span = bound(*span);
            }
        }
    }
    true
}

/// Bounds of each blob: of a class, what the others of it leave.
fn blob_bounds(
    spans: &HashMap<Digest, Span>,
    classes: &[BlobClass],
    sums: &[ImageSum],
    class_of: &HashMap<Digest, usize>,
) -> HashMap<Digest, Span> {
    let own: HashMap<HolderNo, Span> = sums.iter().map(|sum| (sum.holder, sum.own)).collect();
    let mut members: Vec<Bytes> = vec![Bytes::ZERO; classes.len()];
    for (diff_id, class) in class_of {
        let span = spans.get(diff_id).copied().unwrap_or(Span::UNKNOWN);
        members[*class] += span.most;
    }
    let bound = |(diff_id, class): (&Digest, &usize)| {
        let span = spans.get(diff_id).copied().unwrap_or(Span::UNKNOWN);
        let of = &classes[*class];
        let alone = of.holders.first().filter(|_| of.holders.len() == 1);
        // An image's own part has its documents in it.
        let (whole, beside) = match alone.and_then(|holder| own.get(holder)) {
            Some(own) => (*own, ABOUT),
            None if alone.is_some() => (Span::UNKNOWN, Bytes::ZERO),
            None => (of.span, Bytes::ZERO),
        };
        let others = rest_of(members[*class], span.most);
        let bounds = Span {
            least: others.map_or(Bytes::ZERO, |others| whole.least - others - beside),
            most: span.most.min(whole.most),
        };
        (diff_id.clone(), bounds)
    };
    class_of.iter().map(bound).collect()
}

/// What a sum of upper ends is without one of them; none where any of them is open.
fn rest_of(sum: Bytes, one: Bytes) -> Option<Bytes> {
    (sum.0 != u64::MAX).then(|| sum - one)
}

/// Returns what is left of a total for one part if all others are as large as they may be.
fn rest(total: Bytes, most: Bytes, of_this: Bytes) -> Bytes {
    if most.0 == u64::MAX {
        return Bytes::ZERO;
    }
    total - (most - of_this)
}
