//! What the demo engine keeps, with the rules of a real one on a graph driver (ENGINE.md §1.5-§1.9, §2.1).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ids::sha256;
use crate::domain::bytes::Bytes;
use crate::domain::item::{
    ChainId, Container, ContainerDetails, ContainerId, Content, Image, ImageId, Record, Volume,
};
use crate::domain::reference::{self, is_digest};
use crate::domain::text::Text;
use crate::domain::unexplained::Cause;
use crate::engine::{Change, EngineError};

/// A layer, which stays as long as something refers to it: an image, a container, a record, a layer above.
#[derive(Debug)]
pub(super) struct Layer {
    below: Option<ChainId>,
    pub(super) size: Bytes,
    references: usize,
}

#[derive(Debug)]
pub(super) struct KeptImage {
    pub image: Image,
    pub content: Arc<Content>,
    pub top: Option<ChainId>,
}

#[derive(Debug)]
pub(super) struct KeptContainer {
    pub container: Container,
    pub details: ContainerDetails,
    pub top: Option<ChainId>,
}

#[derive(Debug)]
pub(super) struct KeptRecord {
    pub record: Record,
    pub holding: Holding,
}

/// Where a record's bytes are.
#[derive(Debug)]
pub(super) enum Holding {
    /// In a layer, which an image may hold too.
    Layer(ChainId),
    /// On their own.
    Own(Bytes),
}

/// An image as a registry has it.
#[derive(Debug)]
struct Published {
    image: Image,
    content: Arc<Content>,
    /// Chains and sizes of its layers, the lowest first.
    layers: Vec<(ChainId, Bytes)>,
}

/// The disk of the demo engine.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) layers: BTreeMap<ChainId, Layer>,
    pub images: Vec<KeptImage>,
    pub containers: Vec<KeptContainer>,
    pub volumes: Vec<(Volume, Option<Bytes>)>,
    pub records: Vec<KeptRecord>,
    /// What lies in its folder besides.
    pub left: Vec<(Cause, Text, Bytes)>,
    /// What the registries have that images were pulled from.
    registry: Vec<Published>,
    /// Each write as it was asked for, refused ones included.
    pub writes: Vec<String>,
    /// What writes have changed since this was last emptied.
    pub changes: Vec<Change>,
}

impl Store {
    /// Returns the chain of a content's layers (ENGINE.md §2.1).
    pub fn chain(content: &Content) -> Option<ChainId> {
        let mut diffs = content.diff_ids.iter();
        let first = diffs.next()?;
        let chain = diffs.fold(first.to_string(), |below, diff| {
            sha256(&format!("{below} {diff}"))
        });
        Some(ChainId::new(chain))
    }

    /// Adds a layer that nothing refers to yet.
    pub fn add_layer(&mut self, chain: &ChainId, below: Option<ChainId>, size: Bytes) {
        self.hold(below.as_ref());
        let layer = Layer {
            below,
            size,
            references: 0,
        };
        self.layers.insert(chain.clone(), layer);
    }

    pub fn add_image(&mut self, kept: KeptImage) {
        self.hold(kept.top.as_ref());
        self.images.push(kept);
    }

    pub fn add_container(
        &mut self,
        container: Container,
        details: ContainerDetails,
        top: Option<ChainId>,
    ) {
        self.hold(top.as_ref());
        self.containers.push(KeptContainer {
            container,
            details,
            top,
        });
    }

    pub fn add_volume(&mut self, volume: Volume, size: Option<Bytes>) {
        self.volumes.push((volume, size));
    }

    /// Adds a record; one that two builds have in common was used when the later of them used it.
    pub fn add_record(&mut self, kept: KeptRecord) {
        let known = self
            .records
            .iter_mut()
            .find(|other| other.record.id == kept.record.id);
        if let Some(known) = known {
            known.record.last_used = known.record.last_used.max(kept.record.last_used);
            return;
        }
        if let Holding::Layer(chain) = &kept.holding {
            self.hold(Some(chain));
        }
        self.records.push(kept);
    }

    /// Drops layers that nothing came to refer to: builds of which neither image nor cache is left.
    pub fn settle(&mut self) {
        loop {
            let idle = self.layers.iter().find(|(_, layer)| layer.references == 0);
            let Some(chain) = idle.map(|(chain, _)| chain.clone()) else {
                return;
            };
            self.drop_layer(chain);
        }
    }

    /// Lets registries have what was pulled from them, so that it can be pulled again.
    pub fn publish(&mut self) {
        let pulled = self.images.iter();
        let published = pulled.filter(|kept| !kept.image.digests.is_empty());
        let published = published.map(|kept| {
            let chains = self.down(kept.top.as_ref());
            let mut layers: Vec<_> = chains
                .filter_map(|chain| Some((chain.clone(), self.layers.get(chain)?.size)))
                .collect();
            layers.reverse();
            Published {
                image: kept.image.clone(),
                content: Arc::clone(&kept.content),
                layers,
            }
        });
        self.registry = published.collect();
    }

    fn published(&self, digest: &str) -> Option<usize> {
        let has = |it: &Published| it.image.digests.iter().any(|known| **known == *digest);
        self.registry.iter().position(has)
    }

    pub fn is_published(&self, digest: &str) -> bool {
        self.published(digest).is_some()
    }

    /// Pulls by digest: what is here already only gets the digest.
    pub fn pull(&mut self, digest: &str) -> Result<(), EngineError> {
        self.writes.push(format!("POST /images/create {digest}"));
        let missing = || EngineError::NotFound(format!("manifest for {digest} not found"));
        let at = self.published(digest).ok_or_else(missing)?;
        let mut image = self.registry[at].image.clone();
        self.changes.push(Change::Images);
        if let Ok(at) = self.image_at(&image.id) {
            let image = &mut self.images[at].image;
            if !image.digests.iter().any(|known| **known == *digest) {
                image.digests.push(digest.into());
                name_anew(image);
            }
            return Ok(());
        }
        let mut below = None;
        for (chain, size) in self.registry[at].layers.clone() {
            if !self.layers.contains_key(&chain) {
                self.add_layer(&chain, below.take(), size);
            }
            below = Some(chain);
        }
        image.names.clear();
        image.digests = vec![digest.into()];
        name_anew(&mut image);
        image.last_tagged = None;
        let content = Arc::clone(&self.registry[at].content);
        let top = below;
        self.add_image(KeptImage {
            image,
            content,
            top,
        });
        Ok(())
    }

    /// Gives an image a name, which another that has it loses.
    pub fn tag(&mut self, id: &ImageId, name: &str) -> Result<(), EngineError> {
        self.writes.push(format!("POST /images/{id}/tag {name}"));
        let at = self.image_at(id)?;
        for kept in &mut self.images {
            kept.image.names.retain(|known| **known != *name);
        }
        self.images[at].image.names.push(name.into());
        name_anew(&mut self.images[at].image);
        self.changes.push(Change::Images);
        Ok(())
    }

    fn hold(&mut self, chain: Option<&ChainId>) {
        if let Some(layer) = chain.and_then(|chain| self.layers.get_mut(chain)) {
            layer.references += 1;
        }
    }

    /// Gives a reference back. What nothing refers to any more goes, the topmost first.
    pub fn release(&mut self, chain: &ChainId) -> Vec<ChainId> {
        match self.layers.get_mut(chain) {
            Some(layer) => {
                layer.references = layer.references.saturating_sub(1);
                if layer.references == 0 {
                    return self.drop_layer(chain.clone());
                }
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Drops a layer that nothing refers to, with the layers below that only it referred to.
    fn drop_layer(&mut self, chain: ChainId) -> Vec<ChainId> {
        let mut dropped = Vec::new();
        let mut next = Some(chain);
        while let Some(chain) = next.take() {
            let Some(layer) = self.layers.remove(&chain) else {
                break;
            };
            dropped.push(chain);
            if let Some(below) = layer.below
                && let Some(under) = self.layers.get_mut(&below)
            {
                under.references = under.references.saturating_sub(1);
                next = (under.references == 0).then_some(below);
            }
        }
        dropped
    }

    /// Returns all bytes on the disk, each once.
    pub fn bytes(&self) -> Bytes {
        let layers: Bytes = self.layers.values().map(|layer| layer.size).sum();
        let written: Bytes = self
            .containers
            .iter()
            .filter_map(|kept| {
                let log = kept.details.log.unwrap_or_default().size;
                Some(kept.details.size_rw? + log)
            })
            .sum();
        let volumes: Bytes = self.volumes.iter().filter_map(|(_, size)| *size).sum();
        let own: Bytes = self
            .records
            .iter()
            .map(|kept| match kept.holding {
                Holding::Own(size) => size,
                Holding::Layer(_) => Bytes::ZERO,
            })
            .sum();
        layers + written + volumes + own
    }

    /// Returns a chain and all chains below it, the topmost first.
    fn down<'a>(&'a self, top: Option<&'a ChainId>) -> impl Iterator<Item = &'a ChainId> {
        std::iter::successors(top, |chain| self.layers.get(*chain)?.below.as_ref())
    }

    pub fn size_of(&self, top: Option<&ChainId>) -> Bytes {
        self.down(top)
            .filter_map(|chain| self.layers.get(chain))
            .map(|layer| layer.size)
            .sum()
    }

    /// Shared sizes of all images (ENGINE.md §2.2): bytes of layers that more than one image has.
    pub fn shared_sizes(&self) -> Vec<(ImageId, Option<Bytes>)> {
        let holders = self.holders();
        let shared = |kept: &KeptImage| {
            self.down(kept.top.as_ref())
                .filter(|chain| holders.get(chain).is_some_and(|images| *images > 1))
                .filter_map(|chain| self.layers.get(chain))
                .map(|layer| layer.size)
                .sum()
        };
        self.images
            .iter()
            .map(|kept| (kept.image.id.clone(), Some(shared(kept))))
            .collect()
    }

    /// Returns how many images have each chain.
    fn holders(&self) -> HashMap<&ChainId, usize> {
        let mut holders = HashMap::new();
        for kept in &self.images {
            for chain in self.down(kept.top.as_ref()) {
                *holders.entry(chain).or_insert(0) += 1;
            }
        }
        holders
    }

    /// Returns the build cache as the engine lists it: a record is shared if an image has its layer.
    pub fn listed_records(&self) -> Vec<Record> {
        let holders = self.holders();
        self.records
            .iter()
            .map(|kept| Record {
                shared: matches!(&kept.holding, Holding::Layer(chain) if holders.contains_key(chain)),
                ..kept.record.clone()
            })
            .collect()
    }

    /// Returns the image that a tag, a digest, a bare name or an ID means.
    pub fn resolve(&self, name: &str) -> Option<ImageId> {
        let latest = format!("{name}:latest");
        let named = |image: &Image| {
            image
                .names
                .iter()
                .chain(&image.digests)
                .any(|known| **known == *name || **known == *latest)
                || image.id.as_str() == name
        };
        self.images
            .iter()
            .find(|kept| named(&kept.image))
            .map(|kept| kept.image.id.clone())
    }

    pub fn image_at(&self, id: &ImageId) -> Result<usize, EngineError> {
        self.images
            .iter()
            .position(|kept| kept.image.id == *id)
            .ok_or_else(|| EngineError::NotFound(format!("No such image: {id}")))
    }

    pub fn image(&self, id: &ImageId) -> Result<&KeptImage, EngineError> {
        Ok(&self.images[self.image_at(id)?])
    }

    pub fn container_at(&self, id: &ContainerId) -> Result<usize, EngineError> {
        self.containers
            .iter()
            .position(|kept| kept.container.id == *id)
            .ok_or_else(|| EngineError::NotFound(format!("No such container: {id}")))
    }

    pub fn container(&self, id: &ContainerId) -> Result<&KeptContainer, EngineError> {
        Ok(&self.containers[self.container_at(id)?])
    }

    /// References counted anew from what is there, to hold the counters against.
    #[cfg(test)]
    pub fn check(&self) {
        let mut counted: HashMap<&ChainId, usize> = HashMap::new();
        let tops = self.images.iter().filter_map(|kept| kept.top.as_ref());
        let ran = self.containers.iter().filter_map(|kept| kept.top.as_ref());
        let below = self
            .layers
            .values()
            .filter_map(|layer| layer.below.as_ref());
        let cached = self.records.iter().filter_map(|kept| match &kept.holding {
            Holding::Layer(chain) => Some(chain),
            Holding::Own(_) => None,
        });
        for chain in tops.chain(ran).chain(below).chain(cached) {
            *counted.entry(chain).or_default() += 1;
        }
        let kept: HashMap<_, _> = self
            .layers
            .iter()
            .map(|(chain, layer)| (chain, layer.references))
            .collect();
        assert_eq!(counted, kept, "references");
    }
}

/// Returns the tags of an image.
pub fn tags_of(image: &Image) -> impl Iterator<Item = &Text> {
    image.names.iter().filter(|name| !is_digest(name))
}

/// Names an image by its tags and digests, once one of them has changed.
pub fn name_anew(image: &mut Image) {
    let tags = tags_of(image).cloned().collect();
    image.names = reference::names(tags, &image.digests);
}
