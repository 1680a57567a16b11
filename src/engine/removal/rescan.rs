//! What a removal has freed where the engine does not say what went: on the containerd store a scan afterwards
//! tells, with what is still there of each step (ENGINE.md §11).

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::RemovalRun;
use super::account::ids;
use crate::domain::bytes::Bytes;
use crate::domain::inventory::Inventory;
use crate::domain::item::ItemId;
use crate::domain::plan::Step;
use crate::domain::removal::account::{Account, Difference, FreedBy, lost};
use crate::domain::retention::Leftover;
use crate::domain::survey::Survey;
use crate::engine::scan::{ScanScope, scan_once};

/// Between two looks whether the account is still waited for.
const GLANCE: Duration = Duration::from_millis(100);
/// So much of a step may be still there without a word: manifests and configs that the build history keeps.
const SMALL: Bytes = Bytes(32 * 1024);

impl RemovalRun<'_> {
    /// The difference of two scans, where the engine does not say what went. It cannot be less than what was
    /// sure to go, but for what is still there, nor more than what could.
    pub(super) async fn scan_again(&self, account: &mut Account) {
        let before = self.survey.inventory();
        let wanted = ScanScope {
            shared_sizes: true,
            build_cache: true,
            ..ScanScope::without_walks(&before.engine)
        };
        let scan = scan_once(self.engine, wanted, before, |_, _| {});
        let after = tokio::select! {
            scanned = scan => scanned,
            () = self.is_not_waited_for() => return,
        };
        let Ok(after) = after else { return };
        let after = Survey::new(after);
        let Some(lost) = lost(before, after.inventory()) else {
            return;
        };
        let steps: Vec<&Step> = self
            .plan
            .steps
            .iter()
            .filter(|step| self.removed.contains(&step.id))
            .collect();
        let (logs, emptied) = self.logs();
        let at_most: Bytes = steps.iter().map(|step| step.frees.at_most).sum();
        let at_most = at_most + emptied;
        let remains = self.remains(&steps, &after);
        let there: Bytes = remains.iter().map(|it| it.bytes).sum();
        let unheld: Bytes = remains.iter().map(|it| it.unheld).sum();
        let is_exact = self.plan.frees.is_exact();
        // Whose bytes those of newcomers are, and who let go of what others took away, two scans do not tell.
        let were_others = self.has_newcomers(&after) || self.have_others_gone(after.inventory());
        account.by = FreedBy::Rescan;
        account.about =
            !is_exact || were_others && after.inventory().blobs.as_ref().known().is_none();
        account.freed = if is_exact && were_others {
            account.freed - there
        } else if is_exact {
            lost - unheld + logs
        } else {
            let lost = lost - unheld + logs;
            lost.clamp((account.freed - there).min(at_most), at_most)
        };
        account.differences = self.what_stayed(&steps, &remains, &after);
    }

    /// Bytes of log files that went, which no scan tells as they grow: in all, and of those that were emptied.
    pub(super) fn logs(&self) -> (Bytes, Bytes) {
        let went = |step: &Step| self.tally.freed_by(&step.id);
        let logs = self.plan.steps.iter();
        let logs = logs.filter(|step| matches!(step.id, ItemId::Log(_)));
        let emptied: Bytes = logs.map(went).sum();
        let containers = self.survey.inventory().containers.iter();
        let removed =
            containers.filter(|it| self.removed.contains(&ItemId::Container(it.id.clone())));
        let taken: Bytes = removed
            .filter_map(|container| {
                let details = container.details.as_ref().known()?;
                let before = self.tally.freed_by(&ItemId::Log(container.id.clone()));
                let emptied = if before.is_zero() {
                    before
                } else {
                    details.truncatable()
                };
                Some(details.log?.blocks - emptied)
            })
            .sum();
        (emptied + taken, emptied)
    }

    /// Returns what is still there of what each step let go, by the count.
    fn remains(&self, steps: &[&Step], after: &Survey) -> Vec<Leftover> {
        let items = steps.iter().map(|step| {
            let parents = step.follows().iter().cloned().map(ItemId::Image);
            std::iter::once(step.id.clone()).chain(parents).collect()
        });
        let items: Vec<Vec<ItemId>> = items.collect();
        self.survey.retention.remains(&items, &after.retention)
    }

    /// Steps of whose promise more is still there than folders and manifests come to.
    fn what_stayed(
        &self,
        steps: &[&Step],
        remains: &[Leftover],
        after: &Survey,
    ) -> Vec<Difference> {
        let differs = |(step, remains): &(&&Step, &Leftover)| {
            remains.bytes > SMALL.max(Bytes(step.frees.at_least.0 / 100))
        };
        let difference = |(step, remains): (&&Step, &Leftover)| Difference {
            id: step.id.clone(),
            name: (&*step.name).into(),
            promised: step.frees.at_least,
            freed: step.frees.at_least - remains.bytes,
            why: self.why_it_stayed(remains, after),
        };
        let both = steps.iter().zip(remains);
        both.filter(differs).map(difference).collect()
    }

    fn why_it_stayed(&self, remains: &Leftover, after: &Survey) -> String {
        let Some(id) = &remains.by else {
            return "the engine still keeps it for something that it does not list: a pull or a build under \
                    way, or the build history"
                .to_owned();
        };
        let name = after.find(id).map(|item| item.name()).unwrap_or_default();
        let came = if self.survey.find(id).is_none() {
            "came meanwhile and holds it"
        } else {
            "still holds it"
        };
        format!("{} {name} {came}", id.kind().word())
    }

    fn has_newcomers(&self, after: &Survey) -> bool {
        let after = after.inventory();
        let now = ids(&after.images, &after.containers, &after.cache);
        now.iter().any(|id| self.survey.find(id).is_none())
    }

    /// Returns true if something that may hold bytes went and no step removed it.
    fn have_others_gone(&self, after: &Inventory) -> bool {
        let there: HashSet<ItemId> = ids(&after.images, &after.containers, &after.cache)
            .into_iter()
            .collect();
        let before = self.survey.inventory();
        let mut before = ids(&before.images, &before.containers, &before.cache).into_iter();
        before.any(|id| !there.contains(&id) && !self.is_ours(&id))
    }

    pub(super) fn is_ours(&self, id: &ItemId) -> bool {
        self.removed.contains(id) || self.deleted.contains(id.as_str())
    }

    /// Ends when whoever looks on does not wait for the account.
    async fn is_not_waited_for(&self) {
        while !self.cancel.load(Ordering::Relaxed) {
            tokio::time::sleep(GLANCE).await;
        }
    }
}
