//! What holds listed things and is on no list: containers that only the folder of an engine on this machine tells of,
//! and Podman's external ones.
//!
//! Until it is known, images or volumes are neither used nor unused. It is asked for once the lists are there, so that
//! the first screen does not wait, and again with each of them.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::ask::{LIST, look, within};
use super::question::Question;
use super::response::Response;
use crate::domain::bytes::Figure;
use crate::domain::inventory::{EngineInfo, Inventory, Part};
use crate::domain::outsider::{Outsider, OutsiderKind, Perhaps};
use crate::domain::paths::Paths;
use crate::domain::store::mounted::MountedImages;
use crate::engine::host::{self, ListedIds, RootProof, Unlisted};
use crate::engine::port::blocking::run_blocking;
use crate::engine::scan::state::Scan;
use crate::engine::{Engine, EngineError};

impl Scan<'_> {
    /// Says that nothing is known yet of what is on no list.
    pub(super) fn await_outsiders(&mut self) {
        for kind in OutsiderKind::IN_FOLDER
            .into_iter()
            .chain([OutsiderKind::External])
        {
            self.outbox.push(Part::Outsiders(kind, Figure::Pending));
        }
    }

    /// Asks for what is on no list once the lists are there.
    pub(super) fn look_beside(&mut self) {
        let lists = [
            Question::About,
            Question::Images,
            Question::Containers,
            Question::Volumes,
        ];
        if !lists.into_iter().any(|list| self.is_in_flight(list)) {
            self.ask_if_due(Question::External);
        }
        // Without their list every container would seem to be missing from it.
        let is_listed = self.picture.is_answered(Question::Containers)
            && !self.is_in_flight(Question::Containers);
        let is_there = self.picture.root.is_some() && is_listed;
        if is_there && !self.is_in_flight(Question::Surroundings) {
            self.ask_if_due(Question::Unlisted);
        }
    }

    /// The host was looked at: where its folder cannot be read, nothing is claimed of what it may tell.
    pub(super) fn give_up_folder(&mut self) {
        let is_readable = self.picture.engine.as_deref().is_some_and(has_folders);
        if self.picture.root.is_none() || !is_readable {
            self.forget(Question::Unlisted);
            self.send_unlisted(None);
        }
    }

    pub(super) fn take_unlisted(&mut self, found: Unlisted) {
        let binds = found.containers.iter().map(|it| it.binds.clone());
        let binds: Vec<Paths> = binds.filter(|it| !it.is_empty()).collect();
        if self.picture.unlisted_binds != binds {
            self.picture.unlisted_binds = binds;
            self.want(Question::Resolved);
        }
        self.send_unlisted(Some(found));
        self.landed(Question::Unlisted);
    }

    fn send_unlisted(&mut self, found: Option<Unlisted>) {
        if self
            .picture
            .told
            .takes(Question::Unlisted, found.as_slice())
        {
            for part in parts(found) {
                self.outbox.push(part);
            }
        }
    }

    pub(super) fn take_external(&mut self, answer: Result<Vec<Outsider>, EngineError>) {
        if let Some(external) = self.picture.accept(Question::External, answer)
            && self.picture.told.takes(Question::External, &external)
        {
            let external = Figure::Known(external);
            self.outbox
                .push(Part::Outsiders(OutsiderKind::External, external));
        }
        self.landed(Question::External);
    }
}

impl<'e> Scan<'e> {
    pub(super) fn unlisted(&self) -> BoxFuture<'e, Response> {
        let info = self.picture.engine.clone().unwrap_or_default();
        let (root, known) = (self.picture.root.clone(), self.picture.known.clone());
        async move {
            let found = match root {
                Some(root) => unlisted(&info, root, known).await,
                None => Unlisted::default(),
            };
            Response::Unlisted(found)
        }
        .boxed()
    }

    pub(super) fn external(&self) -> BoxFuture<'e, Response> {
        within("external containers", self.engine().external())
            .map(Response::External)
            .boxed()
    }
}

/// Returns true for an engine whose folder has one for each container.
pub(super) fn has_folders(engine: &EngineInfo) -> bool {
    &*engine.product == "Docker"
}

/// Reads what a proven folder tells of containers, on a thread of its own. Where it cannot be read to its end, any
/// volume may be of a container that was not seen.
pub(super) async fn unlisted(
    info: &Arc<EngineInfo>,
    root: RootProof,
    known: ListedIds,
) -> Unlisted {
    let driver = info.driver.clone();
    let read = run_blocking(move || host::unlisted(&root.open()?, &driver, &known));
    if let Ok(Some(Ok(found))) = timeout(LIST, read).await {
        return found;
    }
    let name = format!("in {}/containers", info.root);
    Unlisted {
        containers: vec![Outsider {
            perhaps: Perhaps::AnyVolume,
            ..Outsider::new(OutsiderKind::Unlisted, &name)
        }],
        mounted: MountedImages::default(),
    }
}

/// Returns what the folder of an engine tells that was local `before`, beside the lists of `now`; nothing where it
/// cannot be shown any more to be the engine's.
pub(in crate::engine) async fn unlisted_now(
    engine: &dyn Engine,
    before: &Inventory,
    now: &Inventory,
) -> Option<Unlisted> {
    let info = &before.engine;
    if !info.local || !has_folders(info) {
        return None;
    }
    let found = look(engine, Arc::clone(info), ListedIds::of(before)).await?;
    let root = found.local.ok()?;
    Some(unlisted(info, root, ListedIds::of(now)).await)
}

/// Returns what an inventory takes in; nothing is claimed of a folder that cannot be read.
pub(in crate::engine) fn parts(found: Option<Unlisted>) -> Vec<Part> {
    let (containers, mounted) = match found {
        Some(found) => (Some(found.containers), found.mounted),
        None => (None, MountedImages::default()),
    };
    let of_kind = |kind| {
        let of_kind = |found: &Vec<Outsider>| {
            let outsiders = found.iter().filter(|it| it.kind == kind);
            outsiders.cloned().collect()
        };
        let outsiders: Option<Vec<Outsider>> = containers.as_ref().map(of_kind);
        Part::Outsiders(kind, outsiders.into())
    };
    let mut parts: Vec<Part> = OutsiderKind::IN_FOLDER.into_iter().map(of_kind).collect();
    parts.push(Part::Mounted(mounted));
    parts
}
