//! Where a build cache record's layer may be found: layers by time, depth and size.

use std::collections::HashMap;

use crate::domain::bytes::Bytes;
use crate::domain::compact::csr::Csr;
use crate::domain::item::{HistoryRow, Record};
use crate::domain::time::Timestamp;

use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::packing::most_packed;
use crate::domain::layers::sizes::Sizes;
use crate::domain::layers::stored::StoredLayers;
use crate::domain::layers::tree::{LayerNo, Tree};

/// Returns the command of a record, as the history has it.
fn command(record: &Record) -> &str {
    let text = &*record.description;
    let text = text.strip_prefix("mount / from exec ").unwrap_or(text);
    match text.split_once("] ") {
        Some((_, step)) if text.starts_with('[') => step,
        _ => text,
    }
    .trim()
}

/// Returns a step without its options (`--from=tools`, `--chown=1:1`) and with single blanks.
fn without_options(step: &str) -> String {
    let words = step.split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
    words.join(" ")
}

/// Layers by a key, in one piece of memory: most keys have a layer or two.
struct Sorted<K>(Vec<(K, LayerNo)>);

impl<K: Copy + Ord> Sorted<K> {
    fn new(mut pairs: Vec<(K, LayerNo)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        Self(pairs)
    }

    /// Returns the layers of a key, each once.
    fn of(&self, key: K) -> impl Iterator<Item = LayerNo> + '_ {
        let first = self.0.partition_point(|(at, _)| *at < key);
        let of_key = self.0[first..].iter().take_while(move |(at, _)| *at == key);
        of_key.map(|(_, layer)| *layer)
    }
}

/// A layer's depth and its size, where that is known to the byte.
type Look = (u32, Option<Bytes>);

fn look(tree: &Tree, sizes: &Sizes, layer: LayerNo) -> Look {
    (tree.depth(layer), sizes.exact(layer))
}

/// Returns all layers in the order of their looks.
fn by_look(tree: &Tree, sizes: &Sizes) -> Vec<LayerNo> {
    let looks = tree.numbers().map(|at| (look(tree, sizes, at), at));
    let Sorted(looks) = Sorted::new(looks.collect());
    looks.iter().map(|(_, layer)| *layer).collect()
}

fn by_depth(tree: &Tree) -> Csr<LayerNo> {
    Csr::new(tree.numbers().map(|at| (tree.depth(at), at)))
}

/// Where a layer may be found.
pub(super) struct LayerIndex<'a> {
    pub(super) tree: &'a Tree,
    sizes: &'a Sizes,
    stored: &'a StoredLayers,
    /// Layers of smaller numbers are images'.
    image_layers: usize,
    /// Sizes of records are those of a layer both unpacked and packed.
    pub(super) packed: bool,
    /// Of each layer the row that made it; mostly all images tell the same.
    rows: Vec<Option<&'a HistoryRow>>,
    /// Other rows that images tell.
    more_rows: HashMap<LayerNo, Vec<&'a HistoryRow>>,
    by_time: Sorted<i64>,
    /// The top layers of images, by the nanosecond in which they were made.
    by_moment: Sorted<Timestamp>,
    by_depth: Csr<LayerNo>,
    by_look: Vec<LayerNo>,
}

impl<'a> LayerIndex<'a> {
    pub(super) fn new(facts: &'a LayerFacts<'a>) -> Self {
        let (inventory, tree) = (facts.inventory, &facts.tree);
        let sizes = &facts.sizes;
        let mut index = Self {
            tree,
            sizes,
            stored: &facts.stored,
            image_layers: facts.image_layers,
            packed: inventory.keeps_blobs(),
            rows: vec![None; tree.len()],
            more_rows: HashMap::new(),
            by_time: Sorted(Vec::new()),
            by_moment: Sorted(Vec::new()),
            by_depth: by_depth(tree),
            by_look: by_look(tree, sizes),
        };
        let mut moments = Vec::new();
        for (image, top) in inventory.images.iter().zip(&facts.tops) {
            let (Some(content), Some(top)) = (image.known_content(), *top) else {
                continue;
            };
            for step in sizes.steps(tree, content, top) {
                index.take_row(step.layer, step.row);
            }
            // A time of whole seconds was set by hand: all steps of a reproducible build have it.
            let moment = content.created;
            let moment = moment.filter(|created| created.subsec_nanosecond() != 0);
            moments.extend(moment.map(|created| (created, top)));
        }
        index.by_moment = Sorted::new(moments);
        // Mostly one for each layer.
        let mut times = Vec::with_capacity(tree.len());
        times.extend(tree.numbers().flat_map(|layer| {
            let created = index.rows_of(layer).filter_map(|row| row.created);
            created.map(move |created| (created.as_second(), layer))
        }));
        index.by_time = Sorted::new(times);
        index
    }

    fn take_row(&mut self, layer: LayerNo, row: Option<&'a HistoryRow>) {
        let Some(row) = row else { return };
        let is_same = |known: &&HistoryRow| {
            known.created == row.created && known.created_by == row.created_by
        };
        match &mut self.rows[layer as usize] {
            Some(first) if is_same(first) => {}
            Some(_) => {
                let more = self.more_rows.entry(layer).or_default();
                if !more.iter().any(is_same) {
                    more.push(row);
                }
            }
            first @ None => *first = Some(row),
        }
    }

    /// Returns the rows of histories that made a layer, each once.
    fn rows_of(&self, layer: LayerNo) -> impl Iterator<Item = &'a HistoryRow> {
        let more = self.more_rows.get(&layer).into_iter().flatten();
        self.rows[layer as usize].into_iter().chain(more.copied())
    }

    /// The layer that was made in a record's very nanosecond.
    pub(super) fn same_moment(&self, record: &Record, layer: LayerNo) -> bool {
        record
            .created
            .is_some_and(|moment| self.by_moment.of(moment).any(|top| top == layer))
    }

    /// The layer that a record was found to be when more told of it.
    pub(super) fn was_told(&self, record: &Record, layer: LayerNo) -> bool {
        self.stored.hints.get(&record.id) == Some(&layer)
    }

    pub(super) fn same_time(&self, record: &Record, layer: LayerNo) -> bool {
        let second = record.created.map(Timestamp::as_second);
        second.is_some()
            && self
                .rows_of(layer)
                .any(|row| row.created.map(Timestamp::as_second) == second)
    }

    /// Returns false of a layer that was made only after something was built on the base that a record is.
    pub(super) fn was_there(&self, record: &Record, layer: LayerNo) -> bool {
        let mut rows = self.rows_of(layer).peekable();
        rows.peek().is_none()
            || record.created.is_none()
            || rows.any(|row| row.created <= record.created)
    }

    pub(super) fn same_command(&self, record: &Record, layer: LayerNo) -> bool {
        let command = command(record);
        !command.is_empty()
            && self
                .rows_of(layer)
                .any(|row| row.created_by.contains(command))
    }

    /// The same command, however it is written: a history leaves out some of a step's options.
    fn same_step(&self, record: &Record, layer: LayerNo) -> bool {
        let step = without_options(command(record));
        self.rows_of(layer)
            .any(|row| without_options(&row.created_by).contains(&step))
    }

    /// Layers that a record may be, as far as it alone tells. The engine calls those shared that images have.
    pub(super) fn candidates(&self, record: &Record, depth: Option<u32>) -> Vec<LayerNo> {
        let known = |layer: &LayerNo| {
            let whose = self.stored.is_known || self.stored.remembers;
            !whose || record.shared == ((*layer as usize) < self.image_layers)
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
        self.stored.is_known
    }

    /// Returns true of a layer that a step of a build made here, by the name of its folder.
    pub(super) fn is_by_buildkit(&self, layer: LayerNo) -> bool {
        self.stored.is_by_buildkit(layer)
    }

    /// Layers of steps that histories say were made in a record's second.
    fn timely(
        &self,
        record: &Record,
        depth: Option<u32>,
        known: impl Fn(&LayerNo) -> bool,
    ) -> Vec<LayerNo> {
        let created = record.created.filter(|_| !record.is_base());
        let layers = created.map(|created| self.by_time.of(created.as_second()));
        layers
            .into_iter()
            .flatten()
            .filter(known)
            .filter(|layer| depth.is_none_or(|depth| depth == self.tree.depth(*layer)))
            .filter(|layer| self.size_fits(record, *layer))
            // Steps of several builds may fall into one second, and packed their sizes tell little.
            .filter(|layer| !self.packed || self.same_step(record, *layer))
            .collect()
    }

    /// Layers of a record's depth and size.
    fn fitting(&self, record: &Record, depth: Option<u32>) -> Vec<LayerNo> {
        let base = record.is_base();
        match (depth, record.size.known()) {
            // The size of a packed layer is not known, so only the time tells.
            _ if self.packed && !base => Vec::new(),
            (Some(depth), _) if self.packed => self.by_depth.of(depth).to_vec(),
            (Some(depth), Some(size)) if !base || !size.is_zero() => {
                let sized = self.looking((depth, Some(size)));
                let open = self.looking((depth, None));
                let open = open.filter(|layer| self.size_fits(record, *layer));
                sized.chain(open).collect()
            }
            (Some(depth), _) => self.by_depth.of(depth).to_vec(),
            (None, _) => Vec::new(),
        }
    }

    /// Returns the layers of a look, by their number.
    fn looking(&self, look: Look) -> impl Iterator<Item = LayerNo> + '_ {
        let look_of = |at: &LayerNo| self::look(self.tree, self.sizes, *at);
        let first = self.by_look.partition_point(|at| look_of(at) < look);
        let of_look = self.by_look[first..].iter().copied();
        of_look.take_while(move |at| look_of(at) == look)
    }

    pub(super) fn size_fits(&self, record: &Record, layer: LayerNo) -> bool {
        let base = record.is_base();
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
