//! Where a build cache record's layer may be found: layers by time, depth and size.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::domain::bytes::Bytes;
use crate::domain::item::{HistoryRow, Record};

use super::build::Builder;
use super::equations::most_packed;
use super::join::is_base;
use super::ledger::{content, has_blobs};
use super::shelf::Shelf;
use super::sizes::Sizes;
use super::tree::{LayerNo, Tree};

/// The command of a record, as the history has it.
fn command(record: &Record) -> &str {
    let text = &*record.description;
    let text = text.strip_prefix("mount / from exec ").unwrap_or(text);
    match text.split_once("] ") {
        Some((_, step)) if text.starts_with('[') => step,
        _ => text,
    }
    .trim()
}

/// A step without its options (`--from=tools`, `--chown=1:1`) and with single blanks.
fn without_options(step: &str) -> String {
    let words = step.split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
    words.join(" ")
}

/// Where a layer may be found.
pub(super) struct Index<'a> {
    pub(super) tree: &'a Tree,
    sizes: &'a Sizes,
    shelf: &'a Shelf,
    /// Layers of smaller numbers are images'.
    image_layers: usize,
    /// Sizes of records are those of a layer both unpacked and packed.
    pub(super) packed: bool,
    rows: Vec<Vec<&'a HistoryRow>>,
    by_time: HashMap<i64, Vec<LayerNo>>,
    /// The top layers of images, by the nanosecond in which they were made.
    by_moment: HashMap<Timestamp, Vec<LayerNo>>,
    by_depth: HashMap<u32, Vec<LayerNo>>,
    by_size: HashMap<(u32, Bytes), Vec<LayerNo>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(builder: &'a Builder<'a>) -> Self {
        let (inventory, tree) = (builder.inventory, &builder.tree);
        let sizes = &builder.sizes;
        let mut index = Self {
            tree,
            sizes,
            shelf: &builder.shelf,
            image_layers: builder.image_layers,
            packed: has_blobs(inventory),
            rows: vec![Vec::new(); tree.len()],
            by_time: HashMap::new(),
            by_moment: HashMap::new(),
            by_depth: HashMap::new(),
            by_size: HashMap::new(),
        };
        for (image, top) in inventory.images.iter().zip(&builder.tops) {
            let (Some(content), Some(top)) = (content(image), *top) else {
                continue;
            };
            for step in sizes.steps(tree, content, top) {
                index.take_row(step.layer, step.row);
            }
            index.take_moment(content.created, top);
        }
        for layer in tree.numbers() {
            let depth = tree.depth(layer);
            index.by_depth.entry(depth).or_default().push(layer);
            if let Some(size) = sizes.exact(layer) {
                let key = (depth, size);
                index.by_size.entry(key).or_default().push(layer);
            }
        }
        index
    }

    fn take_row(&mut self, layer: LayerNo, row: Option<&'a HistoryRow>) {
        let Some(row) = row else { return };
        let rows = &mut self.rows[layer as usize];
        let is_new = |row: &HistoryRow, known: &&HistoryRow| {
            known.created != row.created || known.created_by != row.created_by
        };
        if !rows.iter().all(|known| is_new(row, known)) {
            return;
        }
        rows.push(row);
        if let Some(created) = row.created {
            let layers = self.by_time.entry(created.as_second()).or_default();
            if !layers.contains(&layer) {
                layers.push(layer);
            }
        }
    }

    /// A time of whole seconds was set by hand: all steps of a reproducible build have it.
    fn take_moment(&mut self, created: Option<Timestamp>, top: LayerNo) {
        if let Some(created) = created.filter(|created| created.subsec_nanosecond() != 0) {
            let tops = self.by_moment.entry(created).or_default();
            if !tops.contains(&top) {
                tops.push(top);
            }
        }
    }

    /// The layer that was made in a record's very nanosecond.
    pub(super) fn same_moment(&self, record: &Record, layer: LayerNo) -> bool {
        let tops = record
            .created
            .and_then(|moment| self.by_moment.get(&moment));
        tops.is_some_and(|tops| tops.contains(&layer))
    }

    pub(super) fn same_time(&self, record: &Record, layer: LayerNo) -> bool {
        let second = record.created.map(Timestamp::as_second);
        second.is_some()
            && self.rows[layer as usize]
                .iter()
                .any(|row| row.created.map(Timestamp::as_second) == second)
    }

    /// False of a layer that was made only after something was built on the base that a record is.
    pub(super) fn was_there(&self, record: &Record, layer: LayerNo) -> bool {
        let rows = &self.rows[layer as usize];
        let before = |row: &&HistoryRow| row.created <= record.created;
        rows.is_empty() || record.created.is_none() || rows.iter().any(before)
    }

    pub(super) fn same_command(&self, record: &Record, layer: LayerNo) -> bool {
        let command = command(record);
        !command.is_empty()
            && self.rows[layer as usize]
                .iter()
                .any(|row| row.created_by.contains(command))
    }

    /// The same command, however it is written: a history leaves out some of a step's options.
    fn same_step(&self, record: &Record, layer: LayerNo) -> bool {
        let step = without_options(command(record));
        self.rows[layer as usize]
            .iter()
            .any(|row| without_options(&row.created_by).contains(&step))
    }

    /// Layers that a record may be, as far as it alone tells. The engine calls those shared that images have.
    pub(super) fn candidates(&self, record: &Record, depth: Option<u32>) -> Vec<LayerNo> {
        let known = |layer: &LayerNo| {
            !self.shelf.is_known || record.shared == ((*layer as usize) < self.image_layers)
        };
        let timely = self.timely(record, depth, known);
        if !timely.is_empty() {
            return timely;
        }
        let mut found = self.fitting(record, depth);
        found.retain(known);
        found
    }

    /// All layers that there are are known, those that no image has as well.
    pub(super) fn is_whole(&self) -> bool {
        self.shelf.is_known
    }

    /// True of a layer that a step of a build made here, by the name of its folder.
    pub(super) fn is_by_buildkit(&self, layer: LayerNo) -> bool {
        self.shelf.is_by_buildkit(layer)
    }

    /// Layers of steps that histories say were made in a record's second.
    fn timely(
        &self,
        record: &Record,
        depth: Option<u32>,
        known: impl Fn(&LayerNo) -> bool,
    ) -> Vec<LayerNo> {
        let created = record.created.filter(|_| !is_base(record));
        let layers = created.and_then(|created| self.by_time.get(&created.as_second()));
        layers
            .into_iter()
            .flatten()
            .copied()
            .filter(known)
            .filter(|layer| depth.is_none_or(|depth| depth == self.tree.depth(*layer)))
            .filter(|layer| self.size_fits(record, *layer))
            // Steps of several builds may fall into one second, and packed their sizes tell little.
            .filter(|layer| !self.packed || self.same_step(record, *layer))
            .collect()
    }

    /// Layers of a record's depth and size.
    fn fitting(&self, record: &Record, depth: Option<u32>) -> Vec<LayerNo> {
        let of = |layers: Option<&Vec<LayerNo>>| layers.cloned().unwrap_or_default();
        let base = is_base(record);
        match (depth, record.size.known()) {
            // The size of a packed layer is not known, so only the time tells.
            _ if self.packed && !base => Vec::new(),
            (Some(depth), _) if self.packed => of(self.by_depth.get(&depth)),
            (Some(depth), Some(size)) if !base || !size.is_zero() => {
                let mut found = of(self.by_size.get(&(depth, size)));
                let open = of(self.by_depth.get(&depth));
                found.extend(open.into_iter().filter(|layer| {
                    self.sizes.exact(*layer).is_none() && self.size_fits(record, *layer)
                }));
                found
            }
            (Some(depth), _) => of(self.by_depth.get(&depth)),
            (None, _) => Vec::new(),
        }
    }

    pub(super) fn size_fits(&self, record: &Record, layer: LayerNo) -> bool {
        let base = is_base(record);
        let Some(size) = record.size.known() else {
            return true;
        };
        let span = self.sizes.span(layer);
        if self.packed {
            let most = most_packed(span.most);
            return base || size >= span.least && size - span.least <= most;
        }
        base && size.is_zero() || span.holds(size)
    }
}
