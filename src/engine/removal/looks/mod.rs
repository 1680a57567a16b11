//! Looks at the filesystems that hold the engine's data: what they gain is what a removal has really freed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::domain::bytes::Bytes;
use crate::domain::disk::Disk;
use crate::domain::inventory::{EngineInfo, Inventory, Store};
use crate::domain::item::ItemId;
use crate::domain::plan::Plan;
use crate::engine::host::{self, ListedIds, LookOrder};
use crate::engine::port::blocking::run_blocking;
use crate::engine::{Change, Engine};

/// How long filesystems may take to be synchronised: a busy disk writes what others have left to it.
const SYNC: Duration = Duration::from_secs(10);
/// How long a look may take beside that: a dead network filesystem never answers.
const ANSWER: Duration = Duration::from_secs(5);
/// So long before the first step, and after the last, free bytes must stand still for nobody else to be at work.
const STILL: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 1000 });
/// What may move meanwhile: the engine's own notes.
pub(super) const SMALL: Bytes = Bytes(1_000_000);
/// Between two looks whether more has come.
const AGAIN: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 1000 });
/// How long bytes are waited for at the most that come later.
const LONGEST: Duration = Duration::from_millis(if cfg!(test) { 60 } else { 60_000 });
/// For so long nothing may come where a filesystem was synchronised, which gives at once what it has.
const SOON: Duration = Duration::from_millis(if cfg!(test) { 2 } else { 2000 });
/// For so long nothing may come where it was not, or where a driver's own removals run later: btrfs gives back what
/// was removed after 20 to 35 s.
const LATE: Duration = Duration::from_millis(if cfg!(test) { 40 } else { 40_000 });
/// What counts as more: the least that a wait goes on for.
const GROWTH: Bytes = Bytes(64 * 1024);

/// Filesystems, each as a look found it.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskLook {
    /// None where they cannot be asked.
    pub disks: Vec<Disk>,
    /// They were synchronised before.
    pub synced: bool,
    /// How much was written to their devices since those are there, by anybody; `None` where nobody counts it.
    pub written: Option<Bytes>,
}

impl DiskLook {
    /// Returns what is unused on all of them, what they keep for root included.
    pub fn unused(&self) -> Bytes {
        self.disks.iter().map(|disk| disk.free + disk.kept).sum()
    }

    /// Returns how much was written to their devices since an earlier look; nothing where nobody counts it.
    pub fn written_since(&self, earlier: &Self) -> Bytes {
        let (was, is) = (earlier.written, self.written);
        was.zip(is).map_or(Bytes::ZERO, |(was, is)| is - was)
    }

    /// Returns true where both found the same but for what an engine notes down.
    pub fn is_as(&self, other: &Self) -> bool {
        let moved = self.unused().0.abs_diff(other.unused().0);
        self.disks.len() == other.disks.len() && moved < SMALL.0
    }
}

/// Whoever looks at an engine's filesystems.
pub(super) struct Looker<'a> {
    engine: &'a dyn Engine,
    info: Arc<EngineInfo>,
    known: ListedIds,
    /// Synchronising has taken too long once: it is not begun again, as what has begun still waits.
    is_stuck: bool,
    /// How long the last look took.
    pub took: Duration,
}

impl<'a> Looker<'a> {
    pub fn new(engine: &'a dyn Engine, inventory: &Inventory) -> Self {
        Self {
            engine,
            info: Arc::clone(&inventory.engine),
            known: ListedIds::of(inventory),
            is_stuck: false,
            took: Duration::ZERO,
        }
    }

    /// Finds the filesystems, and asks them.
    pub async fn first(&mut self) -> DiskLook {
        let found = if self.info.local {
            let (info, known) = (Arc::clone(&self.info), self.known.clone());
            let look = run_blocking(move || host::look(&info, &known).disks.disks);
            timeout(ANSWER, look).await.ok().flatten()
        } else {
            return self.asked().await.unwrap_or_default();
        };
        match found {
            Some(disks) if !disks.is_empty() => self.again(&disks).await,
            Some(_) | None => DiskLook::default(),
        }
    }

    /// Asks them again. What proved that the folder is the engine's may be gone by now.
    pub async fn again(&mut self, before: &[Disk]) -> DiskLook {
        if before.is_empty() {
            return DiskLook::default();
        }
        let since = Instant::now();
        let look = match self.asked().await {
            Some(look) if !look.disks.is_empty() => look,
            Some(_) | None => self.looked(before).await,
        };
        self.took = since.elapsed();
        look
    }

    /// Asks filesystems here.
    async fn looked(&mut self, before: &[Disk]) -> DiskLook {
        let disks = before.to_vec();
        let mut synced = false;
        if !self.is_stuck {
            let sync = timeout(SYNC, run_blocking(move || host::sync(&disks))).await;
            self.is_stuck = sync.is_err();
            synced = sync.is_ok_and(|synced| synced == Some(true));
        }
        let disks = before.to_vec();
        let (disks, written) = asked_again(disks).await.unwrap_or_default();
        DiskLook {
            disks,
            synced,
            written,
        }
    }

    /// Asks the engine, or its host over a login there.
    async fn asked(&mut self) -> Option<DiskLook> {
        let order = if self.is_stuck {
            LookOrder::AsTheyAre
        } else {
            LookOrder::Synced
        };
        let Ok(answer) = timeout(SYNC + ANSWER, self.engine.disks(order)).await else {
            self.is_stuck = true;
            return None;
        };
        let list = answer.ok()?;
        Some(DiskLook {
            disks: list.disks,
            synced: list.synced,
            written: list.written,
        })
    }

    /// Looks again after a moment in which nothing is removed.
    pub async fn after_a_while(&mut self, since: Instant, before: &DiskLook) -> DiskLook {
        if before.disks.is_empty() {
            return DiskLook::default();
        }
        sleep(STILL.saturating_sub(since.elapsed())).await;
        self.again(&before.disks).await
    }

    /// Asks filesystems here as they are, which costs nothing; `None` where they are elsewhere.
    pub async fn glance(&self, before: &[Disk]) -> Option<DiskLook> {
        // The containerd store may give back a little after its answer.
        if !self.info.local || before.is_empty() || self.info.store == Store::Containerd {
            return None;
        }
        let again = asked_again(before.to_vec()).await;
        let (disks, written) = again.filter(|(disks, _)| disks.len() == before.len())?;
        Some(DiskLook {
            disks,
            synced: false,
            written,
        })
    }

    /// Returns true where all that was removed is back by the time of a look.
    pub fn gives_at_once(&self, look: &DiskLook) -> bool {
        self.patience(look) == SOON
    }

    /// How long nothing may come before no more is waited for.
    fn patience(&self, look: &DiskLook) -> Duration {
        if look.synced && !matches!(&*self.info.driver, "btrfs" | "zfs") {
            SOON
        } else {
            LATE
        }
    }

    /// Waits while filesystems still give bytes back, until it is enough, a minute at the most.
    pub async fn settled(
        &mut self,
        first: DiskLook,
        is_enough: impl Fn(&DiskLook) -> bool,
        mut tell: impl FnMut(&DiskLook) -> bool,
    ) -> DiskLook {
        let begun = Instant::now();
        let (mut grown, mut last) = (begun, first);
        while !last.disks.is_empty()
            && !is_enough(&last)
            && begun.elapsed() < LONGEST
            && grown.elapsed() < self.patience(&last)
            && tell(&last)
        {
            sleep(AGAIN).await;
            let now = self.again(&last.disks).await;
            if now.disks.is_empty() {
                break;
            }
            if now.unused() >= last.unused() + GROWTH {
                grown = Instant::now();
            }
            last = now;
        }
        last
    }
}

/// Asks filesystems here as they are, and how much was written to their devices; `None` where no answer comes.
async fn asked_again(disks: Vec<Disk>) -> Option<(Vec<Disk>, Option<Bytes>)> {
    let again = run_blocking(move || (host::again(&disks), host::written(&disks)));
    timeout(ANSWER, again).await.ok().flatten()
}

/// Whether somebody else makes changes, as far as the engine tells of them.
pub(super) struct Listening {
    task: AbortHandle,
    is_disturbed: Arc<AtomicBool>,
}

impl Listening {
    /// Begins to listen for changes that no step of a plan makes.
    pub fn begin(engine: Arc<dyn Engine>, plan: &Plan) -> Self {
        let ids: Vec<ItemId> = plan.steps.iter().map(|step| step.id.clone()).collect();
        let is_disturbed = Arc::new(AtomicBool::new(false));
        let accept = Arc::clone(&is_disturbed);
        let listening: BoxFuture<'static, ()> = Box::pin(async move {
            let mut changes = engine.changes();
            while let Some(Ok(change)) = changes.next().await {
                if is_foreign(&change, &ids) {
                    accept.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        Self {
            task: tokio::spawn(listening).abort_handle(),
            is_disturbed,
        }
    }

    /// Returns true where somebody else has changed something.
    pub fn is_disturbed(&self) -> bool {
        self.is_disturbed.load(Ordering::Relaxed)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns true for a change that no step makes. Volumes are unmounted as containers go.
fn is_foreign(change: &Change, steps: &[ItemId]) -> bool {
    let has = |is_it: fn(&ItemId) -> bool| steps.iter().any(is_it);
    match change {
        Change::Container(id) => !steps
            .iter()
            .any(|step| matches!(step, ItemId::Container(it) | ItemId::Log(it) if it == id)),
        Change::Images => !has(|id| matches!(id, ItemId::Image(_))),
        Change::Volumes => !has(|id| matches!(id, ItemId::Volume(_) | ItemId::Container(_))),
        Change::BuildCache => !has(|id| matches!(id, ItemId::Record(_))),
        Change::Swarm => false,
    }
}

#[cfg(test)]
mod tests;
