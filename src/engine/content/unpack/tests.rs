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
