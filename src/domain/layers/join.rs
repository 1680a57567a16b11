//! Which build cache record is which layer (ENGINE.md §2.6, §2.7; ENGINE-CONTAINERD.md §3).
//!
//! The engine does not say. A record that a step of a build made has the time of that step's row in the
//! history, its size, its depth and its command; a record of a base image has its depth, and the records
//! made on it tell the rest.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::item::{HistoryRow, Record};

use super::equations::most_packed;
use super::ledger::{content, has_blobs};
use super::sizes::Sizes;
use super::tree::{LayerNo, Tree};

/// What a record was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// No layer of any image: its bytes are its own.
    None,
    Layer(LayerNo),
    /// One of these, it is not known which.
    OneOf(Vec<LayerNo>),
    /// Some layer, it is not known which at all.
    Some,
    /// Bytes of its own, or one of these layers that no image has.
    Perhaps(Vec<LayerNo>),
}

/// More candidates than this are not followed one by one.
const MANY: usize = 256;

/// Records and their parents by index.
pub(super) struct Lineage {
    /// The only parent. Records with none, or with several, have no place below them that could be compared.
    pub(super) parent: Vec<Option<usize>>,
    parents: Vec<Vec<usize>>,
    /// How many layers there are up to and including it; `None` where its parents are not listed or several.
    pub(super) depth: Vec<Option<u32>>,
    /// Indices, parents before children.
    pub(super) order: Vec<usize>,
}

impl Lineage {
    pub(super) fn new(records: &[Record]) -> Self {
        let index: HashMap<_, _> = records
            .iter()
            .enumerate()
            .map(|(index, record)| (&record.id, index))
            .collect();
        let parents: Vec<Vec<usize>> = records
            .iter()
            .map(|record| {
                let parents = record.parents.iter();
                parents.filter_map(|id| index.get(id).copied()).collect()
            })
            .collect();
        let mut lineage = Self {
            parent: parents
                .iter()
                .map(|parents| match parents[..] {
                    [parent] => Some(parent),
                    _ => None,
                })
                .collect(),
            depth: vec![None; records.len()],
            order: order(&parents),
            parents,
        };
        for place in 0..lineage.order.len() {
            let at = lineage.order[place];
            lineage.depth[at] = match (records[at].parents.len(), lineage.parent[at]) {
                (0, _) => Some(1),
                (1, Some(parent)) => lineage.depth[parent].map(|depth| depth + 1),
                _ => None,
            };
        }
        lineage
    }

    /// A record and all below it, the lowest first; `None` where its depth is not known.
    pub(super) fn line(&self, at: usize) -> Option<Vec<usize>> {
        self.depth[at]?;
        let mut line: Vec<usize> =
            std::iter::successors(Some(at), |record| self.parent[*record]).collect();
        line.reverse();
        Some(line)
    }

    /// Parents of a record that has several.
    pub(super) fn other_parents(&self, at: usize) -> &[usize] {
        match &self.parents[at][..] {
            [_] => &[],
            parents => parents,
        }
    }
}

/// Parents before children. What closes on itself, an engine's mistake, comes last in any order.
fn order(parents: &[Vec<usize>]) -> Vec<usize> {
    let mut children = vec![Vec::new(); parents.len()];
    let mut waits: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (child, parents) in parents.iter().enumerate() {
        for parent in parents {
            children[*parent].push(child);
        }
    }
    let mut order: Vec<usize> = (0..parents.len()).filter(|at| waits[*at] == 0).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for child in &children[at] {
            waits[*child] -= 1;
            if waits[*child] == 0 {
                order.push(*child);
            }
        }
    }
    order.extend((0..parents.len()).filter(|at| waits[*at] > 0));
    order
}

/// True of records that a base image became: they were not made by a step of a build here.
pub(super) fn is_base(record: &Record) -> bool {
    let text = &record.description;
    text.is_empty()
        || text.starts_with("from local")
        || text.starts_with("pulled from")
        || (text.starts_with('[') && text.contains("] FROM "))
}

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
struct Index<'a> {
    tree: &'a Tree,
    sizes: &'a Sizes,
    /// Sizes of records are those of a layer both unpacked and packed.
    packed: bool,
    rows: Vec<Vec<&'a HistoryRow>>,
    by_time: HashMap<i64, Vec<LayerNo>>,
    by_depth: HashMap<u32, Vec<LayerNo>>,
    by_size: HashMap<(u32, Bytes), Vec<LayerNo>>,
}

impl<'a> Index<'a> {
    fn new(
        inventory: &'a Inventory,
        tree: &'a Tree,
        tops: &[Option<LayerNo>],
        sizes: &'a Sizes,
    ) -> Self {
        let mut index = Self {
            tree,
            sizes,
            packed: has_blobs(inventory),
            rows: vec![Vec::new(); tree.len()],
            by_time: HashMap::new(),
            by_depth: HashMap::new(),
            by_size: HashMap::new(),
        };
        for (image, top) in inventory.images.iter().zip(tops) {
            let steps = content(image)
                .zip(*top)
                .map(|(content, top)| sizes.steps(tree, content, top));
            for step in steps.into_iter().flatten() {
                index.take_row(step.layer, step.row);
            }
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

    fn same_time(&self, record: &Record, layer: LayerNo) -> bool {
        let second = record.created.map(Timestamp::as_second);
        second.is_some()
            && self.rows[layer as usize]
                .iter()
                .any(|row| row.created.map(Timestamp::as_second) == second)
    }

    fn same_command(&self, record: &Record, layer: LayerNo) -> bool {
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

    /// Layers that a record may be, as far as it alone tells.
    fn candidates(&self, record: &Record, depth: Option<u32>) -> Vec<LayerNo> {
        let of = |layers: Option<&Vec<LayerNo>>| layers.cloned().unwrap_or_default();
        let base = is_base(record);
        if !base && let Some(created) = record.created {
            let timely: Vec<LayerNo> = of(self.by_time.get(&created.as_second()))
                .into_iter()
                .filter(|layer| depth.is_none_or(|depth| depth == self.tree.depth(*layer)))
                .filter(|layer| self.size_fits(record, *layer))
                // Steps of several builds may fall into one second, and packed their sizes tell little.
                .filter(|layer| !self.packed || self.same_step(record, *layer))
                .collect();
            if !timely.is_empty() {
                return timely;
            }
        }
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

    fn size_fits(&self, record: &Record, layer: LayerNo) -> bool {
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

/// A join under way.
struct Join<'a> {
    records: &'a [Record],
    lineage: &'a Lineage,
    index: Index<'a>,
    ties: Vec<Tie>,
}

/// Finds the layer of each shared record.
pub(super) fn join(
    inventory: &Inventory,
    lineage: &Lineage,
    tree: &Tree,
    tops: &[Option<LayerNo>],
    sizes: &Sizes,
) -> Vec<Tie> {
    let records = &inventory.cache;
    let packed = has_blobs(inventory);
    // On the containerd store the engine's word that nobody shares is often wrong (ENGINE-CONTAINERD.md §4).
    let may_share = |record: &Record| record.shared || packed && &*record.kind == "regular";
    if !records.iter().any(may_share) {
        return vec![Tie::None; records.len()];
    }
    let mut join = Join {
        records,
        lineage,
        index: Index::new(inventory, tree, tops, sizes),
        ties: records
            .iter()
            .map(|record| {
                if may_share(record) {
                    Tie::Some
                } else {
                    Tie::None
                }
            })
            .collect(),
    };
    join.settle();
    join.ties
}

impl Join<'_> {
    /// The deepest first: where one is found, all below it are. What others settle may settle the rest.
    fn settle(&mut self) {
        let mut open: Vec<usize> = (0..self.records.len())
            .filter(|at| self.ties[*at] != Tie::None)
            .collect();
        open.sort_by_key(|at| std::cmp::Reverse(self.lineage.depth[*at]));
        let mut progress = true;
        while progress {
            progress = false;
            open.retain(|at| {
                if matches!(self.ties[*at], Tie::Layer(_)) {
                    return false;
                }
                let fits = self.fits(*at);
                if let [layer] = fits[..] {
                    self.tie(*at, layer);
                    progress = true;
                    return false;
                }
                self.ties[*at] = match fits.len() {
                    0 => Tie::Some,
                    count if count > MANY => Tie::Some,
                    _ => Tie::OneOf(fits),
                };
                true
            });
        }
    }

    /// The layers that a record may be with everything below it.
    fn fits(&self, at: usize) -> Vec<LayerNo> {
        let record = &self.records[at];
        let mut found = self.index.candidates(record, self.lineage.depth[at]);
        found.retain(|layer| self.ancestors_fit(at, *layer));
        // Text and time only choose among what fits: both can be rewritten by a build.
        let narrow = |found: &mut Vec<LayerNo>, test: &dyn Fn(LayerNo) -> bool| {
            if found.len() > 1 && found.iter().any(|layer| test(*layer)) {
                found.retain(|layer| test(*layer));
            }
        };
        if !is_base(record) {
            narrow(&mut found, &|layer| self.index.same_time(record, layer));
            narrow(&mut found, &|layer| self.index.same_command(record, layer));
        }
        found
    }

    fn ancestors_fit(&self, at: usize, layer: LayerNo) -> bool {
        let mut record = at;
        let mut layer = layer;
        loop {
            let (parent, below) = (self.lineage.parent[record], self.index.tree.below(layer));
            match (parent, below) {
                (Some(parent), Some(below)) => {
                    let fits = match &self.ties[parent] {
                        Tie::Layer(known) => return *known == below,
                        Tie::None | Tie::Perhaps(_) => false,
                        Tie::OneOf(known) => known.contains(&below),
                        Tie::Some => self.index.size_fits(&self.records[parent], below),
                    };
                    if !fits {
                        return false;
                    }
                    record = parent;
                    layer = below;
                }
                // Below a record of no known depth nothing can be compared.
                (None, _) => return true,
                (Some(_), None) => return false,
            }
        }
    }

    fn tie(&mut self, at: usize, layer: LayerNo) {
        let mut next = Some((at, layer));
        while let Some((at, layer)) = next {
            if matches!(self.ties[at], Tie::Layer(_) | Tie::None) {
                break;
            }
            self.ties[at] = Tie::Layer(layer);
            next = self.lineage.parent[at].zip(self.index.tree.below(layer));
        }
    }
}
