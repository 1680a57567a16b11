use super::*;

#[test]
fn only_a_list_is_a_list() {
    let ids = |answer: &[u8]| {
        let mut ids = Vec::new();
        each_row("GET /x", answer, &mut |row| {
            ids.push(row.text("Id").to_owned());
        })?;
        Ok::<_, EngineError>(ids)
    };
    assert_eq!(ids(b"null"), Ok(Vec::new()));
    assert_eq!(ids(b" [ ] "), Ok(Vec::new()));
    assert_eq!(
        ids(b"[{\"Id\": \"\xff\"}, 7, null, {\"Id\": 1e999}, {\"Id\": \"b\"}]"),
        Ok(["\u{fffd}", "", "", "", "b"].map(str::to_owned).to_vec())
    );
    for odd in [
        &b"{}"[..],
        b"",
        b"7",
        b"\"x\"",
        b"[",
        b"[{}",
        b"[] []",
        b"<html>",
    ] {
        assert!(matches!(ids(odd), Err(EngineError::Garbled { .. })));
    }
}
