//! The pane's last line: why the row under the cursor frees what it frees, or an answer to the last key.

use crate::app::list::Pane;
use crate::app::model::Model;
use crate::domain::item::{Container, Image, ItemId, Kind, Record, Volume};
use crate::domain::outsider::{Outsider, OutsiderKind};
use crate::domain::plan::{AddedBy, IN_USE};
use crate::domain::reference;
use crate::domain::survey::Item;

use super::canvas::Canvas;
use super::header::status;
use super::theme::{Look, Theme};
use super::words::{builders, count, doubts, freed, holders, join, last_use, why_it_may_go};

pub fn draw(model: &Model, canvas: &mut Canvas<'_>) {
    let at = model.layout;
    let theme = canvas.theme;
    let mut pen = canvas.pen(at.inset, at.why, at.inner_width());
    pen.put(" ", Look::Plain);
    if let Some(notice) = &model.notice {
        pen.put(notice, Look::Warn);
        return;
    }
    // Without a line of totals this is the only place for what goes wrong. What was refused stays so: why the row
    // stays, or is not certain, says as much and more.
    let news = status(model, false).filter(|_| at.totals.is_none());
    if let Some((text, look @ (Look::Danger | Look::Warn))) = &news
        && (*look == Look::Danger || !is_in_question(model))
    {
        pen.put(text, *look);
        return;
    }
    let mut parts = of_current(model, theme);
    if !at.roomy {
        parts.extend(left_out(model.pane()));
    }
    if !parts.is_empty() {
        pen.put(&parts.join(" · "), Look::Plain);
    } else if let Some((text, look)) = &news {
        pen.put(text, *look);
    }
}

/// Returns true for a row that would be refused, or of which nobody is certain what it frees.
fn is_in_question(model: &Model) -> bool {
    let pane = model.pane();
    pane.current().is_some_and(|index| {
        let facts = model.survey.facts(pane.kind, index);
        facts.blocked || !facts.frees.is_exact() && !facts.frees.pending
    })
}

/// What there is to say of the row under the cursor, what matters most first.
fn of_current(model: &Model, theme: Theme) -> Vec<String> {
    let pane = model.pane();
    let Some(index) = pane.current() else {
        return Vec::new();
    };
    let item = model.survey.item(pane.kind, index);
    let facts = model.survey.facts(pane.kind, index);
    let mut parts = Vec::new();
    let said = model.asked.get(&item.id()).copied().flatten();
    if model.marks.get(&item.id()) == Some(&AddedBy::Free)
        && let Some(why) = why_it_may_go(&item.id(), said, &model.survey, model.now)
    {
        return vec![why];
    }
    if facts.blocked {
        parts.extend(in_the_way(model, &item.id()));
    } else {
        if item.size().known() > Some(facts.frees.at_least) {
            parts.extend(held(model, &item.id()));
        }
        if !facts.frees.is_exact() && !facts.frees.pending {
            let reasons = doubts(&facts.frees, &model.survey);
            parts.push(format!("{}: {reasons}", freed(&facts.frees, theme)));
        }
    }
    if let Item::Container(container) | Item::Log(container) = item {
        parts.extend(log_growth(container, pane.kind));
    }
    if let Item::Volume(volume) = item {
        parts.extend(builders(volume));
    }
    if let Item::Image(image) = item
        && image.names.len() > 1
    {
        parts.push(format!("also {}", reference::listed(&image.names[1..])));
    }
    // A column tells the time; by what it was used, or that nobody knows, only this line.
    let is_told = facts.last_used.is_some() && facts.last_used_by.is_none();
    if !facts.blocked && !is_told && matches!(item, Item::Image(_) | Item::Volume(_)) {
        parts.push(last_use(item, facts, model.now));
    }
    parts
}

/// That nothing ends the growth of a log, and what stays of one that is emptied.
fn log_growth(container: &Container, kind: Kind) -> Vec<String> {
    let mut parts = Vec::new();
    let Some(details) = container.details.as_ref().known() else {
        return parts;
    };
    if let Some(log) = details.log.filter(|_| kind == Kind::Log)
        && details.truncatable() < log.blocks
        && !details.truncatable().is_zero()
    {
        let rest = log.blocks - details.truncatable();
        parts.push(format!("{rest} stays, within its bound"));
    }
    if details.log_bounded == Some(false) {
        let what = if kind == Kind::Log {
            "no bound"
        } else {
            "its log has no bound"
        };
        parts.push(format!("{what}: {} without max-size", details.log_driver));
    }
    parts
}

/// What would have it refused, and whether unlock helps.
pub fn in_the_way(model: &Model, id: &ItemId) -> Vec<String> {
    let (kind, survey) = (id.kind(), &model.survey);
    let Some(index) = survey.index(id) else {
        return Vec::new();
    };
    if let Some(why) = survey.protected_by(kind, index) {
        return vec![why];
    }
    let unlisted = survey.unlisted_holders(survey.numbers().number(kind, index));
    if let Some(why) = unlisted.and_then(|stage| survey.unlisted_in_words(stage)) {
        return vec![why];
    }
    let why = match survey.item(kind, index) {
        Item::Image(image) => return image_in_the_way(model, image),
        Item::Container(container) => {
            format!("{}: d, then s, stops it first", container.state.word())
        }
        Item::Volume(volume) => {
            return volume_in_the_way(model, volume);
        }
        Item::Record(record) => record_in_the_way(model, record),
        Item::Log(container) => container.log_obstacle().unwrap_or_default().to_owned(),
    };
    vec![why]
}

fn volume_in_the_way(model: &Model, volume: &Volume) -> Vec<String> {
    let survey = &model.survey;
    let id = ItemId::Volume(volume.name.clone());
    let by_path: Vec<&Container> = survey.users_by_path_of(&volume.name).collect();
    let is_by_path = |user: &&Container| by_path.iter().any(|it| it.id == user.id);
    let (paths, names): (Vec<&Container>, Vec<&Container>) =
        survey.users_of_volume(&volume.name).partition(is_by_path);
    let mut parts = Vec::new();
    if !names.is_empty() {
        parts.push(used_by(&names));
    }
    if !paths.is_empty() {
        parts.push(format!("{}, by its path", used_by(&paths)));
    }
    parts.extend(used_outside(model, &id));
    let inside: Vec<String> = survey
        .volumes_in(&volume.name)
        .map(|it| Item::Volume(it).name().to_string())
        .collect();
    if !inside.is_empty() {
        parts.push(format!("used by volume {}, by its path", join(&inside)));
    }
    if let Some(container) = survey.unresolved().filter(|_| parts.is_empty()) {
        let name = Item::Container(container).name();
        parts.push(format!(
            "may be used by container {name}: where its bind mounts lead is not known here"
        ));
    }
    parts
}

fn image_in_the_way(model: &Model, image: &Image) -> Vec<String> {
    let survey = &model.survey;
    let users: Vec<&Container> = survey.users_of_image(&image.id).collect();
    let outsiders = used_outside(model, &ItemId::Image(image.id.clone()));
    let is_held = outsiders.is_some();
    let children: Vec<&Image> = survey.children_of_image(&image.id).collect();
    let mut parts = Vec::new();
    if !users.is_empty() {
        parts.push(used_by(&users));
    }
    parts.extend(outsiders);
    if let Some(child) = children.first() {
        let more = match children.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        parts.push(format!(
            "{}{more} was made from it",
            Item::Image(child).name()
        ));
    }
    let idle = users.iter().all(|user| {
        let id = ItemId::Container(user.id.clone());
        let protected = survey
            .index(&id)
            .is_some_and(|at| survey.facts(Kind::Container, at).flags.protected);
        user.state.is_stopped() && !protected
    });
    if idle && !is_held && children.is_empty() {
        parts.extend(unlock_hint(model, &ItemId::Image(image.id.clone())));
    }
    parts
}

/// `used by swarm services a and b and external container c`: what holds an item and is on no list.
fn used_outside(model: &Model, id: &ItemId) -> Option<String> {
    let outsiders: Vec<&Outsider> = model.survey.outsiders_of(id).collect();
    let phrases = OutsiderKind::ALL.into_iter().filter_map(|kind| {
        let of_kind = outsiders.iter().filter(|it| it.kind == kind);
        let names: Vec<String> = of_kind.map(|it| it.name.to_string()).collect();
        (!names.is_empty()).then(|| format!("{} {}", kind.words(names.len()), join(&names)))
    });
    let phrases: Vec<String> = phrases.collect();
    (!phrases.is_empty()).then(|| format!("used by {}", phrases.join(" and ")))
}

/// `u` works on what is marked and, where nothing is, on the row under the cursor.
fn unlock_hint(model: &Model, id: &ItemId) -> Option<String> {
    (model.marks.is_empty() || model.marks.contains_key(id)).then(|| "u unlocks".to_owned())
}

/// `used by stopped container job-1`, `used by web-1 (running) and job-1 (exited)`
fn used_by(users: &[&Container]) -> String {
    if let [only] = users {
        let state = if only.state.is_stopped() {
            "stopped"
        } else {
            only.state.word()
        };
        return format!("used by {state} container {}", Item::Container(only).name());
    }
    let mut words: Vec<String> = users
        .iter()
        .take(3)
        .map(|user| format!("{} ({})", Item::Container(user).name(), user.state.word()))
        .collect();
    if users.len() > words.len() {
        words.push(format!("{} more", users.len() - words.len()));
    }
    format!("used by {}", join(&words))
}

fn record_in_the_way(model: &Model, record: &Record) -> String {
    if record.in_use {
        return IN_USE.to_owned();
    }
    let children = model.survey.children_of_record(&record.id).count();
    format!("{} built on it", count(children, "record"))
}

/// `384 MB held by 3 build cache records · u unlocks`
fn held(model: &Model, id: &ItemId) -> Vec<String> {
    let mut release = model.survey.retention.release_for(1);
    release.let_go(id);
    let held = release.held_back(id);
    if held.bytes.is_zero() || held.by.is_empty() {
        return Vec::new();
    }
    let by = holders(&held.by, &model.survey);
    let mut parts = vec![format!("{} held by {by}", held.bytes)];
    let unlockable = model.survey.unlockable_records(&release);
    let helps = held
        .by
        .iter()
        .any(|(id, _)| matches!(id, ItemId::Record(id) if unlockable.contains(id)));
    if helps {
        parts.extend(unlock_hint(model, id));
    }
    parts
}

/// Rows that the filter could not judge.
pub fn left_out(pane: &Pane) -> Option<String> {
    (pane.not_known > 0 && !pane.filter_text.is_empty())
        .then(|| format!("{} left out: not known", pane.not_known))
}
