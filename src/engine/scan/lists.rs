//! The lists that one scan begins with.

use std::sync::Arc;

use futures_util::future::OptionFuture;

use super::ask::{images_in_store, within};
use super::once::Once;
use super::response::Reply;
use super::same_second::relist_same_second;
use crate::domain::bytes::Figure;
use crate::domain::inventory::{EngineInfo, Part, Stage};
use crate::domain::item::{Container, Image, Volume};
use crate::domain::outsider::{Outsider, OutsiderKind};
use crate::engine::host::{self, ListedIds};
use crate::engine::metadata::images::detailed;
use crate::engine::metadata::store::StoreReading;
use crate::engine::port::clock;
use crate::engine::{Engine, EngineError};

/// What the lists answered, each by itself.
struct Lists {
    /// `None` where they are not asked for yet.
    images: Option<Reply<Vec<Image>>>,
    containers: Reply<Vec<Container>>,
    services: Reply<Vec<Outsider>>,
    volumes: Reply<Vec<Volume>>,
}

/// Asks for all lists at once, but for that of images where it takes the engine long and its store may be read instead.
///
/// # Errors
/// The engine does not answer in time, or answers nothing that there is to show.
async fn lists(
    engine: &dyn Engine,
    before: &EngineInfo,
) -> Result<(EngineInfo, Lists), EngineError> {
    let since = clock::now();
    // Who asks first is told what it said when it was greeted.
    let told = if before.host.is_empty() {
        Some(within("info", engine.about()).await?)
    } else {
        None
    };
    let may_read = StoreReading::may_be_here(told.as_ref().unwrap_or(before));
    let about = async {
        match told {
            Some(about) => Ok(about),
            None => within("info", engine.about()).await,
        }
    };
    let images = (!may_read).then(|| within("images", engine.images()));
    let (about, images, containers, services, volumes) = tokio::join!(
        about,
        OptionFuture::from(images),
        within("containers", engine.containers()),
        within("services", engine.services()),
        within("volumes", engine.volumes()),
    );
    let about = about?;
    if let (Some(Err(error)), Err(_), Err(_)) = (&images, &containers, &volumes) {
        return Err(error.clone());
    }
    let (images, containers) = (
        images.map(unless_silent).transpose()?,
        unless_silent(containers)?,
    );
    let (services, mut volumes) = (unless_silent(services)?, unless_silent(volumes)?);
    if let Ok(listed) = volumes {
        let users = containers.as_deref().unwrap_or_default();
        volumes = relist_same_second(engine, listed, users, since).await;
    }
    let lists = Lists {
        images,
        containers,
        services,
        volumes,
    };
    Ok((about, lists))
}

/// Ends the scan where a list never came: who hangs with one hangs with all that follows (README.md, On the command
/// line).
fn unless_silent<T>(answer: Reply<T>) -> Result<Reply<T>, EngineError> {
    match answer {
        Err(error @ EngineError::TimedOut { .. }) => Err(error),
        answer => Ok(answer),
    }
}

impl Once<'_> {
    pub(super) async fn lists(&mut self) -> Result<(), EngineError> {
        for stage in [Stage::Images, Stage::Containers, Stage::Volumes] {
            self.running(stage);
        }
        let (about, lists) = lists(self.engine, &self.inventory.engine).await?;
        self.inventory.apply(Part::Engine(Arc::new(about)));
        let images = match lists.images {
            Some(images) => images,
            None => self.images_in_store(&lists).await?,
        };
        self.end_list(Stage::Images, images, Part::Images);
        self.end_list(Stage::Containers, lists.containers, Part::Containers);
        self.end_list(Stage::Services, lists.services, Part::services);
        self.end_list(Stage::Volumes, lists.volumes, Part::Volumes);
        let warnings = self.engine.volume_warnings();
        self.inventory.apply(Part::VolumeWarnings(warnings));
        // It is told by what the lists lack.
        let external = within("external containers", self.engine.external()).await?;
        let external = Figure::Known(external);
        self.inventory
            .apply(Part::Outsiders(OutsiderKind::External, external));
        Ok(())
    }

    /// Lists images as the store's own files have them, else as the engine does.
    async fn images_in_store(&mut self, lists: &Lists) -> Result<Reply<Vec<Image>>, EngineError> {
        if let Ok(containers) = &lists.containers {
            let known = ListedIds {
                containers: containers.iter().map(|it| it.id.clone()).collect(),
                leaving: host::leaving(containers),
                ..ListedIds::default()
            };
            let info = Arc::clone(&self.inventory.engine);
            let detailed = detailed(&self.inventory.images);
            let found = images_in_store(self.engine, Arc::clone(&info), known, detailed).await;
            match found {
                Ok((noted, images)) => {
                    self.noted = Some(noted);
                    return Ok(Ok(images));
                }
                Err(why) => {
                    let info = EngineInfo {
                        unread: Some(why.to_string().into()),
                        ..(*info).clone()
                    };
                    self.inventory.apply(Part::Engine(Arc::new(info)));
                }
            }
        }
        let images = unless_silent(within("images", self.engine.images()).await)?;
        match &images {
            Err(error) if lists.containers.is_err() && lists.volumes.is_err() => Err(error.clone()),
            _ => Ok(images),
        }
    }

    /// Takes a list in. One that is refused costs its own kind, and what nobody knows without it.
    fn end_list<T>(&mut self, stage: Stage, answer: Reply<T>, part: impl FnOnce(T) -> Part) {
        self.end_answer(stage, answer.map(Some), part);
    }
}
