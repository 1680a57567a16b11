use super::*;
use crate::domain::item::RecordId;
use crate::domain::survey::Item;
use proptest::prelude::*;

type Shape = (
    Vec<(Option<usize>, usize)>,
    Vec<(usize, usize, Vec<usize>)>,
    Vec<(bool, u64)>,
    Vec<(Option<usize>, bool)>,
);

/// Small worlds: up to six images, containers, volumes and records that refer to each other at random.
fn world() -> impl Strategy<Value = Inventory> {
    let volumes = || prop::collection::vec(0_usize..6, 0..3);
    (
        prop::collection::vec((prop::option::of(0_usize..6), 0_usize..3), 0..6),
        prop::collection::vec((0_usize..6, 0_usize..6, volumes()), 0..6),
        prop::collection::vec((any::<bool>(), 0_u64..3), 0..6),
        prop::collection::vec((prop::option::of(0_usize..6), any::<bool>()), 0..6),
    )
        .prop_map(|shape| build(&shape))
}

fn build((images, containers, volumes, records): &Shape) -> Inventory {
    let mut world = Inventory::default();
    for (n, (parent, tags)) in images.iter().enumerate() {
        let tags: Vec<Text> = (0..*tags).map(|tag| format!("i{n}:{tag}").into()).collect();
        let mut made = image(&format!("i{n}"), &[]);
        made.names = tags;
        made.parent = parent
            .filter(|parent| *parent < n)
            .map(|parent| ImageId::new(format!("i{parent}")));
        world.images.push(made);
    }
    for (n, (image, state, volumes)) in containers.iter().enumerate() {
        let (id, image) = (format!("c{n}"), format!("i{image}"));
        let made = match state {
            0 => running(&id, &image),
            1 => fleeting(&id, &image),
            2 => container(&id, &image, State::Paused),
            3 => container(&id, &image, State::Restarting),
            _ => stopped(&id, &image),
        };
        let volumes: Vec<String> = volumes.iter().map(|v| format!("v{v}")).collect();
        let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
        world
            .containers
            .push(logging(mounting(made, &volumes), n as u64));
    }
    for (n, (is_anonymous, size)) in volumes.iter().enumerate() {
        let mut made = volume(&format!("v{n}"), *size);
        made.anonymous = *is_anonymous;
        world.volumes.push(made);
    }
    for (n, (parent, in_use)) in records.iter().enumerate() {
        let mut made = record(&format!("r{n}"), &[]);
        made.parents = parent
            .filter(|parent| *parent < n)
            .map(|parent| RecordId::new(format!("r{parent}")))
            .into_iter()
            .collect();
        made.in_use = *in_use;
        world.cache.push(made);
    }
    world
}

fn everything(inventory: &Inventory) -> Vec<ItemId> {
    let images = inventory.images.iter().map(|i| ItemId::Image(i.id.clone()));
    let containers = inventory.containers.iter();
    let volumes = inventory.volumes.iter();
    let records = inventory.cache.iter();
    images
        .chain(containers.map(|c| ItemId::Container(c.id.clone())))
        .chain(volumes.map(|v| ItemId::Volume(v.name.clone())))
        .chain(records.map(|r| ItemId::Record(r.id.clone())))
        .chain(
            inventory
                .containers
                .iter()
                .map(|c| ItemId::Log(c.id.clone())),
        )
        .collect()
}

/// Returns whether an engine would let an object go when it still has all that is in `left`.
fn engine_allows(survey: &Survey, id: &ItemId, left: &BTreeSet<ItemId>, stop: bool) -> bool {
    let has = |id: ItemId| left.contains(&id);
    match id {
        ItemId::Container(_) => match survey.find(id) {
            Some(Item::Container(c)) => {
                c.state.is_stopped() || stop && matches!(c.state, State::Running | State::Paused)
            }
            _ => false,
        },
        // A log can be emptied as long as its container is there.
        ItemId::Log(container) => has(ItemId::Container(container.clone())),
        ItemId::Image(image) => {
            !survey
                .users_of_image(image)
                .any(|c| has(ItemId::Container(c.id.clone())))
                && !survey
                    .children_of_image(image)
                    .any(|i| has(ItemId::Image(i.id.clone())))
        }
        ItemId::Volume(name) => !survey
            .users_of_volume(name)
            .any(|c| has(ItemId::Container(c.id.clone()))),
        ItemId::Record(record) => {
            let idle = matches!(survey.find(id), Some(Item::Record(r)) if !r.in_use);
            idle && !survey
                .children_of_record(record)
                .any(|r| has(ItemId::Record(r.id.clone())))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn an_engine_carries_out_every_plan_in_its_order(
        world in world(),
        picks in prop::collection::vec(any::<bool>(), 30),
        stop in any::<bool>(),
    ) {
        let all = everything(&world);
        let chosen: Vec<ItemId> = all.iter().zip(&picks).filter(|(_, p)| **p).map(|(id, _)| id.clone()).collect();
        let survey = Survey::new(world);
        let selection = Selection { stop, ..select(&chosen) };
        let plan = Plan::new(&survey, &selection);
        let mut left: BTreeSet<ItemId> = all.into_iter().collect();
        let mut sum = Freed::default();
        for step in &plan.steps {
            prop_assert!(engine_allows(&survey, &step.id, &left, stop), "{:?}", step.id);
            prop_assert_eq!(step.follows().iter().filter(|id| selection.items.contains_key(&ItemId::Image((*id).clone()))).count(), 0);
            // An emptied log is still there.
            if !matches!(step.id, ItemId::Log(_)) {
                left.remove(&step.id);
            }
            for parent in step.follows() {
                left.remove(&ItemId::Image(parent.clone()));
            }
            sum.add(&step.frees);
        }
        prop_assert_eq!((sum.at_least, sum.at_most), (plan.frees.at_least, plan.frees.at_most));
        // A later step may settle what was doubtful at an earlier one; nothing becomes doubtful.
        prop_assert!(plan.frees.doubts().is_subset(sum.doubts()));
        prop_assert_eq!(&frees(&survey, &selection), &plan.frees);
        // Every chosen thing is a step or is refused, and a refusal is real: the engine would refuse too.
        for id in &chosen {
            let is_step = plan.steps.iter().any(|step| step.id == *id);
            let refusal = plan.refused.iter().find(|refusal| refusal.id == *id);
            prop_assert_eq!(is_step, refusal.is_none());
            if let Some(refusal) = refusal {
                prop_assert!(!refusal.why.is_empty());
                prop_assert!(!engine_allows(&survey, id, &left, stop), "{:?}: {}", id, refusal.why);
            }
        }
        prop_assert_eq!(&plan.recheck(&survey).plan.steps, &plan.steps);
        // What unlock says it does, it does.
        for refusal in plan.refused.iter().filter(|refusal| !refusal.unlock().is_empty()) {
            let mut widened = selection.clone();
            widened.items.extend(refusal.unlock().iter().map(|id| (id.clone(), AddedBy::Unlock)));
            prop_assert!(Plan::new(&survey, &widened).steps.iter().any(|step| step.id == refusal.id));
        }
    }

    #[test]
    fn a_tally_follows_every_mark_whatever_it_is_tied_to(
        world in world(),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..40),
    ) {
        let all = everything(&world);
        prop_assume!(!all.is_empty());
        let survey = Survey::new(world);
        let mut tally = Tally::default();
        let mut marked = BTreeSet::new();
        for (index, is_marked) in picks {
            let id = index.get(&all);
            if is_marked {
                marked.insert(id.clone());
            } else {
                marked.remove(id);
            }
            let number = survey.numbers().number_of(id).unwrap();
            let running = tally.change(&survey, [(number, is_marked)]);
            let chosen: Vec<ItemId> = marked.iter().cloned().collect();
            prop_assert_eq!(running, Plan::new(&survey, &select(&chosen)).frees);
        }
    }
}
