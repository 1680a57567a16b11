//! What is held is never a step: on random fleets with every kind of holder, by a model that knows nothing of how
//! dtop finds holders.

use std::collections::BTreeSet;

use dtop::domain::bytes::Bytes;
use dtop::domain::bytes::Figure;
use dtop::domain::inventory::{Inventory, Part, Progress, Stage};
use dtop::domain::item::{Backing, Image, ItemId, State, Volume, VolumeName};
use dtop::domain::outsider::{Outsider, OutsiderKind};
use dtop::domain::paths::{Paths, ResolvedPaths};
use dtop::domain::plan::{AddedBy, Plan, Selection, Step, unlock};
use dtop::domain::survey::Survey;
use dtop::domain::text::Text;
use dtop::domain::time::Timestamp;
use dtop::domain::triage::{Goal, reach};
use proptest::prelude::*;

use crate::fleet::{Traits, fleet};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Numbers that decide, one after the other.
struct Luck<'a>(std::iter::Cycle<std::iter::Copied<std::slice::Iter<'a, u8>>>);

impl Luck<'_> {
    fn next(&mut self) -> usize {
        usize::from(self.0.next().unwrap())
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.next().is_multiple_of(of)
    }
}

const ROOT: &str = "/d/volumes";

/// A path in, above or beside some volume.
fn path(luck: &mut Luck<'_>, volumes: &[VolumeName]) -> String {
    let Some(name) = volumes.get(luck.next() % volumes.len().max(1)) else {
        return "/srv".to_owned();
    };
    match luck.next() % 10 {
        0 => "/".to_owned(),
        1 => ROOT.to_owned(),
        2 => format!("{ROOT}/{name}/_data"),
        3 => format!("{ROOT}//{name}/./_data/"),
        4 => format!("{ROOT}/{name}/_data/deep/er"),
        5 => format!("{ROOT}/{name}x/_data"),
        6 => format!("/link/{name}/_data/x"),
        7 => format!("/second/{name}"),
        8 if luck.one_in(4) => format!("/srv/../d/volumes/{name}/_data"),
        _ => "/srv/data".to_owned(),
    }
}

/// Gives a fleet every kind of holder.
fn hold(inventory: &mut Inventory, luck: &mut Luck<'_>) {
    for at in 0..3 {
        let mut more = inventory.volumes.first().cloned();
        if let Some(volume) = &mut more {
            volume.name = VolumeName::new(format!("more{at}"));
        }
        inventory.volumes.extend(more);
    }
    let names: Vec<VolumeName> = inventory.volumes.iter().map(|it| it.name.clone()).collect();
    for volume in &mut inventory.volumes {
        volume.mountpoint = format!("{ROOT}/{}/_data", volume.name).into();
        if luck.one_in(4) {
            volume.backing = Backing::Mount {
                sort: "none".into(),
                device: path(luck, &names).into(),
            };
            volume.size = Figure::Unknown;
        }
        if luck.one_in(6) {
            volume.scope = "global".into();
        }
    }
    for container in &mut inventory.containers {
        if luck.one_in(2) {
            let paths: Vec<String> = (0..=luck.next() % 2).map(|_| path(luck, &names)).collect();
            container.binds = Paths::new(paths.iter().map(String::as_str));
        }
        if luck.one_in(4) {
            container.state = State::Running;
        }
    }
    let images: Vec<Text> = inventory
        .images
        .iter()
        .flat_map(|it| it.names.iter().cloned().chain([it.id.text().clone()]))
        .collect();
    for kind in OutsiderKind::ALL {
        let outsiders = (0..luck.next() % 3).map(|at| {
            let mut outsider = Outsider::new(kind, format!("{}{at}", kind.key()));
            outsider
                .images
                .extend(images.get(luck.next() % images.len().max(1)).cloned());
            if luck.one_in(2) {
                outsider
                    .volumes
                    .extend(names.get(luck.next() % names.len().max(1)).cloned());
            } else {
                outsider.binds = Paths::new([&*path(luck, &names)]);
            }
            outsider
        });
        let outsiders = outsiders.collect();
        inventory.apply(Part::Outsiders(kind, Figure::Known(outsiders)));
    }
    let mut resolved = ResolvedPaths::new();
    for name in &names {
        let link = format!("/link/{name}/_data/x");
        resolved.insert(link.into(), format!("{ROOT}/{name}/_data/x").into());
        let second = format!("/second/{name}");
        resolved.insert(second.into(), format!("{ROOT}/{name}/_data").into());
    }
    inventory.apply(Part::Resolved(resolved));
    for stage in Stage::ALL {
        inventory.apply(Part::Stage(stage, Progress::Done(now())));
    }
}

/// Whether a path shows a volume's data, by its letters.
fn is_inside(inventory: &Inventory, path: &str, volume: &Volume) -> bool {
    let tidy = |path: &str| {
        let path = path.replace("/./", "/").replace("//", "/");
        format!("{}/", path.trim_end_matches('/'))
    };
    let own = tidy(&volume.mountpoint);
    let led = inventory.resolved.get(path).map(|it| tidy(it));
    tidy(path).starts_with(&own) || led.is_some_and(|led| led.starts_with(&own))
}

fn holds_volume(inventory: &Inventory, gone: &BTreeSet<ItemId>, volume: &Volume) -> bool {
    let stays = |id: ItemId| !gone.contains(&id);
    let by_container = inventory.containers.iter().any(|it| {
        let mut paths = it.binds.iter();
        stays(ItemId::Container(it.id.clone()))
            && (it.volumes.contains(&volume.name)
                || paths.any(|path| path.contains("..") || is_inside(inventory, path, volume)))
    });
    let by_outsider = inventory.outsiders.iter().any(|it| {
        let mut paths = it.binds.iter();
        it.volumes.contains(&volume.name) || paths.any(|path| is_inside(inventory, path, volume))
    });
    let by_volume = inventory.volumes.iter().any(|it| {
        it.name != volume.name
            && stays(ItemId::Volume(it.name.clone()))
            && it
                .device()
                .is_some_and(|path| is_inside(inventory, path, volume))
    });
    by_container || by_outsider || by_volume
}

fn holds_image(inventory: &Inventory, gone: &BTreeSet<ItemId>, image: &Image) -> bool {
    let stays = |id: ItemId| !gone.contains(&id);
    let by_container = inventory.containers.iter().any(|it| {
        let is_of = it.image_id.as_ref() == Some(&image.id);
        is_of && stays(ItemId::Container(it.id.clone()))
    });
    let is_named = |name: &Text| image.names.contains(name) || *name == *image.id.text();
    by_container
        || inventory
            .outsiders
            .iter()
            .any(|it| it.images.iter().any(is_named))
}

fn assert_nothing_held_goes(inventory: &Inventory, plan: &Plan) {
    let steps = plan.steps.iter();
    let follows = steps.clone().flat_map(Step::follows);
    let follows = follows.map(|id| ItemId::Image(id.clone()));
    let gone: BTreeSet<ItemId> = steps.map(|step| step.id.clone()).chain(follows).collect();
    for volume in &inventory.volumes {
        if gone.contains(&ItemId::Volume(volume.name.clone())) {
            assert!(
                !holds_volume(inventory, &gone, volume),
                "{} goes",
                volume.name
            );
        }
    }
    for image in &inventory.images {
        if gone.contains(&ItemId::Image(image.id.clone())) {
            assert!(
                !holds_image(inventory, &gone, image),
                "{:?} goes",
                image.names
            );
        }
    }
}

fn all(inventory: &Inventory) -> Vec<ItemId> {
    let images = inventory
        .images
        .iter()
        .map(|it| ItemId::Image(it.id.clone()));
    let containers = inventory
        .containers
        .iter()
        .map(|it| ItemId::Container(it.id.clone()));
    let volumes = inventory
        .volumes
        .iter()
        .map(|it| ItemId::Volume(it.name.clone()));
    let records = inventory
        .cache
        .iter()
        .map(|it| ItemId::Record(it.id.clone()));
    images
        .chain(containers)
        .chain(volumes)
        .chain(records)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_that_is_held_is_ever_a_step(
        fleet in fleet(Traits { twins: false, bare: false, hidden: false, doubled: false }),
        luck in prop::collection::vec(any::<u8>(), 97),
        stop in any::<bool>(),
    ) {
        let bare = fleet.inventory.clone();
        let mut inventory = fleet.inventory;
        let mut luck = Luck(luck.iter().copied().cycle());
        hold(&mut inventory, &mut luck);
        let chosen = all(&inventory).into_iter().filter(|_| luck.one_in(2));
        let items = chosen.map(|id| (id, AddedBy::Selection)).collect();
        let mut selection = Selection { items, stop, ..Selection::default() };
        let survey = Survey::new(inventory.clone());
        assert_nothing_held_goes(&inventory, &Plan::new(&survey, &selection));
        // What came to be held since it was planned.
        let early = Plan::new(&Survey::new(bare), &selection);
        assert_nothing_held_goes(&inventory, &early.recheck(&survey).plan);
        for id in unlock(&survey, &selection) {
            selection.items.insert(id, AddedBy::Unlock);
        }
        assert_nothing_held_goes(&inventory, &Plan::new(&survey, &selection));
        let wish = (Goal::Free(Bytes(1 << 40)), true);
        if let Some(safest) = reach(&survey, &Selection::default(), wish, now()) {
            let mut selection = Selection::default();
            safest.add_to(&mut selection);
            for id in selection.items.keys() {
                let ItemId::Volume(name) = id else { continue };
                let volume = inventory.volumes.iter().find(|it| it.name == *name).unwrap();
                prop_assert!(!volume.is_elsewhere() && volume.backing == Backing::Folder);
            }
            assert_nothing_held_goes(&inventory, &Plan::new(&survey, &selection));
        }
    }
}
