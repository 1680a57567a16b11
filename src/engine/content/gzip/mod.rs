//! gzip (RFC 1952), unpacked a piece at a time.

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

/// What each member of a file begins with.
pub(in crate::engine) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// A name and a comment are in a head.
pub(in crate::engine) const LONGEST_HEAD: usize = 128 << 10;
/// Behind a member, a checksum and a length.
pub(in crate::engine) const TRAILER: usize = 8;
/// What is unpacked at a time.
const PIECE: usize = 64 << 10;

/// Returns where a member's compressed bytes begin, if its head is whole.
pub(in crate::engine) fn end_of_head(head: &[u8]) -> Option<usize> {
    let flags = *head.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        let length = head.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    }
    // A name and a comment end with a zero.
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += head.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= head.len()).then_some(at)
}

/// What is said to be gzip and is not, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Damaged;

/// A stream that is unpacked while it comes.
pub(in crate::engine) struct Gunzip {
    part: GzipPart,
    piece: Box<[u8]>,
}

enum GzipPart {
    /// What has come of a head that is not whole.
    Head(Vec<u8>),
    Deflated(Box<InflateState>),
    /// So many bytes until the next member, if there is one.
    Trailer(usize),
}

impl Default for Gunzip {
    fn default() -> Self {
        Self {
            part: GzipPart::Head(Vec::new()),
            piece: vec![0; PIECE].into(),
        }
    }
}

impl Gunzip {
    /// Returns the next piece that these bytes unpack to, and takes what was used of them away. An empty one means
    /// that there is no more in them.
    pub(in crate::engine) fn next(&mut self, bytes: &mut &[u8]) -> Result<&[u8], Damaged> {
        loop {
            match &mut self.part {
                GzipPart::Head(head) => {
                    // A byte at a time: what follows is no part of it.
                    let Some((first, rest)) = bytes.split_first() else {
                        return Ok(&[]);
                    };
                    head.push(*first);
                    *bytes = rest;
                    let known = head.len().min(MAGIC.len());
                    if head[..known] != MAGIC[..known] || head.len() > LONGEST_HEAD {
                        return Err(Damaged);
                    }
                    if end_of_head(head).is_some() {
                        self.part = GzipPart::Deflated(InflateState::new_boxed(DataFormat::Raw));
                    }
                }
                GzipPart::Trailer(0) => self.part = GzipPart::Head(Vec::new()),
                GzipPart::Trailer(left) => {
                    let skipped = bytes.len().min(*left);
                    if skipped == 0 {
                        return Ok(&[]);
                    }
                    *left -= skipped;
                    *bytes = &bytes[skipped..];
                }
                GzipPart::Deflated(state) => {
                    let result = inflate(state, bytes, &mut self.piece, MZFlush::None);
                    let is_stuck = result.bytes_consumed == 0 && result.bytes_written == 0;
                    if is_stuck && !bytes.is_empty() && result.status != Ok(MZStatus::StreamEnd) {
                        return Err(Damaged);
                    }
                    *bytes = &bytes[result.bytes_consumed..];
                    match result.status {
                        Ok(MZStatus::StreamEnd) => self.part = GzipPart::Trailer(TRAILER),
                        Ok(_) | Err(MZError::Buf) => {}
                        Err(_) => return Err(Damaged),
                    }
                    let is_over = matches!(self.part, GzipPart::Trailer(_));
                    if result.bytes_written > 0 || !is_over {
                        return Ok(&self.piece[..result.bytes_written]);
                    }
                }
            }
        }
    }

    /// Returns true at the end of a member, where the stream may end.
    pub(in crate::engine) fn is_whole(&self) -> bool {
        match &self.part {
            GzipPart::Head(head) => head.is_empty(),
            GzipPart::Trailer(left) => *left == 0,
            GzipPart::Deflated(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
