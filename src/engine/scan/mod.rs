//! Watching an engine: a scan in stages that never waits for the slowest, and then only what has changed
//! (ENGINE.md §6 and §7).
//!
//! Everything runs inside the one future of [`watch`]: dropping it drops, and so cancels, every request.

mod beside;
mod blocks;
mod feed;
mod images;
mod lists;
mod once;
mod outbox;
mod pass;
mod picture;
mod question;
mod rest;
mod stages;
mod take;
mod told;
mod walks;
mod work;
mod young;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::SignedDuration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep_until, timeout};

use self::feed::{Feed, News};
use super::host::{self, Asked, Known, LookOrder, Noted, Surroundings};
use super::{Answer, Engine, EngineError};
use crate::domain::inventory::{EngineInfo, Part, Store};
use crate::domain::item::{ContainerDetails, ContainerId, Image, ImageId};
use crate::domain::paths::Resolved;
use crate::domain::store::layerdb::Stored;
use crate::domain::time::Timestamp;
use crate::engine::metadata::images::{Detailed, InStore};
use crate::engine::metadata::noted::{Shown, Unread};
use crate::engine::port::aside::aside;
use crate::engine::port::clock;
use crate::engine::scan::stages::{Scan, Why};

pub(in crate::engine) use self::beside::{parts as unlisted_parts, unlisted_now};
pub use self::blocks::blocks_of;
pub use self::once::{Walk, Wanted, scan_once};
pub use self::pass::First;
pub(in crate::engine) use self::walks::sizes_of;

/// How long a list may take (README.md, On the command line). Nothing that walks a disk has a limit.
const LIST: Duration = Duration::from_secs(60);
/// How long reading the containerd store's files may take: what it holds beyond that the engine needs longer for.
const READING: Duration = Duration::from_secs(15);
/// How long a look at the host may take; a dead network filesystem never answers.
const LOOK: Duration = Duration::from_secs(5);
/// How many things are inspected at once where that walks nothing (ENGINE.md §2.4).
const IMAGES_AT_ONCE: usize = 8;
/// How many writable layers are walked at once (ENGINE.md §6).
const CONTAINERS_AT_ONCE: usize = 4;
/// How many volumes are walked at once on a local engine.
const VOLUMES_AT_ONCE: usize = 4;

/// What somebody who looks at an engine wants of the watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Lists everything and measures everything again.
    Rescan,
    /// These images are on the screen: their layers are asked before others'.
    LookFirst(Vec<ImageId>),
    /// These are on the screen or marked: what they take on the disk is measured before others.
    MeasureFirst(First),
    /// The build cache is on the screen, or no longer. It grows without events (ENGINE.md §7).
    BuildCacheVisible(bool),
}

/// What the watch tells of an engine.
#[derive(Debug)]
pub enum Sight {
    /// Answers, and where the stages stand.
    Parts(Vec<Part>),
    /// The engine does not answer, in these words. What was told of it stays; it is asked again at that time.
    Lost { why: String, again: Timestamp },
    /// It answers again, and what may have been missed is being listed.
    Back,
}

/// Watches an engine until nobody listens to `out` any more.
///
/// Answers come as soon as they are there, each stage with its progress around it. A stage that fails
/// stops no other, and leaves what was sent before in force.
pub async fn watch(
    engine: Arc<dyn Engine>,
    mut requests: UnboundedReceiver<Request>,
    out: UnboundedSender<Sight>,
) {
    // Subscribed before the first list, so that nothing happens unseen between the two.
    let mut feed = Feed::new(&*engine);
    let mut scan = Scan::new(&*engine);
    let mut asking = true;
    scan.start(Why::First);
    loop {
        scan.proceed();
        let parts = scan.outbox.take();
        if !parts.is_empty() && out.send(Sight::Parts(parts)).is_err() {
            return;
        }
        let deadline = scan.deadline();
        tokio::select! {
            biased;
            () = out.closed() => return,
            request = requests.recv(), if asking => match request {
                // There is nothing to scan before it answers again.
                Some(Request::Rescan) if feed.is_down() => feed.hurry(),
                Some(request) => scan.request(request),
                None => asking = false,
            },
            news = feed.next() => match news {
                News::Change(change) => scan.note(change),
                News::Down(error, pause) => {
                    scan.down(&error);
                    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
                    let lost = Sight::Lost {
                        why: cause(&error),
                        again: clock::now() + pause,
                    };
                    if out.send(lost).is_err() {
                        return;
                    }
                }
                News::Back => {
                    scan.start(Why::Reconnected);
                    if out.send(Sight::Back).is_err() {
                        return;
                    }
                }
            },
            Some(answer) = scan.jobs.next() => scan.take(answer),
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                scan.on_time();
            }
        }
    }
}

/// Why an engine does not answer. Its name stands beside these words anyway, and the number of the system's
/// error tells nobody more than its words.
fn cause(error: &EngineError) -> String {
    match error {
        EngineError::Unreachable { cause, .. } => {
            let words = cause.split_once(" (os error").map(|(words, _)| words);
            words.unwrap_or(cause).to_owned()
        }
        error => error.to_string(),
    }
}

/// Waits for a list, but not for ever: a request that hangs would block its stage until the end.
async fn within<T>(request: &str, answer: Answer<'_, T>) -> Result<T, EngineError> {
    timeout(LIST, answer).await.unwrap_or_else(|_| {
        Err(EngineError::TimedOut {
            request: request.to_owned(),
            seconds: LIST.as_secs(),
        })
    })
}

/// What inspecting a container has told.
struct InspectedContainer {
    details: Result<ContainerDetails, EngineError>,
    /// Why its size is missing, where the rest is told.
    unsized_by: Option<EngineError>,
}

/// Inspects a container, with its size if that is wanted. Where only the walk for it takes too long, the rest is told.
async fn inspect(engine: &dyn Engine, id: &ContainerId, size: bool) -> InspectedContainer {
    let quick = || within("container", engine.container_details(id, false));
    let walked = if size {
        engine.container_details(id, true).await
    } else {
        quick().await
    };
    match walked {
        Err(error @ EngineError::TimedOut { .. }) if size => InspectedContainer {
            details: quick().await,
            unsized_by: Some(error),
        },
        details => InspectedContainer {
            details,
            unsized_by: None,
        },
    }
}

/// Looks at the engine's host on a thread of its own, and asks an engine that knows its disks itself. `None`
/// where that hangs.
async fn look(engine: &dyn Engine, info: Arc<EngineInfo>, known: Known) -> Option<Surroundings> {
    let look = aside(move || host::look(&info, &known));
    let mut found = timeout(LOOK, look).await.ok()??;
    if found.local.is_err() {
        // A host that does not answer now keeps its disks.
        let asked = timeout(LOOK, engine.disks(LookOrder::AsTheyAre))
            .await
            .ok()?
            .ok()?;
        found.disks = asked;
    }
    Some(found)
}

/// Where paths of this machine really are, found on a thread of its own. `None` where looking hangs.
pub(in crate::engine) async fn resolved(asked: Asked) -> Option<Resolved> {
    timeout(LOOK, aside(move || host::resolve(&asked)))
        .await
        .ok()?
}

/// The layers in the folder of an engine on this machine, read on a thread of its own. `None` where they cannot
/// be read, or reading hangs.
async fn stored(
    info: Arc<EngineInfo>,
    known: Known,
    earlier: Option<Arc<Stored>>,
) -> Option<Arc<Stored>> {
    let read = aside(move || host::stored(&info, &known, earlier.as_deref()));
    let layers = timeout(LIST, read).await.ok()???;
    Some(Arc::new(layers))
}

/// The containerd store's own notes, where the engine is on this machine, read on a thread of its own. `None` where
/// they cannot be read, or reading hangs.
async fn noted(info: Arc<EngineInfo>, known: Known) -> Option<Noted> {
    if !has_notes(&info) {
        return None;
    }
    let read = aside(move || Noted::of(&info, &known));
    timeout(LIST, read).await.ok()??
}

/// Reads the containerd store's own notes, and has the engine tell of images what its files say: whoever asks it next
/// is answered from them. `None` where they cannot be read.
async fn tell_in_store(
    engine: &dyn Engine,
    info: Arc<EngineInfo>,
    known: Known,
    detailed: Detailed,
) -> Option<Noted> {
    if !has_notes(&info) {
        return None;
    }
    let read = aside(move || {
        let noted = Noted::of(&info, &known)?;
        let told = InStore::of(&info, &noted, &detailed);
        Some((noted, told))
    });
    let found = timeout(READING, read).await.ok().flatten().flatten();
    let (noted, told) = found.unzip();
    // What was read before is not so any more.
    engine.take_in_store(told.unwrap_or_else(InStore::nothing));
    noted
}

/// Lists images as the containerd store's own files have them, and has the engine tell their details and what they share
/// as these say.
///
/// # Errors
/// Why the engine must be asked for its list: the files cannot be read, nothing but its list would show that they are its
/// own, or an image of them may mean more than one thing.
async fn images_in_store(
    engine: &dyn Engine,
    info: Arc<EngineInfo>,
    known: Known,
    detailed: Detailed,
) -> Result<(Noted, Vec<Image>), Unread> {
    let read = aside(move || {
        let (noted, shown) = Noted::before_images(&info, &known)?;
        let mut told = InStore::of(&info, &noted, &detailed);
        let images = std::mem::replace(&mut told.images, Ok(Vec::new()));
        Ok::<_, Unread>((noted, shown, told, images.map_err(Unread::Image)?))
    });
    let read = timeout(READING, read).await.ok().flatten();
    let (noted, shown, told, images) = read.ok_or(Unread::Silent(READING.as_secs()))??;
    if let Shown::ByImage(id) = shown {
        let found = within("image", engine.resolve(id.as_str())).await;
        let is_known = found.is_ok_and(|found| found == Some(id));
        is_known.then_some(()).ok_or(Unread::Stranger)?;
    }
    engine.take_in_store(told);
    Ok((noted, images))
}

/// True where the engine's own folder may tell who keeps what of the containerd store.
fn has_notes(engine: &EngineInfo) -> bool {
    engine.local && engine.store == Store::Containerd
}

/// True where the engine's own folder tells of layers that the API does not.
fn has_stored_layers(engine: &EngineInfo) -> bool {
    engine.local && engine.store == Store::GraphDriver
}

/// What was found out about the host, written into what the engine says of itself.
fn with_surroundings(engine: &EngineInfo, found: &Surroundings) -> EngineInfo {
    EngineInfo {
        local: found.local.is_ok(),
        why_not_local: found.why_not_local(),
        closed_disks: found.disks.closed.clone(),
        ..engine.clone()
    }
}

/// Below API 1.42 `/system/df` is all or nothing: shared sizes, build cache and volume sizes are one long
/// walk, and a second one at the same time is refused (ENGINE.md §1.4).
fn has_only_whole_df(engine: &EngineInfo) -> bool {
    let version = engine.api.split_once('.');
    version
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
        .is_some_and(|version: (u32, u32)| version < (1, 42))
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
