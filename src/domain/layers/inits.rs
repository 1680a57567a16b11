//! Snapshots of the containerd store that no list names: the one for the mounts of each container, and the one
//! that the classic builder leaves below each layer of a `RUN` (ENGINE-CONTAINERD.md §1).
//!
//! They hold the folders that the image lacks, so their size differs. It is what is left of sums that have them
//! in: an image's size of the list, and a container's of its whole root.

use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::item::Image;

use super::ledger::content;
use super::stock::rows;
use super::tree::{LayerNo, Tree};

/// What most of them take.
const USUAL: Bytes = Bytes(12_288);
/// Folders and the empty files in them never take more.
const MOST: Bytes = Bytes(65_536);
/// Snapshots are counted in whole blocks of the filesystem, which are never smaller.
const BLOCK: u64 = 512;

/// What goes with each layer besides its own snapshot.
pub(super) fn beside(inventory: &Inventory, tree: &Tree, tops: &[Option<LayerNo>]) -> Vec<Bytes> {
    let mut beside: Vec<Option<Bytes>> = vec![Some(Bytes::ZERO); tree.len()];
    let mut built: Vec<(&Image, Vec<LayerNo>)> = Vec::new();
    for (image, top) in inventory.images.iter().zip(tops) {
        let (Some(content), Some(top)) = (content(image), top) else {
            continue;
        };
        let rows = content.history.iter().filter(|row| !row.size.is_zero());
        let chain = tree.up_to(*top);
        if rows.clone().count() != chain.len() {
            continue;
        }
        let runs = chain.iter().zip(rows);
        let runs = runs.filter(|(_, row)| is_classic_run(&row.created_by));
        let runs: Vec<LayerNo> = runs.map(|(layer, _)| *layer).collect();
        for layer in &runs {
            beside[*layer as usize] = None;
        }
        if !runs.is_empty() {
            built.push((image, runs));
        }
    }
    // An image's own intermediates are told first, so that each of them tells of one layer.
    built.sort_by_key(|(_, runs)| runs.len());
    for (image, runs) in built {
        settle(&mut beside, image, &runs);
    }
    let beside = beside.into_iter();
    beside.map(|size| size.unwrap_or(USUAL)).collect()
}

/// Gives what an image's size says of all its runs to those that are not known yet; where they are several,
/// the lowest has what differs.
fn settle(beside: &mut [Option<Bytes>], image: &Image, runs: &[LayerNo]) {
    let Some(all) = left_of(image) else { return };
    let known: Bytes = runs
        .iter()
        .filter_map(|layer| beside[*layer as usize])
        .sum();
    let mut open: Vec<LayerNo> = runs.to_vec();
    open.retain(|layer| beside[*layer as usize].is_none());
    let Some((lowest, others)) = open.split_first() else {
        return;
    };
    let rest = Bytes(USUAL.0 * others.len() as u64) + known;
    if all < rest || !is_likely(all - rest) {
        return;
    }
    beside[*lowest as usize] = Some(all - rest);
    for other in others {
        beside[*other as usize] = Some(USUAL);
    }
}

/// What the list counts of an image beyond its blobs and its layers.
fn left_of(image: &Image) -> Option<Bytes> {
    let unpacked: Bytes = rows(image).into_iter().sum();
    let packed = content(image)?.packed?.total;
    let all = image.size.known()?;
    (all >= packed + unpacked).then(|| all - packed - unpacked)
}

/// What is left of a container's whole root is its snapshot for mounts, if that can be.
pub(super) fn of_container(root: Option<Bytes>, rest: Option<Bytes>) -> Bytes {
    let left = root.zip(rest).and_then(|(root, rest)| {
        let left = root - rest;
        is_likely(left).then_some(left)
    });
    left.unwrap_or(USUAL)
}

fn is_likely(size: Bytes) -> bool {
    !size.is_zero() && size <= MOST && size.0.is_multiple_of(BLOCK)
}

/// BuildKit writes `RUN` in front, and the classic builder a mark before all that runs nothing.
fn is_classic_run(created_by: &str) -> bool {
    let runs = created_by.starts_with("/bin/sh -c ") || created_by.starts_with('|');
    runs && !created_by.contains("#(nop)")
}
