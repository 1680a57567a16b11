//! What one thing takes that may lie in several places: a volume, or a container with its layers and its notes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Stat, fstat};

use super::extents;
use super::leash::Walker;
use super::mounts::MountTree;
use super::taken::{blocks, is_folder};
use super::walk::{Linked, LookAt, WalkResult};
use crate::domain::bytes::Bytes;
use crate::domain::store::disk_usage::DiskUsage;
use crate::domain::store::folder::Taken;

/// Measures one thing, place after place; a file with names in several of them counts once.
pub(super) struct Meter<'w> {
    walker: &'w Walker,
    blocks: Bytes,
    /// How many of them other files may have.
    shareable: Bytes,
    inodes: Bytes,
    /// By filesystem: mostly there is one.
    linked: Vec<(u64, Mutex<Linked>)>,
}

impl<'w> Meter<'w> {
    pub(super) fn new(walker: &'w Walker) -> Self {
        Self {
            walker,
            blocks: Bytes::ZERO,
            shareable: Bytes::ZERO,
            inodes: Bytes::ZERO,
            linked: Vec::new(),
        }
    }

    /// Takes in a folder with all that is below it. What is mounted there is told and not counted.
    ///
    /// # Errors
    /// A folder may not be read, or nobody waits for the answer any more.
    pub(super) fn folder(
        &mut self,
        top: OwnedFd,
        mounts: Option<&MountTree>,
    ) -> io::Result<WalkResult> {
        let device = fstat(&top)?.st_dev;
        let walker = self.walker;
        let look = if extents::may_share(&top) {
            LookAt::Extents
        } else {
            LookAt::All
        };
        let at = top.try_clone()?;
        let mut found = walker.walk(top, mounts, self.linked_on(device), look)?;
        if let Some(unread) = found.unread.pop() {
            return Err(unread.error);
        }
        self.blocks += found.taken.blocks;
        self.shareable += found.shareable;
        self.inodes += extents::beside_blocks(&at, found.entries + 1, found.taken.blocks);
        Ok(found)
    }

    /// Takes in something as it stands in its folder, with nothing that may lie in it.
    pub(super) fn entry(&mut self, stat: &Stat) -> Taken {
        let taken = if is_folder(stat) {
            Taken {
                length: Bytes::ZERO,
                blocks: blocks(stat),
            }
        } else {
            let linked = self.linked_on(stat.st_dev).lock();
            linked.unwrap_or_else(PoisonError::into_inner).meet(stat)
        };
        self.blocks += taken.blocks;
        taken
    }

    fn linked_on(&mut self, device: u64) -> &Mutex<Linked> {
        let known = self.linked.iter().position(|(it, _)| *it == device);
        let at = known.unwrap_or_else(|| {
            self.linked.push((device, Mutex::default()));
            self.linked.len() - 1
        });
        &self.linked[at].1
    }

    /// Ends the measuring.
    pub(super) fn usage(self, is_empty: bool) -> DiskUsage {
        let mut usage = DiskUsage {
            is_empty,
            ..DiskUsage::default()
        };
        let mut links = Vec::new();
        for (device, linked) in self.linked {
            let linked = linked.into_inner().unwrap_or_else(PoisonError::into_inner);
            let (mut rest, beyond) = linked.rest(device);
            links.append(&mut rest);
            usage.uncertain += beyond;
        }
        let elsewhere: Bytes = links.iter().map(|link| link.blocks).sum();
        let shared_elsewhere: Bytes = links.iter().map(|link| link.shareable).sum();
        usage.shareable = self.shareable - shared_elsewhere;
        usage.inodes = self.inodes;
        usage.own = self.blocks - elsewhere - usage.uncertain - usage.shareable;
        usage.links = links.into();
        usage
    }
}
