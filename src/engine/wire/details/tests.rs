use serde_json::json;

use super::*;
use crate::domain::bytes::Bytes;

#[test]
fn history_is_turned_round_and_folders_are_lowest_first() {
    let inspect = json!({
        "RootFS": {"Layers": ["sha256:1", "sha256:2", "sha256:3"]},
        "GraphDriver": {"Data": {"UpperDir": "/d/o/c/diff", "LowerDir": "/d/o/b/diff:/d/o/a/diff"}},
    });
    let history = json!([
        {"CreatedBy": "last", "Size": 5, "Created": 1_795_258_838},
        {"CreatedBy": "first", "Size": -1, "Created": 0},
    ]);
    let content = image_content(&inspect, &history);
    assert_eq!(content.folders, ["a", "b", "c"].iter().collect());
    assert_eq!(&*content.history[0].created_by, "first");
    assert_eq!(content.history[0].created, None);
    assert_eq!(content.history[0].size, Bytes::ZERO);
    assert_eq!(content.history[1].size, Bytes(5));
    assert!(content.history[1].created.is_some());
}

#[test]
fn folders_that_do_not_fit_the_layers_are_not_guessed() {
    for data in [
        json!(null),
        json!({"UpperDir": "/d/o/c/diff"}),
        json!({"UpperDir": "/d/o/c/diff", "LowerDir": "/odd:root/diff"}),
        json!({"dataset": "zpool/x"}),
    ] {
        let inspect = json!({"RootFS": {"Layers": ["1", "2"]}, "GraphDriver": {"Data": data}});
        assert_eq!(
            image_content(&inspect, &json!(null)).folders,
            DigestList::default()
        );
    }
}

#[test]
fn a_containers_own_folders_are_not_layers_below_it() {
    let data = json!({"LowerDir": "/o/x-init/diff:/o/b/diff:/o/a/diff", "UpperDir": "/o/x/diff"});
    let inspect = json!({"GraphDriver": {"Data": data}, "LogPath": ""});
    let details = container_details(&inspect, true);
    assert_eq!(details.folders, ["a", "b"].iter().collect());
    assert_eq!(details.log_path, None);
    assert_eq!(details.size_rw, None);
}

#[test]
fn a_size_left_out_beside_the_other_is_zero() {
    let size = |inspect| container_details(&inspect, true).size_rw;
    let unasked = container_details(&json!({"SizeRootFs": 0}), false);
    assert_eq!((unasked.size_rw, unasked.size_root), (None, None));
    assert_eq!(size(json!({"SizeRootFs": 7})), Some(Bytes::ZERO));
    assert_eq!(size(json!({"SizeRootFs": 7, "SizeRw": -1})), None);
    assert_eq!(size(json!({"SizeRootFs": 7, "SizeRw": 2})), Some(Bytes(2)));
}

#[test]
fn an_image_mount_is_named_by_inspect() {
    let list = json!({"Mounts": [
        {"Type": "image", "Name": "6162", "Source": "/d/o/x/merged", "Destination": "/t"},
        {"Type": "volume", "Name": "data"},
        {"Type": "volume", "Name": "data"},
        {"Type": "bind", "Source": "/srv"},
    ]});
    let mount = |image: &str, destination: &str, folder: &str| ImageMount {
        image: image.into(),
        destination: destination.into(),
        folder: folder.into(),
    };
    let mounted = mounts(&list);
    assert_eq!(mounted.volumes, [VolumeName::new("data")]);
    assert_eq!(mounted.images, [mount("6162", "/t", "/d/o/x/merged")]);
    assert_eq!(mounted.binds, Paths::new(["/srv"]));
    let mut inspect = list;
    inspect["HostConfig"] =
        json!({"Mounts": [{"Type": "image", "Source": "tools:1", "Target": "/t/"}]});
    let named = mount("tools:1", "/t", "/d/o/x/merged");
    assert_eq!(mounts(&inspect).images, [named]);
    // Podman names the image where others name a folder.
    let podman = json!({"Mounts": [{"Type": "image", "Source": "tools:1", "Destination": "/t"}]});
    assert_eq!(mounts(&podman).images, [mount("tools:1", "/t", "")]);
}

#[test]
fn folders_are_told_or_else_as_they_were_asked_for() {
    let mut inspect = json!({
        "Mounts": [{"Type": "bind", "Source": "/told"}, {"Type": "volume", "Source": "/v/db/_data"}],
        "HostConfig": {
            "Binds": ["/asked:/in:ro", "name:/x", "c:/y:/z"],
            "Mounts": [{"Type": "bind", "Source": "/long"}, {"Type": "volume", "Source": "v"}],
        },
    });
    assert_eq!(mounts(&inspect).binds, Paths::new(["/told"]));
    inspect["Mounts"] = json!(null);
    assert_eq!(mounts(&inspect).binds, Paths::new(["/asked", "/long"]));
}

#[test]
fn identity_tells_the_source_where_there_is_one() {
    let of = |identity| image_source(&json!({"Identity": identity}));
    assert_eq!(of(json!(null)), None);
    assert_eq!(of(json!({"Build": [{"Ref": "x"}]})), Some(Source::Local));
    let pull = json!([{"Repository": "x"}]);
    assert_eq!(of(json!({"Pull": pull})), None, "the base of a build");
    let both = json!({"Pull": pull, "Build": [{"Ref": "x"}]});
    assert_eq!(of(both), Some(Source::Local));
    assert_eq!(of(json!({"Build": []})), None);
}

/// The Docker after 29.7 says as an image's size what it has packed and unpacked. Sizes are those that 28.5.2 tells
/// of one image of its own.
#[test]
fn what_is_packed_is_told_by_the_manifest_where_the_size_means_more() {
    let manifest = |kind: &str, available: bool, content: u64| {
        json!({"Kind": kind, "Available": available,
            "Descriptor": {"size": 747}, "Size": {"Content": content, "Total": 4_216_134_u64}})
    };
    let packed = |manifests: &[Value]| {
        let inspect = json!({"Size": 4_216_134_u64, "Manifests": manifests,
            "RootFS": {"Layers": ["sha256:a", "sha256:b"]}});
        image_content(&inspect, &Value::Null).packed.unwrap()
    };
    let own = manifest("image", true, 2_102_598);
    let others = [
        manifest("attestation", true, 5_000),
        manifest("image", false, 0),
    ];
    let told = packed(&[std::slice::from_ref(&own), &others[..]].concat());
    assert_eq!(told.total, Bytes(2_102_598));
    assert!(told.documents > Bytes(747) && told.documents < Bytes(2_000));
    // Of two platforms it is not said which one the rest is about.
    let two = packed(&[own.clone(), own]);
    assert_eq!(two.total, Bytes(4_216_134));
    assert_eq!(packed(&[]).total, Bytes(4_216_134));
}
