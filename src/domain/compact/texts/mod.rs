//! Digests and names by the hundred thousand, in little memory.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::domain::text::Text;

/// A digest, which is compared and kept by its bytes; or whatever else an engine writes in the place of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// The 32 bytes of `sha256:` and 64 digits.
    Sha256([u8; 32]),
    /// Anything else, as it was written.
    Other(Text),
}

const SHA256: &str = "sha256:";

impl Digest {
    /// Reads a digest.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bytes = text.strip_prefix(SHA256).and_then(bytes_of);
        bytes.map_or_else(|| Self::Other(text.into()), Self::Sha256)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> Text {
        match self {
            Self::Sha256(bytes) => digits(SHA256, bytes).into(),
            Self::Other(text) => text.clone(),
        }
    }
}

/// Returns the bytes of sixty-four hexadecimal digits in small letters, as engines write them.
fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.as_bytes().try_into().ok()?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

fn digits(prefix: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + 2 * bytes.len());
    text.push_str(prefix);
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xf));
    }
    text
}

/// Texts that never change, one after another in one piece of memory: a digest takes its bytes and one more,
/// where a text of its own takes a hundred. The first of them may lie in a piece that others begin with, too.
#[derive(Clone, Default)]
pub struct DigestList {
    front: Option<SharedPrefix>,
    own: Box<[u8]>,
}

/// Some texts that others begin with.
pub type SharedPrefix = Arc<[u8]>;

/// What stands before a text: which of these it is, and of other texts how long.
const DIGEST: u8 = 0;
const DIGITS: u8 = 1;
const OTHER: u8 = 2;

/// One of them, as it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum KeptDigest<'a> {
    Digest(&'a [u8]),
    Digits(&'a [u8]),
    Other(&'a [u8]),
}

impl DigestList {
    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept().count()
    }

    /// Returns true where there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept().next().is_none()
    }

    /// Adds one at the end.
    pub fn push(&mut self, text: &str) {
        let mut all = std::mem::take(&mut self.own).into_vec();
        append(&mut all, text);
        self.own = all.into();
    }

    /// So many of them from the first one on, as they are kept; `None` where there are not as many of its own.
    #[must_use]
    pub fn first(&self, number: usize) -> Option<&[u8]> {
        let mut rest = Unread(&self.own);
        for _ in 0..number {
            rest.next()?;
        }
        let length = self.own.len() - rest.0.len();
        self.front.is_none().then(|| &self.own[..length])
    }

    /// Returns the same texts with those in front kept in this piece, if they are the same.
    #[must_use]
    pub fn behind(self, front: &SharedPrefix) -> Self {
        match self.own.strip_prefix(&**front) {
            Some(own) if self.front.is_none() => Self {
                own: own.into(),
                front: Some(Arc::clone(front)),
            },
            _ => self,
        }
    }

    /// Returns the last one.
    #[must_use]
    pub fn last(&self) -> Option<Text> {
        self.kept().last().map(KeptDigest::text)
    }

    /// Returns all of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Text> + '_ {
        self.kept().map(KeptDigest::text)
    }

    /// Returns the texts as digests.
    pub fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.kept().map(KeptDigest::digest)
    }

    /// Returns the text at a place as a digest.
    #[must_use]
    pub fn digest(&self, place: usize) -> Option<Digest> {
        self.kept().nth(place).map(KeptDigest::digest)
    }

    fn kept(&self) -> impl Iterator<Item = KeptDigest<'_>> {
        let front = self.front.as_deref().unwrap_or_default();
        Unread(front).chain(Unread(&self.own))
    }
}

/// What is left to read of a piece.
struct Unread<'a>(&'a [u8]);

impl<'a> Iterator for Unread<'a> {
    type Item = KeptDigest<'a>;

    fn next(&mut self) -> Option<KeptDigest<'a>> {
        let (kind, after) = self.0.split_first()?;
        let (kept, after) = if *kind == OTHER {
            let (length, after) = after.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (bytes, after) = after.split_at_checked(length)?;
            (KeptDigest::Other(bytes), after)
        } else {
            let (bytes, after) = after.split_at_checked(32)?;
            let is_digest = *kind == DIGEST;
            let kept = if is_digest {
                KeptDigest::Digest
            } else {
                KeptDigest::Digits
            };
            (kept(bytes), after)
        };
        self.0 = after;
        Some(kept)
    }
}

/// Texts are what they say, wherever they lie.
impl PartialEq for DigestList {
    fn eq(&self, other: &Self) -> bool {
        self.kept().eq(other.kept())
    }
}

impl Eq for DigestList {}

impl Hash for DigestList {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        for kept in self.kept() {
            kept.hash(state);
        }
    }
}

impl KeptDigest<'_> {
    fn text(self) -> Text {
        match self {
            Self::Digest(bytes) => digits(SHA256, bytes).into(),
            Self::Digits(bytes) => digits("", bytes).into(),
            Self::Other(bytes) => String::from_utf8_lossy(bytes).into(),
        }
    }

    fn digest(self) -> Digest {
        match self {
            Self::Digest(bytes) => bytes
                .try_into()
                .map_or_else(|_| Digest::Other(self.text()), Digest::Sha256),
            Self::Digits(_) | Self::Other(_) => Digest::Other(self.text()),
        }
    }
}

impl<T: AsRef<str>> FromIterator<T> for DigestList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = Vec::new();
        for text in texts {
            append(&mut all, text.as_ref());
        }
        Self {
            front: None,
            own: all.into(),
        }
    }
}

fn append(all: &mut Vec<u8>, text: &str) {
    let digits = text.strip_prefix(SHA256);
    if let Some(bytes) = bytes_of(digits.unwrap_or(text)) {
        all.push(if digits.is_some() { DIGEST } else { DIGITS });
        all.extend(bytes);
    } else if let Ok(length) = u32::try_from(text.len()) {
        all.push(OTHER);
        all.extend(length.to_le_bytes());
        all.extend(text.as_bytes());
    }
}

impl fmt::Debug for DigestList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
