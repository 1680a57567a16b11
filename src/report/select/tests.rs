use super::*;
use crate::cli::{FilterTexts, Select};
use crate::domain::inventory::Inventory;
use crate::domain::plan::scene::{
    a_container, a_volume, an_image, anonymous, at, fleeting, image, inventory, mounting, record,
    stopped, volume,
};

fn chosen(images: &[&str], containers: &[&str], volumes: &[&str]) -> Vec<Chosen> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Select {
        filters: FilterTexts {
            images: texts(images),
            containers: texts(containers),
            volumes: texts(volumes),
            cache: Vec::new(),
            logs: Vec::new(),
        },
        ..Select::default()
    }
    .filters(false)
    .expect("filters that can be read")
}

fn choose(inventory: &Inventory, filters: &[Chosen], how: How) -> (Choice, Survey) {
    let survey = Survey::new(inventory.clone());
    (Choice::new(&survey, filters, how, at(100)), survey)
}

fn two_names() -> Inventory {
    inventory(
        vec![
            image("sha256:a1", &["app:1", "prod:stable"]),
            image("sha256:b2", &["b:1"]),
        ],
        vec![],
    )
}

#[test]
fn names_that_nobody_asked_for_keep_an_image() {
    for (filters, how, refused) in [
        (&["app"][..], How::default(), true),
        (&["app", "=prod:stable"], How::default(), false),
        (&["id:a1"], How::default(), false),
        (&["app", "id:a1"], How::default(), false),
        (&["size>1"], How::default(), false),
        (
            &["app"],
            How {
                all_names: true,
                ..How::default()
            },
            false,
        ),
    ] {
        let (mut choice, survey) = choose(&two_names(), &chosen(filters, &[], &[]), how);
        let plan = choice.plan(&survey, how);
        let why: Vec<&str> = plan.refused.iter().map(|one| one.why.as_str()).collect();
        if refused {
            assert_eq!(why, ["also named prod:stable"], "{filters:?}");
        } else {
            assert!(why.is_empty(), "{filters:?}: {why:?}");
        }
    }
}

#[test]
fn what_cannot_be_decided_is_left_out_and_counted() {
    let mut inventory = two_names();
    inventory.images[0].size = crate::domain::bytes::Figure::Pending;
    let (choice, _) = choose(
        &inventory,
        &chosen(&["size>1", "size<1"], &[], &[]),
        How::default(),
    );
    let items: Vec<&ItemId> = choice.selection.items.keys().collect();
    assert_eq!(items, [&an_image("sha256:b2")]);
    let line = choice.left_out().expect("a line");
    assert!(line.starts_with("left out: 1 image;"), "{line}");
    let (choice, _) = choose(&inventory, &chosen(&["b:1"], &[], &[]), How::default());
    assert_eq!(choice.left_out(), None);
}

#[test]
fn only_kinds_with_a_filter_are_chosen() {
    let mut inventory = two_names();
    inventory.cache = vec![record("r", &[])];
    inventory.volumes = vec![volume("v", 7)];
    let (choice, _) = choose(&inventory, &chosen(&[], &[], &[""]), How::default());
    let items: Vec<&ItemId> = choice.selection.items.keys().collect();
    assert_eq!(items, [&a_volume("v")]);
}

#[test]
fn unlock_adds_the_stopped_container() {
    let inventory = inventory(
        vec![image("sha256:a1", &["app:1"])],
        vec![stopped("old", "sha256:a1")],
    );
    let how = How {
        unlock: true,
        ..How::default()
    };
    let (mut choice, survey) = choose(&inventory, &chosen(&["=app:1"], &[], &[]), how);
    let steps: Vec<(ItemId, AddedBy)> = choice
        .plan(&survey, how)
        .steps
        .into_iter()
        .map(|step| (step.id, step.added_by))
        .collect();
    assert_eq!(
        steps,
        [
            (a_container("old"), AddedBy::Unlock),
            (an_image("sha256:a1"), AddedBy::Selection)
        ]
    );
}

#[test]
fn under_yes_no_data_goes_that_no_volumes_filter_chose() {
    let mut inventory = inventory(
        vec![image("sha256:a1", &["app:1"])],
        vec![mounting(fleeting("job", "sha256:a1"), &["data"])],
    );
    inventory.volumes = vec![anonymous("data", 7)];
    let how = |yes| How {
        stop: true,
        yes,
        ..How::default()
    };
    let steps = |filters: &[Chosen], how| {
        let (mut choice, survey) = choose(&inventory, filters, how);
        choice.plan(&survey, how).steps.len()
    };
    let containers = chosen(&[], &[""], &[]);
    assert_eq!(steps(&containers, how(false)), 2);
    assert_eq!(steps(&containers, how(true)), 0);
    assert_eq!(steps(&chosen(&[], &[""], &[""]), how(true)), 2);
}
