//! Bytes that should be text, made text while they are read.

use std::io::{self, Read};

/// Bytes taken at a time.
const PIECE: usize = 16 * 1024;
const REPLACEMENT: &str = "\u{fffd}";

/// Reads what another reader gives, with a replacement character for what is no UTF-8, as
/// [`String::from_utf8_lossy`] has it.
pub(super) struct Lossy<R> {
    inner: R,
    /// Not looked at yet: the beginning of a character whose rest is still to come.
    raw: Vec<u8>,
    text: Vec<u8>,
    /// How much of the text was handed out.
    given: usize,
}

impl<R: Read> Lossy<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            raw: Vec::new(),
            text: Vec::new(),
            given: 0,
        }
    }

    /// Takes another piece; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.given = 0;
        let begun = self.raw.len();
        self.raw.resize(begun + PIECE, 0);
        let read = self.inner.read(&mut self.raw[begun..]);
        self.raw
            .truncate(begun + read.as_ref().map_or(0, |&read| read));
        let is_end = read? == 0;
        let mut begun = 0;
        let mut chunks = self.raw.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            let odd = chunk.invalid();
            self.text.extend_from_slice(chunk.valid().as_bytes());
            if !is_end && chunks.peek().is_none() && is_begun(odd) {
                begun = odd.len();
            } else if !odd.is_empty() {
                self.text.extend_from_slice(REPLACEMENT.as_bytes());
            }
        }
        self.raw.drain(..self.raw.len() - begun);
        Ok(!is_end)
    }
}

/// Returns whether these may be the first bytes of a character.
fn is_begun(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

impl<R: Read> Read for Lossy<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if !self.fill()? && self.text.is_empty() {
                return Ok(0);
            }
        }
        let text = &self.text[self.given..];
        let length = text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&text[..length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
