//! What a removal has freed: from the engine's own words where it says what went, else from a scan
//! afterwards (ENGINE.md §1.7, §11), with the filesystem's own change beside it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, Inventory, Store};
use crate::domain::item::{Container, Image, ImageId, ItemId, Record};
use crate::domain::plan::{Plan, Step};
use crate::domain::removal::account::{Account, Change, Difference, DiskChange, FreedBy, in_both};
use crate::domain::removal::outcome::{Done, Outcome};
use crate::domain::retention::{BytesGone, Freed, Reported};
use crate::domain::survey::Survey;
use crate::domain::text::Text;

use super::RemovalRun;
use super::looks::Listening;
use crate::engine::{EngineError, Removed};

/// How long a look for the account may take: a dead network filesystem never answers, and below API 1.42 the
/// build cache comes only with a walk over every volume. What was removed is told without it.
const LOOK: Duration = Duration::from_secs(5);

/// Counts as steps end.
pub(super) struct Tally<'a> {
    survey: &'a Survey,
    observation: Reported<'a>,
    /// What the engine said that went, by the step whose object it was; until that step ends.
    credits: HashMap<ItemId, BytesGone>,
    /// What went with each step.
    went: HashMap<ItemId, BytesGone>,
    /// What was counted of steps beyond what the disk gained.
    overcounted: HashMap<ItemId, Bytes>,
}

/// Returns whether the engine names the layers that go with an image: Docker's graph drivers do (ENGINE.md §1.7), the
/// containerd store and Podman name only images.
fn names_layers(engine: &EngineInfo) -> bool {
    engine.is_docker_on_graph_driver()
}

impl<'a> Tally<'a> {
    pub(super) fn new(survey: &'a Survey) -> Self {
        Self {
            survey,
            observation: Reported::new(&survey.retention),
            credits: HashMap::new(),
            went: HashMap::new(),
            overcounted: HashMap::new(),
        }
    }

    /// Takes in what the engine says that went with an image: after each image's ID its layers, and then the
    /// parent that went along.
    pub(super) fn answered(&mut self, plan: &Plan, step: &Step, removed: &Removed) {
        if !names_layers(&self.survey.inventory().engine) {
            return;
        }
        let mut answer: Vec<(ImageId, Vec<Text>)> = Vec::new();
        for text in &removed.deleted {
            let image = ItemId::Image(ImageId::new(text.clone()));
            match answer.last_mut() {
                Some((_, chains)) if self.survey.find(&image).is_none() => {
                    chains.push(text.clone());
                }
                _ => answer.push((ImageId::new(text.clone()), Vec::new())),
            }
        }
        let all = self.observation.images(&answer);
        for ((image, _), went) in answer.into_iter().zip(all) {
            let image = ItemId::Image(image);
            let is_step = plan.steps.iter().any(|step| step.id == image);
            let is_to_come = is_step && !self.went.contains_key(&image);
            let owner = if is_to_come { image } else { step.id.clone() };
            self.credits.entry(owner).or_default().add(went);
        }
    }

    /// A log was emptied, of so many bytes.
    pub(super) fn truncated(&mut self, step: &Step, freed: Bytes) {
        let mut went = self.observation.went(&step.id);
        went.bytes = freed;
        self.credits.insert(step.id.clone(), went);
    }

    /// A step has ended: what went with it.
    pub(super) fn ended(&mut self, step: &Step, outcome: Outcome) -> Figure<Bytes> {
        let told = self.credits.remove(&step.id);
        let went = match (outcome, told) {
            (_, Some(told)) => told,
            (Outcome::Removed, None) => self.untold(step),
            (Outcome::Gone, None) => {
                // Somebody else has freed it.
                self.observation.went(&step.id);
                BytesGone::default()
            }
            (
                Outcome::Truncated
                | Outcome::Changed
                | Outcome::Failed
                | Outcome::Skipped
                | Outcome::NotNeeded,
                None,
            ) => BytesGone::default(),
        };
        let freed = went.figure();
        self.went.insert(step.id.clone(), went);
        freed
    }

    /// Returns what went with an object of which the engine says no more than that.
    fn untold(&mut self, step: &Step) -> BytesGone {
        let mut went = self.observation.went(&step.id);
        for parent in step.follows() {
            went.add(self.observation.went(&ItemId::Image(parent.clone())));
        }
        if self.survey.inventory().engine.store == Store::Containerd {
            // The scan afterwards tells it all together; one by one the promise is all there is.
            return BytesGone {
                bytes: step.frees.at_least,
                about: true,
                no_size: step.frees.figure() == Figure::Unknown,
                still_there: Vec::new(),
            };
        }
        went
    }

    /// Returns what went with a step that has ended.
    pub(super) fn freed_by(&self, step: &ItemId) -> Bytes {
        self.went.get(step).map_or(Bytes::ZERO, |went| went.bytes)
    }

    /// Takes back what was counted of a step: nobody can tell whether its bytes went.
    pub(super) fn doubt(&mut self, step: &Step) -> Figure<Bytes> {
        let went = BytesGone {
            about: true,
            no_size: true,
            ..BytesGone::default()
        };
        self.went.insert(step.id.clone(), went);
        Figure::Unknown
    }

    /// Takes the disk's word for a step of which more was counted.
    pub(super) fn correct(&mut self, step: &Step, gained: Bytes) -> Figure<Bytes> {
        if let Some(went) = self.went.get_mut(&step.id) {
            let beyond = went.bytes - gained;
            self.overcounted.insert(step.id.clone(), beyond);
            went.bytes = gained;
            went.about = true;
        }
        Figure::Known(gained)
    }

    fn total(&self) -> BytesGone {
        let mut total = BytesGone::default();
        for went in self.went.values().chain(self.credits.values()) {
            total.add(went.clone());
        }
        total
    }
}

impl RemovalRun<'_> {
    /// Draws up the account, once all steps have ended.
    pub(super) async fn account(&mut self, done: &[Done], listening: &Listening) -> Account {
        let total = self.tally.total();
        let mut account = Account {
            freed: total.bytes,
            by: FreedBy::Engine,
            about: total.about,
            at_most: total.bytes,
            ..Account::default()
        };
        // A log that was empty is emptied, too.
        let is_emptied = done.iter().any(|done| done.outcome == Outcome::Truncated);
        if self.removed.is_empty() && total == BytesGone::default() && !is_emptied {
            return account;
        }
        if self.survey.inventory().engine.store == Store::Containerd && self.lost.is_none() {
            self.scan_again(&mut account).await;
        } else if self.lost.is_none() {
            account.about |= self.were_others_at_work(done).await;
            account.differences = self.differences(&total).await;
        }
        // An estimate by length has no upper end.
        let most = self.promised(|frees| frees.upper().unwrap_or(Bytes(u64::MAX)));
        account.at_most = account.at_most.max(most);
        self.ask_disks(&mut account, listening).await;
        account
    }

    /// Sets the filesystems' change beside what was counted, and takes their word where nobody else was at work.
    async fn ask_disks(&mut self, account: &mut Account, listening: &Listening) {
        let since = Instant::now();
        let (before, after) = self.target.last_look().await;
        account.disks = in_both(&before.disks, &after.disks);
        account.disk = DiskChange::over(&account.disks);
        account.synced = before.synced && after.synced;
        let available = account.disk.map(|disk| disk.available);
        if let Some(Change::More(change)) = available
            && self.tally.total().no_size
            && change > account.freed
        {
            account.freed = change;
            account.at_most = change;
            account.by = FreedBy::Disk;
            account.about = true;
        }
        let beyond: Bytes = self.tally.overcounted.values().copied().sum();
        if !beyond.is_zero() {
            account.by = FreedBy::Disk;
        }
        let most = account.freed.max(self.promised(|frees| frees.at_most));
        let counted = (account.freed, most);
        // A scan afterwards may tell the most of a range; what was promised begins with the least.
        let least = match account.by {
            FreedBy::Rescan => self.promised(|frees| frees.at_least) + self.logs().1,
            FreedBy::Engine | FreedBy::Disk => account.freed,
        };
        let promised = (account.freed.min(least), most);
        let written = after.written_since(&before);
        let is_off = account.disk.is_some_and(|it| it.differs(counted, written));
        let differs = is_off || !beyond.is_zero();
        if differs
            && account.synced
            && self.target.stays_still(since, &after).await
            && !listening.is_disturbed()
        {
            account.correct_by_disk(promised, beyond, written);
        }
    }

    /// Returns what was promised of the steps whose objects went.
    fn promised(&self, bytes: fn(&Freed) -> Bytes) -> Bytes {
        let steps = self.plan.steps.iter();
        let gone = steps.filter(|step| self.removed.contains(&step.id));
        gone.map(|step| bytes(&step.frees)).sum()
    }

    /// Returns true if something that may hold layers went and no step removed it: whose removal let go of what both
    /// held is then not known.
    async fn were_others_at_work(&self, done: &[Done]) -> bool {
        let is_silent = |id: &ItemId| matches!(id, ItemId::Record(_) | ItemId::Container(_));
        if !self.removed.iter().any(is_silent) {
            return false;
        }
        if done.iter().any(|done| done.outcome == Outcome::Gone) {
            return true;
        }
        let Ok(Ok(there)) = timeout(LOOK, self.holders_of_layers()).await else {
            return true;
        };
        let before = self.survey.inventory();
        let before = ids(&before.images, &before.containers, &before.cache);
        let with_cache = self.lists_cache();
        before.into_iter().any(|id| {
            let is_listed = with_cache || !matches!(id, ItemId::Record(_));
            is_listed && !there.contains(&id) && !self.is_ours(&id)
        })
    }

    fn lists_cache(&self) -> bool {
        let is_record = |step: &Step| matches!(step.id, ItemId::Record(_));
        self.plan.steps.iter().any(is_record)
    }

    /// Returns what is there now of images and containers, and of build cache where that was listed right before the
    /// removal: on old engines it takes a walk over everything.
    async fn holders_of_layers(&self) -> Result<HashSet<ItemId>, EngineError> {
        let images = self.engine.images().await?;
        let containers = self.engine.containers().await?;
        let cache = if self.lists_cache() {
            self.engine.build_cache().await?
        } else {
            Vec::new()
        };
        Ok(ids(&images, &containers, &cache).into_iter().collect())
    }

    /// Returns the steps that freed something else than promised, with the reason.
    async fn differences(&self, total: &BytesGone) -> Vec<Difference> {
        let differs = |step: &&Step| {
            let went = &self.tally.went[&step.id];
            let freed = went.bytes;
            self.removed.contains(&step.id)
                && went.figure() != Figure::Unknown
                && !self.tally.overcounted.contains_key(&step.id)
                && (freed < step.frees.at_least
                    || step.frees.is_exact() && freed != step.frees.at_least)
        };
        let steps: Vec<&Step> = self.plan.steps.iter().filter(differs).collect();
        if steps.is_empty() {
            return Vec::new();
        }
        let held = self.what_holds(&total.still_there).await;
        let difference = |step: &Step| {
            let freed = self.tally.went[&step.id].bytes;
            let why = if freed > step.frees.at_least {
                "what else held it was removed meanwhile".to_owned()
            } else if !self.kept.is_empty() && self.tally.went[&step.id].still_there.is_empty() {
                "something that was not removed still holds it".to_owned()
            } else {
                held.clone()
            };
            Difference {
                id: step.id.clone(),
                name: (&*step.name).into(),
                promised: step.frees.at_least,
                freed,
                why,
            }
        };
        steps.into_iter().map(difference).collect()
    }

    /// Returns what holds layers that nothing known does: build cache that is no image's any more tells by its size.
    async fn what_holds(&self, sizes: &[Bytes]) -> String {
        let before = self.survey.inventory();
        if before.engine.has_build_cache
            && let Ok(Ok(records)) = timeout(LOOK, self.engine.build_cache()).await
        {
            let was_shared = |record: &Record| {
                let old = before.cache.iter().find(|old| old.id == record.id);
                old.is_none_or(|old| old.shared)
            };
            let holds = |record: &Record| {
                let size = record.size.known();
                !record.shared && was_shared(record) && size.is_some_and(|it| sizes.contains(&it))
            };
            if records.iter().any(holds) {
                return "the build cache still holds it".to_owned();
            }
        }
        if let Some(new) = self.newcomer().await {
            return format!("{new} came meanwhile and may hold it");
        }
        "something that the engine does not list still holds it: a save, which gives it back when it ends, or a pull or a build under way perhaps"
            .to_owned()
    }

    async fn newcomer(&self) -> Option<String> {
        let images = self.engine.images().await.ok()?;
        let containers = self.engine.containers().await.ok()?;
        let new = ids(&images, &containers, &[])
            .into_iter()
            .find(|id| self.survey.find(id).is_none())?;
        let mut now = Inventory::default();
        now.images = images;
        now.containers = containers;
        let now = Survey::new(now);
        Some(format!("{} {}", new.kind().word(), now.find(&new)?.name()))
    }
}

pub(super) fn ids(images: &[Image], containers: &[Container], cache: &[Record]) -> Vec<ItemId> {
    let images = images.iter().map(|it| ItemId::Image(it.id.clone()));
    let containers = containers.iter().map(|it| ItemId::Container(it.id.clone()));
    let records = cache.iter().map(|it| ItemId::Record(it.id.clone()));
    images.chain(containers).chain(records).collect()
}
