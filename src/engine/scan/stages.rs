//! What is to be asked of an engine, and when: the order of the stages.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::ask::{images_in_store, inspect, look, noted, stored, tell_in_store, within};
use super::question::{DF, Question};
use super::response::Response;
use super::state::{Scan, Why};
use super::watch::Request;
use crate::domain::inventory::{Part, Stage};
use crate::domain::item::{ImageId, Record};
use crate::domain::text::Text;
use crate::engine::fingerprint::Fingerprint;
use crate::engine::host::ListedIds;
use crate::engine::{Change, Engine};

/// How often the build cache is listed while it is looked at: nothing tells that it grows (ENGINE.md §7).
const CACHE_AGE: Duration = Duration::from_secs(30);
/// How often disks that could be asked are asked again, which costs one system call each …
const DISKS_AGE: Duration = Duration::from_secs(5);
/// … or a request over a line that may be slow.
const DISTANT_DISKS_AGE: Duration = Duration::from_secs(60);

impl<'e> Scan<'e> {
    pub(super) fn start(&mut self, why: Why) {
        self.picture.idly.remove(&Question::BuildCache);
        self.is_down = false;
        self.outbox.running(Stage::Images);
        self.want(Question::ImagesInStore);
        for question in [
            Question::About,
            Question::Containers,
            Question::Services,
            Question::Volumes,
        ] {
            self.ask(question);
        }
        match why {
            Why::First => {
                self.await_outsiders();
                self.due.extend(DF);
                self.want(Question::Contents);
            }
            Why::Asked => {
                self.due.extend(DF);
                self.want(Question::Contents);
                self.containers.invalidate_all();
                self.volumes.invalidate_all();
                self.picture.falls_back = false;
                self.images.invalidate_unanswered();
            }
            Why::Reconnected => {
                let whole = self.has_only_whole_df();
                // Shared sizes are asked once the list of images is another one; nothing else tells of the cache.
                let repeat = DF.into_iter().filter(|question| {
                    let cheap = *question == Question::BuildCache && !whole;
                    cheap || !self.picture.is_answered(*question)
                });
                self.due.extend(repeat);
                // A walk that failed would fail again.
                if self.picture.asked_last(Question::Contents).is_none() {
                    self.want(Question::Contents);
                }
            }
        }
    }

    pub(super) fn request(&mut self, request: Request) {
        match request {
            Request::Rescan => self.start(Why::Asked),
            Request::LookFirst(images) => {
                self.outbox.look_first(&images);
                self.images.look_first(&images);
            }
            Request::MeasureFirst(first) => self.measure_first(first),
            Request::BuildCacheVisible(visible) => self.cache_visible = visible,
        }
    }

    /// Takes note of a change, to be acted upon when no more come.
    pub(super) fn note(&mut self, change: Change) {
        match change {
            Change::Images => self.dirty.add(&[Question::Images, Question::BuildCache]),
            Change::Container(id) => {
                self.containers.invalidate(&id);
                self.dirty.add(&[Question::Containers]);
                // Elsewhere there are none, and a swarm that is made tells of itself.
                if self.picture.has_swarm() {
                    self.dirty.add(&[Question::Services]);
                }
            }
            Change::Swarm => self.dirty.add(&[Question::About, Question::Services]),
            Change::Volumes => self.dirty.add(&[Question::Volumes]),
            Change::BuildCache => self.dirty.add(&[Question::BuildCache]),
        }
    }

    /// Asks whatever has its turn now: cheap lists, what df tells cheaply, layers, then the walks over
    /// writable layers, and the one over all volumes last. A stage waits until the one before has nothing
    /// left to *ask*, not until it is answered: one object that hangs must not stop the rest.
    pub(super) fn proceed(&mut self) {
        self.list_images();
        let listed = !self.is_in_flight(Question::About) && self.has_listed_images();
        let whole = self.has_only_whole_df();
        if !self.is_in_flight(Question::Containers) && !self.is_in_flight(Question::Volumes) {
            self.ask_if_due(Question::Resolved);
        }
        let is_reading = self.is_in_flight(Question::InStore);
        if listed && !whole {
            // What the store's own files tell, the engine need not read; of a graph driver's they tell no shared sizes.
            if !is_reading || self.picture.keeps_stored() {
                self.ask_if_due(Question::SharedSizes);
            }
            self.ask_if_due(Question::BuildCache);
        }
        self.look_beside();
        if !is_reading {
            self.inspect_images();
        }
        if listed && !self.images.is_waiting() {
            self.inspect_containers();
        }
        if listed && self.images.is_idle() {
            // Of an engine on this machine the store's own notes are read instead.
            let is_looking = self.is_in_flight(Question::Surroundings);
            if !is_looking || self.picture.asked_last(Question::Surroundings).is_some() {
                self.ask_if_due(Question::Blobs);
            }
            self.ask_if_due(Question::Stored);
        }
        let rest = self.images.is_waiting()
            || self.containers.is_waiting()
            || self.is_in_flight(Question::Containers)
            || self.is_in_flight(Question::Volumes);
        if listed && !rest {
            for question in DF {
                if question != Question::VolumeSizes {
                    self.ask_if_due(question);
                }
            }
            self.measure_volumes();
            self.count_blocks();
        }
        if self.containers.is_idle() {
            self.ask_if_due(Question::ContainerUsage);
        }
        self.look_into_folder();
        if !self.is_busy_before(Question::Images) {
            self.ask_if_due(Question::Images);
        }
    }

    pub(super) fn ask_if_due(&mut self, question: Question) {
        if self.due.remove(&question) {
            self.ask(question);
        }
    }

    fn inspect_images(&mut self) {
        let engine = self.engine;
        while let Some(id) = self.images.next() {
            let job = async move {
                let answer = within("image", engine.image_details(&id)).await;
                Response::Image(id, answer)
            };
            self.jobs.push(job.boxed());
        }
        if self.images.begins() {
            self.outbox.running(Stage::Layers);
        }
    }

    fn inspect_containers(&mut self) {
        let engine = self.engine;
        while let Some(id) = self.containers.next() {
            let job = async move {
                let answer = inspect(engine, &id, true).await;
                Response::Container(id, answer)
            };
            self.jobs.push(job.boxed());
        }
        if self.containers.begins() {
            self.outbox.running(Stage::ContainerSizes);
        }
    }

    /// Asks a question now, or once more when it is under way.
    pub(super) fn ask(&mut self, question: Question) {
        if question == Question::BuildCache && !self.picture.has_build_cache() {
            if self.picture.told.takes::<Record>(question, &[]) {
                self.outbox.push(Part::BuildCache(Vec::new()));
            }
            self.outbox.ended(Stage::BuildCache, None);
            return;
        }
        if !self.in_flight.insert(question) {
            // A walk may take minutes: it is not begun anew because it is not done.
            if !matches!(question, Question::VolumeSizes | Question::Contents) {
                self.again.insert(question);
            }
            return;
        }
        // Services are asked at every change of a container, and mostly there are none. What is listed only because it
        // is looked at is announced once it says something new.
        let idly = matches!(question, Question::BuildCache | Question::Images)
            && self.picture.idly.contains(&question);
        if let Some(stage) = question.stage()
            && question != Question::Services
            && !idly
        {
            self.outbox.running(stage);
        }
        let job = self.job(question);
        self.jobs.push(job);
    }

    fn job(&mut self, question: Question) -> BoxFuture<'e, Response> {
        let engine = self.engine;
        match question {
            Question::About => within("info", engine.about()).map(Response::About).boxed(),
            Question::Images => within("images", engine.images())
                .map(Response::Images)
                .boxed(),
            Question::Containers => within("containers", engine.containers())
                .map(Response::Containers)
                .boxed(),
            Question::Services => within("services", engine.services())
                .map(Response::Services)
                .boxed(),
            Question::Volumes => within("volumes", engine.volumes())
                .map(Response::Volumes)
                .boxed(),
            Question::SharedSizes => {
                async move { Response::SharedSizes(engine.shared_sizes().await) }.boxed()
            }
            Question::BuildCache => {
                let quiet = self.picture.idly.contains(&question) && !self.picture.is_building;
                let last = self.picture.told.last(question).filter(|_| quiet);
                async move { again(engine, last).await }.boxed()
            }
            Question::VolumeSizes => {
                async move { Response::VolumeSizes(engine.volume_sizes().await) }.boxed()
            }
            Question::Blobs => self.blobs(),
            Question::Extents => {
                let layers = self.picture.to_read.clone();
                async move { Response::Extents(engine.extents(&layers).await) }.boxed()
            }
            Question::InStore => {
                let info = self.picture.engine.clone().unwrap_or_default();
                let known = self.picture.known.clone();
                let detailed = self.images.answered();
                let open = self.images.keys().filter(|id| !detailed.contains_key(*id));
                let open = open.cloned().collect();
                async move {
                    tell_in_store(engine, info, known, (detailed, open)).await;
                    Response::InStore
                }
                .boxed()
            }
            Question::ImagesInStore => {
                let info = self.picture.engine.clone().unwrap_or_default();
                let (known, detailed) = (self.picture.known.clone(), self.images.answered());
                async move {
                    let found = images_in_store(engine, info, known, detailed).await;
                    Response::ImagesInStore(found)
                }
                .boxed()
            }
            Question::Stored => {
                let info = self.picture.engine.clone().unwrap_or_default();
                let earlier = self.picture.stored.as_ref().known().cloned();
                stored(info, self.picture.known.clone(), earlier)
                    .map(Response::Stored)
                    .boxed()
            }
            Question::Blocks => self.blocks_on_disk(),
            Question::Unlisted => self.unlisted(),
            Question::External => self.external(),
            Question::Logs => self.logs(),
            Question::Resolved => self.resolved(),
            Question::ContainerUsage => self.container_usage(),
            Question::Contents => self.contents(),
            Question::Surroundings => {
                let info = self.picture.engine.clone().unwrap_or_default();
                let asked = Arc::clone(&info);
                look(engine, info, self.picture.known.clone())
                    .map(|found| Response::Surroundings(asked, found))
                    .boxed()
            }
        }
    }

    fn blobs(&mut self) -> BoxFuture<'e, Response> {
        let engine = self.engine;
        let images: Vec<ImageId> = self.images.keys().cloned().collect();
        let runs: HashSet<Text> = self.picture.runs.values().cloned().collect();
        let further: Vec<Text> = runs.iter().cloned().collect();
        self.picture.runs_asked = runs;
        let info = self.picture.engine.clone().unwrap_or_default();
        let known = ListedIds {
            images: images.clone(),
            ..self.picture.known.clone()
        };
        let read = self.picture.noted.take();
        async move {
            let noted = match read {
                Some(noted) => Some(noted),
                None => noted(info, known).await,
            };
            Response::Blobs(engine.blobs(&images, &further, noted).await)
        }
        .boxed()
    }

    /// An answer has come: the question may be asked again, and is if somebody wanted that meanwhile.
    pub(super) fn landed(&mut self, question: Question) {
        self.in_flight.remove(&question);
        self.picture.answered_at(question);
        if self.again.remove(&question) {
            self.ask(question);
        }
    }

    /// Returns when [`Scan::on_time`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [
            self.outbox.deadline(),
            self.dirty.deadline(),
            self.cache_deadline(),
            self.disks_deadline(),
            self.retry,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn cache_deadline(&self) -> Option<Instant> {
        let wanted = self.cache_visible
            && !self.has_only_whole_df()
            && self.picture.has_build_cache()
            && !self.is_coming(Question::BuildCache);
        let since = self.picture.asked_last(Question::BuildCache)?;
        wanted.then(|| since + CACHE_AGE)
    }

    fn disks_deadline(&self) -> Option<Instant> {
        let has_disks = !self.picture.disks.is_empty();
        let since = self.picture.asked_last(Question::Surroundings)?;
        let age = if self.picture.root.is_some() {
            DISKS_AGE
        } else {
            DISTANT_DISKS_AGE
        };
        (has_disks && !self.is_in_flight(Question::Surroundings)).then(|| since + age)
    }

    pub(super) fn on_time(&mut self) {
        let now = Instant::now();
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_over(self.outbox.deadline()) {
            self.outbox.flush();
        }
        if is_over(self.dirty.deadline()) {
            self.follow_changes();
        }
        if is_over(self.cache_deadline()) {
            self.picture.idly.insert(Question::BuildCache);
            self.want(Question::BuildCache);
        }
        if is_over(self.retry) {
            self.ask_lost();
        }
        if is_over(self.disks_deadline()) {
            self.picture.idly.insert(Question::Surroundings);
            self.ask(Question::Surroundings);
        }
    }

    fn follow_changes(&mut self) {
        for question in std::mem::take(&mut self.dirty).questions {
            match question {
                // Below API 1.42 that would be the walk over everything.
                Question::BuildCache if self.has_only_whole_df() => {}
                Question::Images => self.want(Question::ImagesInStore),
                // Its turn comes after the images that it shares layers with.
                Question::BuildCache => {
                    self.picture.idly.remove(&Question::BuildCache);
                    self.want(question);
                }
                _ => self.ask(question),
            }
        }
    }
}

/// Returns the build cache, which may be as long as a fleet is large: where what it said last is known, it is asked
/// first whether it says anything else.
async fn again(engine: &dyn Engine, last: Option<Fingerprint>) -> Response {
    if last.is_some() {
        match engine.build_cache_fingerprint().await {
            Ok(fingerprint) if Some(fingerprint) == last => return Response::SameBuildCache,
            Ok(_) => {}
            Err(error) => return Response::BuildCache(Err(error)),
        }
    }
    Response::BuildCache(engine.build_cache().await)
}
