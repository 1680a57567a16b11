//! What `report`, `plan` and `clean` print for people. Everything an engine says is made safe here.

use std::path::Path;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::inventory::{EngineInfo, Stage};
use crate::domain::item::Kind;
use crate::domain::plan::{AddedBy, ComesBack, Plan, Refusal, Step};
use crate::domain::reference;
use crate::domain::removal::account::Account;
use crate::domain::removal::outcome::Done;
use crate::domain::survey::Survey;
use crate::domain::unexplained::sum;
use crate::ui::text::sanitise;
use crate::ui::words;

use super::page::Page;
use super::{rest, table};

/// So many things of a kind are shown; all of them are in the JSON.
const TOP: usize = 10;

/// Returns what is there, in a screen of text.
#[must_use]
pub fn report(survey: &Survey, page: Page) -> String {
    let inventory = survey.inventory();
    let mut lines = vec![
        format!("dtop report · {} UTC", page.now.minute()),
        engine(&inventory.engine),
    ];
    lines.extend(inventory.disks.iter().map(disk));
    let closed = inventory.engine.closed_disks.iter();
    lines.extend(closed.map(|path| sanitise(&words::closed_disk(path)).into_owned()));
    lines.push(totals(survey, page));
    lines.extend(
        inventory
            .failures()
            .map(|(what, why)| format!("not known: {what}: {}", sanitise(why))),
    );
    let unread = inventory.engine.unread.iter();
    lines.extend(unread.map(|why| {
        format!(
            "images: asked of the engine, which is slow: {}",
            sanitise(why)
        )
    }));
    let warnings = inventory.volume_warnings.iter();
    lines.extend(warnings.map(|it| format!("volumes: the engine warns: {}", sanitise(it))));
    for kind in survey.kinds() {
        lines.push(String::new());
        lines.extend(pane(survey, kind, page));
    }
    lines.extend(rest::unexplained(inventory, TOP, page.width));
    page.printed(&lines)
}

/// Returns the engine and its host, as every confirmation repeats them.
fn engine(engine: &EngineInfo) -> String {
    let store = engine.store_name().unwrap_or_default();
    let mut parts = vec![host(engine)];
    parts.extend([product(engine), store.to_string()]);
    if !engine.api.is_empty() {
        parts.push(format!("API {}", engine.api));
    }
    parts.retain(|part| !part.is_empty());
    sanitise(&parts.join(" · ")).into_owned()
}

fn host(engine: &EngineInfo) -> String {
    if engine.why.is_empty() {
        engine.host.to_string()
    } else {
        format!("{} ({})", engine.host, engine.why)
    }
}

fn product(engine: &EngineInfo) -> String {
    format!("{} {}", engine.product, engine.version)
        .trim()
        .to_owned()
}

fn disk(disk: &Disk) -> String {
    let share = |part: u64, whole: u64| {
        let hundredths = u128::from(part) * 100 / u128::from(whole.max(1));
        format!("{hundredths} %")
    };
    let mut line = format!(
        "{}: {} of {} free ({})",
        sanitise(&disk.path),
        disk.free,
        disk.total,
        share(disk.free.0, disk.total.0)
    );
    // Some filesystems have no fixed number of inodes and say zero.
    if disk.inodes_total > 0 {
        let free = share(disk.inodes_free, disk.inodes_total);
        line = format!("{line}, inodes {free} free");
    }
    if !disk.owed.is_zero() {
        let owed = disk.owed;
        line = format!("{line}, about {owed} that go first refill what it keeps for root");
    }
    line
}

fn totals(survey: &Survey, page: Page) -> String {
    let totals = survey.retention.totals();
    let lacks_cache = words::no_build_cache(&survey.inventory().engine).is_some();
    let build_cache = if lacks_cache {
        Figure::Unknown
    } else {
        totals.build_cache
    };
    let kinds = [
        ("images", totals.images),
        ("containers", totals.containers),
        ("volumes", totals.volumes),
        ("build cache", build_cache),
    ];
    let logs = matches!(totals.logs, Figure::Known(_)).then_some(("logs", totals.logs));
    let rest = survey.inventory().unexplained.as_ref().known();
    let rest = rest.map(|rows| ("unexplained", Figure::Known(sum(rows))));
    let words = kinds.into_iter().chain(logs).chain(rest);
    let words = words.map(|(word, bytes)| format!("{word} {}", words::figure(bytes, page.theme())));
    words.collect::<Vec<_>>().join("   ")
}

fn pane(survey: &Survey, kind: Kind, page: Page) -> Vec<String> {
    let none = words::no_build_cache(&survey.inventory().engine);
    if let Some(why) = none.filter(|_| kind == Kind::BuildCache) {
        return vec![sanitise(&why).into_owned()];
    }
    if let Some(why) = survey.inventory().lacks(Stage::list_of(kind)) {
        let title = kind.title();
        return vec![format!("{title} –: cannot be listed: {}", sanitise(why))];
    }
    let count = survey.rows(kind).count();
    let mut lines = vec![format!("{} {count}", kind.title())];
    if count == 0 {
        return lines;
    }
    lines.extend(table::top(survey, kind, page, TOP));
    if count > TOP {
        lines.push(format!("  and {} more (--json has all)", count - TOP));
    }
    lines
}

/// What would go, in order; then what stays, and why.
#[must_use]
pub fn plan(survey: &Survey, plan: &Plan, page: Page) -> String {
    let mut lines = vec![engine(&survey.inventory().engine)];
    for (added_by, heading) in [
        (AddedBy::Selection, "chosen"),
        (AddedBy::Unlock, "added by --unlock"),
        (AddedBy::Free, "added by --free"),
    ] {
        let steps = plan.steps.iter().enumerate();
        let steps: Vec<String> = steps
            .filter(|(_, step)| step.added_by == added_by)
            .map(|(at, step)| {
                let mut line = step_line(at + 1, step, page);
                if added_by == AddedBy::Free
                    && let Some(why) =
                        words::why_it_may_go(&step.id, Some(step.comes_back), survey, page.now)
                {
                    line = format!("{line} · {}", sanitise(&why));
                }
                line
            })
            .collect();
        section(&mut lines, heading, steps);
    }
    section(&mut lines, "refused", refused(plan));
    section(&mut lines, "stays", stays(plan, page));
    section(&mut lines, "held back", held_back(survey, plan));
    lines.push(String::new());
    lines.push(promise(survey, plan, page));
    page.printed(&lines)
}

fn section(lines: &mut Vec<String>, heading: &str, rows: Vec<String>) {
    if !rows.is_empty() {
        lines.push(String::new());
        lines.push(heading.to_owned());
        lines.extend(rows);
    }
}

fn step_line(number: usize, step: &Step, page: Page) -> String {
    let kind = words::kind_word(step.id.kind());
    let frees = words::promised(&step.frees, page.theme());
    let name = if step.names().is_empty() {
        step.name.to_string()
    } else {
        reference::listed(step.names())
    };
    let frees = table::right(&frees, 9);
    let mut line = format!("{number:>4}  {kind:<9}  {frees}  {}", sanitise(&name));
    for note in notes(step) {
        line.push_str(" · ");
        line.push_str(&note);
    }
    line
}

/// Returns what else must be known of a step before a yes.
fn notes(step: &Step) -> Vec<String> {
    let mut notes = Vec::new();
    if step.unpause {
        notes.push("paused: unpaused and stopped first".to_owned());
    } else if step.stop {
        notes.push("running: stopped first".to_owned());
    }
    if step.tail_waits {
        notes.push("docker logs --tail waits until it is restarted".to_owned());
    }
    if step.vanishes {
        notes.push("vanishes with an earlier step".to_owned());
    }
    notes.extend(words::parents(step).map(|parents| format!("takes along {parents}")));
    // Of what --free added, this is among the reasons.
    if step.comes_back != ComesBack::Pulled || step.added_by != AddedBy::Free {
        notes.extend(step.way_back().map(str::to_owned));
    }
    if step.loses_data() {
        notes.push("its data is lost".to_owned());
    }
    let of_step = words::of_step(step);
    notes.extend(of_step.iter().map(|note| sanitise(note).into_owned()));
    notes
}

fn refused(plan: &Plan) -> Vec<String> {
    plan.refused
        .iter()
        .map(|refusal| {
            let kind = words::kind_word(refusal.id.kind());
            let unlock = if refusal.unlock().is_empty() {
                ""
            } else {
                " (--unlock removes that too)"
            };
            let name = sanitise(&refusal.name);
            format!(
                "      {kind:<9}  {name}: {}{unlock}",
                sanitise(&refusal.in_words())
            )
        })
        .collect()
}

fn stays(plan: &Plan, page: Page) -> Vec<String> {
    plan.stays
        .iter()
        .map(|stays| {
            let size = words::figure(stays.size, page.theme());
            let (name, left_by) = (sanitise(&stays.name), sanitise(&stays.left_by));
            format!("      volume     {name}: {size}, left by {left_by}")
        })
        .collect()
}

fn held_back(survey: &Survey, plan: &Plan) -> Vec<String> {
    plan.held_back(survey)
        .into_iter()
        .map(|(id, held)| {
            let kind = words::kind_word(id.kind());
            let name = words::name(&id, survey);
            let by = words::holders(&held.by, survey);
            let text = format!("{name}: {} held by {by}", held.bytes);
            format!("      {kind:<9}  {}", sanitise(&text))
        })
        .collect()
}

fn promise(survey: &Survey, plan: &Plan, page: Page) -> String {
    if plan.steps.is_empty() {
        return "removes nothing".to_owned();
    }
    let does = words::does_in_short(plan);
    let frees = words::freed(&plan.frees, page.theme());
    let disks = &survey.inventory().disks;
    let mut parts = words::disks_after(disks, &plan.frees);
    let line = format!("{does}, frees {frees}");
    let line = match words::doubts(&plan.frees, survey) {
        why if why.is_empty() => line,
        why => format!("{line} ({why})"),
    };
    parts.insert(0, line);
    sanitise(&parts.join("; ")).into_owned()
}

/// Returns what was chosen and stays, a line an object.
#[must_use]
pub fn refusals(plan: &Plan, page: Page) -> String {
    let line = |refusal: &Refusal| {
        let kind = refusal.id.kind().word();
        let why = refusal.in_words();
        let (name, why) = (sanitise(&refusal.name), sanitise(&why));
        format!("refused {kind} {name}: {why}")
    };
    page.printed(&plan.refused.iter().map(line).collect::<Vec<_>>())
}

/// The question before anything is removed. [`confirms`] reads the answer.
#[must_use]
pub fn question(survey: &Survey, plan: &Plan, page: Page) -> String {
    let engine = &survey.inventory().engine;
    let whose = match product(engine) {
        product if product.is_empty() => engine.host.to_string(),
        product => format!("{} ({product})", engine.host),
    };
    let whose = sanitise(&whose);
    let objects = match plan.steps.len() {
        1 => "this object".to_owned(),
        more => format!("these {more} objects"),
    };
    let text = if plan.needs_word() {
        format!("Data goes for good. Type delete to remove {objects} from {whose}: ")
    } else {
        format!("Remove {objects} from {whose}? [y/N] ")
    };
    page.theme().printed(text)
}

/// Returns whether an answer is a yes: `y` or `yes`, and nothing but the word `delete` where that was asked for.
#[must_use]
pub fn confirms(plan: &Plan, answer: &str) -> bool {
    let answer = answer.trim();
    if plan.needs_word() {
        answer == "delete"
    } else {
        answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
    }
}

/// Returns what became of one object, in a line.
#[must_use]
pub fn done(done: &Done, page: Page) -> String {
    let outcome = done.outcome.word();
    let kind = done.id.kind().word();
    let mut line = format!("{outcome} {kind} {}", sanitise(&done.name));
    if done.freed != Figure::Known(Bytes::ZERO) {
        line = format!("{line}, freed {}", words::figure(done.freed, page.theme()));
    }
    if let Some(copy) = &done.saved {
        line = format!("{line}, copy in {}", sanitise(copy));
    }
    if let Some(error) = &done.error {
        line = format!("{line}: {}", sanitise(error));
    }
    page.printed(&[line])
}

/// How far the copy of a step's object has come.
#[must_use]
pub fn saving(step: &Step, done: Bytes, page: Page) -> String {
    let theme = page.theme();
    let kind = step.id.kind().word();
    let (name, dots) = (sanitise(&step.name), theme.pending());
    let size = words::figure(step.size, theme);
    format!("saving {kind} {name}: {done} of about {size}{dots}")
}

/// That copies take what the removal gives, for a folder on the engine's own disk.
#[must_use]
pub fn copies_on_disk(folder: &Path) -> String {
    let folder = folder.display();
    format!("{folder} is on the engine's own disk: so much less is freed there as the copies take")
}

/// Returns what a removal has freed in all, against what was promised, and where the two differ.
#[must_use]
pub fn account(engine: &EngineInfo, plan: &Plan, account: &Account, page: Page) -> String {
    let theme = page.theme();
    let freed = words::freed_in_all(account);
    let promised = words::freed(&plan.frees, theme);
    let mut lines = vec![format!("freed {freed}, promised {promised}")];
    let on_disks = words::on_disks(account);
    let on_disks = on_disks.map_or_else(Vec::new, |(lines, _)| lines);
    lines.extend(on_disks.iter().map(|line| sanitise(line).into_owned()));
    lines.extend(engine.vm.as_deref().map(words::disk_file));
    for difference in &account.differences {
        let kind = difference.id.kind().word();
        let text = words::difference(difference);
        lines.push(sanitise(&format!("{kind} {}: {text}", difference.name)).into_owned());
    }
    page.printed(&lines)
}

#[cfg(test)]
mod tests;
