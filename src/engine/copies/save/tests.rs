//! Archives that are whole, and others.

use futures_util::stream;
use hyper::body::Bytes as Piece;

use super::*;
use crate::engine::EngineError;
use crate::engine::Gate;
use crate::engine::copies::exported::Exported;
use crate::engine::copies::tar::{Tar, archive};

fn header(name: &str, size: usize, sort: u8) -> Vec<u8> {
    let mut block = archive(&[(name, &vec![0; size])]);
    block.truncate(512);
    let other = u64::from(sort) - u64::from(block[156]);
    block[156] = sort;
    let sum = u64::from_str_radix(std::str::from_utf8(&block[148..154]).unwrap(), 8).unwrap();
    block[148..154].copy_from_slice(format!("{:06o}", sum + other).as_bytes());
    block
}

/// Returns an image of one layer as 20.10 writes it, and its ID.
fn an_image(layer: &[u8]) -> (Vec<u8>, String) {
    match Exported::of_layer(layer, &["app:1".into()]) {
        (bytes, Proof::Config(id)) => (bytes, id),
        (_, Proof::Index(_)) => panic!("no image of a graph driver"),
    }
}

async fn keep(
    folder: &CopyFolder,
    id: &ItemId,
    bytes: &[u8],
    check: &mut dyn Check,
) -> Result<PathBuf, Failure> {
    // Pieces of an odd size, so that nothing falls on a block.
    let pieces: Vec<Result<Piece, EngineError>> = bytes
        .chunks(333)
        .map(|piece| Ok(Piece::copy_from_slice(piece)))
        .collect();
    let content = stream::iter(pieces).boxed();
    folder.keep(id, content, check, &mut |_| {}).await
}

fn open() -> (tempfile::TempDir, CopyFolder) {
    let place = tempfile::tempdir().unwrap();
    let permit = Gate::default().pass(String::new).unwrap();
    let folder = CopyFolder::open(&place.path().join("new/copies"), permit).unwrap();
    (place, folder)
}

fn files_in(folder: &CopyFolder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_whole_gets_a_name_of_its_own_and_never_anothers() {
    let (_place, folder) = open();
    let (bytes, id) = an_image(&[7; 2000]);
    let item = ItemId::Image(ImageId::new(format!("sha256:{id}")));
    let names = ["app:1".into()];
    for ending in ["", "-2", "-3"] {
        let mut check = WholeImage::new(Proof::Config(id.clone()), &names);
        let path = keep(&folder, &item, &bytes, &mut check).await.unwrap();
        let name = format!("image-{}{ending}.tar", &id[..12]);
        assert_eq!(path, folder.path().join(name));
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
    assert_eq!(files_in(&folder).len(), 3);
    assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn an_archive_that_is_cut_anywhere_leaves_no_file() {
    let (_place, folder) = open();
    let (bytes, id) = an_image(&[7; 2000]);
    let item = ItemId::Volume(VolumeName::new("v"));
    // The very last block may be missing: two blocks of zeros end it.
    for end in (0..bytes.len()).step_by(97) {
        let mut check = WholeImage::new(Proof::Config(id.clone()), &[]);
        let kept = keep(&folder, &item, &bytes[..end], &mut check).await;
        assert!(kept.is_err(), "{end}");
    }
    let mut said = bytes[..2560].to_vec();
    said.extend_from_slice(br#"{"errorDetail":{"message":"no space left on device"}}"#);
    said.resize(said.len().next_multiple_of(512), b' ');
    let mut after = bytes.clone();
    after.extend_from_slice(b"{}");
    for bytes in [said, after] {
        assert!(keep(&folder, &item, &bytes, &mut AnyFiles).await.is_err());
    }
    assert_eq!(files_in(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn an_archive_of_another_image_or_a_harmed_one_is_none() {
    let (_place, folder) = open();
    let (bytes, id) = an_image(&[7; 2000]);
    let item = ItemId::Image(ImageId::new("odd"));
    let names = ["app:1".into(), "app:2".into()];
    let mut harmed = bytes.clone();
    harmed[700] ^= 1;
    for (bytes, id, names, says) in [
        (&bytes, "0a", &names[..1], "another image"),
        (&bytes, &id, &names[..], "all names"),
        (&harmed, &id, &names[..1], "harmed"),
        (&archive(&[]), &id, &[], "no manifest.json"),
        (
            &archive(&[("manifest.json", b"[]")]),
            &id,
            &[],
            "exactly one",
        ),
    ] {
        let mut check = WholeImage::new(Proof::Config(id.to_owned()), names);
        let why = keep(&folder, &item, bytes, &mut check).await.unwrap_err();
        assert!(why.contains(says), "{why}");
    }
    assert_eq!(files_in(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn long_names_and_big_numbers_are_understood() {
    let long = format!("{}/layer.tar", "x".repeat(150));
    let line = format!("{} path={long}\n", 9 + 1 + long.len());
    let mut bytes = header("PaxHeaders/x", line.len(), b'x');
    bytes.extend_from_slice(line.as_bytes());
    bytes.resize(1024, 0);
    bytes.extend(archive(&[("short", b"data")]));
    let mut seen = image::Image::default();
    let mut tar = Tar::default();
    for byte in bytes {
        tar.take(&[byte], &mut seen).unwrap();
    }
    assert!(tar.is_whole());
    assert_eq!(seen.names(), [long]);
}

#[test]
fn what_an_engine_calls_a_thing_decides_no_place() {
    for name in [
        "../../etc/passwd",
        "/a",
        "",
        ".",
        "a\n\u{1b}[31m",
        "é",
        &"x".repeat(300),
    ] {
        for id in [
            ItemId::Volume(VolumeName::new(name)),
            ItemId::Image(ImageId::new(name)),
        ] {
            let stem = stem(&id);
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(stem.bytes().all(is_plain) && stem.len() < 80, "{stem}");
            assert!(stem.starts_with("volume-") || stem.starts_with("image-"));
        }
    }
    let of = |name: &str| stem(&ItemId::Volume(VolumeName::new(name)));
    assert_ne!(of("a.b"), of("a/b"));
}

#[test]
fn a_checksum_that_is_no_digits_is_no_archive() {
    let mut bytes = archive(&[("short", b"data")]);
    bytes[148] |= 0x80;
    let taken = Tar::default().take(&bytes, &mut AnyFiles);
    assert_eq!(taken, Err("it is no archive"));
}
