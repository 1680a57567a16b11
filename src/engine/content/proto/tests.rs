use super::*;
use proptest::prelude::*;

fn fields(bytes: &[u8]) -> Vec<Result<(u64, FieldValue<'_>), Garbled>> {
    Fields(bytes).collect()
}

#[test]
fn fields_of_all_kinds() {
    let message = [
        0x08, 0x96, 0x01, // 1: 150
        0x12, 0x02, b'h', b'i', // 2: "hi"
        0x1d, 1, 2, 3, 4, // 3: fixed, 4 bytes
        0x21, 1, 2, 3, 4, 5, 6, 7, 8, // 4: fixed, 8 bytes
        0x80, 0x01, 0x00, // 16: 0
    ];
    assert_eq!(
        fields(&message),
        [
            Ok((1, FieldValue::Number(150))),
            Ok((2, FieldValue::Bytes(b"hi"))),
            Ok((3, FieldValue::Other)),
            Ok((4, FieldValue::Other)),
            Ok((16, FieldValue::Number(0))),
        ]
    );
}

#[test]
fn what_leads_nowhere_is_garbled_and_ends_it() {
    for bytes in [
        &[0x08][..],         // a number that does not come
        &[0x08, 0xff],       // a number that does not end
        &[0x12, 0x05, b'x'], // longer than what is left
        &[
            0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ], // nearly 2^64 bytes
        &[
            0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
        ], // 65 bits
        &[
            0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00,
        ], // eleven bytes
        &[0x0b],             // a group
        &[0x0f],             // a kind that is not
        &[0x00, 0x00],       // field zero
        &[0x1d, 1, 2],       // fixed, cut off
    ] {
        assert_eq!(fields(bytes), [Err(Garbled)], "{bytes:x?}");
    }
    assert_eq!(
        fields(&[
            0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
        ]),
        [Ok((1, FieldValue::Number(u64::MAX)))]
    );
    assert_eq!(fields(&[0x08, 0x01, 0x0b, 0x08, 0x01]).len(), 2);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_run_on(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Fields(&bytes).count() <= bytes.len());
    }

    #[test]
    fn a_text_comes_back(text in ".{0,300}") {
        let message = text_message(1, &text);
        prop_assert_eq!(fields(&message), [Ok((1, FieldValue::Bytes(text.as_bytes())))]);
    }
}
