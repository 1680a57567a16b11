//! A real engine: Docker or Podman, by its API.
//!
//! What is read goes through the tolerant [`wire`]; what is written goes through bollard, over the same
//! [`Transport`], because of the answers to writes there is little to lose.
//!
//! - `again`: questions that an engine fails for a moment's reason, asked again.
//! - `ahead`: the list that everybody waits for, asked for while the engine still says what it is.
//! - `copies`: archives of images and volumes, by the engine's API alone: also from afar.
//! - `events`: the stream of `/events`.
//! - `external`: Podman's external containers: those of builds that run or were killed, of `buildah from`, of CRI-O.
//! - `greeting`: the first words with an engine: is it there, what is it, which API version do both speak.
//! - `limits`: how long answers about one object, and answers that take a walk over a disk, are waited for.
//! - `registry`: what brings images back: a registry's word, a pull, a load, names.
//! - `usage`: `/system/df`, with as few walks of the disk as the engine's version allows.
//! - `writes`: what changes an engine, through bollard over our own transport.

mod again;
mod ahead;
mod copies;
mod events;
mod external;
mod greeting;
mod limits;
mod registry;
#[cfg(test)]
mod tests;
mod usage;
mod writes;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::OptionFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use futures_util::{FutureExt, TryFutureExt};
use serde_json::Value;

use self::again::retry_on_race;
use self::ahead::Ahead;
use self::greeting::Pinged;
pub use self::limits::Limits;
use self::usage::{DfPart, Usage};
use super::fingerprint::Fingerprint;
use super::host::peer;
use super::host::remote::{self, Home};
use super::host::{LogOrder, LookOrder};
use super::keychain::Keychain;
use super::transport::{Address, Api, Dial, Frames, Transport};
use super::wire::{self, Dialect, ImageList};
use super::{
    Answer, Change, Engine, EngineError, Gate, ImageDetails, LogTruncated, Pruned, Removed, Tell,
};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::DiskList;
use crate::domain::inventory::{EngineInfo, SharedSizes, Store, Swarm};
use crate::domain::item::{
    Container, ContainerDetails, ContainerId, Image, ImageId, Record, RecordId, Volume, VolumeName,
};
use crate::domain::outsider::Outsider;
use crate::domain::store::content::BlobList;
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::engine::content::Blobs;
use crate::engine::copies::exported::{Exported, Pieces};
use crate::engine::metadata::images::InStore;
use crate::engine::metadata::store::StoreReading;

/// A list is given this long.
const LIST: Option<Duration> = Some(Duration::from_secs(60));
/// Containers that are inspected at once where the list tells too little.
const INSPECTIONS: usize = 8;

/// How to speak to an engine.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// The host as the user knows it: `unix:///var/run/docker.sock`.
    pub host: Text,
    /// Why it was taken: `DOCKER_HOST`, `context "prod"`, …
    pub why: Text,
    /// Nothing but GET and HEAD is ever sent.
    pub read_only: bool,
    /// The API version to speak (`DOCKER_API_VERSION`) instead of the newest that both know.
    pub api: Option<String>,
    /// Images are asked for as soon as the engine answers, for who asks first. Their list is what takes an engine
    /// longest of what the first screen needs.
    pub asks_ahead: bool,
    /// The docker command's settings, with the credentials for registries.
    pub keychain: Keychain,
    pub limits: Limits,
}

/// An engine that answers at an address.
#[derive(Debug)]
pub struct DockerEngine {
    transport: Transport,
    writes: bollard::Docker,
    options: ClientOptions,
    terms: RwLock<Arc<Terms>>,
    /// Nobody has been told yet what was agreed on when it was opened.
    is_fresh: AtomicBool,
    /// When it was greeted last, by its own clock and to a second below; where its answers say the time.
    greeted: Mutex<Option<Timestamp>>,
    /// The images, asked for while it was opened: for the first who asks.
    ahead: Mutex<Option<Ahead>>,
    usage: Usage,
    /// What is there to read a volume with, while one is read.
    helper: Mutex<copies::Helper>,
    /// What the last list of volumes warned of.
    warned: Mutex<Vec<Text>>,
    /// A list has shown what dtop itself made.
    saw_helpers: AtomicBool,
    /// How many containers use each image, where that shows such as no list has.
    uses: Mutex<external::Uses>,
    /// What the store's own files told of images.
    in_store: Mutex<InStore>,
}

/// What was agreed on with the engine when it was greeted last. A daemon that comes back after a restart may
/// be of another version, or keep its images in another store.
#[derive(Debug)]
struct Terms {
    info: EngineInfo,
    /// Where it keeps data on its host.
    home: Home,
    api: Api,
    dialect: Dialect,
    /// The version of Podman's other API.
    libpod: Option<Text>,
    /// Only where the store has such a list.
    blobs: Option<Blobs>,
}

impl Terms {
    /// Returns true for an engine whose inspect tells the sizes of an image's manifests (API 1.48) and may mean something
    /// else by the size of the image: since the Docker after 29.7 that has what is unpacked in it, whatever API version
    /// is spoken.
    fn tells_manifests(&self) -> bool {
        let major = self.info.version.split('.').next();
        let major = major.and_then(|it| it.parse::<u32>().ok());
        self.info.store == Store::Containerd
            && !self.info.is_podman()
            && major.is_some_and(|major| major >= 29)
            && self.api >= Api::new(1, 48)
    }

    /// Asks an engine that answered what it is; the transport speaks the agreed version from here on.
    async fn agree(
        transport: &Transport,
        options: &ClientOptions,
        pinged: Pinged<'_>,
    ) -> Result<Self, EngineError> {
        let greeting = pinged.introduce(transport).await?;
        let info = greeting.info;
        let mut about = wire::about(&info, &greeting.version, greeting.podman);
        if about.version.is_empty() {
            about.version = greeting.server.unwrap_or_default().into();
        }
        let dialect = Dialect {
            podman: greeting.podman,
            store: about.store,
        };
        Ok(Self {
            blobs: (about.store == Store::Containerd)
                .then(|| Blobs::new(transport.clone(), &about.version)),
            home: Home::of(&info),
            info: EngineInfo {
                host: options.host.clone(),
                why: options.why.clone(),
                api: greeting.api.to_string().into(),
                untold: greeting.untold.map(|error| error.to_string().into()),
                ..about
            },
            api: greeting.api,
            libpod: greeting.libpod,
            dialect,
        })
    }
}

impl DockerEngine {
    /// Greets the engine, agrees on an API version, and asks what it is. It is not taken to be local:
    /// that must be proven elsewhere.
    ///
    /// # Errors
    /// Whatever keeps it from answering; [`EngineError::TimedOut`] after ten seconds of silence.
    pub async fn open(line: impl Into<Dial>, options: ClientOptions) -> Result<Self, EngineError> {
        let transport = Transport::new(line, options.host.clone(), Gate::new(options.read_only));
        let pinged = greeting::ping(&transport, options.api.as_deref()).await?;
        let pinged_at = pinged.at;
        let is_ahead = options.asks_ahead && pinged.speaks();
        let mut ahead = is_ahead.then(|| Ahead::ask(&transport));
        let terms = Terms::agree(&transport, &options, pinged).boxed();
        let terms = match &mut ahead {
            Some(ahead) => ahead.beside(terms).await?,
            None => terms.await?,
        };
        // What changes before the engine is listened to must be told afterwards. Where the store's own files may tell what
        // there is, the list only keeps the engine busy.
        let is_wanted = |_: &Ahead| {
            events::tells_since(terms.dialect, pinged_at) && !StoreReading::may_be_here(&terms.info)
        };
        ahead = ahead.filter(is_wanted);
        Ok(Self {
            writes: writes::client(transport.clone())?,
            terms: RwLock::new(Arc::new(terms)),
            is_fresh: AtomicBool::new(true),
            greeted: Mutex::new(pinged_at),
            ahead: Mutex::new(ahead),
            usage: Usage::default(),
            helper: Mutex::default(),
            warned: Mutex::default(),
            saw_helpers: AtomicBool::new(false),
            uses: Mutex::default(),
            in_store: Mutex::new(InStore::nothing()),
            options,
            transport,
        })
    }

    fn terms(&self) -> Arc<Terms> {
        let terms = self.terms.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&terms)
    }

    /// Greets the engine anew, but for the first who asks: it has just been greeted. Where it is what it was,
    /// what is kept of it stays.
    async fn introduce(&self) -> Result<EngineInfo, EngineError> {
        if self.is_fresh.swap(false, Ordering::Relaxed) {
            return Ok(self.terms().info.clone());
        }
        let pinged = greeting::ping(&self.transport, self.options.api.as_deref()).await?;
        *self.greeted.lock().unwrap_or_else(PoisonError::into_inner) = pinged.at;
        let agreed = Terms::agree(&self.transport, &self.options, pinged);
        let agreed = agreed.boxed().await?;
        let info = agreed.info.clone();
        if self.terms().info != info {
            self.usage.forget();
            *self.terms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(agreed);
        }
        Ok(info)
    }

    #[must_use]
    pub fn address(&self) -> &Address {
        self.transport.address()
    }

    async fn json(&self, path: &str, limit: Option<Duration>) -> Result<Value, EngineError> {
        json(&self.transport, path, limit).await
    }

    async fn list(&self, path: &str) -> Result<Value, EngineError> {
        list(&self.transport, path).await
    }

    fn take_ahead(&self) -> Option<Ahead> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.take()
    }

    async fn list_containers(&self) -> Result<Vec<Container>, EngineError> {
        let list = retry_on_race(|| self.list("/containers/json?all=1")).await?;
        let mut containers = self.without_helpers(wire::containers(&list), copies::is_helper);
        let mut inspected = stream::iter(wire::with_hidden_mounts(&list))
            .map(|id| async move {
                let answer = Box::pin(self.inspect_container(&id, false)).await;
                (id, answer)
            })
            .buffer_unordered(INSPECTIONS);
        self.count_uses(|uses| uses.list(&containers));
        while let Some((id, answer)) = inspected.next().await {
            match answer {
                Ok(inspect) => {
                    let Some(container) = containers.iter_mut().find(|c| c.id == id) else {
                        continue;
                    };
                    let mounts = wire::mounts(&inspect);
                    container.volumes = mounts.volumes;
                    container.image_mounts = mounts.images;
                    container.binds = mounts.binds;
                    // The list tells no less than seconds, and an image may get a name within one.
                    container.created = wire::created(&inspect).or(container.created);
                }
                // It went meanwhile; the next list will not have it.
                Err(EngineError::NotFound(_)) => {}
                // What is mounted there the list has told, but not of which image: that it may be any is known.
                Err(EngineError::Stalled { .. }) if wire::lists_mounts(&list, &id) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(containers)
    }

    async fn inspect_image(&self, id: &ImageId) -> Result<ImageDetails, EngineError> {
        let name = writes::encoded(id.as_str())?;
        let manifests = if self.terms().tells_manifests() {
            "?manifests=1"
        } else {
            ""
        };
        let (inspect, history) = (
            format!("/images/{name}/json{manifests}"),
            format!("/images/{name}/history"),
        );
        let limit = Some(self.options.limits.inspect);
        let layers = async {
            let answer = self.transport.get(&history, limit).await?;
            wire::parse_list(&format!("GET {history}"), &answer)
        };
        let answers = match tokio::join!(self.json(&inspect, limit), layers) {
            (Err(error), Err(other)) if is_corrupt(&error) && is_corrupt(&other) => {
                return Err(error);
            }
            answers => answers,
        };
        let inspect = match answers.0 {
            Err(error) if is_corrupt(&error) => None,
            inspect => Some(inspect?),
        };
        let history = match answers.1 {
            Err(error) if is_corrupt(&error) => Value::Null,
            history => history?,
        };
        Ok(match inspect {
            Some(inspect) => ImageDetails {
                content: Figure::Known(Arc::new(wire::image_content(&inspect, &history))),
                last_tagged: wire::last_tagged(&inspect),
                source: wire::image_source(&inspect),
            },
            None => ImageDetails {
                content: Figure::Unknown,
                last_tagged: None,
                source: None,
            },
        })
    }

    async fn list_services(&self) -> Result<Vec<Outsider>, EngineError> {
        if self.terms().dialect.podman {
            return Ok(Vec::new());
        }
        // Asked anew each time: a swarm may have been joined or left since.
        if let Ok(info) = self.json("/info", LIST).await
            && wire::about(&info, &Value::Null, false).swarm == Swarm::Inactive
        {
            return Ok(Vec::new());
        }
        match self.list("/services").await {
            // A worker's words are others.
            Err(EngineError::Refused { message, .. }) if message.contains("docker swarm init") => {
                Ok(Vec::new())
            }
            list => list.map(|list| wire::services(&list)),
        }
    }

    fn lock_in_store(&self) -> MutexGuard<'_, InStore> {
        self.in_store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a walk over a disk may take.
    fn walk(&self) -> Duration {
        self.options.limits.walk
    }

    async fn used(&self, part: DfPart) -> Result<Arc<wire::Df>, EngineError> {
        self.usage
            .ask(&self.transport, self.terms().api, part, self.walk())
            .await
    }

    async fn id_of(&self, name: &str) -> Result<Option<ImageId>, EngineError> {
        let Ok(name) = writes::encoded(name) else {
            return Ok(None);
        };
        let limit = Some(self.options.limits.inspect);
        match self.json(&format!("/images/{name}/json"), limit).await {
            Ok(inspect) => {
                let id = inspect.get("Id").and_then(Value::as_str);
                Ok(wire::image_id(id.unwrap_or_default()))
            }
            Err(EngineError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn json(
    transport: &Transport,
    path: &str,
    limit: Option<Duration>,
) -> Result<Value, EngineError> {
    let answer = transport.get(path, limit).await?;
    wire::parse(&format!("GET {path}"), &answer)
}

async fn list(transport: &Transport, path: &str) -> Result<Value, EngineError> {
    let answer = transport.get(path, LIST).await?;
    wire::parse_list(&format!("GET {path}"), &answer)
}

async fn images(transport: &Transport) -> Result<ImageList, EngineError> {
    let path = "/images/json?all=1";
    retry_on_race(|| async {
        let read = move |answer: Frames| ImageList::parse(&format!("GET {path}"), answer);
        transport.read(path, LIST, read).await?
    })
    .await
}

/// `too many non-empty layers`, `layer … was not found (corruption?)`: a damaged image must not fail a
/// scan, its layers are just not known (ENGINE.md §1.10).
fn is_corrupt(error: &EngineError) -> bool {
    matches!(error, EngineError::Refused { status: 500, .. })
}

impl Engine for DockerEngine {
    fn gate(&self) -> Gate {
        self.transport.gate()
    }

    fn about(&self) -> Answer<'_, EngineInfo> {
        self.introduce().boxed()
    }

    /// The engine's host is asked where there is a login on it, or where it is this one.
    fn disks(&self, order: LookOrder) -> Answer<'_, DiskList> {
        async move {
            let terms = self.terms();
            if let Some(login) = self.transport.login() {
                let disks = remote::disks(login, &terms.home, &terms.info, order).await;
                return disks.map_err(|error| self.transport.unreachable(&error));
            }
            Ok(match self.address() {
                Address::Unix(socket) => peer::disks(socket, &terms.home, &terms.info, order).await,
                Address::Tcp { .. } | Address::Tls { .. } | Address::Ssh(_) => DiskList::default(),
            })
        }
        .boxed()
    }

    fn images(&self) -> Answer<'_, Vec<Image>> {
        async {
            let ahead = self.take_ahead();
            let list = match OptionFuture::from(ahead.map(Ahead::list)).await.flatten() {
                Some(list) => list,
                None => images(&self.transport).await?,
            };
            self.count_uses(|uses| uses.told = list.uses());
            let images = wire::images(list, self.terms().dialect);
            Ok(self.without_helpers(images, copies::is_helpers_image))
        }
        .boxed()
    }

    fn containers(&self) -> Answer<'_, Vec<Container>> {
        self.list_containers().boxed()
    }

    fn volumes(&self) -> Answer<'_, Vec<Volume>> {
        async {
            let answer = self.json("/volumes", LIST).await?;
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            *warned = wire::volume_warnings(&answer);
            drop(warned);
            wire::volumes(&answer)
                .ok_or_else(|| wire::garbled("GET /volumes", "it is no list of volumes"))
        }
        .boxed()
    }

    fn volume_warnings(&self) -> Vec<Text> {
        let warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.clone()
    }

    fn services(&self) -> Answer<'_, Vec<Outsider>> {
        self.list_services().boxed()
    }

    fn external(&self) -> Answer<'_, Vec<Outsider>> {
        self.list_external().boxed()
    }

    fn build_cache(&self) -> Answer<'_, Vec<Record>> {
        async {
            if self.terms().dialect.podman {
                return Ok(Vec::new());
            }
            wire::records(self.used(DfPart::BuildCache).await?)
        }
        .boxed()
    }

    fn build_cache_fingerprint(&self) -> Answer<'_, Fingerprint> {
        async {
            if self.terms().dialect.podman {
                return Ok(Fingerprint::default());
            }
            match usage::fingerprint(&self.transport, self.terms().api, self.walk()).await {
                Some(fingerprint) => fingerprint,
                None => Ok(Fingerprint::of(&self.build_cache().await?)),
            }
        }
        .boxed()
    }

    fn shared_sizes(&self) -> Answer<'_, SharedSizes> {
        async {
            if self.terms().dialect.podman {
                // Never computed; the list says so already (ENGINE.md §8).
                return Ok(SharedSizes::default());
            }
            let told = self.lock_in_store().shared.take();
            match told {
                Some(sizes) => Ok(sizes),
                None => wire::shared_sizes(self.used(DfPart::Images).await?),
            }
        }
        .boxed()
    }

    fn volume_sizes(&self) -> Answer<'_, Vec<(VolumeName, Option<Bytes>)>> {
        async { wire::volume_sizes(self.used(DfPart::Volumes).await?) }.boxed()
    }

    fn image_details<'a>(&'a self, id: &'a ImageId) -> Answer<'a, ImageDetails> {
        async {
            let told = self.lock_in_store().details.remove(id);
            match told {
                Some(details) => Ok(details),
                None => self.inspect_image(id).await,
            }
        }
        .boxed()
    }

    fn take_in_store(&self, told: InStore) {
        *self.lock_in_store() = told;
    }

    fn container_details<'a>(
        &'a self,
        id: &'a ContainerId,
        size: bool,
    ) -> Answer<'a, ContainerDetails> {
        self.inspect_container(id, size)
            .map_ok(move |inspect| wire::container_details(&inspect, size))
            .boxed()
    }

    fn blobs<'a>(
        &'a self,
        images: &'a [ImageId],
        further: &'a [Text],
        noted: Option<StoreReading>,
    ) -> Answer<'a, Option<BlobList>> {
        async move {
            match &self.terms().blobs {
                Some(blobs) => blobs.list(images, further, noted).await,
                None => Ok(None),
            }
        }
        .boxed()
    }

    fn extents<'a>(
        &'a self,
        layers: &'a [(Text, Bytes)],
    ) -> Answer<'a, HashMap<Text, UnpackedSize>> {
        async move {
            match &self.terms().blobs {
                Some(blobs) => Ok(blobs.extents(layers).await),
                None => Ok(HashMap::new()),
            }
        }
        .boxed()
    }

    fn resolve<'a>(&'a self, name: &'a str) -> Answer<'a, Option<ImageId>> {
        self.id_of(name).boxed()
    }

    fn changes(&self) -> BoxStream<'_, Result<Change, EngineError>> {
        let since = *self.greeted.lock().unwrap_or_else(PoisonError::into_inner);
        events::follow(self.transport.clone(), self.terms().dialect, since).boxed()
    }

    fn export_image<'a>(&'a self, id: &'a ImageId, names: &'a [Text]) -> Answer<'a, Exported> {
        self.archive_of_image(id, names).boxed()
    }

    fn export_volume<'a>(&'a self, name: &'a VolumeName) -> Answer<'a, Pieces> {
        self.archive_of_volume(name).boxed()
    }

    fn end_export(&self) -> Answer<'_, ()> {
        self.end_helper().boxed()
    }

    fn sweep(&self) -> Answer<'_, ()> {
        self.sweep_helpers().boxed()
    }

    fn unpause<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.unpause_container(id).boxed()
    }

    fn stop<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.stop_container(id).boxed()
    }

    fn remove_container<'a>(&'a self, id: &'a ContainerId) -> Answer<'a, ()> {
        self.delete_container(id).boxed()
    }

    fn untag<'a>(&'a self, name: &'a str) -> Answer<'a, Removed> {
        self.delete_image(name, true).boxed()
    }

    fn remove_image<'a>(&'a self, id: &'a ImageId) -> Answer<'a, Removed> {
        // There the engine takes parents of other images along (see `removal::images`).
        let keep_parents = self.terms().dialect.store != Store::GraphDriver;
        self.delete_image_by_id(id, keep_parents).boxed()
    }

    fn prune_records<'a>(&'a self, ids: &'a [RecordId]) -> Answer<'a, Pruned> {
        self.prune(ids).boxed()
    }

    fn remove_volume<'a>(&'a self, name: &'a VolumeName) -> Answer<'a, ()> {
        self.delete_volume(name).boxed()
    }

    fn truncate_log(&self, order: LogOrder) -> Answer<'_, LogTruncated> {
        self.empty_log(order).boxed()
    }

    fn is_in_registry<'a>(&'a self, digest: &'a str) -> Answer<'a, bool> {
        self.has_registry(digest).boxed()
    }

    fn passing_reference(&self, digest: &str) -> Option<Text> {
        registry::passing_reference(self.terms().dialect, digest)
    }

    fn pull<'a>(&'a self, digest: &'a str, tell: Tell<'a>) -> Answer<'a, ()> {
        self.pull_image(digest, tell).boxed()
    }

    fn load<'a>(&'a self, file: &'a Path, tell: Tell<'a>) -> Answer<'a, ()> {
        self.load_images(file, tell).boxed()
    }

    fn tag<'a>(&'a self, id: &'a ImageId, name: &'a str) -> Answer<'a, ()> {
        self.tag_image(id, name).boxed()
    }
}
