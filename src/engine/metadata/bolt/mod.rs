//! Reads the database files that the engine keeps beside its layers, without opening them as a database.
//!
//! bbolt's file is a tree of pages that are never changed in place: a transaction writes new pages and then one
//! of the two meta pages, which leads to the new root. A reader that finds the same newest meta page before and
//! after has read one whole state. Whatever does not look as it should is no answer.

use std::cell::RefCell;
use std::collections::HashSet;

use super::pages::{Pages, u16_at, u32_at, u64_at};
use crate::domain::text::Text;

/// The file's own mark, and the only version that there has been.
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_HEADER: usize = 16;
/// What a meta page has behind its header, with its checksum.
const META: u64 = 64;
/// bbolt takes that of the system, which is many times as large.
const SMALLEST_PAGE: usize = 512;
const ELEMENT: usize = 16;
const BUCKET_HEADER: usize = 16;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
/// A leaf's value that is a bucket of its own.
const IS_BUCKET: u32 = 0x01;
/// No tree of the engine's is deeper: a file that leads in circles is not followed.
const DEEPEST: u32 = 32;

/// Texts that were read, each kept once: the same digest stands in many places of a database, and in others.
#[derive(Default)]
pub(in crate::engine) struct Interner(RefCell<HashSet<Text>>);

impl Interner {
    fn own(&self, text: &str) -> Text {
        let mut own = self.0.borrow_mut();
        if let Some(text) = own.get(text) {
            return text.clone();
        }
        let text = Text::from(text);
        own.insert(text.clone());
        text
    }
}

/// A database as it was when it was read.
pub(in crate::engine) struct Bolt<'a> {
    pages: &'a Pages,
    texts: &'a Interner,
    page_size: usize,
    root: u64,
    /// Grows with each change.
    pub(in crate::engine) transaction: u64,
}

/// What is found under a key.
pub(in crate::engine) enum BoltValue<'a> {
    Bytes(&'a [u8]),
    Bucket(Bucket<'a>),
}

/// Where the pages of a bucket begin.
pub(in crate::engine) enum Bucket<'a> {
    At(u64),
    /// A small one lies in the page that names it.
    Inline(&'a [u8]),
}

impl<'a> Bolt<'a> {
    /// Finds the newest whole state.
    pub(in crate::engine) fn open(pages: &'a Pages, texts: &'a Interner) -> Option<Self> {
        let first = Self::meta(pages, texts, 0);
        // The second meta page is a page further on, whose size only the first knows, or the system does.
        let size = first.as_ref().map_or(4096, |meta| meta.page_size);
        let second = Self::meta(pages, texts, size);
        first
            .into_iter()
            .chain(second)
            .max_by_key(|meta| meta.transaction)
    }

    fn meta(pages: &'a Pages, texts: &'a Interner, at: usize) -> Option<Self> {
        let start = u64::try_from(at + PAGE_HEADER).ok()?;
        let meta = &*pages.bytes(start, META)?;
        if u32_at(meta, 0)? != MAGIC || u32_at(meta, 4)? != VERSION {
            return None;
        }
        if u64_at(meta, 56)? != checksum(meta.get(..56)?) {
            return None;
        }
        let page_size = usize::try_from(u32_at(meta, 8)?).ok()?;
        if page_size < SMALLEST_PAGE {
            return None;
        }
        Some(Self {
            pages,
            texts,
            page_size,
            root: u64_at(meta, 16)?,
            transaction: u64_at(meta, 48)?,
        })
    }

    pub(in crate::engine) fn root(&self) -> Bucket<'a> {
        Bucket::At(self.root)
    }

    /// Returns what bytes say, where they are text.
    pub(in crate::engine) fn text(&self, bytes: &[u8]) -> Option<Text> {
        let text = std::str::from_utf8(bytes).ok()?;
        Some(self.texts.own(text))
    }

    /// Takes in everything in a bucket, in order, with pages that are not kept: a store has thousands of rows, each with
    /// a page or two of its own. `None` where the file is not what it should be, or taking something in fails.
    pub(in crate::engine) fn each(&self, bucket: &Bucket<'a>, take: &mut Take<'_>) -> Option<()> {
        let mut pages = self.most_pages();
        match bucket {
            Bucket::At(page) => self.apart(*page, 0, &mut pages, take),
            Bucket::Inline(page) => self.visit(page, 0, &mut pages, take),
        }
    }

    fn apart(&self, page: u64, depth: u32, left: &mut usize, take: &mut Take<'_>) -> Option<()> {
        let pages = self.pages.anew();
        let bolt = Bolt {
            pages: &pages,
            texts: self.texts,
            ..*self
        };
        bolt.visit(bolt.page(page)?, depth, left, take)
    }

    fn visit(
        &self,
        page: &'a [u8],
        depth: u32,
        left: &mut usize,
        take: &mut Take<'_>,
    ) -> Option<()> {
        *left = left.checked_sub(1)?;
        for part in parts(page)? {
            match part? {
                PageItem::Below(page) if depth < DEEPEST => {
                    self.apart(page, depth + 1, left, take)?;
                }
                PageItem::Below(_) => return None,
                PageItem::Entry(key, value) => take(self, key, value)?,
            }
        }
        Some(())
    }

    /// No page has two above it: a file whose pages do would be walked through times without number.
    fn most_pages(&self) -> usize {
        self.pages.length() / self.page_size.max(1) + 1
    }

    /// Returns everything in a bucket, in order. `None` where the file is not what it should be.
    pub(in crate::engine) fn entries(
        &self,
        bucket: &Bucket<'a>,
    ) -> Option<Vec<(&'a [u8], BoltValue<'a>)>> {
        let mut entries = Vec::new();
        let mut pages = self.most_pages();
        match bucket {
            Bucket::At(page) => self.walk(self.page(*page)?, 0, &mut pages, &mut entries)?,
            Bucket::Inline(page) => self.walk(page, 0, &mut pages, &mut entries)?,
        }
        Some(entries)
    }

    fn page(&self, number: u64) -> Option<&'a [u8]> {
        self.pages.page(number, self.page_size)
    }

    fn walk(
        &self,
        page: &'a [u8],
        depth: u32,
        pages: &mut usize,
        entries: &mut Vec<(&'a [u8], BoltValue<'a>)>,
    ) -> Option<()> {
        *pages = pages.checked_sub(1)?;
        for part in parts(page)? {
            // No more elements than there is room for in the whole file.
            if entries.len() >= self.pages.length() / ELEMENT {
                return None;
            }
            match part? {
                PageItem::Below(page) if depth < DEEPEST => {
                    self.walk(self.page(page)?, depth + 1, pages, entries)?;
                }
                PageItem::Below(_) => return None,
                PageItem::Entry(key, value) => entries.push((key, value)),
            }
        }
        Some(())
    }
}

/// Takes in what is found under a key, with the database as it is there.
pub(in crate::engine) type Take<'t> =
    dyn for<'p> FnMut(&Bolt<'p>, &'p [u8], BoltValue<'p>) -> Option<()> + 't;

/// What a page has.
enum PageItem<'a> {
    /// The number of a page below it.
    Below(u64),
    Entry(&'a [u8], BoltValue<'a>),
}

/// Returns all that a page has, in order; `None` for each part that is not what it should be.
fn parts(page: &[u8]) -> Option<impl Iterator<Item = Option<PageItem<'_>>>> {
    let (flags, count) = (u16_at(page, 8)?, usize::from(u16_at(page, 10)?));
    let part = move |index: usize| {
        let element = page.get(PAGE_HEADER + index * ELEMENT..)?;
        match flags {
            BRANCH => Some(PageItem::Below(u64_at(element, 8)?)),
            LEAF => {
                let (key, value) = leaf(element)?;
                Some(PageItem::Entry(key, value))
            }
            _ => None,
        }
    };
    Some((0..count).map(part))
}

/// Returns a leaf's element: flags, where its key begins from here, and how long key and value are.
fn leaf(element: &[u8]) -> Option<(&[u8], BoltValue<'_>)> {
    let field = |at| usize::try_from(u32_at(element, at)?).ok();
    let (start, key_length, length) = (field(4)?, field(8)?, field(12)?);
    let middle = start.checked_add(key_length)?;
    let key = element.get(start..middle)?;
    let value = element.get(middle..middle.checked_add(length)?)?;
    if u32_at(element, 0)? & IS_BUCKET == 0 {
        return Some((key, BoltValue::Bytes(value)));
    }
    let bucket = match u64_at(value, 0)? {
        0 => Bucket::Inline(value.get(BUCKET_HEADER..)?),
        page => Bucket::At(page),
    };
    Some((key, BoltValue::Bucket(bucket)))
}

/// FNV-1a.
pub(in crate::engine) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
