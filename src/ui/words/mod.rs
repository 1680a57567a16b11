//! Figures and counts as the screen writes them.

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::{Disk, Places};
use crate::domain::inventory::{EngineInfo, Inventory, Progress, Stage};
use crate::domain::item::{ItemId, Kind, Volume, short_id};
use crate::domain::plan::{ComesBack, Plan, Step};
use crate::domain::removal::account::{Account, Change, Difference, DiskChange};
use crate::domain::removal::outcome::Outcome;
use crate::domain::retention::{Doubt, Freed, Precision};
use crate::domain::survey::{Facts, Item, Survey};
use crate::domain::time;
use crate::domain::time::Timestamp;
use crate::domain::triage::{self, Tier};
use crate::domain::unexplained;

use super::canvas::cut_middle;
use super::text::sanitise;
use super::theme::Theme;

/// Returns a size: `154 MB`, `…` while it is measured, `–` where it cannot be known.
pub fn figure(figure: Figure<Bytes>, theme: Theme) -> String {
    match figure {
        Figure::Known(bytes) => bytes.to_string(),
        Figure::Pending => theme.pending().to_owned(),
        Figure::Unknown => "–".to_owned(),
    }
}

/// Bytes that were counted, or `–` where they could not be.
pub fn counted(bytes: Option<Bytes>) -> String {
    bytes.map_or_else(|| "–".to_owned(), |bytes| bytes.to_string())
}

/// Returns what goes, as a list has it: `154 MB`, `≥3.20 GB` where it may be more, `≈3.20 GB` where it was measured by
/// length.
pub fn promised(freed: &Freed, theme: Theme) -> String {
    signed(freed.figure(), freed.precision(), theme)
}

/// Returns a figure with a sign before it that says how it is to be read.
pub fn signed(bytes: Figure<Bytes>, precision: Precision, theme: Theme) -> String {
    let text = figure(bytes, theme);
    match (bytes, precision) {
        (Figure::Known(_), Precision::AtLeast) => format!("≥{text}"),
        (Figure::Known(_), Precision::Estimate) => format!("≈{text}"),
        _ => text,
    }
}

/// Returns what goes, in a sentence: `154 MB`, `at least 0 B, at most 384 MB`, `about 3.20 GB`; `at least 3.20 GB`
/// where nobody can tell the most, `≈ 3.20 GB` where it was measured by length.
pub fn freed(freed: &Freed, theme: Theme) -> String {
    if freed.pending {
        theme.pending().to_owned()
    } else if freed.is_by_length() {
        format!("≈ {}", freed.at_least)
    } else if freed.upper().is_none() {
        format!("at least {}", freed.at_least)
    } else if freed.at_most > freed.at_least {
        format!("at least {}, at most {}", freed.at_least, freed.at_most)
    } else if freed.is_exact() {
        freed.at_least.to_string()
    } else {
        format!("about {}", freed.at_least)
    }
}

/// `about 1.20 GB`
pub fn freed_in_all(account: &Account) -> String {
    if account.about {
        format!("about {}", account.freed)
    } else {
        account.freed.to_string()
    }
}

/// `waiting for the disk, which has given back 12.0 MB of 154 MB`
pub fn waiting_for_disk((gained, promised): (Bytes, Bytes)) -> String {
    format!("waiting for the disk, which has given back {gained} of {promised}")
}

/// That the disk does not have so much free as was to be.
pub fn lacking(lacks: Bytes) -> String {
    format!("the target is not met: {lacks} more must be free, by the disk's own word")
}

/// Returns what became of a step, as it is read.
pub fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotNeeded => "not needed",
        Outcome::Removed
        | Outcome::Truncated
        | Outcome::Gone
        | Outcome::Changed
        | Outcome::Failed
        | Outcome::Skipped => outcome.word(),
    }
}

/// `the disk has 152 MB more free, 84 % full`, and why that is not what was freed, where it is not. Of several
/// each is named. True where something is to be explained.
pub fn on_disks(account: &Account) -> Option<(Vec<String>, bool)> {
    account.disk?;
    let several = account.disks.len() > 1;
    let each = account.disks.iter().filter_map(|pair| {
        let (_, after) = pair;
        let change = DiskChange::over(std::slice::from_ref(pair))?;
        let name = if several { &after.path } else { "the disk" };
        Some(on_disk(name, change, after))
    });
    let mut lines: Vec<String> = each.collect();
    let why = account.explanation();
    if let Some(why) = &why {
        match lines.as_mut_slice() {
            [one] => *one = format!("{one}: {why}"),
            _ => lines.push(why.clone()),
        }
    }
    Some((lines, why.is_some()))
}

fn on_disk(name: &str, change: DiskChange, after: &Disk) -> String {
    let available = match change.available {
        Change::More(bytes) => format!("{bytes} more free"),
        Change::Less(bytes) => format!("{bytes} less free"),
    };
    let percent = after.percent_used(Bytes::ZERO);
    let full = percent.map(|percent| format!("{percent} % full"));
    let inodes = change.inodes.map(|inodes| {
        let word = if inodes < 0 { "fewer" } else { "more" };
        format!("{} {word} inodes", inodes.unsigned_abs())
    });
    let parts = [Some(available), inodes, full].into_iter().flatten();
    format!("{name} has {}", parts.collect::<Vec<_>>().join(", "))
}

/// What a removal inside a virtual machine does not do.
pub fn disk_file(vm: &str) -> String {
    format!("the disk file of {vm} on its host does not shrink by itself")
}

/// `promised 30.0 MB, freed 0 B: the build cache still holds it`
pub fn difference(difference: &Difference) -> String {
    let Difference {
        promised,
        freed,
        why,
        ..
    } = difference;
    format!("promised {promised}, freed {freed}: {why}")
}

/// So much of a path is shown in a sentence: an engine may say anything.
const LONGEST_PATH: usize = 120;

/// Returns what must be known of a step: of a volume that its data stays, and who sees it go; of a log what stays of
/// it.
pub fn of_step(step: &Step) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(packed) = step.stays_packed() {
        notes.push(format!(
            "{packed} in compressed files stay, and go with the container"
        ));
    }
    if let Some(device) = step.device() {
        let device = cut_middle(device, LONGEST_PATH);
        notes.push(format!("a name for {device}: the data stays"));
    }
    if let [first, more @ ..] = step.seen_by() {
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        notes.push(format!("container {first}{more} mounts a folder above it"));
    }
    notes
}

/// Returns what a volume is by its name, and what to do about it, where it is a buildx builder's.
pub fn builders(volume: &Volume) -> Option<String> {
    let builder = volume.builder()?;
    Some(format!(
        "cache of the buildx builder {builder} (docker buildx prune --builder {builder})"
    ))
}

/// That builders keep cache in volumes, where some do: it is no build cache to the engine.
pub fn builders_volumes(inventory: &Inventory) -> Option<String> {
    let (number, bytes) = unexplained::builders(inventory);
    let volumes = count(number, "volume");
    let text = format!("{bytes} of buildx builders' cache in {volumes} is counted under volumes");
    (number > 0).then_some(text)
}

/// That a folder of the engine's lies on a disk that cannot be asked.
pub fn closed_disk(path: &str) -> String {
    format!("{path}: on a disk of its own, which this user may not ask how full it is")
}

/// Returns why it is not known what Docker does not count.
pub fn no_unexplained(inventory: &Inventory) -> String {
    let engine = &inventory.engine;
    if let Progress::Failed(why) = inventory.stage(Stage::Unexplained) {
        return why.to_string();
    }
    if inventory.unexplained.is_pending() && !inventory.is_done(Stage::Unexplained) {
        return "this is measured last, when everything else is known".to_owned();
    }
    if engine.local {
        return format!(
            "how {} arranges its folder is not known here",
            engine.product
        );
    }
    let why = engine.why_not_local.as_deref();
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    format!("the engine's folder cannot be read from here{why}")
}

/// Returns why a number is not exact, in words, the same reason once.
pub fn doubts(freed: &Freed, survey: &Survey) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for doubt in freed.doubts().iter().filter(|it| **it != Doubt::Further) {
        let reason = doubt_of(doubt, survey);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
        if reasons.len() == 3 {
            break;
        }
    }
    let more = freed.doubts().len().saturating_sub(reasons.len());
    if freed.doubts().contains(&Doubt::Further) {
        reasons.push("and more".to_owned());
    } else if more > 0 && reasons.len() == 3 {
        reasons.push(format!("and {more} more"));
    }
    reasons.join("; ")
}

/// Returns why a number is not exact, in words.
pub fn doubt_of(doubt: &Doubt, survey: &Survey) -> String {
    match doubt {
        Doubt::UnalignedHistory(id) => format!(
            "the layers of {} cannot be told apart",
            name(&ItemId::Image(id.clone()), survey)
        ),
        Doubt::SharedRecord(id) => format!(
            "build cache shares layers, it is not known which: {}",
            name(&ItemId::Record(id.clone()), survey)
        ),
        Doubt::Further => "so it is with others".to_owned(),
        Doubt::LoadedLayers(id) => format!(
            "{} may not keep the layers that it shares",
            name(&ItemId::Image(id.clone()), survey)
        ),
        Doubt::HiddenLayers(id) => format!(
            "not all layers that {} holds are known",
            name(&ItemId::Container(id.clone()), survey)
        ),
        Doubt::NotListed(kind) => {
            let stage = Stage::list_of(*kind);
            match survey.inventory().lacks(stage) {
                Some(why) => format!("{} could not be listed: {}", stage.word(), sanitise(why)),
                None => format!("{} could not be listed", stage.word()),
            }
        }
        Doubt::Store => match &survey.inventory().engine.untold {
            Some(why) => format!(
                "how the engine stores layers is not known: {}",
                sanitise(why)
            ),
            None => "how the engine stores layers is not known".to_owned(),
        },
        Doubt::Blobs => "the engine does not tell the size of compressed layers".to_owned(),
        Doubt::Leased => "a pull or build of a moment ago may still keep some of it".to_owned(),
        Doubt::Driver(driver) if driver.is_empty() => {
            "the engine does not name its storage driver".to_owned()
        }
        Doubt::Driver(driver) => format!("what the {driver} driver counts is not known"),
        Doubt::ManyNames(id) => {
            format!("too many files of {} have several names", name(id, survey))
        }
        Doubt::SharedExtents(id) => {
            format!(
                "files of {} may share their blocks with others",
                name(id, survey)
            )
        }
        Doubt::NamesElsewhere => "files of layers may have names or blocks elsewhere".to_owned(),
        Doubt::ByLength => "by length".to_owned(),
        Doubt::NoSize(id) => format!("the size of {} is not known", name(id, survey)),
    }
}

/// Returns what to call an item that may not be there any more.
pub fn name(id: &ItemId, survey: &Survey) -> String {
    survey.find(id).map_or_else(
        || format!("{} {}", id.kind().word(), short(id)),
        |item| item.name().to_string(),
    )
}

fn short(id: &ItemId) -> &str {
    crate::domain::item::short_id(id.as_str())
}

/// `1 container`, `3 build cache records`.
pub fn count(number: usize, word: &str) -> String {
    if number == 1 {
        format!("1 {word}")
    } else {
        format!("{number} {word}s")
    }
}

/// Returns the untagged parents that go along with an image, by ID; `None` where there are none.
#[must_use]
pub fn parents(step: &Step) -> Option<String> {
    let ids: Vec<&str> = (step.follows().iter())
        .map(|id| short_id(id.as_str()))
        .collect();
    (!ids.is_empty()).then(|| {
        let word = if ids.len() == 1 { "parent" } else { "parents" };
        format!("untagged {word} {}", ids.join(", "))
    })
}

/// Returns what a plan does: `removes 1 container and 2 images, empties 3 logs`.
pub fn does(plan: &Plan) -> String {
    let removed = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Log);
    let removed = removed.map(|kind| (number_of(plan, |it| it == kind), kind.word()));
    removed_and_emptied(plan, removed)
}

/// Returns what a plan does, all that it removes counted together: `removes 3 objects, empties 3 logs`.
pub fn does_in_short(plan: &Plan) -> String {
    let objects = number_of(plan, |kind| kind != Kind::Log);
    removed_and_emptied(plan, [(objects, "object")].into_iter())
}

fn removed_and_emptied<'a>(plan: &Plan, objects: impl Iterator<Item = (usize, &'a str)>) -> String {
    let words = |(number, word): (usize, &str)| (number > 0).then(|| count(number, word));
    let objects: Vec<String> = objects.filter_map(words).collect();
    let removes = (!objects.is_empty()).then(|| format!("removes {}", join(&objects)));
    let logs = words((number_of(plan, |kind| kind == Kind::Log), Kind::Log.word()));
    let empties = logs.map(|logs| format!("empties {logs}"));
    let parts: Vec<String> = removes.into_iter().chain(empties).collect();
    parts.join(", ")
}

fn number_of(plan: &Plan, is: impl Fn(Kind) -> bool) -> usize {
    plan.steps.iter().filter(|step| is(step.id.kind())).count()
}

/// Returns what a plan does to each filesystem that it frees something on, by what it is sure to free: `/var/lib/docker
/// 91 % → 84 % full`, and what of it users do not get.
pub fn disks_after(disks: &[Disk], freed: &Freed) -> Vec<String> {
    let touched = disks.iter().filter(|disk| {
        let is_all_there = disks.len() == 1 && disk.holds == Places::ALL;
        is_all_there || !freed.at(disk.holds).is_zero()
    });
    let each = touched.filter_map(|disk| disk_after(disk, freed.at(disk.holds)));
    each.collect()
}

fn disk_after(disk: &Disk, freed: Bytes) -> Option<String> {
    let now = disk.percent_used(Bytes::ZERO)?;
    let then = disk.percent_used(freed)?;
    let mut line = format!("{} {now} % → {then} % full", disk.path);
    let refills = disk.owed.min(freed);
    if !refills.is_zero() {
        line = format!("{line}, about {refills} of it first refill what it keeps for root");
    }
    if let Some(inodes) = disk.inodes_used().filter(|_| disk.lacks_inodes()) {
        line = format!("{line}; {inodes} % of its inodes are used, not known how many go");
    }
    Some(line)
}

/// Returns a kind in one word, for a column.
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Image | Kind::Container | Kind::Volume | Kind::Log => kind.word(),
        Kind::BuildCache => "cache",
    }
}

/// Returns when something was last used and by what, as far as the engine keeps a record: `last used 3 weeks ago by
/// job-1`, `no use on record, tagged 2 months ago`.
pub fn last_use(item: Item<'_>, facts: &Facts, now: Timestamp) -> String {
    let Some(then) = facts.last_used else {
        return "no record of its last use".to_owned();
    };
    let ago = time::ago(then, now);
    match (item, &facts.last_used_by) {
        (_, Some(by)) => format!("last used {ago} by {by}"),
        (Item::Image(_), None) => format!("tagged {ago}, not used since"),
        (Item::Container(it), None) if it.state.is_stopped() => format!("ended {ago}"),
        (Item::Container(_), None) => format!("started {ago}"),
        (Item::Log(_), None) => format!("written {ago}"),
        (Item::Volume(_) | Item::Record(_), None) => format!("last used {ago}"),
    }
}

/// Returns why triage may choose something; nothing where it may not. `said` is what a registry has said of an image
/// since.
pub fn why_it_may_go(
    id: &ItemId,
    said: Option<ComesBack>,
    survey: &Survey,
    now: Timestamp,
) -> Option<String> {
    let number = survey.numbers().number_of(id)?;
    let (item, facts) = (survey.numbered(number), survey.facts_of_number(number));
    let what = match triage::tier(survey, number, now)? {
        Tier::Cache | Tier::FreshCache => "build cache that no build uses",
        Tier::Dangling => "dangling",
        Tier::Log => return Some(has_no_bound(item, facts, now)),
        Tier::Container => "wrote next to nothing, has no volume of its own",
        Tier::Pulled(_) if said == Some(ComesBack::No) => "unused",
        Tier::Pulled(_) => "unused, can be pulled again",
        Tier::Local => "unused",
        Tier::Anonymous => "anonymous, nothing uses it",
        Tier::Named => "nothing uses it",
    };
    Some(format!("{what} · {}", last_use(item, facts, now)))
}

/// Returns why a log may be emptied: `more than 100 MB, nothing bounds it · written 2 hours ago`.
fn has_no_bound(item: Item<'_>, facts: &Facts, now: Timestamp) -> String {
    let most = triage::LOG_BOUND;
    format!(
        "more than {most}, nothing bounds it · {}",
        last_use(item, facts, now)
    )
}

/// Holders in a few words: `3 build cache records and nextcloud:19`.
pub fn holders(by: &[(ItemId, Bytes)], survey: &Survey) -> String {
    let records = by
        .iter()
        .filter(|(id, _)| id.kind() == Kind::BuildCache)
        .count();
    let mut words: Vec<String> = by
        .iter()
        .filter(|(id, _)| id.kind() != Kind::BuildCache)
        .map(|(id, _)| match id.kind() {
            Kind::Container => format!("container {}", name(id, survey)),
            Kind::Image | Kind::Volume | Kind::BuildCache | Kind::Log => name(id, survey),
        })
        .take(3)
        .collect();
    let others = by.len() - records - words.len();
    if records > 0 {
        words.insert(0, count(records, Kind::BuildCache.word()));
    }
    if others > 0 {
        words.push(format!("{others} more"));
    }
    join(&words)
}

/// `a`, `a and b`, `a, b and c`.
pub fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns how long something has been going on: `12 s`, `3 min`.
pub fn lasting(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds / 60)
    }
}

/// Returns why there is no build cache, where the engine is known to keep none. A builder without a store of its own
/// leaves its steps among the images (ENGINE.md §8).
pub fn no_build_cache(engine: &EngineInfo) -> Option<String> {
    let lacks = !engine.host.is_empty() && !engine.has_build_cache;
    lacks.then(|| {
        let product = &engine.product;
        format!("{product} keeps no build cache: the steps of its builds are images without a name")
    })
}

/// Returns a time and how long ago it was: `2026-07-07 11:04 UTC, 4 months ago`.
pub fn moment(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(
        || "–".to_owned(),
        |then| {
            let ago = time::ago(then, now);
            format!("{} UTC, {ago}", then.minute())
        },
    )
}

#[cfg(test)]
mod tests;
