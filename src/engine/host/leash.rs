//! Walks that end when nobody waits for them any more.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::mounts::MountTree;
use super::root::Root;

/// What is mounted is known for so long: ten thousand volumes are measured one after another.
const FRESH: Duration = Duration::from_secs(1);

/// Ends the walks that were begun with it once it is dropped, so that nothing reads a disk for nobody.
#[derive(Debug, Default)]
pub struct CancelGuard {
    is_over: Arc<AtomicBool>,
    mounts: Arc<Mutex<Option<FreshMounts>>>,
}

impl CancelGuard {
    #[must_use]
    pub fn walker(&self) -> Walker {
        Walker {
            is_over: Arc::clone(&self.is_over),
            mounts: Arc::clone(&self.mounts),
            until: None,
        }
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// What walks through folders, as long as its [`CancelGuard`] is held.
#[derive(Clone, Debug, Default)]
pub struct Walker {
    is_over: Arc<AtomicBool>,
    mounts: Arc<Mutex<Option<FreshMounts>>>,
    until: Option<Instant>,
}

/// What was mounted below an engine's folder a moment ago.
#[derive(Debug)]
struct FreshMounts {
    root: PathBuf,
    read: Instant,
    tree: Arc<MountTree>,
}

impl Walker {
    /// One that needs no leash: it ends by itself.
    pub(in crate::engine) fn until(end: Instant) -> Self {
        Self {
            until: Some(end),
            ..Self::default()
        }
    }

    /// Returns what is mounted below an engine's folder.
    pub(super) fn mounts(&self, root: &Root) -> Arc<MountTree> {
        let Some(path) = root.real_path() else {
            return Arc::default();
        };
        let mut known = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |it: &&FreshMounts| it.root == path && it.read.elapsed() < FRESH;
        if let Some(known) = known.as_ref().filter(is_fresh) {
            return Arc::clone(&known.tree);
        }
        let tree = Arc::new(MountTree::below(&path));
        *known = Some(FreshMounts {
            root: path,
            read: Instant::now(),
            tree: Arc::clone(&tree),
        });
        tree
    }

    /// Ends a walk for which nobody waits any more.
    pub(super) fn goes_on(&self) -> io::Result<()> {
        if self.is_over.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.until.is_some_and(|end| Instant::now() > end) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}
