//! Figures and counts as the screen writes them.

use jiff::Timestamp;

use crate::domain::account::{Account, Difference, DiskChange};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{Disk, EngineInfo, Inventory, Progress, Stage};
use crate::domain::item::{ItemId, Kind};
use crate::domain::layers::{Doubt, Freed};
use crate::domain::plan::Plan;
use crate::domain::survey::{Facts, Item, Survey};
use crate::domain::time;
use crate::domain::triage::{self, Tier};

use super::theme::Theme;

/// A size: `154 MB`, `…` while it is measured, `–` where it cannot be known.
pub fn figure(figure: Figure<Bytes>, theme: Theme) -> String {
    match figure {
        Figure::Known(bytes) => bytes.to_string(),
        Figure::Pending => theme.pending().to_owned(),
        Figure::Unknown => "–".to_owned(),
    }
}

/// What goes, in a sentence: `154 MB`, `at least 0 B, at most 384 MB`, `about 3.20 GB`; `at least 3.20 GB` where
/// nobody can tell the most.
pub fn freed(freed: &Freed, theme: Theme) -> String {
    if freed.pending {
        theme.pending().to_owned()
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

/// `the disk has 152 MB more free`, and why that is not what was freed, where it is not.
pub fn on_disk(change: DiskChange, freed: Bytes) -> String {
    let change_is = match change {
        DiskChange::More(bytes) => format!("the disk has {bytes} more free"),
        DiskChange::Less(bytes) => format!("the disk has {bytes} less free"),
    };
    match change.explains(freed) {
        Some(why) => format!("{change_is}: {why}"),
        None => change_is,
    }
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

/// Why it is not known what Docker does not count.
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

/// Why a number is not exact, in words, the same reason once.
pub fn doubts(freed: &Freed, survey: &Survey) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for doubt in freed.doubts.iter().filter(|it| **it != Doubt::Further) {
        let reason = doubt_of(doubt, survey);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
        if reasons.len() == 3 {
            break;
        }
    }
    let more = freed.doubts.len().saturating_sub(reasons.len());
    if freed.doubts.contains(&Doubt::Further) {
        reasons.push("and more".to_owned());
    } else if more > 0 && reasons.len() == 3 {
        reasons.push(format!("and {more} more"));
    }
    reasons.join("; ")
}

/// Why a number is not exact, in words.
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
        Doubt::HiddenLayers(id) => format!(
            "not all layers that {} holds are known",
            name(&ItemId::Container(id.clone()), survey)
        ),
        Doubt::CacheNotListed => "build cache could not be listed".to_owned(),
        Doubt::Blobs => "the engine does not tell the size of compressed layers".to_owned(),
        Doubt::Driver(driver) => format!("what the {driver} driver counts is not known"),
        Doubt::NoSize(id) => format!("the size of {} is not known", name(id, survey)),
    }
}

/// What to call an item that may not be there any more.
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

/// What a plan does: `removes 1 container and 2 images, empties 3 logs`.
pub fn does(plan: &Plan) -> String {
    let removed = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Log);
    let removed = removed.map(|kind| (number_of(plan, |it| it == kind), kind.word()));
    removed_and_emptied(plan, removed)
}

/// What a plan does, all that it removes counted together: `removes 3 objects, empties 3 logs`.
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

/// What a plan does to the filesystem of the engine's data, by what it is sure to free: `/var/lib/docker 91 % →
/// 84 %`. Nothing where there are several: which of them a byte lies on is not known.
pub fn disk_after(disks: &[Disk], freed: &Freed) -> Option<String> {
    let [disk] = disks else { return None };
    let now = disk.percent_used(Bytes::ZERO)?;
    let then = disk.percent_used(freed.at_least)?;
    Some(format!("{} {now} % → {then} % full", disk.path))
}

/// A kind in one word, for a column.
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Image | Kind::Container | Kind::Volume | Kind::Log => kind.word(),
        Kind::BuildCache => "cache",
    }
}

/// When something was last used and by what, as far as the engine keeps a record: `last used 3 weeks ago by
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

/// Why triage may choose something; nothing where it may not.
pub fn why_it_may_go(id: &ItemId, survey: &Survey, now: Timestamp) -> Option<String> {
    let number = survey.numbers().number_of(id)?;
    let (item, facts) = (survey.numbered(number), survey.facts_of_number(number));
    let what = match triage::tier(survey, number, now)? {
        Tier::Cache | Tier::FreshCache => "build cache that no build uses",
        Tier::Dangling => "dangling",
        Tier::Log => return Some(boundless(item, facts, now)),
        Tier::Container => "wrote next to nothing, has no volume of its own",
        Tier::Pulled(_) => "unused, can be pulled again",
        Tier::Local => "unused",
        Tier::Anonymous => "anonymous, nothing uses it",
        Tier::Named => "nothing uses it",
    };
    Some(format!("{what} · {}", last_use(item, facts, now)))
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

/// How long something has been going on: `12 s`, `3 min`.
pub fn lasting(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    if seconds < 120 {
        format!("{seconds} s")
    } else {
        format!("{} min", seconds / 60)
    }
/// Why a log may be emptied: `more than 100 MB, nothing bounds it · written 2 hours ago`.
fn boundless(item: Item<'_>, facts: &Facts, now: Timestamp) -> String {
    let most = triage::LOG_BOUND;
    format!(
        "more than {most}, nothing bounds it · {}",
        last_use(item, facts, now)
    )
}

}

/// Why there is no build cache, where the engine is known to keep none. A builder without a store of its own
/// leaves its steps among the images (ENGINE.md §8).
pub fn no_build_cache(engine: &EngineInfo) -> Option<String> {
    let lacks = !engine.host.is_empty() && !engine.has_build_cache;
    lacks.then(|| {
        let product = &engine.product;
        format!("{product} keeps no build cache: the steps of its builds are images without a name")
    })
}

/// A time and how long ago it was: `2026-07-07 11:04 UTC, 4 months ago`.
pub fn moment(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(
        || "–".to_owned(),
        |then| {
            let ago = time::ago(then, now);
            format!("{} UTC, {ago}", then.strftime("%Y-%m-%d %H:%M"))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_how_full_the_one_disk_is_after_it() {
        let disk = |free: u64| Disk {
            path: "/var/lib/docker".into(),
            total: Bytes(1000),
            free: Bytes(free),
            inodes_total: 0,
            inodes_free: 0,
        };
        let frees = |bytes: u64| Freed {
            at_least: Bytes(bytes),
            at_most: Bytes(5_000),
            ..Freed::default()
        };
        let says = |disks: &[Disk], bytes| disk_after(disks, &frees(bytes));
        let text = says(&[disk(90)], 70);
        assert_eq!(text.as_deref(), Some("/var/lib/docker 91 % → 84 % full"));
        // More than there is cannot become free.
        let text = says(&[disk(90)], u64::MAX);
        assert_eq!(text.as_deref(), Some("/var/lib/docker 91 % → 0 % full"));
        assert_eq!(says(&[disk(90), disk(80)], 70), None);
        assert_eq!(says(&[], 70), None);
        let none = Disk {
            total: Bytes::ZERO,
            ..disk(0)
        };
        assert_eq!(says(&[none], 70), None);
    }
}
