//! An engine whose first answer is a panic: a fault of the program's own, in a task beside the screen.

use std::sync::Arc;

use dtop::app::model::Options;
use dtop::domain::bytes::Bytes;
use dtop::domain::inventory::{EngineInfo, SharedSizes};
use dtop::domain::item::{
    Container, ContainerDetails, ContainerId, Image, ImageId, Record, RecordId, Volume, VolumeName,
};
use dtop::domain::outsider::Outsider;
use dtop::domain::protect::Protection;
use dtop::engine::journal::Journal;
use dtop::engine::{Answer, Change, Engine, EngineError, ImageDetails, Pruned, Removed};
use dtop::tui::{self, Opener};
use dtop::ui::Theme;
use futures_util::stream::BoxStream;

/// What the test program is started with to be such a program itself.
pub const IN_A_TASK: &str = "--panic-in-a-task";
pub const IN_THE_LOOP: &str = "--panic-in-the-loop";
/// What the panic says.
pub const WORDS: &str = "this engine is broken";

/// Opens the full screen as `main` does, on an engine that panics; never returns if it was asked for.
pub fn run_if_asked() {
    let in_the_loop = match std::env::args().nth(1).as_deref() {
        Some(IN_A_TASK) => false,
        Some(IN_THE_LOOP) => true,
        _ => return,
    };
    color_eyre::install().expect("the first hook");
    let opener = Opener {
        connect: Box::new(move || {
            if in_the_loop {
                broken()
            }
            Box::pin(std::future::ready(Ok(Arc::new(Broken) as Arc<dyn Engine>)))
        }),
        demo: Box::new(|| Arc::new(Broken)),
        journal: Journal::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let run = tui::run(
        opener,
        Options::default(),
        Protection::default(),
        Theme::new(true, false),
    );
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(run)).expect("it panics");
    std::process::exit(0);
}

fn broken() -> ! {
    panic!("{WORDS}")
}

struct Broken;

impl Engine for Broken {
    fn about(&self) -> Answer<'_, EngineInfo> {
        Box::pin(std::future::ready(Ok(EngineInfo::default())))
    }

    fn images(&self) -> Answer<'_, Vec<Image>> {
        // Late enough that the full screen has been drawn.
        Box::pin(async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            broken()
        })
    }

    fn changes(&self) -> BoxStream<'_, Result<Change, EngineError>> {
        Box::pin(futures_util::stream::pending())
    }

    fn containers(&self) -> Answer<'_, Vec<Container>> {
        Box::pin(std::future::pending())
    }

    fn volumes(&self) -> Answer<'_, Vec<Volume>> {
        Box::pin(std::future::pending())
    }

    fn services(&self) -> Answer<'_, Vec<Outsider>> {
        Box::pin(std::future::pending())
    }

    fn build_cache(&self) -> Answer<'_, Vec<Record>> {
        Box::pin(std::future::pending())
    }

    fn shared_sizes(&self) -> Answer<'_, SharedSizes> {
        Box::pin(std::future::pending())
    }

    fn volume_sizes(&self) -> Answer<'_, Vec<(VolumeName, Option<Bytes>)>> {
        Box::pin(std::future::pending())
    }

    fn image_details<'a>(&'a self, _: &'a ImageId) -> Answer<'a, ImageDetails> {
        broken()
    }

    fn container_details<'a>(
        &'a self,
        _: &'a ContainerId,
        _: bool,
    ) -> Answer<'a, ContainerDetails> {
        broken()
    }

    fn resolve<'a>(&'a self, _: &'a str) -> Answer<'a, Option<ImageId>> {
        broken()
    }

    fn unpause<'a>(&'a self, _: &'a ContainerId) -> Answer<'a, ()> {
        broken()
    }

    fn stop<'a>(&'a self, _: &'a ContainerId) -> Answer<'a, ()> {
        broken()
    }

    fn remove_container<'a>(&'a self, _: &'a ContainerId) -> Answer<'a, ()> {
        broken()
    }

    fn untag<'a>(&'a self, _: &'a str) -> Answer<'a, Removed> {
        broken()
    }

    fn remove_image<'a>(&'a self, _: &'a ImageId) -> Answer<'a, Removed> {
        broken()
    }

    fn prune_records<'a>(&'a self, _: &'a [RecordId]) -> Answer<'a, Pruned> {
        broken()
    }

    fn remove_volume<'a>(&'a self, _: &'a VolumeName) -> Answer<'a, ()> {
        broken()
    }
}
