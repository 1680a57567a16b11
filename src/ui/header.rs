//! The lines above the pane: engine and disk, totals and what is being measured.
//!
//! ```text
//!  dtop  ssh://web-3 (-H) · Docker 29.7.2 · containerd   /var/lib/docker ██████████░░ 91 %  8.20 GB free
//!                            with marks:   /var/lib/docker ████████▒▒░░ 91 → 75 %  8.20 GB → 22.7 GB free
//!  images 31.0 GB   containers 2.10 GB   volumes …   build cache 13.6 GB   measuring volume sizes 12 s
//! ```

use std::borrow::Cow;

use jiff::SignedDuration;

use crate::app::model::{LOST_LONG, Link, Model};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::disk::Disk;
use crate::domain::inventory::{EngineInfo, Inventory, Progress, Stage, Swarm};
use crate::domain::item::Kind;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;
use crate::domain::unexplained::sum;

use super::canvas::{Canvas, Piece, columns, cut_middle, length};
use super::tabs::{lacks_build_cache, short_title, total};
use super::text::sanitise;
use super::theme::{Look, Theme};
use super::words::{figure, lasting};

/// What is measured in less is not worth a word.
const MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// Engine and host, and why it is this host, on the left, the disk on the right. As the width shrinks the reason
/// gives way first, then the disk before the engine, and a long host is cut in its middle at last.
pub fn engine_line(model: &Model, canvas: &mut Canvas<'_>) {
    let wide = canvas.area().width;
    let room = usize::from(wide);
    let disks = disk_forms(model);
    let engines = engine_forms(model);
    let last = engines.len() - 1;
    let order = [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (0, 2),
        (1, 2),
        (2, 2),
        (3, 2),
        (2, 3),
        (3, 3),
        (0, 4),
        (1, 4),
        (2, 4),
        (3, 4),
    ];
    let fits = |(left, right): &(usize, usize)| {
        let gap = if disks[*right].is_empty() { 0 } else { 3 };
        length(&engines[(*left).min(last)]) + length(&disks[*right]) + gap <= room
    };
    let Some((left, right)) = order.into_iter().find(fits) else {
        let mut pen = canvas.pen(0, 0, wide);
        for (text, look) in cut_host(model, room) {
            pen.put(&text, look);
        }
        return;
    };
    canvas.pen(0, 0, wide).pieces(&engines[left.min(last)]);
    let disk = &disks[right];
    let taken = columns(length(disk));
    canvas
        .pen(wide.saturating_sub(taken), 0, taken)
        .pieces(disk);
}

/// `Docker 29.7.2`
fn product(engine: &EngineInfo) -> String {
    format!("{} {}", engine.product, engine.version)
        .trim()
        .to_owned()
}

/// `unix:///var/run/docker.sock (Docker 29.7.2)`: how dialogs name the engine.
pub fn engine_and_host(model: &Model) -> String {
    let engine = &model.survey.inventory().engine;
    match product(engine) {
        product if product.is_empty() => engine.host.to_string(),
        product => format!("{} ({product})", engine.host),
    }
}

/// Returns all that is known of the engine, and why it is this one, without the disk.
pub fn engine_in_full(model: &Model) -> Vec<Piece> {
    engine_forms(model).swap_remove(0).split_off(1)
}

fn engine_forms(model: &Model) -> Vec<Vec<Piece>> {
    let engine = &model.survey.inventory().engine;
    let brand = || (" dtop  ".to_owned(), Look::Bold);
    if engine.host.is_empty() {
        let state = match &model.link {
            Link::Connecting => "looking for an engine …",
            Link::Connected => "connected",
            Link::Lost { .. } => "connection lost",
        };
        return vec![vec![brand(), (state.to_owned(), Look::Plain)]];
    }
    let store = engine.store_name().unwrap_or_default();
    let host = (sanitise(&engine.host).into_owned(), Look::Bold);
    let product = (format!(" · {}", product(engine)), Look::Plain);
    let mut full = vec![brand(), host.clone(), product.clone()];
    if !store.is_empty() {
        full.push((format!(" · {store}"), Look::Plain));
    }
    let mut reasoned = full.clone();
    if !engine.why.is_empty() {
        reasoned.insert(2, (format!(" ({})", sanitise(&engine.why)), Look::Plain));
    }
    let mut middle = vec![brand(), host.clone(), product.clone()];
    let mut short = vec![(" ".to_owned(), Look::Plain), host, product];
    if model.options.read_only {
        for form in [&mut reasoned, &mut full, &mut middle, &mut short] {
            form.push((" · read-only".to_owned(), Look::Warn));
        }
    }
    vec![reasoned, full, middle, short]
}

/// Returns the host with its middle cut out, so that the whole line fits.
fn cut_host(model: &Model, room: usize) -> Vec<Piece> {
    let engine = &model.survey.inventory().engine;
    let product = (format!(" · {}", product(engine)), Look::Plain);
    let host = sanitise(&engine.host);
    let left = room.saturating_sub(1 + length(std::slice::from_ref(&product)));
    vec![
        (" ".to_owned(), Look::Plain),
        (cut_middle(&host, left), Look::Bold),
        product,
    ]
}

/// Returns the gauge of the disk with the least left, in parts of its size, and with marks how full it is without them;
/// ever shorter, the last form is nothing.
fn disk_forms(model: &Model) -> Vec<Vec<Piece>> {
    let disks = model.survey.inventory().disks.iter();
    let disk = disks.max_by_key(|disk| disk.tightness());
    let Some(gauge) = disk.and_then(|disk| gauge(model, disk)) else {
        return vec![Vec::new(); 5];
    };
    let Gauge { now, then, .. } = gauge;
    let look = match now {
        95.. => Look::Danger,
        85.. => Look::Warn,
        _ => Look::Plain,
    };
    let path = (format!("{} ", gauge.name), Look::Plain);
    let bar = |long| {
        let (full, stays) = (
            cells(now, 100, long),
            cells(then, 100, long).min(cells(now, 100, long)),
        );
        [
            ("█".repeat(stays), look),
            ("▒".repeat(full - stays), Look::Frees),
            ("░".repeat(long - full), look),
        ]
    };
    let with = |pieces: &[Piece], long, left: &str| {
        let tail = (format!(" {}  {left} ", gauge.percent), look);
        [pieces, &bar(long), &[tail]].concat()
    };
    let path = std::slice::from_ref(&path);
    vec![
        with(path, 18, &gauge.left),
        with(path, 10, gauge.left_then.as_ref().unwrap_or(&gauge.left)),
        match &gauge.left_then {
            Some(then) => with(&[], 6, then),
            None => with(&[], 10, &gauge.left),
        },
        vec![(format!("{} ", gauge.left), look)],
        Vec::new(),
    ]
}

/// What the gauge says.
struct Gauge {
    name: String,
    /// Percent that are used.
    now: u64,
    /// The same without what is marked.
    then: u64,
    percent: String,
    left: String,
    /// What is left without what is marked, where that is known.
    left_then: Option<String>,
}

/// Of inodes, where they are scarcer, it is not known how many go with what is marked.
fn gauge(model: &Model, disk: &Disk) -> Option<Gauge> {
    let bytes = disk.percent_used(Bytes::ZERO)?;
    let frees = if model.marked.pending {
        Bytes::ZERO
    } else {
        model.marked.at(disk.holds)
    };
    if disk.lacks_inodes() {
        let now = disk.inodes_used()?;
        let then = if frees.is_zero() { "" } else { " → –" };
        return Some(Gauge {
            name: format!("{} inodes", disk.path),
            now,
            then: now,
            percent: format!("{now}{then} %"),
            left: format!("{} inodes free", disk.inodes_free),
            left_then: None,
        });
    }
    let then = disk.percent_used(frees)?;
    let after = (!frees.is_zero()).then(|| format!("→ {} free", disk.available_after(frees)));
    let (percent, left) = match &after {
        None => (format!("{bytes} %"), format!("{} free", disk.free)),
        Some(after) => (
            format!("{bytes} → {then} %"),
            format!("{} {after}", disk.free),
        ),
    };
    Some(Gauge {
        name: disk.path.to_string(),
        now: bytes,
        then,
        percent,
        left,
        left_then: after,
    })
}

/// Returns a bar of `long` columns; full only when all of it is, empty only when nothing is.
pub fn bar(part: u64, whole: u64, long: usize) -> String {
    let full = cells(part, whole, long);
    "█".repeat(full) + &"░".repeat(long - full)
}

/// Returns how many of `long` columns are full.
fn cells(part: u64, whole: u64, long: usize) -> usize {
    let whole = u128::from(whole.max(1));
    let part = u128::from(part).min(whole);
    let cells = long as u128;
    let full = match part {
        0 => 0,
        part if part == whole => cells,
        part => ((part * cells + whole / 2) / whole).clamp(1, cells.saturating_sub(1).max(1)),
    };
    usize::try_from(full).unwrap_or(long).min(long)
}

/// Totals by kind and what is still being measured. What goes wrong comes before what goes on.
pub fn totals_line(model: &Model, y: u16, canvas: &mut Canvas<'_>) {
    let wide = canvas.area().width;
    let room = usize::from(wide);
    let theme = canvas.theme;
    let (news, brief) = (status(model, false), status(model, true));
    let (long, short) = (totals(model, theme, false), totals(model, theme, true));
    let matters = matches!(&news, Some((_, Look::Danger)));
    let forms: [(&[Piece], &Option<Piece>); 4] = if matters {
        [(&long, &news), (&short, &news), (&[], &news), (&[], &brief)]
    } else {
        [
            (&long, &news),
            (&short, &news),
            (&short, &brief),
            (&short, &None),
        ]
    };
    let line = |(totals, news): &(&[Piece], &Option<Piece>)| {
        let gap = if totals.is_empty() { " " } else { "   " };
        let news = news
            .iter()
            .flat_map(|news| [(gap.to_owned(), Look::Plain), news.clone()]);
        totals.iter().cloned().chain(news).collect::<Vec<Piece>>()
    };
    let chosen = forms
        .iter()
        .map(line)
        .find(|pieces| length(pieces) <= room)
        .unwrap_or_else(|| line(&forms[3]));
    canvas.pen(0, y, wide).pieces(&chosen);
}

fn totals(model: &Model, theme: Theme, short: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for kind in model.survey.kinds() {
        if kind == Kind::BuildCache && lacks_build_cache(model) {
            continue;
        }
        let title = if short {
            short_title(kind)
        } else {
            kind.title()
        }
        .to_lowercase();
        let gap = match (pieces.is_empty(), short) {
            (true, _) => " ",
            (false, true) => "  ",
            (false, false) => "   ",
        };
        pieces.push((format!("{gap}{title} "), Look::Faint));
        pieces.push((figure(total(model, kind), theme), Look::Plain));
    }
    let unexplained = unexplained_total(model);
    if unexplained != Figure::Unknown {
        let title = if short { "  rest " } else { "   unexplained " };
        pieces.push((title.to_owned(), Look::Faint));
        pieces.push((figure(unexplained, theme), Look::Plain));
    }
    pieces
}

/// What Docker does not count; pending only once somebody is about to find it out.
fn unexplained_total(model: &Model) -> Figure<Bytes> {
    let inventory = model.survey.inventory();
    match &inventory.unexplained {
        Figure::Known(rows) => Figure::Known(sum(rows)),
        Figure::Pending if matches!(inventory.stage(Stage::Unexplained), Progress::Running(_)) => {
            Figure::Pending
        }
        Figure::Pending | Figure::Unknown => Figure::Unknown,
    }
}

/// Returns what is amiss or under way, if anything is.
pub fn status(model: &Model, brief: bool) -> Option<Piece> {
    let inventory = model.survey.inventory();
    if let Link::Lost { since, why, again } = &model.link {
        // What goes on for long is not counted by the second, nor are its attempts.
        let lost_for = model.now.duration_since(*since);
        let (ago, next) = if lost_for < LOST_LONG {
            let next = again.map_or_else(String::new, |again| next_try(again, model.now));
            (lasting(*since, model.now), next)
        } else {
            let next = again.map_or("", |_| TRYING).to_owned();
            (format!("{} min", lost_for.as_secs() / 60), next)
        };
        let text = if brief {
            format!("lost {ago} ago{next}")
        } else {
            format!("connection lost: picture of {ago} ago{next} · {why}")
        };
        return Some((text, Look::Danger));
    }
    if let Some(text) = failed(inventory, brief) {
        return Some((text, Look::Warn));
    }
    if let Some(warning) = inventory.volume_warnings.first() {
        return Some((format!("volumes: {warning}"), Look::Warn));
    }
    measuring(model, brief).map(|text| (text, Look::Faint))
}

/// Returns what was refused, the list that is missed most first, and how much more. That a worker does not tell of
/// services is no news.
fn failed(inventory: &Inventory, brief: bool) -> Option<String> {
    let is_worker = inventory.engine.swarm == Swarm::Worker;
    let is_services = |what: &str| what == Stage::Services.word();
    let mut failures: Vec<(&str, &Text)> = inventory.failures().collect();
    failures.retain(|(what, _)| !(is_worker && is_services(what)));
    // What the engine is comes after the lists, and services last: most engines have none.
    let rank = |what: &str| {
        let lists = [Kind::Image, Kind::Container, Kind::Volume, Kind::BuildCache];
        let list = lists.map(|kind| Stage::list_of(kind).word());
        let place = list.iter().position(|word| *word == what);
        place.unwrap_or(list.len() + usize::from(is_services(what)))
    };
    let (what, why) = failures.iter().min_by_key(|(what, _)| rank(what))?;
    let more = match failures.len() - 1 {
        0 => String::new(),
        more => format!(" · {more} more"),
    };
    Some(if brief {
        format!("{what} failed{more}")
    } else {
        format!("{what} failed: {why}{more}")
    })
}

const TRYING: &str = " · trying again";

/// ` · next try in 3 s`
fn next_try(again: Timestamp, now: Timestamp) -> String {
    if again > now {
        // The last second before it counts as one, too.
        let left = lasting(now, again + SignedDuration::from_millis(999));
        format!(" · next try in {left}")
    } else {
        TRYING.to_owned()
    }
}

fn measuring(model: &Model, brief: bool) -> Option<String> {
    if inventory_is_unknown(model) {
        return None;
    }
    let stages = model.measuring();
    let of_stages = stages.iter();
    let of_stages =
        of_stages.filter_map(|(stage, since)| Some((Cow::Borrowed(stage.word()), (*since)?)));
    let running: Vec<(Cow<'_, str>, Timestamp)> = of_stages.chain(blocks(model)).collect();
    let Some(oldest) = running.iter().map(|(_, since)| *since).min() else {
        let (stage, _) = stages.first()?;
        return Some(format!("waiting for {}", stage.word()));
    };
    if brief {
        return Some(format!("measuring {}", lasting(oldest, model.now)));
    }
    let words: Vec<String> = running
        .iter()
        .map(|(what, since)| format!("{what} {}", lasting(*since, model.now)))
        .collect();
    Some(format!("measuring {}", words.join(", ")))
}

/// How far the measuring by blocks has come, and since when it goes on, where that is no matter of a moment.
fn blocks(model: &Model) -> Option<(Cow<'static, str>, Timestamp)> {
    let measuring = model.survey.inventory().measuring?;
    let is_long = model.now.duration_since(measuring.since) >= MOMENT;
    let words = format!("blocks {} %", measuring.percent());
    is_long.then_some((words.into(), measuring.since))
}

fn inventory_is_unknown(model: &Model) -> bool {
    model.survey.inventory().engine.host.is_empty()
}
