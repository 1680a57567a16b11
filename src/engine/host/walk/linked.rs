//! Files with several names: each counts once, and how many of its names were met tells whether it goes with them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rustix::fs::Stat;

use super::{blocks, length};
use crate::domain::bytes::Bytes;
use crate::domain::contents::Taken;

/// So many files are kept of which not all names were met: 16 MiB at 25 bytes in a table that is full to seven
/// eighths.
const MOST: usize = (1 << 19) / 8 * 7;

/// Files of one filesystem of which some names were met, and others not yet.
#[derive(Debug, Default)]
pub(in crate::engine::host) struct Linked {
    /// By inode, with how many of its names were not met.
    open: HashMap<u64, u32>,
    /// There were more than are kept.
    overflows: bool,
}

impl Linked {
    /// Takes in a name of a file and returns what counts with it: all of the file with the first of its names. Of a
    /// file that is too many to be kept each name counts its share.
    pub(in crate::engine::host) fn meet(&mut self, stat: &Stat) -> Taken {
        let all = Taken {
            length: length(stat),
            blocks: blocks(stat),
        };
        let names = u32::try_from(stat.st_nlink).unwrap_or(u32::MAX);
        if names <= 1 {
            return all;
        }
        let is_full = self.open.len() >= MOST;
        match self.open.entry(stat.st_ino) {
            Entry::Occupied(mut known) => {
                *known.get_mut() -= 1;
                if *known.get() == 0 {
                    known.remove();
                }
                Taken::default()
            }
            Entry::Vacant(_) if is_full => {
                self.overflows = true;
                let share = |bytes: Bytes| Bytes(bytes.0.div_ceil(u64::from(names)));
                Taken {
                    length: share(all.length),
                    blocks: share(all.blocks),
                }
            }
            Entry::Vacant(new) => {
                new.insert(names - 1);
                all
            }
        }
    }

    /// Returns true if there were more files than are kept, so that their lengths and blocks are only about right.
    pub(in crate::engine::host) fn overflows(&self) -> bool {
        self.overflows
    }
}
