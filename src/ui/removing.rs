//! A removal as it goes on, and what came of it.
//!
//! ```text
//!  Removing from unix:///var/run/docker.sock (Docker 29.7.2)
//!  ████████████░░░░░░░░ 3 of 5
//!  freed 154 MB · promised 384 MB
//!  removing image nextcloud:latest
//!
//! ▸removed      154 MB  image      postgres:13
//! ```
//!
//! When it has ended, what the disk says of it stands beside what was freed, and where a step freed something
//! else than promised, why.

use crate::app::keys::Place as KeyPlace;
use crate::app::model::{Model, Removing};
use crate::app::update::plans_more;
use crate::domain::removal::account::Difference;
use crate::domain::removal::outcome::{Done, Outcome};

use super::canvas::{Canvas, Piece, columns, cut_middle, wrap};
use super::footer;
use super::header::{bar, engine_and_host};
use super::scroll::{self, Line, Place};
use super::text::{sanitise, width};
use super::theme::{Look, Theme};
use super::words::{
    difference, disk_file, figure, freed, freed_in_all, join, kind_word, lacking, lasting,
    on_disks, outcome_word, waiting_for_disk,
};

const NARROW: usize = 60;
/// Where the list begins at the least.
const TOP: u16 = 4;

/// While it goes on; what ended last stands first. Once every step has ended, all stands as it will at the end.
pub fn draw(model: &Model, removing: &Removing, canvas: &mut Canvas<'_>) {
    if removing.counting.is_some() {
        ended(model, removing, canvas);
        footer::keys_of(KeyPlace::Removing, None, model.layout.height - 1, canvas);
        return;
    }
    title(model, "Removing from", canvas);
    let (wide, theme) = (model.layout.width, canvas.theme);
    let steps = removing.plan.steps.len();
    let long = usize::from(wide / 3).clamp(8, 40);
    let bar = bar(removing.ended as u64, steps as u64, long);
    canvas.pen(0, 1, wide).pieces(&[
        (format!(" {bar}"), Look::Frees),
        (
            format!(" {} of {steps}", removing.ended.min(steps)),
            Look::Plain,
        ),
    ]);
    canvas.pen(0, 2, wide).pieces(&freed_of(removing, theme));
    let now = now(removing, canvas.theme);
    canvas.pen(0, 3, wide).pieces(&now);
    let last = removing.done.len();
    let done = |at: usize| &removing.done[last - 1 - at];
    list(removing, done, TOP, canvas, model);
    let message = removing.cancelling.then_some("cancelling after this one");
    footer::keys_of(KeyPlace::Removing, message, model.layout.height - 1, canvas);
}

/// When it has ended.
pub fn outcome(model: &Model, removing: &Removing, canvas: &mut Canvas<'_>) {
    ended(model, removing, canvas);
    let notice = model.notice.as_deref();
    footer::keys_of(KeyPlace::Outcome, notice, model.layout.height - 1, canvas);
}

/// What came of all steps; what went wrong stands first.
fn ended(model: &Model, removing: &Removing, canvas: &mut Canvas<'_>) {
    let went_wrong = |done: &&Done| matches!(done.outcome, Outcome::Failed | Outcome::Changed);
    let (mut order, rest): (Vec<&Done>, Vec<&Done>) = removing.done.iter().partition(went_wrong);
    let trouble = order.len();
    let differs = |done: &&Done| difference_of(removing, done).is_some();
    let (differing, rest): (Vec<&Done>, Vec<&Done>) = rest.into_iter().partition(differs);
    order.extend(differing);
    order.extend(rest);
    title(model, ended_as(removing), canvas);
    let (wide, theme) = (model.layout.width, canvas.theme);
    if let Some(error) = &removing.aborted {
        canvas
            .pen(0, 1, wide)
            .put(&format!(" {error}"), Look::Danger);
    } else {
        canvas.pen(0, 1, wide).pieces(&freed_of(removing, theme));
    }
    let mut line = vec![(format!(" {}", counts(removing)), Look::Plain)];
    if trouble > 0 {
        line.push((" · what is not gone stays marked".to_owned(), Look::Warn));
    }
    canvas.pen(0, 2, wide).pieces(&line);
    let mut notes = notes(model, removing, theme);
    notes.truncate(usize::from(model.layout.height / 3));
    for (line, (text, look)) in (3..).zip(&notes) {
        canvas.pen(0, line, wide).put(&format!(" {text}"), *look);
    }
    let top = TOP.max(3 + columns(notes.len()));
    list(removing, |at| order[at], top, canvas, model);
}

/// Returns what the disk says, and what it cannot say because it is a file on another machine.
fn notes(model: &Model, removing: &Removing, theme: Theme) -> Vec<(String, Look)> {
    let account = removing.account.as_ref();
    let counting = removing.counting.filter(|_| removing.account.is_none());
    let counting = counting.map(|since| {
        let pending = theme.pending();
        let since = lasting(since, model.now);
        let text = format!("measuring what was freed{pending} {since}, Esc ends the wait");
        (text, Look::Plain)
    });
    let engine = &model.survey.inventory().engine;
    let room = usize::from(model.layout.width).saturating_sub(2).max(8);
    let on_disks = account.and_then(on_disks).into_iter();
    let on_disks = on_disks.flat_map(|(lines, is_odd)| {
        let look = if is_odd { Look::Warn } else { Look::Plain };
        // Where there is little room the explanation is cut, not what follows.
        let most = if room < NARROW { 1 } else { usize::MAX };
        let lines = lines
            .into_iter()
            .flat_map(move |line| wrap(&line, room).into_iter().take(most));
        lines.map(move |line| (line, look))
    });
    let file = engine.vm.as_deref().map(|vm| wrap(&disk_file(vm), room));
    let file = file.unwrap_or_default().into_iter();
    let copies = copies(removing).map(|text| (text, Look::Plain));
    let lacks = account.map(|account| account.lacks);
    let lacks = lacks.filter(|lacks| !lacks.is_zero());
    let lacks = lacks.map_or_else(Vec::new, |lacks| {
        let next = if plans_more(model, removing) {
            "Enter plans more"
        } else {
            "f chooses more"
        };
        wrap(&format!("{}; {next}", lacking(lacks)), room)
    });
    let lacks = lacks.into_iter().map(|line| (line, Look::Warn));
    on_disks
        .chain(lacks)
        .chain(counting)
        .chain(file.map(|line| (line, Look::Plain)))
        .chain(copies)
        .collect()
}

/// `2 copies in /var/backups/dtop`
fn copies(removing: &Removing) -> Option<String> {
    let mut saved = removing.done.iter().filter_map(|done| done.saved.as_ref());
    let (folder, _) = saved.next()?.rsplit_once('/')?;
    let number = saved.count() + 1;
    let copies = if number == 1 { "copy" } else { "copies" };
    Some(format!("{number} {copies} in {folder}"))
}

fn title(model: &Model, text: &str, canvas: &mut Canvas<'_>) {
    let wide = model.layout.width;
    let room = usize::from(wide).saturating_sub(width(text) + 3);
    let host = cut_middle(&sanitise(&engine_and_host(model)), room);
    canvas
        .pen(0, 0, wide)
        .put(&format!(" {text} {host}"), Look::Bold);
}

fn ended_as(removing: &Removing) -> &'static str {
    if removing.aborted.is_some() {
        "Nothing was tried on"
    } else if removing.cancelling {
        "Cancelled: removed from"
    } else {
        "Removed from"
    }
}

/// `freed 154 MB · promised 384 MB`
fn freed_of(removing: &Removing, theme: Theme) -> [Piece; 2] {
    let promised = freed(&removing.promised, theme);
    // On some stores the steps' own figures are no more than what was promised of them.
    let so_far = || match removing.counting {
        Some(_) => format!("about {}", removing.freed),
        None => removing.freed.to_string(),
    };
    let observed = removing.account.as_ref().map_or_else(so_far, freed_in_all);
    [
        (format!(" freed {observed}"), Look::Bold),
        (format!(" · promised {promised}"), Look::Plain),
    ]
}

fn now(removing: &Removing, theme: Theme) -> Vec<Piece> {
    let saving = removing.saving;
    let saving = saving.and_then(|(at, done)| Some((removing.plan.steps.get(at)?, done)));
    let text = if !removing.checked {
        "looking at the engine once more before anything goes …".to_owned()
    } else if let Some((step, done)) = saving {
        let kind = kind_word(step.id.kind());
        let size = figure(step.size, theme);
        format!("saving {kind} {}: {done} of about {size}", step.name)
    } else if let Some(waiting) = removing.waiting {
        waiting_for_disk(waiting)
    } else if let Some(step) = removing.current.and_then(|at| removing.plan.steps.get(at)) {
        let verb = if step.stop {
            "stopping and removing"
        } else {
            "removing"
        };
        format!("{verb} {} {}", kind_word(step.id.kind()), step.name)
    } else {
        String::new()
    };
    vec![(format!(" {text}"), Look::Plain)]
}

/// `3 removed, 1 failed, 2 skipped and 1 refused`; what was refused is still marked.
fn counts(removing: &Removing) -> String {
    let done = &removing.done;
    let mut words: Vec<String> = Outcome::ALL
        .into_iter()
        .filter_map(|outcome| {
            let number = done.iter().filter(|done| done.outcome == outcome).count();
            (number > 0).then(|| format!("{number} {}", outcome_word(outcome)))
        })
        .collect();
    if removing.refused > 0 {
        words.push(format!("{} refused and still there", removing.refused));
    }
    join(&words)
}

fn list<'a>(
    removing: &Removing,
    at: impl Fn(usize) -> &'a Done,
    top: u16,
    canvas: &mut Canvas<'_>,
    model: &Model,
) {
    let wide = model.layout.width;
    let airy = u16::from(model.layout.height >= 16);
    let place = Place {
        x: 0,
        y: top + airy,
        width: wide,
        height: model.layout.height.saturating_sub(top + 1 + airy),
    };
    let theme = canvas.theme;
    let lines = |index| {
        let done = at(index);
        let why = difference_of(removing, done).map(difference);
        row(done, why, usize::from(wide), theme)
    };
    scroll::draw(removing.cursor, removing.done.len(), lines, place, canvas);
}

fn difference_of<'a>(removing: &'a Removing, done: &Done) -> Option<&'a Difference> {
    let account = removing.account.as_ref()?;
    account.differences.iter().find(|it| it.id == done.id)
}

/// Returns a step that has ended, with the reason where it did not go, or freed something else than promised.
fn row(done: &Done, difference: Option<String>, wide: usize, theme: Theme) -> Vec<Line> {
    let look = match done.outcome {
        Outcome::Removed | Outcome::Truncated | Outcome::Gone | Outcome::NotNeeded => Look::Plain,
        Outcome::Failed => Look::Danger,
        Outcome::Changed | Outcome::Skipped => Look::Warn,
    };
    let bytes = if matches!(done.outcome, Outcome::Removed | Outcome::Truncated) {
        figure(done.freed, theme)
    } else {
        String::new()
    };
    let kind = kind_word(done.id.kind());
    let word = outcome_word(done.outcome);
    let rest = 17 - word.len().clamp(8, 16);
    let mut pieces = vec![
        (format!("{word:8}"), look),
        (format!("{bytes:>rest$}  "), Look::Frees),
    ];
    if wide >= NARROW {
        pieces.push((format!("{kind:11}"), Look::Plain));
    }
    pieces.push((done.name.to_string(), Look::Plain));
    let mut lines = vec![Line::head(pieces)];
    let notes = [(done.error.clone(), look), (difference, Look::Warn)];
    for (note, look) in notes {
        let Some(note) = note else { continue };
        let indent = if wide >= NARROW { 19 } else { 8 };
        let room = wide.saturating_sub(indent + 2).max(8);
        lines.extend(
            wrap(&note, room)
                .into_iter()
                .map(|line| Line::more(vec![(" ".repeat(indent), Look::Plain), (line, look)])),
        );
    }
    lines
}
