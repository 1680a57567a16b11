//! An engine that a command has opened, and how much of it is scanned for what the command is to do.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Found, Stop};
use crate::cli::Chosen;
use crate::commands::console::Console;
use crate::commands::waiting::{Waits, showing};
use crate::domain::inventory::{EngineInfo, Inventory, Progress, Stage};
use crate::domain::item::Kind;
use crate::domain::protect::Protection;
use crate::domain::survey::Survey;
use crate::domain::triage::Goal;
use crate::engine::Engine;
use crate::engine::scan::{ScanScope, WalkOf, scan_once};
use crate::report::select::How;

/// An engine that has answered, and what is known before it is looked at.
pub(super) struct Opened {
    pub engine: Arc<dyn Engine>,
    pub about: EngineInfo,
    pub base: Inventory,
}

impl Opened {
    pub async fn new(engine: impl Future<Output = Found>) -> Result<Self, Stop> {
        let (engine, protection) = engine.await.map_err(Stop::nothing_tried)?;
        let about = engine.about().await;
        let about = about.map_err(|error| Stop::engine("the engine", &error))?;
        Ok(Self::of(engine, about, protection))
    }

    /// Returns an engine of which no more is known than what it is, so that its scan need not wait for that.
    pub fn of(engine: Arc<dyn Engine>, about: EngineInfo, protection: Protection) -> Self {
        let mut base = Inventory::under(protection);
        base.engine = Arc::new(about.clone());
        Self {
            engine,
            about,
            base,
        }
    }

    /// Scans all that is wanted, with progress on standard error if that is a terminal.
    pub async fn scan(&self, wanted: ScanScope, console: &mut Console<'_>) -> Result<Survey, Stop> {
        let (waits, console) = (RefCell::new(Waits::new("measuring")), RefCell::new(console));
        let progress = |stage: Stage, at: &Progress| {
            let mut waits = waits.borrow_mut();
            waits.end(stage.word());
            if matches!(at, Progress::Running(_)) {
                waits.begin(stage.word());
            }
            console.borrow_mut().show_waits(&mut waits);
        };
        let scan = scan_once(&*self.engine, wanted, &self.base, progress);
        let scanned = showing(&waits, &console, scan).await;
        let inventory = scanned.map_err(|error| Stop::engine(&self.about.host, &error))?;
        Ok(Survey::new(inventory))
    }

    /// Scans what choosing for a goal takes: no more than the lists where nothing is missing, so that a line for
    /// cron costs next to nothing on most days.
    pub async fn scan_for(
        &self,
        goal: Goal,
        filters: &[Chosen],
        console: &mut Console<'_>,
    ) -> Result<Survey, Stop> {
        if filters.is_empty() && goal.bytes().is_none() {
            let looked = self.scan(ScanScope::LISTS, console).await?;
            let missing = goal.missing(&looked.inventory().disks);
            if missing.is_some_and(|missing| missing.is_empty()) {
                return Ok(looked);
            }
        }
        let wanted = ScanScope {
            contents: false,
            ..ScanScope::ALL
        };
        self.scan(wanted, console).await
    }
}

/// Returns the figures that a plan of these filters needs. Containers leave volumes behind, and unlock takes
/// containers along; what holds layers may share them with a container whose image is gone; when an image or
/// a volume was last used only its containers tell.
pub(super) fn needed(filters: &[Chosen], how: How, protection: &Protection) -> ScanScope {
    let has = |kind| filters.iter().any(|chosen| chosen.kind == kind);
    let takes_containers = has(Kind::Container) || how.unlock && has(Kind::Image);
    let takes_layers = has(Kind::Image) || has(Kind::BuildCache);
    let mut asking = filters.iter().map(|chosen| chosen.filter.asks_last_use());
    let asks_frees = filters.iter().any(|chosen| chosen.filter.asks_frees());
    let asks_last_use = protection.asks_last_use() || asking.any(|asks| asks);
    ScanScope {
        container_details: takes_containers || takes_layers || asks_last_use || has(Kind::Log),
        container_sizes: if takes_containers {
            WalkOf::All
        } else if takes_layers {
            WalkOf::Hidden
        } else {
            WalkOf::None
        },
        volume_sizes: takes_containers || has(Kind::Volume),
        // Of what is chosen otherwise only its own is counted, once it is known.
        blocks: asks_frees,
        contents: false,
        ..ScanScope::ALL
    }
}
