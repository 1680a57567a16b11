use super::*;

#[test]
fn times_are_read_as_they_are_written() {
    let written = [
        [1].as_slice(),
        &(YEAR_ONE + 1_795_258_838).to_be_bytes(),
        &178_083_148_u32.to_be_bytes(),
        &[0xff, 0xff],
    ];
    let written = written.concat();
    let read = Timestamp::from_nanosecond(1_795_258_838_178_083_148);
    assert_eq!(time(&written), Some(read));
    assert_eq!(time(&written[..12]), None);
    assert_eq!(time(&[]), None);
}

#[test]
fn numbers_are_read_as_they_are_written() {
    assert_eq!(unsigned(&[5]), Some(5));
    assert_eq!(unsigned(&[0x8a, 0xa4, 0x80, 0x02]), Some(4_198_922));
    assert_eq!(unsigned(&[0xff; 12]), None);
    assert_eq!(unsigned(&[]), None);
}
