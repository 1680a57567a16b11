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
mod tests {
    use miniz_oxide::deflate::compress_to_vec;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    use super::*;
    use crate::domain::bytes::Bytes;
    use crate::domain::store::unpacked::Folders;
    use crate::engine::copies::tar::archive;

    /// As many as a hostile blob has room for, of which each would be a call within the one before.
    #[test]
    fn empty_members_without_number_are_neither_deep_nor_endless() {
        let empty = member(b"", 0, b"");
        let mut unpacking = Unpacking::default();
        let many = empty.repeat(20_000);
        assert!(unpacking.take(&many).is_ok());
        let more = (0..).take(30).find(|_| unpacking.take(&many).is_err());
        assert!(more.is_some(), "{} members", unpacking.members);
    }

    fn member(bytes: &[u8], flags: u8, extra: &[u8]) -> Vec<u8> {
        let mut member = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        member.extend_from_slice(extra);
        member.extend(compress_to_vec(bytes, 6));
        member.extend([0; TRAILER]);
        member
    }

    fn files() -> Vec<u8> {
        let large: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        archive(&[("usr/bin/one", &large), ("note", b"note")])
    }

    fn extent(pieces: &[&[u8]]) -> Result<UnpackedSize, Unsupported> {
        let mut unpacking = Unpacking::default();
        for piece in pieces {
            unpacking.take(piece)?;
        }
        unpacking.end()
    }

    /// Folders: its own, usr, bin; 49 pages and one.
    const TAKES: Bytes = Bytes((3 + 49 + 1) * 4_096);

    #[test]
    fn an_archive_is_told_however_it_is_packed() {
        let plain = files();
        let (first, second) = plain.split_at(100_001);
        let named = [
            b"\x03\0abc".as_slice(),
            b"name\0",
            b"comment\0",
            b"\x12\x34",
        ]
        .concat();
        let packed = [
            plain.clone(),
            member(&plain, 0, &[]),
            member(&plain, 4 | 8 | 16 | 2, &named),
            [member(first, 0, &[]), member(second, 0, &[])].concat(),
        ];
        for bytes in packed {
            let told = extent(&[&bytes]).map(|extent| extent.bytes(Folders::InPages));
            assert_eq!(told, Ok(TAKES));
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(extent(&single), extent(&[&bytes]));
            assert_eq!(extent(&[&bytes[..bytes.len() - 1_100]]), Err(Unsupported));
        }
    }

    #[test]
    fn what_is_no_archive_is_not_told() {
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0];
        let twice = archive(&[("one", b"1"), ("one", b"2")]);
        for bytes in [
            &zstd[..],
            b"",
            b"\x1f",
            b"\x1f\x8b\x08\x00",
            &[7; 2_000],
            &twice,
        ] {
            assert_eq!(extent(&[bytes]), Err(Unsupported));
        }
        let mut harmed = member(&files(), 0, &[]);
        let middle = harmed.len() / 2;
        harmed.truncate(middle);
        harmed.extend([0xff; 500]);
        assert_eq!(extent(&[&harmed]), Err(Unsupported));
    }

    /// What failed once is kept beside this file.
    fn config() -> ProptestConfig {
        let kept = FileFailurePersistence::WithSource("proptest-regressions");
        ProptestConfig {
            failure_persistence: Some(Box::new(kept)),
            ..ProptestConfig::default()
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), gzip in any::<bool>()) {
            let bytes = if gzip { [&MAGIC[..], &bytes].concat() } else { bytes };
            let _ = extent(&[&bytes]);
        }
    }
}
