use miniz_oxide::deflate::compress_to_vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;

fn member(text: &[u8], name: &str) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    if !name.is_empty() {
        member[3] |= 8;
        member.extend_from_slice(name.as_bytes());
        member.push(0);
    }
    member.extend(compress_to_vec(text, 6));
    member.extend([0; TRAILER]);
    member
}

fn unpack(packed: &[u8], step: usize) -> Result<Vec<u8>, Damaged> {
    let (mut gunzip, mut all) = (Gunzip::default(), Vec::new());
    for mut part in packed.chunks(step.max(1)) {
        loop {
            let piece = gunzip.next(&mut part)?;
            all.extend_from_slice(piece);
            if piece.is_empty() && part.is_empty() {
                break;
            }
        }
    }
    if gunzip.is_whole() {
        Ok(all)
    } else {
        Err(Damaged)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]
    #[test]
    fn members_come_out_as_they_went_in_however_they_come(
        texts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..3000), "[a-z]{0,5}"), 1..4),
        step in 1_usize..5000,
    ) {
        let packed: Vec<u8> = texts.iter().flat_map(|(text, name)| member(text, name)).collect();
        let whole: Vec<u8> = texts.iter().flat_map(|(text, _)| text.clone()).collect();
        prop_assert_eq!(unpack(&packed, step), Ok(whole));
        prop_assert_eq!(unpack(&packed[..packed.len() - 1], step), Err(Damaged));
    }
}

#[test]
fn a_thousandfold_comes_in_pieces() {
    let packed = member(&vec![0; 10 << 20], "zeros");
    assert_eq!(unpack(&packed, 1 << 20).map(|all| all.len()), Ok(10 << 20));
    let (mut gunzip, mut bytes) = (Gunzip::default(), &packed[..]);
    assert!(gunzip.next(&mut bytes).unwrap().len() <= PIECE && !bytes.is_empty());
    for not in [
        &b"[]"[..],
        b"\x1f\x8b\x09",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff\xff",
    ] {
        assert_eq!(unpack(not, 100), Err(Damaged));
    }
}
