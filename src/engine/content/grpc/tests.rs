use super::*;

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
    message.extend_from_slice(bytes);
    message
}

#[test]
fn a_message_waits_for_its_last_byte() {
    let mut messages = Messages::default();
    let bytes = [framed(b"one"), framed(b""), framed(b"three")].concat();
    let mut seen = Vec::new();
    for byte in bytes {
        messages.0.push(byte);
        seen.extend(messages.next().unwrap());
    }
    assert_eq!(seen, [&b"one"[..], b"", b"three"]);
    messages.0.extend([1, 0, 0, 0, 0]);
    assert!(messages.next().is_err());
}

#[test]
fn infos_with_labels_and_sizes() {
    let label = [field(1, b"key"), field(2, b"value")].concat();
    let info = [
        field(1, b"sha256:a"),
        vec![0x10, 0x96, 0x01],
        field(3, b"when"),
        field(5, &label),
        field(5, &field(1, b"bare")),
        field(9, b"of the future"),
    ]
    .concat();
    let below_zero = [
        &field(1, b"sha256:b")[..],
        &[
            0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ],
    ]
    .concat();
    let mut blobs = Vec::new();
    let message = [field(1, &info), field(1, &below_zero), field(2, b"?")].concat();
    read_infos(&message, &mut blobs).unwrap();
    assert_eq!(
        blobs,
        [
            Listed {
                digest: "sha256:a".into(),
                size: Bytes(150),
                labels: vec![("key".into(), "value".into()), ("bare".into(), "".into())],
            },
            Listed {
                digest: "sha256:b".into(),
                size: Bytes::ZERO,
                labels: Vec::new(),
            },
        ]
    );
    for cut in 1..message.len() - 3 {
        let all = read_infos(&message[..cut], &mut Vec::new());
        let whole = cut == info.len() + 2 || cut == info.len() + below_zero.len() + 4;
        assert_eq!(all.is_ok(), whole, "{cut}");
    }
}

#[test]
fn pieces_come_in_order() {
    assert_eq!(read_piece(&field(2, b"abc"), 0), Ok(&b"abc"[..]));
    let next = [&[0x08, 3][..], &field(2, b"def")].concat();
    assert_eq!(read_piece(&next, 3), Ok(&b"def"[..]));
    assert_eq!(read_piece(&next, 6), Err(Garbled));
}
