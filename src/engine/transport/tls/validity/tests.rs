use super::*;

fn ending(year: i32) -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wanted = rcgen::CertificateParams::new(["here".to_owned()]).unwrap();
    wanted.not_after = rcgen::date_time_ymd(year, 3, 4);
    wanted.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn the_end_is_read_in_both_forms() {
    for (year, text) in [
        (2020, "2020-03-04T00:00:00Z"),
        (2049, "2049-03-04T00:00:00Z"),
        (2077, "2077-03-04T00:00:00Z"),
    ] {
        assert_eq!(
            end(&ending(year)).map(|end| end.to_string()),
            Some(text.to_owned())
        );
    }
}

#[test]
fn what_is_cut_off_or_no_certificate_has_no_end() {
    let whole = ending(2020);
    for length in 0..whole.len() {
        let _ = end(&whole[..length]);
    }
    assert_eq!(end(&whole[..40]), None);
    assert_eq!(end(b"hello"), None);
    assert_eq!(end(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
}
