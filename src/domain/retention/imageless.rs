//! Layers of containers whose image was removed by force, and the build cache that may hold them too.
//!
//! Such layers are in no image, so the engine tells neither their sizes nor that a record shares them. Known
//! are their folders and what they are together (ENGINE.md §2.5).

use crate::domain::bytes::Bytes;
use crate::domain::item::Record;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

use super::draft::GraphDraft;
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::span::Span;
use crate::domain::layers::tree::UnitNo;
use crate::domain::matching::join::{RecordMatch, RecordTree};
use crate::domain::store::layerdb::is_buildkits;

/// A container's chain of layers with some that no image has.
pub(super) struct Hidden {
    /// The lowest first.
    pub(super) chain: Vec<UnitNo>,
    pub(super) folders: Vec<Text>,
    /// All of the chain.
    pub(super) total: Option<Bytes>,
    /// When the container was made: after its image.
    pub(super) created: Option<Timestamp>,
}

/// Joins records that no image shares with layers that no image has. Only one that reaches the top of a
/// container's chain with all its bytes is taken for certain; others may be the same layers or not.
pub(super) fn join_hidden(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    hidden: Vec<Hidden>,
    record_tree: &RecordTree,
    matches: &mut [RecordMatch],
) {
    for hidden in hidden {
        let fitting: Vec<Fit> = (0..matches.len())
            .filter(|at| matches!(matches[*at], RecordMatch::None | RecordMatch::Perhaps(_)))
            .filter_map(|at| fit(facts, &hidden, record_tree, matches, at))
            .collect();
        let whole: Vec<&Fit> = fitting.iter().filter(|fit| fit.whole).collect();
        if let [fit] = whole[..] {
            for (at, unit) in &fit.own {
                matches[*at] = RecordMatch::Layer(*unit);
                if let Some(size) = facts.inventory.cache[*at].size.known() {
                    draft.units[*unit as usize].size = Span::exactly(size);
                }
            }
            continue;
        }
        for fit in fitting {
            let Some((at, unit)) = fit.own.last().copied() else {
                continue;
            };
            match &mut matches[at] {
                RecordMatch::Perhaps(units) => units.push(unit),
                tie => *tie = RecordMatch::Perhaps(vec![unit]),
            }
        }
    }
}

/// Returns how a record would lie in a container's chain.
fn fit(
    facts: &LayerFacts<'_>,
    hidden: &Hidden,
    record_tree: &RecordTree,
    matches: &[RecordMatch],
    at: usize,
) -> Option<Fit> {
    let records = &facts.inventory.cache;
    let built = records[at].created.zip(hidden.created);
    // The list of containers tells no less than seconds.
    if built.is_some_and(|(record, container)| record.as_second() > container.as_second()) {
        return None;
    }
    let line = record_tree.line(at)?;
    let mut own = Vec::new();
    let mut rest = hidden.total;
    for (place, unit) in hidden.chain.iter().enumerate() {
        let in_image = (*unit as usize) < facts.tree.len();
        if in_image {
            let size = facts.sizes.exact(*unit);
            rest = rest.zip(size).map(|(rest, size)| rest - size);
        }
        let Some(record) = line.get(place).copied() else {
            continue;
        };
        let fits = match &matches[record] {
            RecordMatch::Layer(known) => known == unit,
            RecordMatch::OneOf(known) => known.contains(unit),
            RecordMatch::Some => in_image,
            RecordMatch::None | RecordMatch::Perhaps(_) => {
                !in_image && may_be(&records[record], &hidden.folders[place])
            }
        };
        if !fits {
            return None;
        }
        if !in_image {
            own.push((record, *unit));
        }
    }
    if line.len() > hidden.chain.len() || own.is_empty() {
        return None;
    }
    let sum: Bytes = own
        .iter()
        .filter_map(|(at, _)| records[*at].size.known())
        .sum();
    let whole = line.len() == hidden.chain.len() && rest == Some(sum) && !sum.is_zero();
    rest.is_none_or(|rest| sum <= rest)
        .then_some(Fit { own, whole })
}

/// A way for a record and its ancestors to lie in a container's chain.
struct Fit {
    /// Records that no image shares, with the layers that they would be, the lowest first.
    own: Vec<(usize, UnitNo)>,
    /// All bytes of the chain are accounted for.
    whole: bool,
}

fn may_be(record: &Record, folder: &str) -> bool {
    &*record.kind == "regular" && (record.is_base() || is_buildkits(folder))
}
