//! What others do while a plan is carried out: a thousand random interleavings, and nothing of theirs is lost.

use std::sync::{Arc, Mutex};

use super::faults::{is_kept, is_long, order_of, scene, wish};
use super::model::{Model, all};
use super::remove;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::Inventory;
use crate::domain::item::{ContainerDetails, State};
use crate::domain::plan::scene::*;

/// How many with `DTOP_LONG=1`, and a part of them otherwise.
const INTERLEAVINGS: u64 = 1_000;
const PART: u64 = 250;

/// What somebody else does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// A name of an image is given to another one, which is new.
    MoveTag,
    /// An image gets one name more.
    Name,
    /// A container is started from an image.
    Run,
    /// Something is built on an image.
    Build,
    /// A new container takes a volume.
    Attach,
    /// A volume is removed and made again, with other data.
    Recreate,
    /// A stopped container is started.
    Start,
    /// A stopped container runs, and ends again.
    RunOnce,
    /// A running container is restarted.
    Restart,
    /// A build uses a record, or builds on it.
    UseRecord,
    BuildOnRecord,
    /// Somebody removes something, too.
    Remove,
}

const DEEDS: [Deed; 12] = [
    Deed::MoveTag,
    Deed::Name,
    Deed::Run,
    Deed::Build,
    Deed::Attach,
    Deed::Recreate,
    Deed::Start,
    Deed::RunOnce,
    Deed::Restart,
    Deed::UseRecord,
    Deed::BuildOnRecord,
    Deed::Remove,
];

impl Deed {
    /// Returns whether it can come between the last look and the removal, because the engine refuses that itself. For
    /// the others there is no request that could say "only if it is still the same": the last look is right before.
    fn is_refused_by_engine(self) -> bool {
        !matches!(
            self,
            Self::MoveTag | Self::Name | Self::Recreate | Self::RunOnce | Self::Restart
        )
    }
}

/// A generator of pseudo-random numbers (`SplitMix64`), so that a seed always means the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = (mixed ^ (mixed >> 31)) % limit as u64;
        usize::try_from(mixed).unwrap()
    }
}

/// What must be there in the end: names of things, and which image a tag is on.
#[derive(Debug, Default)]
struct Owed {
    things: Vec<String>,
    tags: Vec<(String, String)>,
    /// Things of the plan that are now somebody's: they must still be there.
    what: Vec<String>,
}

impl Owed {
    fn owe(&mut self, what: String, things: &[&str]) {
        self.what.push(what);
        let things = things.iter().map(|thing| (*thing).to_owned());
        self.things.extend(things);
    }
}

/// Does a deed to a random object; says what must not be lost of it.
fn act(deed: Deed, world: &mut Inventory, random: &mut Random, owed: &Mutex<Owed>) {
    let mut owed = owed.lock().unwrap();
    let turn = owed.what.len();
    let containers: Vec<usize> = (0..world.containers.len())
        .filter(|at| !is_kept(world.containers[*at].id.as_str()))
        .collect();
    let container = (!containers.is_empty()).then(|| containers[random.below(containers.len())]);
    let volume = (!world.volumes.is_empty()).then(|| random.below(world.volumes.len()));
    let record = (!world.cache.is_empty()).then(|| random.below(world.cache.len()));
    match deed {
        Deed::MoveTag | Deed::Name | Deed::Run | Deed::Build => {
            to_image(deed, world, random, &mut owed);
        }
        Deed::Attach => {
            let Some(volume) = volume.map(|at| &world.volumes[at]) else {
                return;
            };
            let (id, name) = (volume.name.as_str().to_owned(), format!("keep-user-{turn}"));
            owed.owe(format!("{name} takes {id}"), &[&id, &name]);
            world
                .containers
                .push(mounting(stopped(&name, "elsewhere"), &[&id]));
        }
        Deed::Recreate => {
            let Some(volume) = volume.map(|at| &mut world.volumes[at]) else {
                return;
            };
            let users = &world.containers;
            if users.iter().any(|user| user.volumes.contains(&volume.name)) {
                return;
            }
            volume.created = Some(at(1_000 + i64::try_from(turn).unwrap()));
            volume.size = Figure::Known(Bytes(99));
            let name = volume.name.as_str().to_owned();
            owed.owe(format!("{name} made anew"), &[&name]);
        }
        Deed::Start | Deed::RunOnce | Deed::Restart => {
            let Some(found) = container.map(|at| &mut world.containers[at]) else {
                return;
            };
            let wants_stopped = !matches!(deed, Deed::Restart);
            if found.state.is_stopped() != wants_stopped || found.state == State::Paused {
                return;
            }
            let known = found.details.as_ref().known();
            let mut details = known.map_or_else(ContainerDetails::default, |it| (**it).clone());
            if details.finished == Some(at(500)) {
                // We have stopped it this very moment, and its removal comes next.
                return;
            }
            details.started = Some(at(2_000));
            if matches!(deed, Deed::RunOnce) {
                details.finished = Some(at(2_001));
                found.state = State::Exited;
            } else {
                found.state = State::Running;
            }
            found.details = Figure::Known(Arc::new(details));
            let name = found.id.as_str().to_owned();
            owed.owe(format!("{name}: {deed:?}"), &[&name]);
        }
        Deed::UseRecord => {
            let Some(record) = record.map(|at| &mut world.cache[at]) else {
                return;
            };
            record.in_use = true;
            let id = record.id.as_str().to_owned();
            owed.owe(format!("{id} in use"), &[&id]);
        }
        Deed::BuildOnRecord => {
            let Some(parent) = record.map(|at| &world.cache[at]) else {
                return;
            };
            let (id, name) = (parent.id.as_str().to_owned(), format!("keeprecord{turn}"));
            owed.owe(format!("{name} builds on {id}"), &[&id, &name]);
            world
                .cache
                .push(crate::domain::plan::scene::record(&name, &[&id]));
        }
        Deed::Remove => {
            if let Some(at) = container.filter(|at| world.containers[*at].state.is_stopped()) {
                // What somebody else did to it before is theirs to undo.
                let gone = world.containers.remove(at).id;
                owed.things.retain(|thing| thing != gone.as_str());
            }
        }
    }
}

fn to_image(deed: Deed, world: &mut Inventory, random: &mut Random, owed: &mut Owed) {
    let turn = owed.what.len();
    let images: Vec<usize> = (0..world.images.len())
        .filter(|at| !is_kept(world.images[*at].id.as_str()))
        .collect();
    if images.is_empty() {
        return;
    }
    let image = images[random.below(images.len())];
    match deed {
        Deed::MoveTag => {
            let image = &mut world.images[image];
            let Some(tag) = image.names.pop() else { return };
            let new = format!("sha256:keep-new-{turn}");
            let names = vec![tag.clone()];
            owed.owe(format!("{tag} moved to {new}"), &[&new]);
            owed.tags.push((tag.to_string(), new.clone()));
            world.images.push(crate::domain::item::Image {
                names,
                ..crate::domain::plan::scene::image(&new, &[])
            });
        }
        Deed::Name => {
            let image = &mut world.images[image];
            let name = format!("keep-name:{turn}");
            image.names.push(name.as_str().into());
            let id = image.id.as_str().to_owned();
            owed.owe(format!("{id} named {name}"), &[&id]);
            owed.tags.push((name, id));
        }
        Deed::Run => {
            let image = &world.images[image];
            let (id, name) = (image.id.as_str().to_owned(), format!("keep-run-{turn}"));
            owed.owe(format!("{name} runs {id}"), &[&id, &name]);
            world.containers.push(running(&name, &id));
        }
        Deed::Build => {
            let image = &world.images[image];
            let (id, name) = (
                image.id.as_str().to_owned(),
                format!("sha256:keep-child-{turn}"),
            );
            owed.owe(format!("{name} builds on {id}"), &[&id, &name]);
            world.images.push(child(&name, &id, &[]));
        }
        _ => unreachable!("no deed to an image"),
    }
}

/// One interleaving; returns how many deeds were done in it.
async fn interleave(seed: u64, requests: usize) -> usize {
    let mut random = Random(seed);
    let model = Arc::new(Model::new(scene()));
    let owed = Arc::new(Mutex::new(Owed::default()));
    for _ in 0..=random.below(3) {
        let deed = DEEDS[random.below(DEEDS.len())];
        let number = 1 + random.below(requests);
        let mut own = Random(random.0);
        let owed = Arc::clone(&owed);
        let hook = move |world: &mut Inventory| act(deed, world, &mut own, &owed);
        model.before_number(number, !deed.is_refused_by_engine(), hook);
    }
    let removal = remove(model.clone(), order_of(scene()), Arc::default(), |_| {}).await;
    let removal = removal.unwrap();
    let world = model.inventory();
    let after = all(&world);
    let owed = owed.lock().unwrap();
    let case = format!("seed {seed}: {:?}", owed.what);
    for thing in &owed.things {
        assert!(after.contains(thing.as_str()), "{case}: {thing} is lost");
    }
    for (tag, image) in &owed.tags {
        let named = world.images.iter().find(|it| it.id.as_str() == image);
        let named = named.is_some_and(|it| it.names.iter().any(|name| **name == **tag));
        let later = owed.tags.iter().filter(|(other, _)| other == tag).count() > 1;
        assert!(named || later, "{case}: {tag} is not on {image} any more");
    }
    for name in all(&scene()).iter().filter(|name| is_kept(name)) {
        assert!(after.contains(name), "{case}: {name} is lost");
    }
    for done in &removal.done {
        let is_gone = !after.contains(done.id.as_str());
        assert_eq!(done.outcome.is_away(), is_gone, "{case}: {done:?}");
    }
    owed.what.len()
}

#[tokio::test]
async fn what_others_do_meanwhile_is_not_lost() {
    let model = Arc::new(Model::new(scene()));
    let order = order_of(scene());
    assert_eq!(wish(&scene()).len(), 30);
    remove(model.clone(), order, Arc::default(), |_| {})
        .await
        .unwrap();
    let requests = model.requests();
    let mut deeds = 0;
    let interleavings = if is_long() { INTERLEAVINGS } else { PART };
    for seed in 0..interleavings {
        deeds += interleave(seed, requests).await;
    }
    println!("{interleavings} interleavings, {deeds} deeds of others in {requests} requests each");
    assert!(deeds as u64 > interleavings, "{deeds}");
}
