//! An engine for tests: its lists are set, its answers take as long as a script says, and it counts.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, SharedSizes};
use crate::domain::item::{
    Backing, Container, ContainerDetails, ContainerId, Image, ImageId, Labels, Record, RecordId,
    Source, State, Volume, VolumeName,
};
use crate::domain::outsider::Outsider;
use crate::domain::paths::Paths;
use crate::domain::store::content::BlobList;
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::engine::metadata::store::StoreReading;
use crate::engine::{Answer, Change, Engine, EngineError, ImageDetails, Pruned, Removed};

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    After(Duration),
    Never,
    Fails(EngineError),
}

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) info: Mutex<EngineInfo>,
    pub(crate) images: Mutex<Vec<Image>>,
    pub(crate) containers: Mutex<Vec<Container>>,
    pub(crate) volumes: Mutex<Vec<Volume>>,
    pub(crate) blobs: Mutex<BlobList>,
    /// The size of the only record's, a base's, where it has one.
    pub(crate) record: Mutex<Option<Bytes>>,
    behaviours: Mutex<HashMap<String, Behaviour>>,
    /// Every request, in order: `images`, `image 1`, `container 2`, …
    calls: Mutex<Vec<String>>,
    feed: Mutex<Option<UnboundedSender<Result<Change, EngineError>>>>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let fake = Self::default();
        *fake.info.lock().unwrap() = EngineInfo {
            host: "fake".into(),
            api: "1.51".into(),
            has_build_cache: true,
            ..EngineInfo::default()
        };
        fake
    }

    /// Sets what becomes of a request, given as in the list of calls.
    pub(crate) fn script(&self, request: &str, behaviour: Behaviour) {
        let mut behaviours = self.behaviours.lock().unwrap();
        behaviours.insert(request.to_owned(), behaviour);
    }

    pub(crate) fn heal(&self) {
        self.behaviours.lock().unwrap().clear();
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, request: &str) -> usize {
        self.calls().iter().filter(|call| *call == request).count()
    }

    pub(crate) fn forget_calls(&self) {
        self.calls.lock().unwrap().clear();
    }

    pub(crate) fn happens(&self, change: Change) {
        let feed = self.feed.lock().unwrap();
        feed.as_ref().unwrap().send(Ok(change)).unwrap();
    }

    /// Ends the stream of changes.
    pub(crate) fn cut(&self) {
        *self.feed.lock().unwrap() = None;
    }

    fn answer<T: Send + 'static>(
        &self,
        request: impl Into<String>,
        value: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Answer<'_, T> {
        let request = request.into();
        let behaviour = self.behaviours.lock().unwrap().get(&request).cloned();
        self.calls.lock().unwrap().push(request);
        async move {
            match behaviour {
                None => {}
                Some(Behaviour::After(time)) => tokio::time::sleep(time).await,
                Some(Behaviour::Never) => std::future::pending().await,
                Some(Behaviour::Fails(error)) => return Err(error),
            }
            Ok(value(self))
        }
        .boxed()
    }
}

fn unused<'a, T: Send + 'static>() -> Answer<'a, T> {
    let error = EngineError::NotSupported("not in this fake".into());
    async move { Err(error) }.boxed()
}

impl Engine for Fake {
    fn about(&self) -> Answer<'_, EngineInfo> {
        self.answer("about", |fake| fake.info.lock().unwrap().clone())
    }

    fn images(&self) -> Answer<'_, Vec<Image>> {
        self.answer("images", |fake| fake.images.lock().unwrap().clone())
    }

    fn containers(&self) -> Answer<'_, Vec<Container>> {
        self.answer("containers", |fake| fake.containers.lock().unwrap().clone())
    }

    fn volumes(&self) -> Answer<'_, Vec<Volume>> {
        self.answer("volumes", |fake| fake.volumes.lock().unwrap().clone())
    }

    fn services(&self) -> Answer<'_, Vec<Outsider>> {
        self.answer("services", |_| Vec::new())
    }

    fn build_cache(&self) -> Answer<'_, Vec<Record>> {
        self.answer("build_cache", |fake| {
            let size = *fake.record.lock().unwrap();
            let mut record = record("r");
            record.size = size.map_or(record.size, Figure::Known);
            vec![record]
        })
    }

    fn shared_sizes(&self) -> Answer<'_, SharedSizes> {
        self.answer("shared_sizes", |fake| {
            let images = fake.images.lock().unwrap();
            let sizes = images
                .iter()
                .map(|image| (image.id.clone(), Some(Bytes(1))));
            sizes.collect::<Vec<_>>().into()
        })
    }

    fn volume_sizes(&self) -> Answer<'_, Vec<(VolumeName, Option<Bytes>)>> {
        self.answer("volume_sizes", |fake| {
            let volumes = fake.volumes.lock().unwrap();
            volumes
                .iter()
                .map(|volume| (volume.name.clone(), Some(Bytes(9))))
                .collect()
        })
    }

    fn image_details<'a>(&'a self, id: &'a ImageId) -> Answer<'a, ImageDetails> {
        self.answer(format!("image {id}"), |_| ImageDetails {
            content: Figure::Known(std::sync::Arc::default()),
            last_tagged: None,
            source: Some(Source::Registry),
        })
    }

    fn container_details<'a>(
        &'a self,
        id: &'a ContainerId,
        size: bool,
    ) -> Answer<'a, ContainerDetails> {
        // How a walk ends may be scripted by itself.
        let behaviours = self.behaviours.lock().unwrap();
        let walk = format!("container {id} size");
        let is_scripted = size && behaviours.contains_key(&walk);
        drop(behaviours);
        let request = if is_scripted {
            walk
        } else {
            format!("container {id}")
        };
        self.answer(request, move |_| ContainerDetails {
            size_rw: size.then_some(Bytes(7)),
            ..ContainerDetails::default()
        })
    }

    fn blobs<'a>(
        &'a self,
        images: &'a [ImageId],
        further: &'a [Text],
        noted: Option<StoreReading>,
    ) -> Answer<'a, Option<BlobList>> {
        let _ = (images.len(), further.len());
        if let Some(noted) = noted {
            return self.answer("noted", |_| {
                Some(BlobList::new(noted.listed).with_notes(noted.notes))
            });
        }
        self.answer("blobs", |fake| Some(fake.blobs.lock().unwrap().clone()))
    }

    fn extents<'a>(
        &'a self,
        layers: &'a [(Text, Bytes)],
    ) -> Answer<'a, HashMap<Text, UnpackedSize>> {
        let told = layers.iter().map(|(digest, _)| digest.clone());
        let told: HashMap<Text, UnpackedSize> =
            told.map(|it| (it, UnpackedSize::default())).collect();
        self.answer("extents", |_| told)
    }

    fn resolve<'a>(&'a self, _name: &'a str) -> Answer<'a, Option<ImageId>> {
        unused()
    }

    fn changes(&self) -> BoxStream<'_, Result<Change, EngineError>> {
        self.calls.lock().unwrap().push("changes".to_owned());
        let behaviour = self.behaviours.lock().unwrap().get("changes").cloned();
        if let Some(Behaviour::Fails(error)) = behaviour {
            return stream::once(async move { Err(error) }).boxed();
        }
        let (feed, changes) = unbounded_channel();
        *self.feed.lock().unwrap() = Some(feed);
        stream::unfold(changes, async |mut changes| {
            let change = changes.recv().await?;
            Some((change, changes))
        })
        .boxed()
    }

    fn unpause<'a>(&'a self, _id: &'a ContainerId) -> Answer<'a, ()> {
        unused()
    }

    fn stop<'a>(&'a self, _id: &'a ContainerId) -> Answer<'a, ()> {
        unused()
    }

    fn remove_container<'a>(&'a self, _id: &'a ContainerId) -> Answer<'a, ()> {
        unused()
    }

    fn untag<'a>(&'a self, _name: &'a str) -> Answer<'a, Removed> {
        unused()
    }

    fn remove_image<'a>(&'a self, _id: &'a ImageId) -> Answer<'a, Removed> {
        unused()
    }

    fn prune_records<'a>(&'a self, _ids: &'a [RecordId]) -> Answer<'a, Pruned> {
        unused()
    }

    fn remove_volume<'a>(&'a self, _name: &'a VolumeName) -> Answer<'a, ()> {
        unused()
    }
}

pub(crate) fn image(id: &str) -> Image {
    Image {
        id: ImageId::new(id),
        parent: None,
        names: vec![format!("name-{id}:latest").into()],
        digests: Vec::new(),
        created: None,
        size: Figure::Known(Bytes(1)),
        shared: Figure::Pending,
        labels: Labels::default(),
        source: Source::Local,
        last_tagged: None,
        content: Figure::Pending,
    }
}

pub(crate) fn container(id: &str, state: State) -> Container {
    Container {
        id: ContainerId::new(id),
        name: id.into(),
        image_id: None,
        image: "x".into(),
        command: "".into(),
        state,
        created: None,
        labels: Labels::default(),
        volumes: Vec::new(),
        image_mounts: Vec::new(),
        binds: Paths::default(),
        details: Figure::Pending,
    }
}

pub(crate) fn volume(name: &str) -> Volume {
    Volume {
        name: VolumeName::new(name),
        driver: "local".into(),
        size: Figure::Pending,
        anonymous: false,
        created: None,
        labels: Labels::default(),
        mountpoint: "".into(),
        scope: "local".into(),
        backing: Backing::Folder,
        usage: None,
    }
}

fn record(id: &str) -> Record {
    Record {
        id: RecordId::new(id),
        parents: Vec::new().into(),
        kind: "regular".into(),
        description: "".into(),
        in_use: false,
        shared: false,
        size: Figure::Known(Bytes(1)),
        created: None,
        last_used: None,
    }
}
