//! Snapshots of the containerd store that no list names: the one for the mounts of each container, which stays
//! below the layer that a commit, or the classic builder for a `RUN`, makes of it (ENGINE-CONTAINERD.md §1).
//!
//! They hold the folders that the image lacks, so their size differs. It is what is left of sums that have them
//! in: an image's size of the list, and a container's of its whole root.

use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::item::{HistoryRow, Image};

use super::tree::{LayerNo, Tree};

/// What most of them take.
const USUAL: Bytes = Bytes(12_288);
/// Folders and the empty files in them never take more.
const MOST: Bytes = Bytes(65_536);
/// Snapshots are counted in whole blocks of the filesystem, which are never smaller.
const BLOCK: u64 = 512;

/// Returns what goes with each layer besides its own snapshot.
pub(super) fn beside(inventory: &Inventory, tree: &Tree, tops: &[Option<LayerNo>]) -> Vec<Bytes> {
    let mut beside: Vec<Option<Bytes>> = vec![Some(Bytes::ZERO); tree.len()];
    let mut made: Vec<(&Image, Vec<LayerNo>)> = Vec::new();
    for (image, top) in inventory.images.iter().zip(tops) {
        let (Some(content), Some(top)) = (image.known_content(), top) else {
            continue;
        };
        let rows = content.history.iter().filter(|row| !row.size.is_zero());
        let chain = tree.up_to(*top);
        if rows.clone().count() != chain.len() {
            continue;
        }
        let of_containers = chain.iter().zip(rows);
        let of_containers = of_containers.filter(|(layer, row)| {
            is_classic_run(row) || *layer == top && may_be_commit(image, row)
        });
        let layers: Vec<LayerNo> = of_containers.map(|(layer, _)| *layer).collect();
        for layer in &layers {
            beside[*layer as usize] = None;
        }
        if !layers.is_empty() {
            made.push((image, layers));
        }
    }
    // An image's own intermediates are told first, so that each of them tells of one layer.
    made.sort_by_key(|(_, layers)| layers.len());
    for (image, layers) in made {
        settle(&mut beside, image, &layers);
    }
    let beside = beside.into_iter();
    beside.map(|size| size.unwrap_or(USUAL)).collect()
}

/// Gives what an image's size says of all its containers' layers to those that are not known yet; where they
/// are several, the lowest has what differs. An image that was made elsewhere has nothing of the kind.
fn settle(beside: &mut [Option<Bytes>], image: &Image, layers: &[LayerNo]) {
    let Some(all) = left_of(image) else { return };
    let known: Bytes = layers
        .iter()
        .filter_map(|layer| beside[*layer as usize])
        .sum();
    let mut open = layers.to_vec();
    open.retain(|layer| beside[*layer as usize].is_none());
    let left = all - known;
    let is_likely = left.0.is_multiple_of(BLOCK) && left.0 <= MOST.0 * open.len() as u64;
    let Some((lowest, others)) = open.split_first().filter(|_| is_likely) else {
        return;
    };
    let of_others = Bytes(USUAL.0 * others.len() as u64);
    let usual = if of_others < left { USUAL } else { Bytes::ZERO };
    beside[*lowest as usize] = Some(if usual.is_zero() {
        left
    } else {
        left - of_others
    });
    for other in others {
        beside[*other as usize] = Some(usual);
    }
}

/// Returns what the list counts of an image beyond its blobs and its layers.
fn left_of(image: &Image) -> Option<Bytes> {
    let unpacked: Bytes = image.layer_sizes().into_iter().sum();
    let packed = image.known_content()?.packed?.total;
    let all = image.size.known()?;
    (all >= packed + unpacked).then(|| all - packed - unpacked)
}

/// What is left of a container's whole root is its snapshot for mounts, if that can be.
pub(super) fn of_container(root: Option<Bytes>, rest: Option<Bytes>) -> Bytes {
    let left = root.zip(rest).map(|(root, rest)| root - rest);
    let is_likely = |size: &Bytes| !size.is_zero() && *size <= MOST && size.0.is_multiple_of(BLOCK);
    left.filter(is_likely).unwrap_or(USUAL)
}

/// BuildKit writes `RUN` in front, and the classic builder a mark before all that runs nothing.
fn is_classic_run(row: &HistoryRow) -> bool {
    let runs = row.created_by.starts_with("/bin/sh -c ") || row.created_by.starts_with('|');
    runs && !row.created_by.contains("#(nop)")
}

/// A commit's row has the command of the container that it was made from.
fn may_be_commit(image: &Image, row: &HistoryRow) -> bool {
    image.parent.is_some()
        && !row.created_by.contains("#(nop)")
        && !row.comment.contains("buildkit")
        && !row.created_by.contains("# buildkit")
}
