//! The pages of a database file, each read when it is first asked for: most of such a file is room that nothing lies in.

use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::bolt::u32_at;

/// Where a page says how many more belong to it.
const OVERFLOW: usize = 12;

type Read = OnceCell<Option<Box<[u8]>>>;

/// A file of pages.
pub(in crate::engine) struct Pages {
    file: File,
    length: u64,
    read: OnceCell<Vec<Read>>,
    /// So many bytes may still be read: pages that claim each other's room are not read over and over.
    left: Cell<u64>,
}

impl Pages {
    /// Takes so much of a file, at most. `None` where its length is not told.
    pub(in crate::engine) fn of(file: File, most: u64) -> Option<Self> {
        let length = file.metadata().ok()?.len().min(most);
        Some(Self {
            file,
            length,
            read: OnceCell::new(),
            left: Cell::new(length.saturating_mul(2)),
        })
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Reads so many bytes from a place on, or as many as there are; they are not kept.
    pub(super) fn bytes(&self, at: u64, length: u64) -> Option<Box<[u8]>> {
        let length = length.min(self.length.checked_sub(at)?);
        let mut bytes = vec![0; usize::try_from(length).ok()?].into_boxed_slice();
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }

    /// Returns a page with those that belong to it, where all pages are of this size.
    pub(super) fn page(&self, number: u64, size: usize) -> Option<&[u8]> {
        let all = || {
            let pages = self.length().div_ceil(size.max(1));
            (0..pages).map(|_| Read::new()).collect()
        };
        let read = self.read.get_or_init(all);
        let page = read.get(usize::try_from(number).ok()?)?;
        page.get_or_init(|| self.load(number, size)).as_deref()
    }

    fn load(&self, number: u64, size: usize) -> Option<Box<[u8]>> {
        let size = u64::try_from(size).ok()?;
        let at = number.checked_mul(size)?;
        let first = self.bytes(at, size)?;
        let more = u64::from(u32_at(&first, OVERFLOW)?);
        let length = size.saturating_mul(more + 1).min(self.length - at);
        self.left.set(self.left.get().checked_sub(length)?);
        if more == 0 {
            return Some(first);
        }
        self.bytes(at, length)
    }
}
