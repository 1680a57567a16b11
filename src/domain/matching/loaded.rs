//! Images of the containerd store that may have been loaded when all of their layers were there already.
//!
//! `docker load` unpacks nothing then, and leaves out the label by which the collector keeps what is unpacked (seen on
//! 28.5.2): the layers go with whatever brought them. The list of blobs has the labels. Without it only the times at
//! which things came tell that an image was there first.

use std::collections::HashMap;

use smallvec::SmallVec;

use crate::domain::inventory::Inventory;
use crate::domain::time::Timestamp;

use super::join::RecordMatch;
use crate::domain::layers::tree::{LayerNo, Tree, number};

/// What came first of all that has a layer, and the next: when, if that is known, and its place among images and then
/// records. What is not known may have been the first.
type First = SmallVec<[(Option<Timestamp>, usize); 2]>;

/// Whether an image keeps its layers unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) enum ImageKeeps {
    Sure,
    /// Something else kept them before, so they stay when this image goes.
    Perhaps,
    /// Nobody knows which of the two keeps them.
    Either,
}

/// Returns what is not certain of images, by their places: something else has their layers and may have been there
/// before them.
pub(in crate::domain) fn perhaps_loaded(
    inventory: &Inventory,
    tree: &Tree,
    tops: &[Option<LayerNo>],
    matches: &[RecordMatch],
) -> HashMap<usize, ImageKeeps> {
    let images = &inventory.images;
    let mut first: Vec<First> = vec![First::new(); tree.len()];
    let of_images = tops.iter().zip(images).enumerate();
    for (place, (top, image)) in of_images {
        if let Some(top) = top {
            add(&mut first[*top as usize], (image.last_tagged, place));
        }
    }
    for (place, (tie, record)) in matches.iter().zip(&inventory.cache).enumerate() {
        // A step's record has a snapshot of its own.
        if let RecordMatch::Layer(layer) = tie
            && record.is_base()
        {
            let came = (record.created, images.len() + place);
            add(&mut first[*layer as usize], came);
        }
    }
    // Layers stand only on layers of smaller numbers.
    for layer in (0..number(tree.len())).rev() {
        if let Some(below) = tree.below(layer) {
            for came in &std::mem::take(&mut first[layer as usize]) {
                add(&mut first[below as usize], *came);
                add(&mut first[layer as usize], *came);
            }
        }
    }
    let keeps = |place: usize| {
        let of = first.get(tops[place]? as usize)?;
        let (came, _) = of.iter().find(|(_, other)| *other != place)?;
        match images[place].last_tagged.zip(*came) {
            None => Some((place, ImageKeeps::Either)),
            Some((tagged, came)) => (tagged >= came).then_some((place, ImageKeeps::Perhaps)),
        }
    };
    (0..tops.len()).filter_map(keeps).collect()
}

fn add(first: &mut First, came: (Option<Timestamp>, usize)) {
    let place = first.partition_point(|other| *other < came);
    first.insert(place, came);
    first.truncate(2);
}
