use super::*;

fn blob(name: &str) -> Node {
    Node::Blob(name.into())
}

fn snapshot(name: &str) -> Node {
    Node::Snapshot(name.into())
}

fn lease(name: &str, flat: bool, keeps: &[Node]) -> Lease {
    Lease {
        name: name.into(),
        flat,
        keeps: keeps.to_vec(),
    }
}

/// Returns an image of a manifest, a config and a layer; a record's step on its layer, with a blob of its own; a
/// manifest that only a lease of a pull keeps; a blob and a snapshot that nobody keeps.
fn graph() -> Graph {
    let blobs = [
        ("manifest", vec![blob("config"), blob("layer")]),
        ("config", vec![snapshot("chain")]),
        ("layer", vec![]),
        ("step", vec![]),
        ("fetched", vec![blob("half")]),
        ("half", vec![]),
        ("lost", vec![]),
    ];
    let snapshots = [("chain", None), ("own", Some("chain")), ("lost", None)];
    Graph {
        blobs: blobs.map(|(name, refers)| (name.into(), refers)).into(),
        snapshots: snapshots
            .map(|(name, parent)| {
                let snapshot = NamedSnapshot {
                    name: format!("moby/1/{name}").into(),
                    parent: parent.map(Text::from),
                };
                (name.into(), snapshot)
            })
            .into(),
        images: vec!["manifest".into()],
        leases: vec![
            lease("record", true, &[snapshot("own"), blob("step")]),
            lease("again", true, &[blob("step"), blob("fetched")]),
            lease("pull", false, &[blob("fetched"), blob("layer")]),
        ],
        containers: HashSet::new(),
    }
}

#[test]
fn what_no_image_keeps_has_the_names_of_its_leases() {
    let history = Graph {
        blobs: [("log".into(), vec![]), ("manifest".into(), vec![])].into(),
        leases: vec![lease("ref_x", false, &[blob("log"), blob("manifest")])],
        ..Graph::default()
    };
    let folders = [("chain", 4), ("own", 5), ("lost", 6)];
    let folders = folders.map(|(name, number)| (format!("moby/1/{name}").into(), number));
    let keepers = Owners::of(&graph(), &history, &folders.into());
    let by = |names: &[&str]| Keeper::Leases(names.iter().map(|name| Text::from(*name)).collect());
    for (digest, keeper) in [
        ("manifest", Keeper::Image),
        ("layer", Keeper::Image),
        ("step", by(&["record", "again"])),
        ("fetched", by(&["again", "pull"])),
        // A flat lease keeps what it names and no more.
        ("half", by(&["pull"])),
        ("log", Keeper::History),
        ("lost", Keeper::Nobody),
        ("in no list", Keeper::Nobody),
    ] {
        assert_eq!(keepers.of_blob(digest), keeper, "{digest}");
    }
    for (folder, keeper) in [
        ("4", Keeper::Image),
        ("5", by(&["record"])),
        ("6", Keeper::Nobody),
        ("new-123", Keeper::Nobody),
    ] {
        assert_eq!(keepers.of_snapshot(folder), keeper, "{folder}");
    }
}

#[test]
fn what_refers_in_circles_ends() {
    let mut graph = graph();
    graph.blobs.insert("layer".into(), vec![blob("manifest")]);
    let own = graph.snapshots.get_mut("chain").unwrap();
    own.parent = Some("own".into());
    assert_eq!(graph.keepers()[&snapshot("own")], Keeper::Image);
}
