//! What image mounts hold: the layers below the one that the engine has made for each.

use std::collections::{HashMap, HashSet};

use crate::domain::index::Index;
use crate::domain::inventory::Inventory;
use crate::domain::item::{ChainId, Container, ContainerId, ItemId};
use crate::domain::store::mounted::{MountedLayer, Mounts};

use super::Doubt;
use super::draft::GraphDraft;
use super::leased::has_lease;
use super::units::{Holder, HolderNo};
use crate::domain::layers::facts::LayerFacts;
use crate::domain::layers::names::Names;
use crate::domain::layers::tree::LayerNo;

/// The graph driver's layers of image mounts, by the places of their containers.
pub(super) struct MountLayers<'a> {
    layers: &'a [MountedLayer],
    /// Of each, its container's place; `None` of one that no listed container has.
    owners: Vec<Option<usize>>,
    /// Layers that something is mounted above.
    parents: HashMap<ChainId, LayerNo>,
}

impl<'a> MountLayers<'a> {
    pub(super) fn new(facts: &LayerFacts<'a>) -> Self {
        let inventory = facts.inventory;
        let layers = if facts.store.is_some() {
            &[]
        } else {
            &*inventory.mounted.layers
        };
        let owner = |layer| owner(layer, inventory, &facts.index);
        Self {
            owners: layers.iter().map(owner).collect(),
            parents: parents(layers, facts),
            layers,
        }
    }

    fn of(&self, owner: Option<usize>) -> impl Iterator<Item = &'a MountedLayer> {
        let both = self.layers.iter().zip(&self.owners);
        both.filter(move |(_, of)| **of == owner)
            .map(|(layer, _)| layer)
    }

    /// Returns the layer that something is mounted above; `None` where it is not known.
    fn parent(&self, layer: &MountedLayer) -> Option<LayerNo> {
        self.parents.get(layer.parent.as_ref()?).copied()
    }
}

/// Returns the place of the container that mounts a layer: by the layer's name, or by where it is mounted.
fn owner(layer: &MountedLayer, inventory: &Inventory, index: &Index) -> Option<usize> {
    let id = layer.name.get(..64).map(ContainerId::new);
    let named = id.and_then(|id| index.find(&ItemId::Container(id)));
    named.or_else(|| {
        let has = |container: &Container| {
            let mut mounts = container.image_mounts.iter();
            mounts.any(|mount| {
                mount.is_in(&layer.folder) || mount.layer_names(&container.id).contains(&layer.name)
            })
        };
        inventory.containers.iter().position(has)
    })
}

/// Chains that something is mounted above, as far as they are known.
fn parents(layers: &[MountedLayer], facts: &LayerFacts<'_>) -> HashMap<ChainId, LayerNo> {
    if layers.is_empty() {
        return HashMap::new();
    }
    let wanted: HashSet<&str> = layers
        .iter()
        .filter_map(|layer| layer.parent.as_ref())
        .map(ChainId::as_str)
        .collect();
    let chains = facts.tree.all_chain_ids();
    let chains = facts.tree.numbers().zip(chains);
    let chains = chains.map(|(layer, chain)| (chain.text(), layer));
    let wanted = chains.filter(|(chain, _)| wanted.contains(&**chain));
    wanted
        .map(|(chain, layer)| (ChainId::new(chain), layer))
        .collect()
}

/// A container holds what its mounts show: by the engine's own notes where they can be read, and else the image
/// that they are of.
pub(super) fn add_image_mounts(
    facts: &LayerFacts<'_>,
    draft: &mut GraphDraft,
    holder: HolderNo,
    container: &Container,
    names: &Names<'_>,
    mounted: &MountLayers<'_>,
) {
    let Some(place) = facts.index.find(&ItemId::Container(container.id.clone())) else {
        return;
    };
    if container.image_mounts.is_empty() {
        return;
    }
    let doubt = || Doubt::HiddenLayers(container.id.clone());
    let layers: Vec<&MountedLayer> = mounted.of(Some(place)).collect();
    for layer in &layers {
        match mounted.parent(layer) {
            Some(parent) => draft.hold(holder, parent, true),
            None if layer.parent.is_none() => {}
            None => draft.wildcard(holder, doubt()),
        }
    }
    for mount in &container.image_mounts {
        let is_its = |layer: &&&MountedLayer| {
            mount.is_in(&layer.folder) || mount.layer_names(&container.id).contains(&layer.name)
        };
        if layers.iter().any(|layer| is_its(&layer)) || has_lease(facts, container, mount) {
            continue;
        }
        let inventory = facts.inventory;
        let find = |name: &str| names.image(name);
        match container.mounts(mount, &inventory.mounted, &inventory.images, find) {
            Mounts::Image(image) => {
                if let Some(top) = facts.tops[image] {
                    draft.hold(holder, top, true);
                }
            }
            Mounts::Unlisted | Mounts::Unsure(_) => draft.wildcard(holder, doubt()),
        }
    }
}

/// What no listed container has mounted stays, with all that it stands on: a container that could not be made
/// leaves its mounts behind (seen on 28.5.2), and no request takes them away.
pub(super) fn add_left_mounts(draft: &mut GraphDraft, mounted: &MountLayers<'_>) {
    for layer in mounted.of(None) {
        let holder = draft.add_holder(Holder::default());
        let id = layer.name.get(..64).unwrap_or_default();
        match mounted.parent(layer) {
            Some(parent) => draft.hold(holder, parent, true),
            None if layer.parent.is_none() => {}
            None => draft.wildcard(holder, Doubt::HiddenLayers(ContainerId::new(id))),
        }
    }
}
