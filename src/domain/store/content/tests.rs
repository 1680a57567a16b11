use super::*;

fn listed(digest: &str, labels: &[(&str, &str)]) -> Listed {
    Listed {
        digest: digest.into(),
        size: Bytes(1),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
    }
}

fn digests(list: &BlobList, positions: &[u32]) -> Vec<String> {
    positions
        .iter()
        .map(|at| list.blob(*at).unwrap().digest.to_string())
        .collect()
}

#[test]
fn every_label_of_the_collector_is_followed_and_no_other() {
    let mut list = BlobList::new(vec![
        listed(
            "root",
            &[
                ("containerd.io/gc.ref.content", "a"),
                ("containerd.io/gc.ref.content.config", "b"),
                ("containerd.io/gc.ref.content.m.0", "c"),
                ("containerd.io/gc.ref.content.moby/container.config", "d"),
                ("containerd.io/gc.ref.content/odd", "e"),
                ("containerd.io/gc.ref.contents", "x"),
                ("containerd.io/gc.ref.snapshot.overlayfs", "y"),
                ("containerd.io/gc.ref.content.gone", "not in the list"),
            ],
        ),
        listed("a", &[]),
        listed("b", &[("containerd.io/gc.ref.snapshot.overlayfs", "top")]),
        listed("c", &[("containerd.io/gc.ref.content.l.0", "f")]),
        listed("d", &[]),
        listed("e", &[]),
        listed("f", &[("containerd.io/uncompressed", "diff")]),
        listed("x", &[("containerd.io/uncompressed", "diff")]),
        listed("y", &[]),
    ]);
    list.add_image(ImageId::new("root"), Vec::new(), false);
    list.add_image(ImageId::new("elsewhere"), Vec::new(), false);
    let image = list.image(&ImageId::new("root")).unwrap();
    let content = digests(&list, &image.content);
    assert_eq!(content, ["a", "b", "c", "d", "e", "f", "root"]);
    let orphans: Vec<u32> = list.orphans().collect();
    assert_eq!(digests(&list, &orphans), ["x"]);
    let documents: Vec<_> = list.unreached_documents(Bytes(1)).collect();
    assert_eq!(documents, [&Text::from("y")]);
    assert_eq!(list.unreached_documents(Bytes(0)).count(), 0);
    let config = list.blob(list.position("b").unwrap()).unwrap();
    assert_eq!(config.unpacked, Some(ChainId::new("top")));
    assert_eq!(list.image(&ImageId::new("elsewhere")), None);
}

/// What `/images/json` and inspect say of these is all the same on Docker 29.
#[test]
fn an_image_is_a_registrys_only_by_its_layers() {
    const PULLED: (&str, &str) = ("containerd.io/distribution.source.r", "team/svc");
    const BASE: (&str, &str) = ("containerd.io/distribution.source.docker.io", "library/own");
    const BUILT: (&str, &str) = ("moby/build.ref.a/b/c", "{}");
    let origin = |root: &[(&str, &str)], layers: &[&[(&str, &str)]]| {
        let names = ["l0", "l1"];
        let own = names
            .iter()
            .zip(layers)
            .map(|(name, labels)| listed(name, labels));
        let mut list = BlobList::new([listed("root", root)].into_iter().chain(own).collect());
        let layer = |name: &&str| ManifestLayer {
            blob: list.position(name),
            diff_id: "".into(),
            created: None,
        };
        let manifest = Manifest {
            digest: "root".into(),
            layers: names[..layers.len()].iter().map(layer).collect(),
            ..Manifest::default()
        };
        list.add_image(ImageId::new("root"), vec![manifest], false);
        list.image(&ImageId::new("root")).unwrap().origin.clone()
    };
    let all = Origin::Repositories(["r/team/svc".into()].into());
    assert_eq!(origin(&[PULLED], &[&[PULLED], &[PULLED, BASE]]), all);
    // A build was based on it.
    assert_eq!(origin(&[BASE, BUILT], &[&[], &[]]), Origin::Here);
    assert_eq!(origin(&[BASE], &[&[PULLED], &[]]), Origin::Here);
    // It has no layer but those of what it was built on; the second has been a base as well.
    assert_eq!(origin(&[], &[&[PULLED]]), Origin::Here);
    assert_eq!(origin(&[BASE], &[&[PULLED]]), Origin::Here);
    assert_eq!(origin(&[PULLED, BUILT], &[&[PULLED]]), Origin::Unknown);
    // No layers at all.
    assert_eq!(origin(&[PULLED], &[]), Origin::Unknown);
    assert_eq!(origin(&[], &[]), Origin::Here);
}

#[test]
fn an_artifact_is_a_registrys_by_all_that_it_has() {
    let pulled = ("containerd.io/distribution.source.r", "model");
    let leads = ("containerd.io/gc.ref.content.l.0", "data");
    for (labels, origin) in [
        (
            &[pulled][..],
            Origin::Repositories(["r/model".into()].into()),
        ),
        (&[], Origin::Here),
    ] {
        let mut list = BlobList::new(vec![
            listed("root", &[pulled, leads]),
            listed("data", labels),
        ]);
        list.add_image(ImageId::new("root"), Vec::new(), false);
        assert_eq!(list.image(&ImageId::new("root")).unwrap().origin, origin);
    }
}

#[test]
fn references_may_go_in_circles() {
    let key = "containerd.io/gc.ref.content.blob-sha256:x";
    let list = BlobList::new(vec![
        listed("a", &[(key, "a"), ("containerd.io/gc.ref.content.1", "b")]),
        listed("b", &[(key, "c")]),
        listed("c", &[(key, "a"), ("containerd.io/gc.ref.content.1", "b")]),
        listed("d", &[(key, "a")]),
    ]);
    for root in ["a", "b", "c"] {
        let reached = list.reached_from(list.position(root).unwrap());
        assert_eq!(digests(&list, &reached), ["a", "b", "c"], "{root}");
    }
    assert_eq!(list.blob(0).unwrap().refers, [1]);
}

#[test]
fn a_blob_listed_twice_counts_once() {
    let label = [("containerd.io/gc.ref.content.0", "a")];
    let list = BlobList::new(vec![
        listed("b", &[]),
        listed("a", &[]),
        listed("b", &label),
    ]);
    assert_eq!(list.blobs().len(), 2);
    assert_eq!(list.blobs()[1].refers, [0]);
    assert_eq!(list.position("b"), Some(1));
    assert_eq!(list.position("c"), None);
    assert_eq!(list.blob(2), None);
}

#[test]
fn manifests_are_found_by_whatever_leads_to_them() {
    let manifest = |digest: &str| Manifest {
        digest: digest.into(),
        ..Manifest::default()
    };
    let mut list = BlobList::new(vec![listed("index", &[])]);
    list.add_image(
        ImageId::new("index"),
        vec![manifest("arm"), manifest("amd")],
        false,
    );
    list.add_further("gone".into(), vec![manifest("old")]);
    let found = |digest: &str| -> Vec<String> {
        list.manifests_of(digest)
            .map(|manifest| manifest.digest.to_string())
            .collect()
    };
    assert_eq!(found("index"), ["arm", "amd"]);
    assert_eq!(found("gone"), ["old"]);
    assert_eq!(found("nowhere").len(), 0);
    assert!(list.manifest("amd").is_some());
    assert_eq!(list.manifests().count(), 3);
}

#[test]
fn buildkits_own_label_tells_the_diff_id_too() {
    let label = "buildkit.io/blob/annotation.containerd.io/uncompressed";
    let list = BlobList::new(vec![listed("a", &[(label, "diff")])]);
    assert_eq!(list.blobs()[0].uncompressed.as_deref(), Some("diff"));
    assert_eq!(list.orphans().count(), 1);
}
