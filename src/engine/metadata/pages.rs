//! The pages of a database file, each read when it is first asked for: most of such a file is room that nothing lies in.

use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

/// Where a page says how many more belong to it.
const OVERFLOW: usize = 12;

/// Lists of pages that were read, by the end of their numbers.
const LISTS: usize = 16;

type PageList = OnceCell<Box<Kept>>;

/// A page that was read, or is none.
struct Kept {
    number: u64,
    page: Option<Box<[u8]>>,
    next: PageList,
}

/// A file of pages.
pub(in crate::engine) struct Pages {
    file: Rc<File>,
    length: u64,
    read: [PageList; LISTS],
    /// So many bytes may still be read: pages that claim each other's room are not read over and over.
    left: Rc<Cell<u64>>,
}

impl Drop for Pages {
    /// Drops page after page: a list may be longer than a stack is deep.
    fn drop(&mut self) {
        for list in &mut self.read {
            let mut next = list.take();
            while let Some(mut kept) = next {
                next = kept.next.take();
            }
        }
    }
}

impl Pages {
    /// Takes so much of a file, at most. `None` where its length is not told.
    pub(in crate::engine) fn of(file: File, most: u64) -> Option<Self> {
        let length = file.metadata().ok()?.len().min(most);
        Some(Self {
            file: Rc::new(file),
            length,
            read: Default::default(),
            left: Rc::new(Cell::new(length.saturating_mul(2))),
        })
    }

    /// Returns the same file with none of its pages kept: those that are read there go with it.
    pub(super) fn anew(&self) -> Self {
        Self {
            file: Rc::clone(&self.file),
            length: self.length,
            read: Default::default(),
            left: Rc::clone(&self.left),
        }
    }

    /// Returns how many bytes there are.
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
        let list = usize::try_from(number).ok()? % LISTS;
        let mut place = &self.read[list];
        loop {
            let kept = place.get_or_init(|| {
                Box::new(Kept {
                    number,
                    page: self.load(number, size),
                    next: PageList::new(),
                })
            });
            if kept.number == number {
                return kept.page.as_deref();
            }
            place = &kept.next;
        }
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

/// Returns the engine runs on this machine, so its numbers have this machine's order.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
