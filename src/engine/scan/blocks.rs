//! What the disk keeps of layers, build cache records and images in the folder of an engine on this machine: counted
//! right after the lists, a while at a time, and told as it comes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::ask::look;
use super::pass::DriverPlaces;
use super::question::Question;
use super::response::Response;
use crate::domain::bytes::Figure;
use crate::domain::inventory::{EngineInfo, Inventory, Part};
use crate::domain::item::{ChainId, ImageId, ItemId};
use crate::domain::store::layerdb::OnDisk;
use crate::engine::Engine;
use crate::engine::host::on_disk::{Counted, ToCount, count};
use crate::engine::host::{CancelGuard, ListedIds, RootProof, Walker};
use crate::engine::port::blocking::{run_blocking, run_low_priority};
use crate::engine::scan::state::Scan;

/// Figures are told when they have been counted for so long at first …
const SOON: Duration = Duration::from_millis(250);
/// … and at most: each telling has the whole picture understood anew.
const SELDOM: Duration = Duration::from_secs(4);

impl Scan<'_> {
    /// Wants to know what is new on the disk of the layers that were listed.
    pub(super) fn want_blocks(&mut self) {
        let picture = &mut self.picture;
        let Figure::Known(stored) = &picture.stored else {
            picture.on_disk = Arc::default();
            picture.inodes.clear();
            picture.uncounted.clear();
            self.pass(|pass| pass.blocks = 0);
            return;
        };
        let on_disk = Arc::make_mut(&mut picture.on_disk);
        let images: HashSet<&ImageId> = self.images.keys().collect();
        on_disk.retain(stored);
        on_disk.images.retain(|it, _| images.contains(it));
        picture
            .inodes
            .retain(|it, _| on_disk.folders.contains_key(it));
        picture.uncounted.clear();
        self.want(Question::Blocks);
    }

    /// Goes on counting, once it is known where.
    pub(super) fn count_blocks(&mut self) {
        if self.picture.root.is_some() && !self.is_coming(Question::Stored) {
            self.ask_if_due(Question::Blocks);
        }
    }

    pub(super) fn take_blocks(&mut self, counted: Option<Counted>) {
        let Some(counted) = counted else {
            self.pass(|pass| pass.blocks = 0);
            return self.landed(Question::Blocks);
        };
        // What was listed meanwhile is another list.
        if !self.is_coming_again(Question::Blocks) {
            self.picture.uncounted = counted.left;
        }
        self.picture.inodes.extend(counted.inodes);
        if !counted.on_disk.is_empty() {
            Arc::make_mut(&mut self.picture.on_disk).add(counted.on_disk.clone());
            self.outbox.push(Part::OnDisk(counted.on_disk));
        }
        let on_disk = &self.picture.on_disk;
        let left = self.picture.uncounted.iter();
        let left = left.filter(|it| !it.is_in(on_disk)).count();
        self.pass(|pass| pass.blocks = left);
        self.landed(Question::Blocks);
        if !self.picture.uncounted.is_empty() {
            self.want(Question::Blocks);
        }
    }
}

impl<'e> Scan<'e> {
    pub(super) fn blocks_on_disk(&mut self) -> BoxFuture<'e, Response> {
        let mut wanted = std::mem::take(&mut self.picture.uncounted);
        let picture = &self.picture;
        if let Figure::Known(stored) = &picture.stored
            && wanted.is_empty()
        {
            let images: Vec<ImageId> = self.images.keys().cloned().collect();
            wanted = ToCount::all(stored, &images, &picture.on_disk, &picture.inodes);
        }
        if let Figure::Known(stored) = &picture.stored {
            picture.first.sort(&mut wanted, stored);
        }
        // What was counted before is only looked at again.
        let on_disk = &picture.on_disk;
        let new = wanted.iter().filter(|it| !it.is_in(on_disk)).count();
        if self.picture.root.is_some() {
            self.pass(|pass| pass.blocks = new);
        }
        let engine = self.picture.engine.clone();
        let root = self.picture.root.clone();
        let walker = self.leash.walker();
        let known = u32::try_from(self.picture.on_disk.folders.len()).unwrap_or(u32::MAX);
        let time = (SOON * (known / 512 + 1).min(16)).min(SELDOM);
        async move {
            let (root, engine) = root.zip(engine)?;
            let until = Some(Instant::now() + time);
            let count = move || counted(&root, &engine, wanted, &walker, until);
            run_low_priority(count).await?
        }
        .map(Response::Blocks)
        .boxed()
    }
}

fn counted(
    root: &RootProof,
    engine: &EngineInfo,
    wanted: Vec<ToCount>,
    walker: &Walker,
    until: Option<Instant>,
) -> Option<Counted> {
    let root = root.open().ok()?;
    count(&root, engine, wanted, walker, until).ok()
}

/// Counts what is not known yet of some images and records, and of layers of these chains, where the engine is on this
/// machine.
pub async fn blocks_of(
    engine: &dyn Engine,
    inventory: &Inventory,
    items: &[ItemId],
    chains: &[ChainId],
) -> OnDisk {
    let Figure::Known(stored) = &inventory.stored else {
        return OnDisk::default();
    };
    let found = look(
        engine,
        Arc::clone(&inventory.engine),
        ListedIds::of(inventory),
    );
    let Some(Ok(root)) = found.await.map(|found| found.local) else {
        return OnDisk::default();
    };
    let places = DriverPlaces::of(items, chains, stored);
    let leash = CancelGuard::default();
    count_those(root, inventory, leash.walker(), |it| places.have(it)).await
}

/// Counts what is not known yet of an engine's layers, records and images, at once.
pub(super) async fn count_all(root: RootProof, inventory: &Inventory, walker: Walker) -> OnDisk {
    count_those(root, inventory, walker, |_| true).await
}

async fn count_those(
    root: RootProof,
    inventory: &Inventory,
    walker: Walker,
    is_wanted: impl Fn(&ToCount) -> bool,
) -> OnDisk {
    let Figure::Known(stored) = &inventory.stored else {
        return OnDisk::default();
    };
    let images: Vec<ImageId> = inventory.images.iter().map(|it| it.id.clone()).collect();
    let mut wanted = ToCount::all(stored, &images, &inventory.on_disk, &HashMap::new());
    wanted.retain(|it| !it.is_in(&inventory.on_disk) && is_wanted(it));
    let engine = Arc::clone(&inventory.engine);
    let count = move || counted(&root, &engine, wanted, &walker, None);
    let counted = run_blocking(count).await.flatten();
    counted.map(|it| it.on_disk).unwrap_or_default()
}
