use serde_json::json;

use super::*;
use crate::domain::bytes::Figure;

#[test]
fn parents_under_each_of_their_names() {
    for (key, value, count) in [
        (" Parents", json!(["p"]), 1),
        ("Parents", json!(["p", "q"]), 2),
        ("Parent", json!("p"), 1),
        ("Parent", json!(""), 0),
        ("Parents", json!(null), 0),
    ] {
        let answer = json!({"BuildCache": [{"ID": "a", key: value}]});
        let records = records(Df::from(&answer)).unwrap();
        assert_eq!(records[0].parents.len(), count, "{key} {value}");
    }
}

#[test]
fn both_forms_and_neither() {
    let row = json!([{"ID": "a", "Size": -1}]);
    for answer in [
        json!({"BuildCache": row}),
        json!({"BuildCacheUsage": {"Items": row}}),
        json!({"BuildCacheUsage": {"TotalCount": 1}, "BuildCache": row}),
    ] {
        let records = records(Df::from(&answer)).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].size, Figure::Unknown);
    }
    assert_eq!(
        records(Df::from(&json!({"BuildCache": null}))),
        Ok(Vec::new())
    );
    assert_eq!(
        records(Df::from(&json!({"BuildCacheUsage": {"TotalCount": 0}}))),
        Ok(Vec::new())
    );
    assert!(records(Df::from(&json!({"BuildCacheUsage": {"TotalCount": 3}}))).is_err());
}

/// What an engine may write in the place of a list costs nothing else.
#[test]
fn an_odd_place_is_passed_over() {
    for odd in [
        json!(true),
        json!(-1),
        json!(2),
        json!(0.5),
        json!("x"),
        json!({"a": [1]}),
    ] {
        let row = json!([{"ID": "a"}]);
        let answer = json!({"A": odd, "Volumes": odd, "ImageUsage": odd, "BuildCache": row});
        let df = Arc::new(Df::from(&answer));
        assert_eq!(records(Arc::clone(&df)).unwrap().len(), 1, "{odd}");
        assert_eq!(volume_sizes(Arc::clone(&df)), Ok(Vec::new()), "{odd}");
        assert_eq!(shared_sizes(df), Ok(SharedSizes::default()), "{odd}");
    }
    assert!(Df::parse("GET /x", &b"[]"[..], Reading::All).is_err());
    assert!(Df::parse("GET /x", &b"{\"Volumes\": [{\"N"[..], Reading::All).is_err());
}

#[test]
fn nothing_is_read_that_is_not_wanted() {
    let answer = json!({"BuildCache": [{"ID": "a"}], "Volumes": [{"Name": "v"}]}).to_string();
    let df = Df::parse("GET /x", answer.as_bytes(), Reading::Volumes).unwrap();
    assert_eq!((df.records.rows.len(), df.volumes.rows.len()), (0, 1));
}

#[test]
fn a_volume_that_could_not_be_walked_has_no_size() {
    let answer = json!({"Volumes": [
        {"Name": "a", "UsageData": {"Size": -1, "RefCount": 1}},
        {"Name": "b", "UsageData": null},
        {"Name": "c", "UsageData": {"Size": 0}},
    ]});
    let sizes = volume_sizes(Df::from(&answer)).unwrap();
    let sizes: Vec<_> = sizes.into_iter().map(|(_, size)| size).collect();
    assert_eq!(sizes, [None, None, Some(Bytes::ZERO)]);
}
