use serde_json::json;

use super::*;

#[test]
fn a_field_of_another_type_is_nothing() {
    let odd = json!({"text": 1, "size": [], "flag": "x", "list": {}, "labels": 3, "time": true});
    let row = Row(&odd);
    assert_eq!(row.text("text"), "");
    assert_eq!(row.bytes("size"), None);
    assert!(!row.flag("flag"));
    assert_eq!(row.at("list").rows().count(), 0);
    assert_eq!(row.labels("labels").iter().count(), 0);
    assert_eq!(row.time("time"), None);
}

#[test]
fn minus_one_null_and_absent_are_not_known() {
    let sizes = json!({"a": -1, "b": null, "d": 0, "e": 18_446_744_073_709_551_615_u64});
    for key in ["a", "b", "c", "e"] {
        assert_eq!(Row(&sizes).bytes(key), None, "{key}");
    }
    assert_eq!(Row(&sizes).bytes("d"), Some(Bytes::ZERO));
}

#[test]
fn only_a_list_is_a_list() {
    assert_eq!(parse_list("GET /x", b"null"), Ok(Value::Null));
    assert!(parse_list("GET /x", b"{}").is_err());
    assert!(parse_list("GET /x", b"").is_err());
    assert_eq!(parse_list("GET /x", b"[\"\xff\"]"), Ok(json!(["\u{fffd}"])));
}

#[test]
fn an_image_id_has_its_algorithm() {
    assert_eq!(image_id(""), None);
    assert_eq!(image_id("2ce2"), Some(ImageId::new("sha256:2ce2")));
    assert_eq!(image_id("sha512:1"), Some(ImageId::new("sha512:1")));
}
