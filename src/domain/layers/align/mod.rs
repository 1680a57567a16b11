//! Which row of an image's history made which layer (ENGINE.md §2.4).
//!
//! The API does not say which rows made no layer, so a row of no bytes is either metadata or a layer of no
//! bytes. A row with bytes always made a layer. Every way to read the rows that fits the number of layers,
//! and all that is known of these layers from elsewhere, is followed at once; what they agree on is certain.

use crate::domain::bytes::Bytes;
use crate::domain::item::HistoryRow;

/// What is known of a layer before the history is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Anchor {
    /// Its size, from another image that has it.
    pub(super) size: Option<Bytes>,
    /// It and all below it: the size of an image that ends here.
    pub(super) sum: Option<Bytes>,
}

impl Anchor {
    fn allows(self, size: Bytes, sum: Bytes) -> bool {
        self.size.is_none_or(|known| known == size) && self.sum.is_none_or(|known| known == sum)
    }
}

/// What the history says of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) least: Bytes,
    pub(super) most: Bytes,
    /// The row that made it, where there is but one that can have.
    pub(super) row: Option<usize>,
}

impl Slot {
    pub(super) fn size(self) -> Option<Bytes> {
        (self.least == self.most).then_some(self.least)
    }
}

/// Reads a history for as many layers as there are anchors. `None` when it does not fit them.
pub(super) fn align(history: &[HistoryRow], anchors: &[Anchor]) -> Option<Vec<Slot>> {
    let layers = anchors.len();
    let with_bytes = history.iter().filter(|row| !row.size.is_zero()).count();
    if with_bytes > layers || history.len() < layers {
        return None;
    }
    if with_bytes == layers || history.len() == layers {
        return align_plainly(history, anchors, with_bytes == layers);
    }
    let made: Vec<Made> = history.iter().map(Made::of).collect();
    let read = |made: &[Made]| Reading::new(history, anchors, made).slots();
    read(&made).or_else(|| {
        // Rows of other tools need not read like those of a Dockerfile.
        let open: Vec<Made> = history.iter().map(Made::by_size).collect();
        read(&open)
    })
}

/// Returns the two plain cases: each row with bytes is a layer, or each row is.
fn align_plainly(
    history: &[HistoryRow],
    anchors: &[Anchor],
    with_bytes: bool,
) -> Option<Vec<Slot>> {
    let mut sum = Bytes::ZERO;
    let rows = history
        .iter()
        .enumerate()
        .filter(|(_, row)| !with_bytes || !row.size.is_zero());
    anchors
        .iter()
        .zip(rows)
        .map(|(anchor, (index, row))| {
            sum += row.size;
            anchor.allows(row.size, sum).then_some(Slot {
                least: row.size,
                most: row.size,
                row: Some(index),
            })
        })
        .collect()
}

/// What a row of a history made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Layer,
    Nothing,
    Either,
}

impl Made {
    fn by_size(row: &HistoryRow) -> Self {
        if row.size.is_zero() {
            Self::Either
        } else {
            Self::Layer
        }
    }

    fn of(row: &HistoryRow) -> Self {
        if !row.size.is_zero() || row.comment.starts_with("buildkit.exporter.image.v0") {
            return Self::Layer;
        }
        let buildkit = row.comment.starts_with("buildkit.");
        let shell = row.created_by.trim_start_matches("/bin/sh -c").trim_start();
        let classic = shell.strip_prefix("#(nop)").map(str::trim_start);
        let text = classic.unwrap_or(shell);
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match word {
            "ENV" | "CMD" | "ENTRYPOINT" | "LABEL" | "EXPOSE" | "USER" | "VOLUME" | "ARG"
            | "SHELL" | "HEALTHCHECK" | "STOPSIGNAL" | "ONBUILD" | "MAINTAINER" => Self::Nothing,
            "WORKDIR" if buildkit && rest.trim() == "/" => Self::Nothing,
            "RUN" | "COPY" | "ADD" | "FROM" | "WORKDIR" if buildkit => Self::Layer,
            // The classic builder makes no layer where nothing at all changed, and writes a RUN as it is.
            _ => Self::Either,
        }
    }
}

/// All ways to read a history. A state is (rows read, layers made); sums depend on the rows alone, for a row
/// of no bytes adds nothing whether it made a layer or not.
struct Reading<'a> {
    history: &'a [HistoryRow],
    anchors: &'a [Anchor],
    made: &'a [Made],
    sums: Vec<Bytes>,
}

impl<'a> Reading<'a> {
    fn new(history: &'a [HistoryRow], anchors: &'a [Anchor], made: &'a [Made]) -> Self {
        let mut sum = Bytes::ZERO;
        let sums = history
            .iter()
            .map(|row| {
                sum += row.size;
                sum
            })
            .collect();
        Self {
            history,
            anchors,
            made,
            sums,
        }
    }

    fn may_make(&self, row: usize, layer: usize) -> bool {
        self.made[row] != Made::Nothing
            && self
                .anchors
                .get(layer)
                .is_some_and(|anchor| anchor.allows(self.history[row].size, self.sums[row]))
    }

    fn may_skip(&self, row: usize) -> bool {
        self.made[row] != Made::Layer
    }

    fn slots(&self) -> Option<Vec<Slot>> {
        let (rows, layers) = (self.history.len(), self.anchors.len());
        let forward = self.forward();
        if !forward[rows][layers] {
            return None;
        }
        let mut slots: Vec<Option<Slot>> = vec![None; layers];
        let mut ends = vec![false; layers + 1];
        ends[layers] = true;
        for row in (0..rows).rev() {
            let mut starts = vec![false; layers + 1];
            for layer in 0..=layers {
                if !forward[row][layer] {
                    continue;
                }
                if self.may_skip(row) && ends[layer] {
                    starts[layer] = true;
                }
                if layer < layers && ends[layer + 1] && self.may_make(row, layer) {
                    starts[layer] = true;
                    slots[layer] = Some(self.widen(slots[layer], row));
                }
            }
            ends = starts;
        }
        slots.into_iter().collect()
    }

    fn forward(&self) -> Vec<Vec<bool>> {
        let (rows, layers) = (self.history.len(), self.anchors.len());
        let mut reached = vec![vec![false; layers + 1]; rows + 1];
        reached[0][0] = true;
        for row in 0..rows {
            for layer in 0..=layers.min(row) {
                if !reached[row][layer] {
                    continue;
                }
                if self.may_skip(row) {
                    reached[row + 1][layer] = true;
                }
                if self.may_make(row, layer) {
                    reached[row + 1][layer + 1] = true;
                }
            }
        }
        reached
    }

    fn widen(&self, slot: Option<Slot>, row: usize) -> Slot {
        let size = self.history[row].size;
        match slot {
            None => Slot {
                least: size,
                most: size,
                row: Some(row),
            },
            Some(slot) => Slot {
                least: slot.least.min(size),
                most: slot.most.max(size),
                row: None,
            },
        }
    }
}

#[cfg(test)]
mod tests;
