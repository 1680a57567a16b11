//! Files with several names: each counts once, and how many of its names were met tells whether it goes with them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rustix::fs::Stat;

use crate::domain::bytes::Bytes;
use crate::domain::store::disk_usage::{FileId, HardLink};
use crate::domain::store::folder::Taken;
use crate::engine::host::taken::{blocks, length};

/// So many files are kept of which not all names were met: 16 MiB at 33 bytes in a table that is full to seven
/// eighths.
const MOST: usize = (1 << 19) / 8 * 7;

/// Files of one filesystem of which some names were met, and others not yet.
#[derive(Debug, Default)]
pub(in crate::engine::host) struct Linked {
    /// By inode.
    open: HashMap<u64, Names>,
    /// What was counted of files that were too many to be kept.
    beyond: Taken,
}

/// A file of which not all names were met.
#[derive(Clone, Copy, Debug)]
struct Names {
    left: u32,
    met: u32,
    blocks: Bytes,
    shareable: Bytes,
}

impl Linked {
    /// Takes in a name of a file and returns what counts with it: all of the file with the first of its names. Of a
    /// file that is too many to be kept each name counts its share.
    pub(in crate::engine::host) fn meet(&mut self, stat: &Stat) -> Taken {
        self.meet_shareable(stat, || Bytes::ZERO).0
    }

    /// Does as [`Linked::meet`], and returns besides how many of a file's blocks others may have, which is looked for
    /// once a file.
    pub(in crate::engine::host) fn meet_shareable(
        &mut self,
        stat: &Stat,
        shareable: impl FnOnce() -> Bytes,
    ) -> (Taken, Bytes) {
        let all = Taken {
            length: length(stat),
            blocks: blocks(stat),
        };
        let names = u32::try_from(stat.st_nlink).unwrap_or(u32::MAX);
        let taken = self.meet_some(stat.st_ino, (1, names), all);
        if taken != all || all.blocks.is_zero() {
            return (taken, Bytes::ZERO);
        }
        let shareable = shareable();
        if let Some(of) = self.open.get_mut(&stat.st_ino) {
            of.shareable = shareable;
        }
        (taken, shareable)
    }

    /// Takes in what a walk of its own has found of a file, and returns the blocks that count with it.
    pub(in crate::engine::host) fn meet_link(&mut self, link: &HardLink) -> Bytes {
        let all = Taken {
            length: Bytes::ZERO,
            blocks: link.blocks,
        };
        self.meet_some(link.file.inode, (link.found, link.names), all)
            .blocks
    }

    fn meet_some(&mut self, inode: u64, (found, names): (u32, u32), all: Taken) -> Taken {
        if names <= found {
            return all;
        }
        let is_full = self.open.len() >= MOST;
        match self.open.entry(inode) {
            Entry::Occupied(mut known) => {
                let of = known.get_mut();
                of.left = of.left.saturating_sub(found);
                of.met += found;
                if of.left == 0 {
                    known.remove();
                }
                Taken::default()
            }
            Entry::Vacant(_) if is_full => {
                let share = |bytes: Bytes| {
                    let share = bytes.0.div_ceil(u64::from(names));
                    Bytes(share.saturating_mul(u64::from(found)))
                };
                let share = Taken {
                    length: share(all.length),
                    blocks: share(all.blocks),
                };
                self.beyond += share;
                share
            }
            Entry::Vacant(new) => {
                new.insert(Names {
                    left: names - found,
                    met: found,
                    blocks: all.blocks,
                    shareable: Bytes::ZERO,
                });
                all
            }
        }
    }

    /// Returns the files that have names which were not met, and the blocks that were counted of files of which that
    /// is not known, as they were too many.
    pub(in crate::engine::host) fn rest(self, device: u64) -> (Vec<HardLink>, Bytes) {
        let links = self.open.into_iter().map(|(inode, of)| HardLink {
            file: FileId { device, inode },
            names: of.left.saturating_add(of.met),
            found: of.met,
            blocks: of.blocks,
            shareable: of.shareable,
        });
        (links.collect(), self.beyond.blocks)
    }
}
