//! The details of one item: its names and figures, who uses it, what it is made of.

use crate::app::keys::Place as KeyPlace;
use crate::app::model::{Detail, Model};
use crate::domain::bytes::Figure;
use crate::domain::item::{
    Backing, Container, ContainerDetails, HistoryRow, Image, ItemId, Kind, Labels, Record, Source,
    Volume, short_id,
};
use crate::domain::survey::{Facts, Item};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

use super::canvas::{Canvas, Piece, cut_middle, wrap};
use super::footer;
use super::scroll::{self, Place};
use super::text::{fit, sanitise};
use super::theme::{Look, Theme};
use super::why::in_the_way;
use super::words::{builders, doubts, figure, freed, holders, moment};

/// Columns of the words before the values.
const LABEL: usize = 14;

pub fn draw(model: &Model, detail: &Detail, canvas: &mut Canvas<'_>) {
    let (wide, tall) = (model.layout.width, model.layout.height);
    let id = &detail.id;
    let title = super::words::name(id, &model.survey);
    let room = usize::from(wide).saturating_sub(20);
    canvas.pen(0, 0, wide).pieces(&[
        (format!(" {} ", capital(id.kind())), Look::Faint),
        (cut_middle(&sanitise(&title), room), Look::Bold),
    ]);
    let lines = lines(model, id, usize::from(wide), canvas.theme);
    let place = Place {
        x: 0,
        y: 1,
        width: wide,
        height: tall.saturating_sub(2),
    };
    scroll::page(&lines, detail.cursor.offset, place, canvas);
    scroll::range(lines.len(), detail.cursor.offset, place, canvas);
    let notice = model.notice.as_deref();
    footer::keys_of(KeyPlace::Detail, notice, tall.saturating_sub(1), canvas);
}

fn capital(kind: Kind) -> &'static str {
    match kind {
        Kind::Image => "Image",
        Kind::Container => "Container",
        Kind::Volume => "Volume",
        Kind::BuildCache => "Build cache record",
        Kind::Log => "Log of",
    }
}

/// Returns all lines of an item's details.
fn lines(model: &Model, id: &ItemId, width: usize, theme: Theme) -> Vec<Vec<Piece>> {
    let survey = &model.survey;
    let Some(index) = survey.index(id) else {
        return vec![vec![(" it is not there any more".to_owned(), Look::Plain)]];
    };
    let item = survey.item(id.kind(), index);
    let mut page = Page {
        model,
        theme,
        width,
        lines: vec![Vec::new()],
    };
    match item {
        Item::Image(image) => page.image(image),
        Item::Container(container) => page.container(container),
        Item::Volume(volume) => page.volume(volume),
        Item::Record(record) => page.record(record),
        Item::Log(container) => page.container_log(container),
    }
    page.lines
}

/// A page of details while it is written.
struct Page<'a> {
    model: &'a Model,
    theme: Theme,
    width: usize,
    lines: Vec<Vec<Piece>>,
}

impl Page<'_> {
    /// A word and its value, which goes on below itself.
    fn say(&mut self, label: &str, value: &str) {
        self.say_as(label, value, Look::Plain);
    }

    fn say_as(&mut self, label: &str, value: &str, look: Look) {
        let room = self.width.saturating_sub(LABEL + 2).max(10);
        let cut = fit(&sanitise(label), LABEL - 1);
        let mut label = cut.as_str();
        for line in wrap(value, room) {
            let head = (format!(" {label:LABEL$}"), Look::Faint);
            self.lines.push(vec![head, (line, look)]);
            label = "";
        }
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(Vec::new());
        self.lines.push(vec![(format!(" {text}"), Look::Bold)]);
    }

    fn plain(&mut self, text: String) {
        self.lines.push(vec![(text, Look::Plain)]);
    }

    fn facts(&self, id: &ItemId) -> Option<&Facts> {
        let at = self.model.survey.index(id)?;
        Some(self.model.survey.facts(id.kind(), at))
    }

    /// What goes with it, and what holds the rest.
    fn frees(&mut self, id: &ItemId) {
        let Some(facts) = self.facts(id).cloned() else {
            return;
        };
        let survey = &self.model.survey;
        if facts.blocked {
            let why = in_the_way(self.model, id).join(" · ");
            self.say("frees", &format!("0 B: {why}"));
            return;
        }
        let mut text = freed(&facts.frees, self.theme);
        let reasons = doubts(&facts.frees, survey);
        if !reasons.is_empty() {
            text.push_str(": ");
            text.push_str(&reasons);
        }
        let mut release = survey.retention.release_for(1);
        release.let_go(id);
        let held = release.held_back(id);
        self.say_as("frees", &text, Look::Frees);
        if !held.bytes.is_zero() && !held.by.is_empty() {
            let by = holders(&held.by, survey);
            self.say("held back", &format!("{} by {by}", held.bytes));
        }
    }

    fn image(&mut self, image: &Image) {
        let id = ItemId::Image(image.id.clone());
        self.list("names", &image.names, "none");
        self.say("id", image.id.as_str());
        self.list("digests", &image.digests, "none");
        self.time("created", image.created);
        self.say("size", &figure(image.size, self.theme));
        let place = self.model.survey.index(&id);
        let shared = place.map_or(image.shared, |at| self.model.survey.shared(at));
        self.say("shared", &figure(shared, self.theme));
        self.frees(&id);
        let source = match image.source {
            Source::Registry => "registry",
            Source::Local => "made here",
            Source::Unknown => "–",
        };
        self.say("source", source);
        self.last_use(&id);
        self.project(&image.labels);
        self.image_users(image);
        self.layers(image);
        self.history(image);
        self.labels(&image.labels);
    }

    fn list(&mut self, label: &str, values: &[Text], none: &str) {
        if values.is_empty() {
            self.say(label, none);
        }
        let mut label = label;
        for value in values {
            self.say(label, value);
            label = "";
        }
    }

    fn time(&mut self, label: &str, then: Option<Timestamp>) {
        self.say(label, &moment(then, self.model.now));
    }

    fn last_use(&mut self, id: &ItemId) {
        let Some(facts) = self.facts(id) else {
            return;
        };
        let time = moment(facts.last_used, self.model.now);
        let text = match (id, &facts.last_used_by) {
            _ if facts.last_used.is_none() => "no record".to_owned(),
            (_, Some(by)) => format!("{time} by {by}"),
            (ItemId::Image(_), None) => format!("{time}: it was tagged, and not used since"),
            (_, None) => time,
        };
        self.say("last used", &text);
    }

    fn image_users(&mut self, image: &Image) {
        let survey = &self.model.survey;
        self.heading("Used by");
        let before = self.lines.len();
        let users: Vec<&Container> = survey.users_of_image(&image.id).collect();
        self.containers(&users);
        self.outsiders(&ItemId::Image(image.id.clone()));
        for child in survey.children_of_image(&image.id) {
            self.say("child image", &Item::Image(child).name());
        }
        if self.lines.len() == before {
            self.plain(" nothing".to_owned());
        }
        if let Some(parent) = &image.parent {
            let parent = ItemId::Image(parent.clone());
            self.say("made from", &super::words::name(&parent, survey));
        }
    }

    fn containers(&mut self, users: &[&Container]) {
        for user in users {
            let name = Item::Container(user).name();
            self.say(user.state.word(), &name);
        }
    }

    fn outsiders(&mut self, id: &ItemId) {
        for outsider in self.model.survey.outsiders_of(id) {
            self.say(outsider.kind.label(), &outsider.name);
        }
    }

    fn layers(&mut self, image: &Image) {
        let layers = self.model.survey.retention.layers(&image.id);
        self.heading("Layers, the lowest first: size, other images with it, command");
        if layers.is_empty() {
            self.plain(format!(" {}", not_read(&image.content)));
        }
        for layer in layers {
            let size = figure(layer.size, self.theme);
            let others = match layer.shared_with {
                0 => "only here".to_owned(),
                others => format!("+{others}"),
            };
            let text = command(&layer.command);
            self.plain(format!(" {size:>8}  {others:<9}  {text}"));
        }
    }

    fn history(&mut self, image: &Image) {
        let Figure::Known(content) = &image.content else {
            return;
        };
        self.heading("History, the oldest first: age, size, command");
        for HistoryRow {
            created,
            created_by,
            comment,
            size,
        } in &content.history
        {
            let age = created.map_or_else(
                || "–".to_owned(),
                |then| crate::domain::time::age(then, self.model.now),
            );
            let size = if size.is_zero() {
                "–".to_owned()
            } else {
                size.to_string()
            };
            let text = format!("{} {comment}", command(created_by));
            let room = self.width.saturating_sub(20).max(10);
            let mut head = format!(" {age:>6}  {size:>8}  ");
            for line in wrap(&text, room) {
                self.plain(format!("{head}{line}"));
                head = " ".repeat(19);
            }
        }
    }

    fn labels(&mut self, labels: &Labels) {
        let mut pairs = labels.iter().peekable();
        if pairs.peek().is_none() {
            return;
        }
        self.heading("Labels");
        let room = self.width.saturating_sub(2).max(10);
        for (key, value) in pairs {
            for line in wrap(&format!("{key}={value}"), room) {
                self.plain(format!(" {line}"));
            }
        }
    }

    fn container(&mut self, container: &Container) {
        let id = ItemId::Container(container.id.clone());
        self.say("state", container.state.word());
        self.say("id", container.id.as_str());
        let image = container.image_id.as_ref().map_or_else(
            || format!("{} (not there any more)", container.image),
            |id| format!("{} ({})", container.image, short_id(id.as_str())),
        );
        self.say("image", &image);
        self.say("command", &container.command);
        self.time("created", container.created);
        if let Figure::Known(details) = &container.details {
            self.time("started", details.started);
            self.time("finished", details.finished);
        }
        self.say(
            "size",
            &figure(Item::Container(container).size(), self.theme),
        );
        self.frees(&id);
        self.project(&container.labels);
        if let Figure::Known(details) = &container.details {
            self.log(details);
        }
        self.mounts(container);
        self.labels(&container.labels);
    }

    fn project(&mut self, labels: &Labels) {
        if let Some(project) = labels.project() {
            let down = if self.model.survey.is_down(project) {
                " (down): it keeps its volumes for the next time"
            } else {
                ""
            };
            self.say("project", &format!("{project}{down}"));
        }
    }

    fn log(&mut self, details: &ContainerDetails) {
        if !details.log_driver.is_empty() {
            let size = details.log.map(|log| log.size.to_string());
            let bound = details.log_bounded.map(bound_in_words);
            let parts = [
                Some(details.log_driver.to_string()),
                size,
                bound.map(str::to_owned),
            ];
            self.say(
                "log",
                &parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
            );
        }
        if let Some(path) = &details.log_path {
            self.say("log file", path);
        }
        if details.auto_remove {
            self.say(
                "--rm",
                "it vanishes when it stops, with its anonymous volumes",
            );
        }
    }

    /// A container's log: its files, and what of them can be emptied.
    fn container_log(&mut self, container: &Container) {
        self.say("container", &Item::Container(container).name());
        self.say("id", container.id.as_str());
        self.say("state", container.state.word());
        if let Figure::Known(details) = &container.details {
            self.say("driver", &details.log_driver);
            self.say("bounded", details.log_bounded.map_or("–", bound_in_words));
            if let Some(path) = &details.log_path {
                self.say("file", path);
            }
        }
        let log = container.details.as_ref().known().and_then(|it| it.log);
        self.say("size", &figure(Item::Log(container).size(), self.theme));
        if let Some(log) = log {
            self.say("rotated", &super::words::count(log.rotated, "more file"));
        }
        self.frees(&ItemId::Log(container.id.clone()));
        let emptied = container
            .details
            .as_ref()
            .known()
            .map(|it| it.truncatable());
        if let Some(rest) = log.zip(emptied).map(|(log, emptied)| log.blocks - emptied)
            && !rest.is_zero()
        {
            self.say("stays", &format!("{rest}: it goes with the container"));
        }
        self.heading("Emptying it");
        self.plain(
            " The files stay and become empty; the container goes on writing to them.".to_owned(),
        );
        self.plain(
            " docker logs then shows only what comes after. What was written is lost.".to_owned(),
        );
    }

    fn mounts(&mut self, container: &Container) {
        if container.volumes.is_empty() && container.image_mounts.is_empty() {
            return;
        }
        self.heading("Mounts");
        for volume in &container.volumes {
            let id = ItemId::Volume(volume.clone());
            let size = self
                .model
                .survey
                .find(&id)
                .map_or(Figure::Unknown, |item| item.size());
            let size = figure(size, self.theme);
            self.say("volume", &format!("{volume}  {size}"));
        }
        for mount in &container.image_mounts {
            self.say("image", &mount.image);
        }
    }

    fn volume(&mut self, volume: &Volume) {
        let id = ItemId::Volume(volume.name.clone());
        let anonymous = if volume.anonymous { " (anonymous)" } else { "" };
        self.say("name", &format!("{}{anonymous}", volume.name));
        self.say("driver", &volume.driver);
        if let Some(what) = builders(volume) {
            self.say("what", &what);
        }
        match &volume.backing {
            Backing::Folder => {}
            Backing::Mount { sort, device } => {
                self.say("a name for", &format!("{device} ({sort}): the data stays"));
            }
            Backing::Unknown => self.say(
                "options",
                "of its driver's own: its bytes may live elsewhere",
            ),
        }
        if volume.is_elsewhere() {
            self.say(
                "scope",
                &format!("{}: whether others use it is not known here", volume.scope),
            );
        }
        self.say("mountpoint", &volume.mountpoint);
        self.time("created", volume.created);
        self.say("size", &figure(volume.size, self.theme));
        self.frees(&id);
        self.last_use(&id);
        self.project(&volume.labels);
        self.heading("Used by");
        self.volume_users(volume);
        self.labels(&volume.labels);
    }

    fn volume_users(&mut self, volume: &Volume) {
        let survey = &self.model.survey;
        let by_path: Vec<&Container> = survey.users_by_path_of(&volume.name).collect();
        let before = self.lines.len();
        for user in survey.users_of_volume(&volume.name) {
            let is_by_path = by_path.iter().any(|it| it.id == user.id);
            let way = if is_by_path { ", by its path" } else { "" };
            let name = Item::Container(user).name();
            self.say(user.state.word(), &format!("{name}{way}"));
        }
        self.outsiders(&ItemId::Volume(volume.name.clone()));
        for name in survey.volumes_in(&volume.name) {
            let name = Item::Volume(name).name();
            self.say("volume", &format!("{name}, by its path"));
        }
        if self.lines.len() == before {
            self.plain(" nothing".to_owned());
        }
        // Who sees it and would not miss it.
        for above in survey.containers_above(volume) {
            let name = Item::Container(above).name();
            self.say(
                "seen by",
                &format!("{name}, which mounts a folder above it"),
            );
        }
    }

    fn record(&mut self, record: &Record) {
        let id = ItemId::Record(record.id.clone());
        let yes = |flag: bool| if flag { "yes" } else { "no" };
        self.say("description", &record.description);
        self.say("id", record.id.as_str());
        self.say("type", &record.kind);
        self.say("in use", yes(record.in_use));
        self.say("shared", yes(record.shared));
        self.time("created", record.created);
        self.last_use(&id);
        self.say("size", &figure(record.size, self.theme));
        self.frees(&id);
        self.heading("Built on");
        if record.parents.is_empty() {
            self.plain(" nothing".to_owned());
        }
        for parent in &record.parents {
            let id = ItemId::Record(parent.clone());
            let text = super::words::name(&id, &self.model.survey);
            self.plain(format!(" {parent}  {text}"));
        }
        self.heading("Built on it");
        let children: Vec<&Record> = self.model.survey.children_of_record(&record.id).collect();
        if children.is_empty() {
            self.plain(" nothing".to_owned());
        }
        for child in children {
            self.plain(format!(" {}  {}", child.id, child.description));
        }
    }
}

fn bound_in_words(bounded: bool) -> &'static str {
    if bounded {
        "bounded"
    } else {
        "no bound: without max-size it grows until the disk is full"
    }
}

fn not_read<T>(content: &Figure<T>) -> &'static str {
    match content {
        Figure::Pending => "being read …",
        Figure::Unknown => "the engine does not tell",
        Figure::Known(_) => "none",
    }
}

/// Returns a command as somebody wrote it: without the classic builder's shell around it.
fn command(text: &str) -> String {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("/bin/sh -c #(nop)") {
        return rest.trim().to_owned();
    }
    text.strip_prefix("/bin/sh -c ")
        .map_or_else(|| text.to_owned(), |rest| format!("RUN {}", rest.trim()))
}

#[cfg(test)]
mod tests;
