//! The containerd store's list of blobs, as the engine's gRPC door serves it (ENGINE-CONTAINERD.md §2).
//!
//! The list says what there is and what keeps what; manifests and configs, read one by one, say which blob
//! unpacks to which layer. They never change, so each is read once.
//!
//! - `document`: indexes, manifests and configs, as far as they say which layers an image has.
//! - `grpc`: the two calls of the engine's content service, over gRPC as buildx speaks it.
//! - `gzip`: gzip, unpacked a piece at a time.
//! - `proto`: the little of protobuf's wire format that the blob list needs.
//! - `unpack`: a layer's blob as it passes by: unpacked as far as what is in it, and nothing kept of it.

mod document;
mod grpc;
pub(in crate::engine) mod gzip;
mod proto;
#[cfg(test)]
mod tests;
mod unpack;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;

use self::document::Document;
use self::grpc::{Grpc, LONGEST_DOCUMENT};
use self::unpack::Unpacking;
use super::EngineError;
use super::transport::{Http2Route, Transport};
use crate::domain::bytes::Bytes;
use crate::domain::item::ImageId;
use crate::domain::store::content::{BlobList, Listed, Manifest, ManifestLayer};
use crate::domain::store::unpacked::UnpackedSize;
use crate::domain::text::Text;
use crate::engine::metadata::store::{BlobFolder, StoreReading};
use crate::engine::port::blocking::run_blocking;

/// The list took 46 ms for 1,248 blobs; a store's database that a build keeps busy takes longer.
const LIST: Duration = Duration::from_secs(60);
const READ: Duration = Duration::from_secs(10);
/// Documents that are read at once, on one connection.
const READS: usize = 8;

/// Documents that no image reaches, but the build history does: BuildKit keeps fifty builds of about six
/// each. They say which blob a record holds whose image was built anew.
const LEFTOVERS: usize = 1_000;
const LONGEST_LEFTOVER: Bytes = Bytes(256 * 1024);

/// Layers that are read whole, to see what they unpack to: at most so many bytes of them and for so long. It is
/// for the sizes of what the engine tells of no more, and a line may be slow.
const LONGEST_LAYER: Bytes = Bytes(32 << 20);
const LAYERS: Bytes = Bytes(96 << 20);
const LAYERS_TIME: Duration = Duration::from_secs(15);

/// A way to an engine's blobs, and what was read of them.
#[derive(Debug)]
pub struct Blobs {
    transport: Transport,
    ways: &'static [Http2Route],
    /// The way that served the list.
    served: Mutex<Option<Http2Route>>,
    documents: Mutex<HashMap<Text, Arc<Document>>>,
    /// What layers unpack to; nothing of those that do not tell.
    extents: Mutex<HashMap<Text, Option<UnpackedSize>>>,
}

/// Where documents are read.
enum Source {
    Service(Grpc),
    Folder(BlobFolder),
}

impl Source {
    async fn read(&self, digest: &Text) -> Result<Vec<u8>, EngineError> {
        match self {
            Self::Service(grpc) => grpc.read(digest).await,
            Self::Folder(documents) => {
                let (documents, wanted) = (documents.clone(), Text::clone(digest));
                let read = run_blocking(move || documents.read(&wanted)).await;
                let missing = || EngineError::NotFound(digest.to_string());
                read.flatten().ok_or_else(missing)
            }
        }
    }
}

/// What was asked for in one call; `None` for what could not be read.
type Read = HashMap<Text, Option<Arc<Document>>>;

impl Blobs {
    /// Nothing is sent yet. `version` is the engine's own, not the API's.
    #[must_use]
    pub fn new(transport: Transport, version: &str) -> Self {
        let ways: &[Http2Route] = if speaks_http2(version) {
            &[Http2Route::Straight, Http2Route::Upgrade]
        } else {
            &[Http2Route::Upgrade]
        };
        Self {
            transport,
            ways,
            served: Mutex::default(),
            documents: Mutex::default(),
            extents: Mutex::default(),
        }
    }

    /// Lists all blobs, and reads the manifests behind these images and these further digests: from the store's own
    /// notes and folder if there are such, else as the engine serves them. `None` where the engine, or something
    /// before it, does not serve the list.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] when there is no connection or it broke.
    pub async fn list(
        &self,
        images: &[ImageId],
        further: &[Text],
        noted: Option<StoreReading>,
    ) -> Result<Option<BlobList>, EngineError> {
        let (source, mut list) = if let Some(noted) = noted {
            let list = BlobList::new(noted.listed).with_notes(noted.notes);
            (Source::Folder(noted.documents), list)
        } else if let Some((grpc, listed)) = self.listed().await? {
            (Source::Service(grpc), BlobList::new(listed))
        } else {
            return Ok(None);
        };
        let roots = images
            .iter()
            .filter(|id| list.position(id.as_str()).is_some())
            .map(|id| Text::from(id.as_str()))
            .chain(further.iter().map(Text::clone))
            .collect();
        let mut read = self.read_from(&source, &list, roots).await?;
        for id in images {
            let (found, unread) = manifests_behind(&list, &read, id.as_str());
            list.add_image(id.clone(), found, unread);
        }
        for digest in further {
            let (found, _) = manifests_behind(&list, &read, digest);
            list.add_further(Text::clone(digest), found);
        }
        let left = list.unreached_documents(LONGEST_LEFTOVER);
        let left: Vec<Text> = left.take(LEFTOVERS).map(Text::clone).collect();
        let leftovers = left.iter().map(Text::clone).collect();
        read.extend(self.read_from(&source, &list, leftovers).await?);
        for digest in left {
            if let Step::Image(manifest) = step(&list, &read, &digest) {
                list.add_further(digest, vec![manifest]);
            }
        }
        self.remember(&read);
        Ok(Some(list))
    }

    /// Returns what layers unpack to, of those that can be read within bounds: given in the order in which they are
    /// wanted, with their sizes. None where nothing is served.
    pub async fn extents(&self, layers: &[(Text, Bytes)]) -> HashMap<Text, UnpackedSize> {
        let fresh = |(digest, _): &&(Text, Bytes)| !self.lock_extents().contains_key(digest);
        let mut left = LAYERS;
        let mut wanted: Vec<&(Text, Bytes)> = layers.iter().filter(fresh).collect();
        wanted.retain(|(_, size)| {
            let fits = *size <= LONGEST_LAYER.min(left);
            left = if fits { left - *size } else { left };
            fits
        });
        if !wanted.is_empty() {
            let read = self.read_layers(&wanted);
            // What has been read until then is of use.
            let _ = tokio::time::timeout(LAYERS_TIME, read).await;
        }
        let mut extents = self.lock_extents();
        // What nobody asks for any more is not kept for ever.
        let asked: HashSet<&Text> = layers.iter().map(|(digest, _)| digest).collect();
        extents.retain(|digest, _| asked.contains(digest));
        let known = layers.iter().filter_map(|(digest, _)| {
            let extent = (*extents.get(digest)?)?;
            Some((Text::clone(digest), extent))
        });
        known.collect()
    }

    async fn read_layers(&self, layers: &[&(Text, Bytes)]) -> Result<(), EngineError> {
        let served = *self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(way) = served else {
            return Ok(());
        };
        let grpc = Grpc::connect(&self.transport, way).await?;
        for (digest, size) in layers {
            let length = usize::try_from(size.0).unwrap_or(usize::MAX);
            // A few kilobytes may unpack to many megabytes: the loop that draws does not wait for that. No more
            // than the layer itself ever waits to be unpacked.
            let (sender, mut pieces) = mpsc::unbounded_channel::<Vec<u8>>();
            let unpacked = run_blocking(move || {
                let mut unpacking = Unpacking::default();
                while let Some(piece) = pieces.blocking_recv() {
                    unpacking.take(&piece).ok()?;
                }
                unpacking.end().ok()
            });
            let take = move |piece: &[u8]| sender.send(piece.to_vec()).is_ok();
            let passed = grpc.pass(digest, length, take);
            let (passed, unpacked) = tokio::join!(passed, unpacked);
            if let Err(error @ EngineError::Unreachable { .. }) = passed {
                return Err(error);
            }
            let told = passed.ok().and(unpacked.flatten());
            self.lock_extents().insert(Text::clone(digest), told);
        }
        Ok(())
    }

    fn lock_extents(&self) -> MutexGuard<'_, HashMap<Text, Option<UnpackedSize>>> {
        let extents = self.extents.lock();
        extents.unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the first way that serves the list, with the list.
    async fn listed(&self) -> Result<Option<(Grpc, Vec<Listed>)>, EngineError> {
        let mut last = Ok(None);
        for way in self.ways {
            let answer = within(LIST, "List", async {
                let grpc = Grpc::connect(&self.transport, *way).await?;
                let listed = grpc.list().await?;
                Ok((grpc, listed))
            })
            .await;
            last = match answer {
                Ok(served) => {
                    *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(*way);
                    return Ok(Some(served));
                }
                Err(error @ EngineError::Unreachable { .. }) => Err(error),
                // It answers, but not this.
                Err(_) => Ok(None),
            };
        }
        last
    }

    /// Reads documents and all that they lead to, as far as the store has it.
    async fn read_from(
        &self,
        source: &Source,
        list: &BlobList,
        roots: HashSet<Text>,
    ) -> Result<Read, EngineError> {
        let mut read = Read::new();
        let mut open = roots;
        while !open.is_empty() {
            let mut answers = stream::iter(open)
                .map(|digest| async move {
                    let document = self.document(source, list, &digest).await;
                    (digest, document)
                })
                .buffer_unordered(READS);
            let mut next = Vec::new();
            while let Some((digest, document)) = answers.next().await {
                let document = document?;
                let listed = list.position(&digest).is_some();
                let leads = document.as_deref().map(Document::leads_to);
                // Platforms that were not pulled are named, but not there. A manifest that only the build
                // history keeps may have its config there, too.
                next.extend(
                    leads
                        .into_iter()
                        .flatten()
                        .filter(|digest| !listed || list.position(digest).is_some())
                        .map(Text::clone),
                );
                read.insert(digest, document);
            }
            drop(answers);
            open = next.into_iter().collect();
            open.retain(|digest| !read.contains_key(digest));
        }
        Ok(read)
    }

    /// Returns a document; `None` where it went meanwhile, is too long to be one, or is refused.
    async fn document(
        &self,
        source: &Source,
        list: &BlobList,
        digest: &Text,
    ) -> Result<Option<Arc<Document>>, EngineError> {
        if let Some(known) = self.known(digest) {
            return Ok(Some(known));
        }
        let listed = list.position(digest).and_then(|at| list.blob(at));
        let longest = u64::try_from(LONGEST_DOCUMENT).unwrap_or(u64::MAX);
        if listed.is_some_and(|blob| blob.size.0 > longest) {
            return Ok(None);
        }
        match within(READ, "Read", source.read(digest)).await {
            Ok(content) => Ok(Some(Arc::new(Document::read(&content)))),
            Err(error @ EngineError::Unreachable { .. }) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn known(&self, digest: &Text) -> Option<Arc<Document>> {
        let documents = self.documents.lock();
        let documents = documents.unwrap_or_else(PoisonError::into_inner);
        documents.get(digest).cloned()
    }

    /// Keeps what was read for the next call, and forgets what is not asked for any more.
    fn remember(&self, read: &Read) {
        let documents = read.iter().filter_map(|(digest, document)| {
            let document = document.as_ref()?;
            Some((Text::clone(digest), Arc::clone(document)))
        });
        let documents = documents.collect();
        *self
            .documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = documents;
    }
}

async fn within<T>(
    limit: Duration,
    request: &str,
    answer: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let late = |_| EngineError::TimedOut {
        request: format!("Content/{request}"),
        seconds: limit.as_secs(),
    };
    tokio::time::timeout(limit, answer).await.map_err(late)?
}

/// Returns true from 29.2 on, which speaks HTTP/2 without being asked to change to it.
fn speaks_http2(version: &str) -> bool {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse::<u32>().unwrap_or_default());
    let (major, minor) = (numbers.next(), numbers.next());
    (major, minor) >= (Some(29), Some(2))
}

/// What a digest turned out to be.
enum Step<'a> {
    /// An index.
    Manifests(&'a [Text]),
    Image(Manifest),
    /// An attestation, or a platform that is not there.
    Nothing,
    /// It is there, but could not be read, or its layers do not fit its config.
    Unread,
}

/// Returns the manifests that a digest leads to, in the index's order, and whether any was there but could not be read.
fn manifests_behind(list: &BlobList, read: &Read, root: &str) -> (Vec<Manifest>, bool) {
    let mut found = Vec::new();
    let mut unread = false;
    let mut open = vec![Text::from(root)];
    let mut seen = HashSet::new();
    while let Some(digest) = open.pop() {
        if !seen.insert(Text::clone(&digest)) {
            continue;
        }
        match step(list, read, &digest) {
            Step::Manifests(digests) => open.extend(digests.iter().rev().map(Text::clone)),
            Step::Image(manifest) => found.push(manifest),
            Step::Nothing => {}
            Step::Unread => unread = true,
        }
    }
    (found, unread)
}

fn step<'a>(list: &BlobList, read: &'a Read, digest: &Text) -> Step<'a> {
    let document = |digest: &Text| read.get(digest).map(Option::as_deref);
    let (config, layers) = match document(digest) {
        None | Some(Some(Document::Config(_) | Document::Other)) => return Step::Nothing,
        Some(None) => return Step::Unread,
        Some(Some(Document::Index { manifests })) => return Step::Manifests(manifests),
        Some(Some(Document::Manifest { config, layers })) => (config, layers),
    };
    let read = match document(config) {
        Some(Some(Document::Config(read))) => read,
        // A config of another kind: no image.
        Some(Some(_)) => return Step::Nothing,
        Some(None) | None => return Step::Unread,
    };
    if read.diff_ids.len() != layers.len() {
        return Step::Unread;
    }
    let made = read.diff_ids.iter().zip(&read.created);
    let layers = layers
        .iter()
        .zip(made)
        .map(|(blob, (diff_id, created))| ManifestLayer {
            blob: list.position(blob),
            diff_id: Text::clone(diff_id),
            created: *created,
        });
    let config = list.position(config).and_then(|at| list.blob(at));
    Step::Image(Manifest {
        digest: Text::clone(digest),
        platform: read.platform.clone(),
        layers: layers.collect(),
        unpacked: config.and_then(|config| config.unpacked.clone()),
    })
}
