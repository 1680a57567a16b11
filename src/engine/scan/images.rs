//! What is asked and told of images and their layers: their list, out of the containerd store's own files or by the
//! engine, their details, and the store's blobs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::question::Question;
use super::queue::Landing;
use super::take::{landing, words};
use crate::domain::inventory::{EngineInfo, Inspected, Part, Stage};
use crate::domain::item::{Image, ImageId};
use crate::domain::layers::layers_to_read;
use crate::domain::store::content::BlobList;
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::engine::fingerprint::{Fingerprint, number_of};
use crate::engine::metadata::store::StoreReading;
use crate::engine::metadata::store::StoreUnread;
use crate::engine::scan::state::Scan;
use crate::engine::{EngineError, ImageDetails};

impl Scan<'_> {
    /// Reads the images out of the store's own files, where these may be here and its engine's containers, which show
    /// whose they are, are known; else asks the engine.
    pub(super) fn list_images(&mut self) {
        if !self.is_due(Question::ImagesInStore) || self.is_in_flight(Question::About) {
            return;
        }
        let engine = self.picture.engine.as_deref();
        let may_read = engine.is_some_and(StoreReading::may_be_here);
        if may_read && self.is_in_flight(Question::Containers) {
            return;
        }
        self.forget(Question::ImagesInStore);
        if may_read && self.picture.is_answered(Question::Containers) {
            self.ask(Question::ImagesInStore);
        } else {
            self.picture.idly.remove(&Question::Images);
            self.ask(Question::Images);
        }
    }

    /// Returns true when no list of images is waited for.
    pub(super) fn has_listed_images(&self) -> bool {
        let is_listed = self.picture.idly.contains(&Question::Images);
        (is_listed || !self.is_in_flight(Question::Images))
            && !self.is_coming(Question::ImagesInStore)
    }

    pub(super) fn take_images(&mut self, answer: Result<Vec<Image>, EngineError>) {
        let is_read = self.picture.idly.contains(&Question::Images);
        // A list that it takes too long for says nothing against the files.
        if is_read && matches!(answer, Err(EngineError::TimedOut { .. })) {
            return self.landed(Question::Images);
        }
        let told = self.picture.told.last(Question::Images);
        let listed = self.picture.accept(Question::Images, answer);
        // What the store's own files have told is so.
        let news = listed.filter(|images| !is_read || told != Some(Fingerprint::of(images)));
        if let Some(images) = news {
            self.take_list_of_images(images);
            self.read_images();
            self.end_images(Question::Images);
        } else {
            self.end(Question::Images);
        }
    }

    /// The engine's own list comes when nothing else is to be done, and where the store cannot be read, now.
    pub(super) fn take_images_in_store(
        &mut self,
        found: Result<(StoreReading, Vec<Image>), StoreUnread>,
    ) {
        let info = self.picture.engine.as_deref().cloned();
        let unread = found.as_ref().err().map(|why| why.to_string().into());
        self.send_engine(EngineInfo {
            unread,
            ..info.unwrap_or_default()
        });
        if let Ok((noted, images)) = found {
            self.picture.noted = Some(noted);
            self.picture.idly.insert(Question::Images);
            self.picture.failures.remove(&Question::Images);
            self.take_list_of_images(images);
            self.want(Question::Images);
            self.end_images(Question::ImagesInStore);
        } else {
            self.picture.idly.remove(&Question::Images);
            self.ask(Question::Images);
            self.landed(Question::ImagesInStore);
        }
    }

    fn end_images(&mut self, question: Question) {
        self.end(question);
        if self.images.is_idle() {
            self.images.ends();
            self.end_layers();
        }
    }

    fn take_list_of_images(&mut self, images: Vec<Image>) {
        // Intermediates are on no screen: they are asked last.
        let (named, unnamed): (Vec<&Image>, Vec<&Image>) =
            images.iter().partition(|image| !image.names.is_empty());
        self.picture.known.images = named.iter().map(|image| image.id.clone()).collect();
        let list = named
            .into_iter()
            .chain(unnamed)
            // A new name changes when it was last tagged; nothing else of an image can change.
            .map(|image| (image.id.clone(), number_of(&image.names)))
            .collect();
        let changed = self.images.list(list);
        self.want(Question::External);
        let ids: HashSet<&ImageId> = self.images.keys().collect();
        self.picture.shared.retain(|id| ids.contains(id));
        if self.picture.told.takes(Question::Images, &images) {
            self.outbox.push(Part::Images(images));
        }
        if changed && !self.has_only_whole_df() {
            self.want(Question::SharedSizes);
        }
        if !self.is_coming(Question::SharedSizes) {
            self.settle_shared();
        }
    }

    pub(super) fn take_image(&mut self, id: &ImageId, answer: Result<ImageDetails, EngineError>) {
        match answer {
            Ok(details) => {
                self.images.landed(id, Landing::Known, None);
                self.gain();
                self.take_folder(&details);
                self.outbox.push_layers(details.of(id.clone()));
            }
            Err(error) => {
                let landing = landing(&error);
                // What is lost is not known, so that figures of others are bounds: it may never come.
                if self.images.landed(id, landing, words(&error)) {
                    let nothing = Inspected::unavailable(id.clone());
                    self.outbox.push_layers(nothing);
                }
                if landing == Landing::Lost {
                    self.lose();
                }
            }
        }
        if self.images.ends() {
            self.end_layers();
        }
    }

    /// Reads what is to be known of images out of the store's own files, where they can be read.
    pub(super) fn read_images(&mut self) {
        let is_wanted = if self.picture.keeps_notes() {
            self.images.is_waiting() || self.is_due(Question::SharedSizes)
        } else {
            self.picture.keeps_stored() && self.images.is_waiting()
        };
        if is_wanted {
            self.ask(Question::InStore);
        }
    }

    /// One folder of a layer is enough to tell this machine's engine from another.
    fn take_folder(&mut self, details: &ImageDetails) {
        let content = details.content.as_ref().known();
        let folder = content.and_then(|content| content.folders.last());
        if let Some(folder) = folder
            && self.picture.known.folders.is_empty()
        {
            self.picture.known.folders.push(folder);
            if !self.picture.engine.as_ref().is_some_and(|info| info.local) {
                self.ask(Question::Surroundings);
            }
        }
    }

    /// All images are inspected. On the containerd store their blobs belong to their layers.
    fn end_layers(&mut self) {
        self.outbox.flush();
        self.want_blobs();
        if !self.is_coming(Question::Blobs) {
            let failure = self.images.failure();
            self.outbox.ended(Stage::Layers, failure);
        }
    }

    /// What the store itself lists, beside what images tell.
    pub(super) fn want_blobs(&mut self) {
        if self.picture.keeps_blobs() {
            self.want(Question::Blobs);
        }
        if self.picture.keeps_stored() {
            self.want(Question::Stored);
        }
    }

    pub(super) fn take_blobs(&mut self, answer: Result<Option<BlobList>, EngineError>) {
        let accept = self.picture.accept(Question::Blobs, answer);
        // A list that did not come leaves the last one in force, if there is one.
        if accept.is_some() || !self.picture.has_blobs {
            self.picture.has_blobs = true;
            let blobs = accept.flatten().map(Arc::new);
            self.read_layers(blobs.as_deref());
            self.outbox.push(Part::Blobs(blobs.into()));
        }
        if self.images.is_idle() && !self.is_coming_again(Question::Blobs) {
            let failed = self.picture.failures.get(&Question::Blobs).cloned();
            let failure = self.images.failure().or(failed);
            self.outbox.ended(Stage::Layers, failure);
        }
        self.landed(Question::Blobs);
    }

    /// Has blobs read that tell what nothing else does, once they are another choice than before.
    pub(super) fn read_layers(&mut self, list: Option<&BlobList>) {
        let bases = &self.picture.bases;
        let layers = list.map_or_else(Vec::new, |list| layers_to_read(list, bases));
        if self.picture.to_read != layers {
            self.picture.to_read = layers;
            self.ask(Question::Extents);
        }
    }

    pub(super) fn take_extents(
        &mut self,
        answer: Result<HashMap<Text, UnpackedSize>, EngineError>,
    ) {
        if let Ok(extents) = answer
            && self.picture.extents != extents
        {
            self.picture.extents.clone_from(&extents);
            self.outbox.push(Part::Extents(extents));
        }
        self.landed(Question::Extents);
    }
}
