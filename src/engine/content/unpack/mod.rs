//! A layer's blob as it passes by: unpacked as far as what is in it, and nothing kept of it.

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use crate::domain::store::unpacked::{UnpackedSize, UnpackedTally, Unsupported};
// Digests tell more than a member's checksum.
use crate::engine::content::gzip::{LONGEST_HEAD, MAGIC, TRAILER, end_of_head};
use crate::engine::copies::tar::{Files, Sort, Tar, TarEntry};

/// A layer that unpacks to more is not looked at: a blob can be made to unpack to a thousand times its size.
const LARGEST: usize = 2 << 30;
/// What is unpacked at a time.
const PIECE: usize = 64 << 10;
/// What is looked at for a head at a time.
const HEAD_PIECE: usize = 512;
/// Some builders write a member for each file.
const MOST_MEMBERS: usize = 250_000;

/// How a blob is packed. Zstandard is not among them: such a layer cannot be told.
enum Packing {
    /// What has come of a head that is not whole.
    Head(Vec<u8>),
    Plain,
    Deflated(Box<InflateState>),
    /// So many bytes until the next member, if there is one.
    Between(usize),
}

/// A blob on its way.
pub struct Unpacking {
    packing: Packing,
    tar: Tar,
    contents: Contents,
    unpacked: usize,
    members: usize,
    /// What a piece is unpacked into.
    piece: Vec<u8>,
}

impl Default for Unpacking {
    fn default() -> Self {
        Self {
            packing: Packing::Head(Vec::new()),
            tar: Tar::default(),
            contents: Contents(Ok(UnpackedTally::default())),
            unpacked: 0,
            members: 0,
            piece: vec![0; PIECE],
        }
    }
}

impl Unpacking {
    /// Takes the next bytes in.
    ///
    /// # Errors
    /// It is no archive of a form that is known, or has something of which the bytes cannot be told.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), Unsupported> {
        while !bytes.is_empty() {
            match &mut self.packing {
                Packing::Head(_) => bytes = self.begin(bytes)?,
                Packing::Plain => {
                    let all = std::mem::take(&mut bytes);
                    self.pass(all)?;
                }
                Packing::Deflated(_) => bytes = self.inflate(bytes)?,
                Packing::Between(left) => {
                    let skipped = bytes.len().min(*left);
                    bytes = &bytes[skipped..];
                    *left -= skipped;
                    if *left == 0 {
                        self.packing = Packing::Head(Vec::new());
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns what it takes unpacked.
    ///
    /// # Errors
    /// It has not come to its end.
    pub fn end(self) -> Result<UnpackedSize, Unsupported> {
        let is_whole = match &self.packing {
            Packing::Head(head) => head.is_empty(),
            Packing::Between(left) => *left == 0,
            Packing::Plain => true,
            Packing::Deflated(_) => false,
        };
        if !is_whole || !self.tar.is_whole() {
            return Err(Unsupported);
        }
        Ok(self.contents.0?.extent())
    }

    /// Finds out how it is packed, once that can be told. Returns what is left behind a head.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Unsupported> {
        let Packing::Head(head) = &mut self.packing else {
            return Ok(bytes);
        };
        // There may be as many heads as files, and hardly one is as long as this.
        let (piece, rest) = bytes.split_at(bytes.len().min(HEAD_PIECE));
        let before = head.len();
        head.extend_from_slice(piece);
        let known = head.len().min(MAGIC.len());
        if head[..known] == MAGIC[..known] {
            let Some(end) = end_of_head(head) else {
                return if head.len() <= LONGEST_HEAD {
                    Ok(rest)
                } else {
                    Err(Unsupported)
                };
            };
            self.members += 1;
            if self.members > MOST_MEMBERS {
                return Err(Unsupported);
            }
            self.packing = Packing::Deflated(InflateState::new_boxed(DataFormat::Raw));
            // It was not whole before these bytes.
            return Ok(&bytes[end.saturating_sub(before)..]);
        }
        if self.unpacked > 0 {
            return Err(Unsupported);
        }
        let begun = head[..before].to_vec();
        self.packing = Packing::Plain;
        self.pass(&begun)?;
        Ok(bytes)
    }

    /// Returns what is left behind the member's end.
    fn inflate<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Unsupported> {
        loop {
            let Packing::Deflated(state) = &mut self.packing else {
                return Ok(bytes);
            };
            let mut piece = std::mem::take(&mut self.piece);
            let result = inflate(state, bytes, &mut piece, MZFlush::None);
            bytes = &bytes[result.bytes_consumed..];
            let written = result.bytes_written;
            let status = result.status;
            let passed = self.pass(&piece[..written]);
            self.piece = piece;
            passed?;
            match status {
                Ok(MZStatus::StreamEnd) => {
                    self.packing = Packing::Between(TRAILER);
                    return Ok(bytes);
                }
                // What was written may be all that there was room for.
                Ok(_) if bytes.is_empty() && written < PIECE => return Ok(bytes),
                Ok(_) => {}
                Err(MZError::Buf) if bytes.is_empty() => return Ok(bytes),
                Err(_) => return Err(Unsupported),
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<(), Unsupported> {
        self.unpacked += bytes.len();
        if self.unpacked > LARGEST {
            return Err(Unsupported);
        }
        let taken = self.tar.take(bytes, &mut self.contents);
        taken.map_err(|_| Unsupported)?;
        self.contents.0.as_ref().map(|_| ()).map_err(|error| *error)
    }
}

/// What an archive has in it, until something cannot be told.
struct Contents(Result<UnpackedTally, Unsupported>);

impl Files for Contents {
    fn begin(&mut self, entry: &TarEntry<'_>) {
        let Ok(tally) = &mut self.0 else { return };
        let link = entry.link.unwrap_or_default();
        let took = match entry.sort {
            Sort::File => tally.file(entry.name, entry.size),
            Sort::Folder => tally.folder(entry.name),
            Sort::HardLink => tally.hard_link(entry.name, link),
            Sort::Symlink => tally.symlink(entry.name, link),
            Sort::Device => tally.file(entry.name, 0),
            Sort::Odd => Err(Unsupported),
        };
        tally.attributes(entry.attributes);
        if took.is_err() {
            self.0 = Err(Unsupported);
        }
    }

    fn data(&mut self, _: &[u8]) {}

    fn end(&mut self) {}
}

#[cfg(test)]
mod tests;
