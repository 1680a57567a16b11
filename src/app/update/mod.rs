//! The only place where the model changes.
//!
//! - `browse`: keys in the lists: panes, sorting, marks.
//! - `filter_line`: the filter line: typed text is a filter as soon as it can be read; until then the list stays as it
//!   was.
//! - `free`: `f`: how much is to be freed, and the safest set that frees it.
//! - `more`: what follows where a removal ends and the disk still lacks some.
//! - `past`: the history of removals on the screen, and what is restored from it.
//! - `plan`: the plan on the screen: made, changed, confirmed.
//! - `presets`: the menu of presets: each says what it would mark and free now.
//! - `projects`: the list of projects (what compose made, and stacks): all of one is marked at once, and shown in its
//!   panes.
//! - `removal`: a removal as it goes on: what has ended, what it freed, what stays marked.
//! - `sight`: what is in sight or marked is measured before everything else.

mod browse;
mod filter_line;
mod free;
mod more;
mod past;
mod plan;
mod presets;
mod projects;
mod removal;
mod sight;

use jiff::SignedDuration;

use crate::domain::inventory::{Part, Stage};
use crate::domain::item::{ImageId, ItemId, Kind};
use crate::domain::removal::history::NOT_WRITTEN;

use super::keys::{Action, Key, action};
use super::layout::Layout;
use super::list::{Around, Cursor};
use super::model::{Detail, Link, Model, Screen};
use super::msg::{Effect, Mouse, Msg};

pub use more::plans_more;

/// How long no key must have come before the rows take a new order by themselves.
const QUIET: SignedDuration = SignedDuration::from_secs(2);

/// Takes in what happened and returns what is to be done about it.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Now(now) => {
            model.now = now;
            sort_when_quiet(model);
            Vec::new()
        }
        Msg::Key(key) => {
            model.notice = None;
            model.last_key = model.now;
            let mut effects = press(model, key);
            effects.extend(ask(model));
            effects
        }
        Msg::Paste(text) => {
            filter_line::paste(model, &text);
            Vec::new()
        }
        Msg::Typed(text) => {
            model.notice = None;
            model.last_key = model.now;
            filter_line::typed(model, &text);
            look_first(model)
        }
        Msg::Mouse(mouse) => point(model, mouse),
        Msg::Resize { width, height } => {
            model.layout = Layout::new(width, height);
            refresh(model);
            Vec::new()
        }
        Msg::Drawn { furthest } => {
            note_drawn(model, furthest);
            Vec::new()
        }
        Msg::Connected => {
            model.link = Link::Connected;
            if matches!(model.screen, Screen::NoEngine(_)) {
                model.screen = Screen::Browse;
            }
            match model.options.free.take() {
                Some(bytes) => free::begin(model, bytes),
                None => Vec::new(),
            }
        }
        Msg::NoEngine(attempts) => {
            model.link = Link::Lost {
                since: model.now,
                why: "no engine answers".to_owned(),
                again: None,
            };
            model.screen = Screen::NoEngine(attempts);
            Vec::new()
        }
        Msg::Lost { why, again } => {
            let since = match &model.link {
                Link::Lost { since, .. } => *since,
                Link::Connecting | Link::Connected => model.now,
            };
            let again = Some(again);
            model.link = Link::Lost { since, why, again };
            Vec::new()
        }
        Msg::Scan(parts) => {
            take_in(model, parts);
            let mut effects = free::follow(model);
            effects.extend(look_first(model));
            effects.extend(ask(model));
            effects
        }
        Msg::ComesBack(id, answer) => {
            plan::answered(model, &id, answer);
            Vec::new()
        }
        Msg::Removal(event) => removal::follow(model, event),
        Msg::WasInHand(resolved) => {
            model.notice = Some(resolved.words().join("; "));
            Vec::new()
        }
        Msg::Unwritten(why) => {
            model.notice = Some(format!("{NOT_WRITTEN}: {why}"));
            Vec::new()
        }
        Msg::History(read) => {
            past::take_in(model, read);
            Vec::new()
        }
        Msg::Restored(restored) => {
            past::follow(model, restored);
            Vec::new()
        }
        Msg::Terminate => {
            if let Screen::Removing(removing) = &mut model.screen {
                removing.cancelling = true;
                model.terminating = true;
                vec![Effect::CancelRemoval]
            } else {
                vec![Effect::Quit]
            }
        }
    }
}

/// Asks about what is on the screen now: registries of a plan's images, and figures of what is in sight.
fn ask(model: &mut Model) -> Vec<Effect> {
    let registries = plan::ask(model);
    let figures = sight::measure_first(model);
    registries.into_iter().chain(figures).collect()
}

/// Notes that the screen was drawn as it is, and how far down it can be scrolled.
fn note_drawn(model: &mut Model, furthest: usize) {
    match &mut model.screen {
        Screen::Plan(screen) => screen.drawn = true,
        Screen::Detail(Detail { cursor, .. }) | Screen::Help(cursor, _) => {
            cursor.go(cursor.at.min(furthest), furthest + 1, 1);
        }
        Screen::NoEngine(_)
        | Screen::Browse
        | Screen::Filter(_)
        | Screen::Free(_)
        | Screen::Presets(_)
        | Screen::Projects(_)
        | Screen::Removing(_)
        | Screen::Outcome(_)
        | Screen::History(_)
        | Screen::Unexplained(_)
        | Screen::Quit(_) => {}
    }
}

fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    if matches!(model.screen, Screen::Filter(_)) {
        filter_line::press(model, key);
        return look_first(model);
    }
    if matches!(model.screen, Screen::Free(_)) {
        let effects = free::press(model, key);
        return effects.into_iter().chain(look_first(model)).collect();
    }
    if matches!(model.screen, Screen::Quit(_)) {
        return answer_quit(model, key);
    }
    if let Some(effects) = past::answers(model, key) {
        return effects;
    }
    if plan::edits_path(model, key) || plan::types(model, key) {
        return Vec::new();
    }
    // The typed word is the yes; Enter only ends it, as it ends any line. Without the word it does nothing.
    if key == Key::Enter && plan::is_word_typed(model) {
        return act(model, Action::Confirm);
    }
    let Some(action) = model.place().and_then(|place| action(place, key)) else {
        return Vec::new();
    };
    let effects = act(model, action);
    let looks = look_first(model);
    effects.into_iter().chain(looks).collect()
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Down => scroll(model, |_| 1),
        Action::Up => scroll(model, |_| -1),
        Action::PageDown => scroll(model, |page| page),
        Action::PageUp => scroll(model, |page| -page),
        Action::First => scroll(model, |_| isize::MIN),
        Action::Last => scroll(model, |_| isize::MAX),
        Action::Back => back(model),
        Action::Help => {
            let screen = std::mem::replace(&mut model.screen, Screen::Browse);
            model.screen = Screen::Help(Cursor::default(), Box::new(screen));
        }
        Action::Quit => return quit(model),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Retry => {
            model.link = Link::Connecting;
            return vec![Effect::Connect];
        }
        Action::Demo => {
            model.link = Link::Connecting;
            return vec![Effect::Demo];
        }
        Action::Rescan => {
            sort_all(model);
            return vec![Effect::Rescan];
        }
        Action::NextPane => return browse::open_pane(model, 1),
        Action::PreviousPane => return browse::open_pane(model, -1),
        Action::Pane(kind) => return browse::show(model, kind),
        Action::Open => browse::open_detail(model),
        Action::SortNext => browse::sort_by_next(model),
        Action::SortReverse => browse::reverse(model),
        Action::Filter => filter_line::open(model),
        Action::Mark => browse::mark_current(model),
        Action::MarkAll => browse::mark_all(model),
        Action::Invert => browse::invert(model),
        Action::ClearMarks => browse::clear_marks(model),
        Action::Unlock => plan::unlock_more(model),
        Action::Plan => plan::open(model),
        Action::Confirm => return plan::confirm(model),
        Action::Decline => model.screen = Screen::Browse,
        Action::Drop => plan::drop_or_take_back(model),
        Action::StopRunning => plan::stop_running(model),
        Action::Save => plan::ask_for_path(model),
        Action::Free => free::open(model),
        Action::Presets => presets::open(model),
        Action::Projects => projects::open(model),
        Action::MarkProject => projects::mark_current(model),
        Action::ShowProject => return projects::show_current(model),
        Action::TakePreset => return presets::take(model),
        Action::EditPreset => return presets::edit(model),
        Action::Cancel => return removal::cancel(model),
        Action::History => return past::open(model),
        Action::Unexplained => model.screen = Screen::Unexplained(Cursor::default()),
        Action::Restore => past::ask(model),
    }
    Vec::new()
}

/// Moves what the screen's cursor is on; the step is told how long a page is.
fn scroll(model: &mut Model, step: impl Fn(isize) -> isize) {
    let height = usize::from(model.layout.height);
    // Full screens keep some lines for their title, their total and their keys.
    let tall = height.saturating_sub(8).max(1);
    // Pages of text keep fewer, and one line of the page before.
    let text = height.saturating_sub(4).max(1);
    let rows = |rows: usize| isize::try_from(rows).unwrap_or(isize::MAX);
    match &mut model.screen {
        Screen::Browse => {
            let by = step(rows(usize::from(model.layout.page)));
            let (pane, around) = model.pane_mut();
            pane.step(by, around);
        }
        Screen::Plan(screen) => {
            let lines = screen.lines().len();
            screen.cursor.step(step(rows(tall)), lines, tall);
        }
        Screen::Removing(screen) | Screen::Outcome(screen) => {
            screen
                .cursor
                .step(step(rows(tall)), screen.done.len(), tall);
        }
        Screen::Projects(screen) => {
            let len = screen.list.len();
            screen.cursor.step(step(rows(tall)), len, tall);
        }
        Screen::Presets(menu) => {
            let by = step(rows(tall));
            menu.cursor.step(by, super::presets::PRESETS.len(), tall);
        }
        Screen::Detail(detail) => {
            detail.cursor.step(step(rows(text)), usize::MAX / 2, 1);
        }
        Screen::Help(cursor, _) => cursor.step(step(rows(text)), usize::MAX / 2, 1),
        Screen::History(past) => {
            let len = past.entries().len();
            past.cursor.step(step(rows(tall)), len, tall);
        }
        Screen::Unexplained(cursor) => {
            let rows_known = model.survey.inventory().unexplained.as_ref().known();
            let len = rows_known.map_or(0, |rows| rows.len());
            cursor.step(step(rows(tall)), len, tall);
        }
        Screen::NoEngine(_) | Screen::Filter(_) | Screen::Free(_) | Screen::Quit(_) => {}
    }
}

fn back(model: &mut Model) {
    match std::mem::replace(&mut model.screen, Screen::Browse) {
        Screen::Help(_, before) => model.screen = *before,
        Screen::Browse => browse::clear_filter(model),
        Screen::Outcome(removing) => more::after(model, &removing),
        Screen::Detail(_)
        | Screen::Presets(_)
        | Screen::Projects(_)
        | Screen::History(_)
        | Screen::Unexplained(_) => {}
        other @ (Screen::NoEngine(_)
        | Screen::Filter(_)
        | Screen::Free(_)
        | Screen::Plan(_)
        | Screen::Removing(_)
        | Screen::Quit(_)) => model.screen = other,
    }
}

fn quit(model: &mut Model) -> Vec<Effect> {
    if model.marks.is_empty() {
        return vec![Effect::Quit];
    }
    let screen = std::mem::replace(&mut model.screen, Screen::Browse);
    model.screen = Screen::Quit(Box::new(screen));
    Vec::new()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "any other key is a no")]
fn answer_quit(model: &mut Model, key: Key) -> Vec<Effect> {
    match key {
        Key::Char('y' | 'q') | Key::Ctrl('c') => vec![Effect::Quit],
        Key::Ctrl('z') => vec![Effect::Suspend],
        _ => {
            if let Screen::Quit(before) = std::mem::replace(&mut model.screen, Screen::Browse) {
                model.screen = *before;
            }
            Vec::new()
        }
    }
}

fn point(model: &mut Model, mouse: Mouse) -> Vec<Effect> {
    model.last_key = model.now;
    match mouse {
        Mouse::WheelDown => scroll(model, |_| 3),
        Mouse::WheelUp => scroll(model, |_| -3),
        Mouse::Click { column, row } if model.screen == Screen::Browse => {
            browse::click(model, column, row);
        }
        Mouse::Click { .. } => {}
    }
    look_first(model)
}

/// Takes answers in: rows keep their order, marks stay on what is still there, a plan on the screen is made anew.
fn take_in(model: &mut Model, parts: Vec<Part>) {
    let relisted: Vec<Kind> = parts.iter().filter_map(listed_kind).collect();
    model.survey.tell_time(model.now);
    model.survey.apply(parts);
    model.unsorted = true;
    let survey = &model.survey;
    // A log is there as long as its container.
    let list_of = |kind| match kind {
        Kind::Log => Kind::Container,
        Kind::Image | Kind::Container | Kind::Volume | Kind::BuildCache => kind,
    };
    model
        .marks
        .retain(|id, _| !relisted.contains(&list_of(id.kind())) || survey.index(id).is_some());
    browse::weigh_marks(model);
    browse::leave_logs(model);
    refresh(model);
    plan::follow(model);
    presets::weigh(model);
    projects::follow(model);
    if let Screen::Unexplained(cursor) = &mut model.screen {
        let rows = model.survey.inventory().unexplained.as_ref().known();
        let last = rows.map_or(0, |rows| rows.len()).saturating_sub(1);
        cursor.at = cursor.at.min(last);
    }
    if let Screen::Detail(detail) = &model.screen
        && model.survey.index(&detail.id).is_none()
    {
        model.screen = Screen::Browse;
        model.notice = Some("it is not there any more".to_owned());
    }
}

fn listed_kind(part: &Part) -> Option<Kind> {
    match part {
        Part::Images(_) => Some(Kind::Image),
        Part::Containers(_) => Some(Kind::Container),
        Part::Volumes(_) => Some(Kind::Volume),
        Part::BuildCache(_) => Some(Kind::BuildCache),
        Part::Engine(_)
        | Part::Disks(_)
        | Part::VolumeWarnings(_)
        | Part::Outsiders(..)
        | Part::Resolved(_)
        | Part::Mounted(_)
        | Part::SharedSizes(_)
        | Part::Layers(_)
        | Part::Blobs(_)
        | Part::Stored(_)
        | Part::OnDisk(_)
        | Part::Extents(_)
        | Part::Contents(_)
        | Part::Measuring(_)
        | Part::ContainerDetails(..)
        | Part::VolumeSizes { .. }
        | Part::DiskUsage(_)
        | Part::Logs(_)
        | Part::Stage(..) => None,
    }
}

/// Brings all panes in line with the survey, the marks and the size of the screen.
fn refresh(model: &mut Model) {
    each_pane(model, |pane, around| {
        if pane.is_unsorted() {
            pane.sort_anew(around);
        } else {
            pane.refresh(around);
        }
    });
}

fn sort_all(model: &mut Model) {
    model.unsorted = false;
    each_pane(model, super::list::Pane::sort_anew);
}

fn each_pane(model: &mut Model, change: impl Fn(&mut super::list::Pane, Around<'_>)) {
    for pane in &mut model.panes {
        let around = Around {
            survey: &model.survey,
            tally: &model.tally,
            now: model.now,
            page: usize::from(model.layout.page),
        };
        change(pane, around);
    }
}

fn sort_when_quiet(model: &mut Model) {
    let quiet = model.now.duration_since(model.last_key) >= QUIET;
    let mut stages = model.measuring().into_iter();
    // No row depends on that walk, which is the longest.
    let is_done = stages.all(|(stage, _)| stage == Stage::Unexplained);
    if model.unsorted && quiet && is_done {
        sort_all(model);
    }
}

/// Asks for the layers of what is in sight, where they are not known.
fn look_first(model: &Model) -> Vec<Effect> {
    let pane = model.pane();
    if pane.kind != Kind::Image {
        return Vec::new();
    }
    let images: Vec<ImageId> = pane
        .rows
        .iter()
        .skip(pane.cursor.offset)
        .take(usize::from(model.layout.page))
        .map(|at| &model.survey.inventory().images[*at])
        .filter(|image| image.content.is_pending())
        .map(|image| image.id.clone())
        .collect();
    if images.is_empty() {
        Vec::new()
    } else {
        vec![Effect::LookFirst(images)]
    }
}

/// Returns a number of things, in a sentence.
fn count(number: usize, kind: Kind) -> String {
    let word = kind.word();
    if number == 1 {
        format!("1 {word}")
    } else {
        format!("{number} {word}s")
    }
}

/// Returns how many of each kind, in a sentence: `2 containers and 3 build cache records`.
fn counts(ids: &[ItemId]) -> String {
    let words: Vec<String> = Kind::ALL
        .into_iter()
        .map(|kind| (ids.iter().filter(|id| id.kind() == kind).count(), kind))
        .filter(|(number, _)| *number > 0)
        .map(|(number, kind)| count(number, kind))
        .collect();
    words.join(" and ")
}
