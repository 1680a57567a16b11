use super::*;

fn take(tree: &mut Tree, diff_ids: &[&str]) -> Option<LayerNo> {
    tree.take(diff_ids.iter().map(|it| Digest::new(it)))
}

#[test]
fn chains_are_equal_only_with_all_that_is_below() {
    let mut tree = Tree::default();
    let ab = take(&mut tree, &["sha256:a", "sha256:b"]);
    let cb = take(&mut tree, &["sha256:c", "sha256:b"]);
    assert_ne!(ab, cb);
    assert_eq!(take(&mut tree, &["sha256:a", "sha256:b"]), ab);
    assert_eq!(take(&mut tree, &[]), None);
    assert_eq!(tree.len(), 4);
}

#[test]
fn a_layer_of_an_image_is_the_same_wherever_else_it_is_found() {
    let ids = ["sha256:a".into(), format!("sha256:{}", "0af9".repeat(16))];
    let image = |ids: &[String]| {
        Arc::new(Content {
            created: None,
            diff_ids: ids.iter().collect(),
            history: Vec::new(),
            folders: crate::domain::compact::texts::DigestList::default(),
            packed: None,
        })
    };
    let [lower, upper] = [&ids[0], &ids[1]];
    let mut tree = Tree::default();
    let below = take(&mut tree, &[lower]);
    let top = tree.take_image(&image(&ids));
    assert_eq!(top, tree.take_image(&image(&ids)));
    assert_eq!(top, take(&mut tree, &[lower, upper]));
    assert_eq!(below, tree.take_image(&image(&ids[..1])));
    let other = take(&mut tree, &[lower, upper, lower]);
    assert_eq!(tree.len(), 3);
    let chain = tree.up_to(other.unwrap());
    let written: Vec<_> = chain
        .into_iter()
        .map(|at| tree.diff_id(at).text())
        .collect();
    assert!(written.iter().map(|it| &**it).eq([lower, upper, lower]));
}

#[test]
fn a_chain_of_any_depth_is_found_again() {
    let ids: Vec<String> = (0..5_000).map(|at| format!("sha256:{at:064x}")).collect();
    let content = |ids: &[String]| {
        Arc::new(Content {
            diff_ids: ids.iter().collect(),
            ..Content::default()
        })
    };
    let mut tree = Tree::default();
    let top = tree.take_image(&content(&ids));
    for length in [1, 127, 128, 129, 4_999, 5_000] {
        let found = tree.take_image(&content(&ids[..length]));
        assert_eq!(found, Some(number(length) - 1));
        assert_eq!(*tree.diff_id(number(length) - 1).text(), ids[length - 1]);
    }
    assert_eq!((top, tree.len()), (Some(4_999), 5_000));
}

#[test]
fn a_digest_is_compared_by_all_its_digits() {
    let mut tree = Tree::default();
    let (zeros, one) = ("0".repeat(64), format!("{}1", "0".repeat(63)));
    let (capital, short) = ("A".repeat(64), "0".repeat(63));
    let ids = [&zeros, &one, &capital, &"a".repeat(64), &short];
    let ids = ids.map(|digits| format!("sha256:{digits}"));
    for (place, id) in ids.iter().enumerate() {
        assert_eq!(take(&mut tree, &[id]), Some(number(place)), "{id}");
    }
    assert_eq!(take(&mut tree, &[&ids[1]]), Some(1));
}

#[test]
fn a_chain_id_is_the_one_that_docker_computes() {
    // `printf 'sha256:aa sha256:bb' | sha256sum`
    let mut tree = Tree::default();
    let top = take(&mut tree, &["sha256:aa", "sha256:bb"]).unwrap();
    assert_eq!(
        tree.chain_ids(top)
            .iter()
            .map(ChainId::as_str)
            .collect::<Vec<_>>(),
        [
            "sha256:aa",
            "sha256:b68ad689d6d1ec110ea1c13617437ad6f3766d4b3b309f6a603a222e07a0164f"
        ]
    );
}
