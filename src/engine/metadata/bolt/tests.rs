use std::io::Write as _;

use super::*;

fn pages(bytes: &[u8]) -> Pages {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Pages::of(file, u64::MAX).unwrap()
}

fn page(id: u64, flags: u16, count: u16) -> Vec<u8> {
    let mut page = id.to_ne_bytes().to_vec();
    page.extend(flags.to_ne_bytes());
    page.extend(count.to_ne_bytes());
    page.extend([0; 4]);
    page
}

fn meta(id: u64, root: u64, transaction: u64) -> Vec<u8> {
    let mut page = page(id, 4, 0);
    let mut meta = MAGIC.to_ne_bytes().to_vec();
    meta.extend(VERSION.to_ne_bytes());
    meta.extend(512_u32.to_ne_bytes());
    meta.extend([0; 4]);
    for number in [root, 0, 0, 9, transaction] {
        meta.extend(number.to_ne_bytes());
    }
    meta.extend(checksum(&meta).to_ne_bytes());
    page.extend(meta);
    page.resize(512, 0);
    page
}

fn leaves(id: u64, entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut page = page(id, LEAF, u16::try_from(entries.len()).unwrap());
    let mut data: Vec<u8> = Vec::new();
    for (index, (key, flags, value)) in entries.iter().enumerate() {
        let start = (entries.len() - index) * ELEMENT + data.len();
        page.extend(flags.to_ne_bytes());
        for length in [start, key.len(), value.len()] {
            page.extend(u32::try_from(length).unwrap().to_ne_bytes());
        }
        data.extend(key.as_bytes());
        data.extend(*value);
    }
    page.extend(data);
    page
}

fn bucket(inline: &[u8]) -> Vec<u8> {
    [&[0; BUCKET_HEADER], inline].concat()
}

/// Two meta pages, a branch at page 2, and a leaf at page 3 with one inline bucket.
fn file() -> Vec<u8> {
    let inline = bucket(&leaves(0, &[("chainid", 0, b"sha256:a")]));
    let leaf = leaves(3, &[("name", IS_BUCKET, &inline), ("plain", 0, b"value")]);
    let mut branch = page(2, BRANCH, 1);
    branch.extend([16_u32, 0].map(u32::to_ne_bytes).concat());
    branch.extend(3_u64.to_ne_bytes());
    branch.resize(512, 0);
    [meta(0, 7, 4), meta(1, 2, 5), branch, leaf].concat()
}

/// Returns what `each` takes in, by its keys; it must be what `entries` returns.
fn keys(bolt: &Bolt<'_>) -> Option<Vec<Text>> {
    let mut keys = Vec::new();
    let taken = bolt.each(&bolt.root(), &mut |bolt, key, _| {
        keys.push(bolt.text(key)?);
        Some(())
    });
    let all = bolt.entries(&bolt.root());
    let all = all.map(|all| {
        all.into_iter()
            .filter_map(|(key, _)| bolt.text(key))
            .collect()
    });
    assert_eq!(taken.map(|()| keys), all);
    all
}

#[test]
fn the_newest_state_is_read_through_branches_and_buckets() {
    let file = pages(&file());
    let texts = Interner::default();
    let bolt = Bolt::open(&file, &texts).unwrap();
    assert_eq!(bolt.transaction, 5);
    assert_eq!(keys(&bolt).unwrap(), ["name", "plain"]);
    let entries = bolt.entries(&bolt.root()).unwrap();
    let [
        (b"name", BoltValue::Bucket(bucket)),
        (b"plain", BoltValue::Bytes(b"value")),
    ] = &entries[..]
    else {
        panic!("not the two entries");
    };
    let inner = bolt.entries(bucket).unwrap();
    assert!(matches!(
        inner[..],
        [(b"chainid", BoltValue::Bytes(b"sha256:a"))]
    ));
}

#[test]
fn what_is_broken_is_no_answer() {
    assert!(Bolt::open(&pages(b""), &Interner::default()).is_none());
    let mut damaged = file();
    damaged[512 + 40] ^= 1;
    // The newer meta page is not whole: the older one leads to a page that is not there.
    let damaged = pages(&damaged);
    let texts = Interner::default();
    let bolt = Bolt::open(&damaged, &texts).unwrap();
    assert_eq!(bolt.transaction, 4);
    assert!(keys(&bolt).is_none());
    let whole = file();
    for end in 0..whole.len() {
        let part = pages(&whole[..end]);
        if let Some(bolt) = Bolt::open(&part, &Interner::default()) {
            let _ = keys(&bolt);
        }
    }
    // A branch that leads to itself.
    let mut circle = file();
    circle[2 * 512 + 24..2 * 512 + 32].copy_from_slice(&2_u64.to_ne_bytes());
    let circle = pages(&circle);
    let texts = Interner::default();
    let bolt = Bolt::open(&circle, &texts).unwrap();
    assert!(keys(&bolt).is_none());
    // Branches of which each leads to the next by two ways: nothing is broken but the number of ways.
    let mut ways = [meta(0, 2, 4), meta(1, 2, 5)].concat();
    for id in 2..30_u64 {
        let mut branch = page(id, BRANCH, 2);
        for _ in 0..2 {
            branch.extend([0; 8]);
            branch.extend((id + 1).to_ne_bytes());
        }
        branch.resize(512, 0);
        ways.extend(branch);
    }
    ways.extend(leaves(30, &[("name", 0, b"value")]));
    let ways = pages(&ways);
    let texts = Interner::default();
    let bolt = Bolt::open(&ways, &texts).unwrap();
    assert!(keys(&bolt).is_none());
}
